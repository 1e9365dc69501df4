//! Answers → bytes, in the shapes of the protocol: maps whose first pair is `status`; errors for misuse.
//!
//! Reads the answer and nothing else. What a purchase is answered with is written without allocating or formatting
//! machinery; lists, definitions and audits, which are rare, may allocate. The connection calls [`answer`], and
//! [`every_shard`] for answers that several shards gave together.

pub mod every_shard;
pub mod feed;
mod lists;
mod terms;

use self::terms::Deal;
pub use self::terms::Terms;
use crate::error_code::ErrorCode;
use crate::resp::encode::{Encoder, Key, Protocol, key};
use stampede_engine::core::{
    Answer, GroupPart, Misuse, Money, PoolAnswer, Refusal, ReservationAnswer, Status, Text,
};

/// How much of a reservation an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What the storefront does not know yet: BUY, PAY and other changes.
    Brief,
    /// Also who bought and how the group stands: SHOW and lists.
    Full,
}

/// Writes one answer. `terms` are those of the answer before it.
pub fn answer(out: &mut Encoder<'_>, answer: &Answer<Text<'_>>, detail: Detail, terms: &mut Terms) {
    match answer {
        Answer::Reservation(taken) => reservation(out, taken, detail, terms),
        Answer::Refused(no) => refusal(out, no),
        Answer::Misuse(misuse) => write_misuse(out, misuse),
        Answer::Done => {
            out.map(1);
            status(out, "OK");
        }
        Answer::DoneBefore => {
            out.map(2);
            status(out, "OK");
            out.pair_integer(key!(8 "replayed"), 1);
        }
        Answer::Pool(pool) => write_pool(out, pool),
        Answer::Buyer(buyer) => lists::buyer(out, buyer),
        Answer::Group(group) => lists::group(out, group),
        Answer::Groups(groups) => lists::groups(out, groups),
        Answer::Offer(offer) => lists::offer(out, offer),
        Answer::Offers(page) => lists::offers(out, &page.entries, page.next),
        Answer::Reservations(page) => lists::reservations(out, page),
        Answer::Demand(demand) => lists::demand(out, demand),
        Answer::Audit(audit) => every_shard::audit(out, std::slice::from_ref(audit.as_ref())),
    }
}

/// The first pair of every map.
fn status(out: &mut Encoder<'_>, name: &str) {
    out.pair_bulk(key!(6 "status"), name.as_bytes());
}

/// The first pair, for the statuses of reservations.
fn reservation_status(out: &mut Encoder<'_>, status: Status) {
    out.key(key!(6 "status"));
    out.key(match status {
        Status::Waiting => key!(7 "WAITING"),
        Status::Held => key!(4 "HELD"),
        Status::Paid => key!(4 "PAID"),
        Status::Won => key!(3 "WON"),
        Status::Released => key!(8 "RELEASED"),
        Status::Refunded => key!(8 "REFUNDED"),
        Status::Forfeited => key!(9 "FORFEITED"),
    });
}

/// Writes a reservation as one map. `terms` are those of the answer before it.
pub fn reservation(
    out: &mut Encoder<'_>,
    reservation: &ReservationAnswer<Text<'_>>,
    detail: Detail,
    terms: &mut Terms,
) {
    let ReservationAnswer {
        status,
        id,
        buyer,
        qty,
        price,
        amount,
        expires,
        event,
        group,
        replayed,
        late,
        owe,
    } = reservation;
    let full = detail == Detail::Full;
    let shows_owe = *late || !owe.is_zero();
    let group_pairs = group.map_or(0, |_| 3 + usize::from(full));
    let deal = Deal { qty: *qty, price: *price, amount: *amount, expires: *expires };
    let optional = [full, *replayed, *late, shows_owe, owe.points > 0];
    let others = 3 + group_pairs + optional.into_iter().map(usize::from).sum::<usize>();
    out.map(deal.count() + others);
    reservation_status(out, *status);
    out.pair_bulk(key!(2 "id"), id.as_bytes());
    if full {
        out.pair_bulk(key!(5 "buyer"), buyer.as_bytes());
    }
    out.raw(terms.pairs(deal));
    out.key(key!(5 "event"));
    out.dashed(event.epoch, event.seq.0);
    if let Some(part) = group {
        write_group_part(out, part, full);
    }
    if *replayed {
        out.pair_integer(key!(8 "replayed"), 1);
    }
    if *late {
        out.pair_integer(key!(4 "late"), 1);
    }
    if shows_owe {
        out.pair_integer(key!(3 "owe"), owe.cash);
    }
    if owe.points > 0 {
        out.pair_integer(key!(10 "owe_points"), owe.points);
    }
}

/// Three pairs, four where the state is shown.
fn write_group_part(out: &mut Encoder<'_>, part: &GroupPart<Text<'_>>, full: bool) {
    out.pair_bulk(key!(5 "group"), part.group.as_bytes());
    if full {
        out.pair_bulk(key!(11 "group_state"), part.state.name().as_bytes());
    }
    out.pair_integer(key!(10 "seats_left"), u64::from(part.seats_left));
    out.pair_integer(key!(13 "group_expires"), part.expires.get());
}

/// Writes a refusal.
#[inline]
pub fn refusal(out: &mut Encoder<'_>, refusal: &Refusal) {
    match refusal {
        // What nearly everybody is answered once a sale is over: a constant.
        Refusal::SoldOut => out.raw(match out.protocol() {
            Protocol::Resp2 => b"*2\r\n$6\r\nstatus\r\n$8\r\nSOLD_OUT\r\n",
            Protocol::Resp3 => b"%1\r\n$6\r\nstatus\r\n$8\r\nSOLD_OUT\r\n",
        }),
        _ => write_refusal(out, refusal),
    }
}

fn write_refusal(out: &mut Encoder<'_>, refusal: &Refusal) {
    let details = match refusal {
        Refusal::IdConflict { .. } | Refusal::NotOpen { .. } => 1,
        Refusal::Limit { .. } => 2,
        Refusal::Amount { due } => 1 + usize::from(due.points > 0),
        _ => 0,
    };
    out.map(1 + details);
    status(out, refusal.name());
    match refusal {
        Refusal::IdConflict { field } => out.pair_bulk(key!(5 "field"), field.as_bytes()),
        Refusal::NotOpen { opens } => out.pair_integer(key!(5 "opens"), opens.get()),
        Refusal::Limit { scope, max } => {
            out.pair_bulk(key!(5 "scope"), scope.as_bytes());
            out.pair_integer(key!(3 "max"), u64::from(*max));
        }
        Refusal::Amount { due } => write_money(out, *due, key!(3 "due"), key!(6 "points")),
        _ => {}
    }
}

/// Cash, and points where there are some.
fn write_money(out: &mut Encoder<'_>, money: Money, cash: Key, points: Key) {
    out.pair_integer(cash, money.cash);
    if money.points > 0 {
        out.pair_integer(points, money.points);
    }
}

fn write_misuse(out: &mut Encoder<'_>, misuse: &Misuse) {
    let code = match misuse {
        Misuse::CrossSlot => ErrorCode::CrossSlot.name(),
        Misuse::Busy => ErrorCode::Busy.name(),
        Misuse::DiskFull { .. } => ErrorCode::DiskFull.name(),
        _ => ErrorCode::Err.name(),
    };
    out.error(code, &misuse.to_string());
}

fn write_pool(out: &mut Encoder<'_>, pool: &PoolAnswer<Text<'_>>) {
    out.map(6);
    status(out, "OK");
    out.pair_bulk(key!(4 "pool"), pool.pool.as_bytes());
    out.pair_integer(key!(5 "total"), pool.total);
    out.pair_integer(key!(9 "available"), pool.available);
    out.pair_integer(key!(4 "held"), pool.held);
    out.pair_integer(key!(4 "sold"), pool.sold);
}

#[cfg(test)]
mod tests {
    use super::{refusal, write_refusal};
    use crate::resp::encode::{Encoder, Protocol};
    use stampede_engine::core::Refusal;

    #[test]
    fn a_refusal_that_is_a_constant_says_what_it_would_say_otherwise() {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            for no in Refusal::ALL {
                let (mut quick, mut slow) = (Vec::new(), Vec::new());
                refusal(&mut Encoder::new(&mut quick, protocol), &no);
                write_refusal(&mut Encoder::new(&mut slow, protocol), &no);
                assert_eq!(quick.escape_ascii().to_string(), slow.escape_ascii().to_string());
            }
        }
    }
}
