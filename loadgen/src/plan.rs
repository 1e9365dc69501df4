//! A run before it runs: the offers, the reservations that will be tried, and every command in order.
//!
//! Built by `population` (open loop) and by `replay`; sent by `open` and `play`; judged by `ledger`, which
//! must know what was asked to tell whether the answers make sense. Ids on the wire follow from indexes, so
//! an answer's group id leads back to the leader's reservation without a table.

use serde_json::{Value, json};

use crate::wire::encode::{arg, arg_number, begin};
use crate::wire::frame::Frame;

/// An offer of this run, by its place in [`Plan::offers`].
pub type OfferIndex = u32;
/// A reservation of this run, by its place in [`Plan::reservations`].
pub type ReservationIndex = u32;
/// A command of this run, by its place in [`Plan::intents`].
pub type IntentIndex = u32;

/// What is on sale.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferPlan {
    /// Its id on the wire.
    pub id: String,
    /// Units.
    pub stock: u64,
    /// Price per unit, in minor units of money.
    pub price: i64,
    /// Units one buyer may have.
    pub limit_buyer: Option<u32>,
    /// When it opens, in Unix milliseconds; at once if there is no such moment.
    pub opens_ms: Option<u64>,
    /// How long an unpaid reservation is held.
    pub hold: String,
    /// Groups, if the offer settles by group.
    pub group: Option<GroupPlan>,
}

/// How an offer's groups work.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPlan {
    /// Seats.
    pub size: u32,
    /// How long a group stays open.
    pub open: String,
    /// Whether the run waits until every window is over before it is judged.
    pub runs_out: bool,
}

impl OfferPlan {
    /// The key of its stock on the Redis peer.
    pub fn redis_stock_key(&self) -> String {
        format!("stock:{}", self.id)
    }

    /// The key of its buyers on the Redis peer.
    pub fn redis_buyers_key(&self) -> String {
        format!("buyers:{}", self.id)
    }

    /// The definition as OFFER PUT takes it.
    pub fn definition(&self) -> Value {
        let mut definition = json!({ "price": self.price, "stock": self.stock, "hold": self.hold });
        if let Some(opens_ms) = self.opens_ms {
            definition["opens"] = json!(opens_ms);
        }
        if let Some(units) = self.limit_buyer {
            definition["limit"] = json!({ "buyer": units });
        }
        if let Some(group) = &self.group {
            // GROUP ANY may join to the very end: how the strangers of one item meet is then a matter of
            // order alone.
            definition["settle"] = json!({
                "group": { "size": group.size, "open": group.open, "any_min_left": "1ms" }
            });
        }
        definition
    }
}

/// Which seat a BUY asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// The offer has no groups.
    None,
    /// A group of its own.
    New,
    /// Any open group.
    Any,
    /// The group that this reservation leads.
    With(ReservationIndex),
}

/// A reservation that will be tried. Its id is `r` and its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservationPlan {
    /// On this offer.
    pub offer: OfferIndex,
    /// By this buyer; the id is `b` and this number.
    pub buyer: u32,
    /// In this seat.
    pub seat: Seat,
}

/// What a command does with its reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// BUY, for the first time or again with the same id.
    Buy,
    /// PAY, left out when the BUY is known to be refused.
    Pay,
    /// CANCEL, left out likewise.
    Cancel,
    /// SHOW.
    Show,
}

impl Action {
    /// The command's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Pay => "PAY",
            Self::Cancel => "CANCEL",
            Self::Show => "SHOW",
        }
    }
}

/// One command, due at its time on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// When it is due, in nanoseconds from the start of the run.
    pub due_ns: u64,
    /// The reservation that it concerns.
    pub reservation: ReservationIndex,
    /// The connection that carries it.
    pub connection: u16,
    /// What it does.
    pub action: Action,
}

/// A whole run.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What is on sale.
    pub offers: Vec<OfferPlan>,
    /// What will be tried.
    pub reservations: Vec<ReservationPlan>,
    /// Every command, by time due.
    pub intents: Vec<Intent>,
}

impl Plan {
    /// The reservation of an index.
    pub fn reservation(&self, index: ReservationIndex) -> ReservationPlan {
        self.reservations[index as usize]
    }

    /// The offer that a reservation is on.
    pub fn offer_of(&self, index: ReservationIndex) -> &OfferPlan {
        &self.offers[self.reservation(index).offer as usize]
    }

    /// Writes an intent's command.
    pub fn write(&self, intent: Intent, out: &mut Vec<u8>) {
        let reservation = self.reservation(intent.reservation);
        let offer = &self.offers[reservation.offer as usize];
        match intent.action {
            Action::Buy => write_buy(out, offer, intent.reservation, reservation),
            Action::Pay => {
                begin(out, 7);
                arg(out, b"PAY");
                arg(out, offer.id.as_bytes());
                arg_id(out, b'r', intent.reservation);
                arg(out, b"AMOUNT");
                arg_number(out, offer.price.unsigned_abs());
                arg(out, b"REF");
                arg_id(out, b'p', intent.reservation);
            }
            Action::Cancel => write_about(out, b"CANCEL", offer, intent.reservation),
            Action::Show => write_about(out, b"SHOW", offer, intent.reservation),
        }
    }

    /// Writes a BUY as the sale script of the Redis peer; other actions are asked as PING.
    pub fn write_redis(&self, intent: Intent, sha: &str, out: &mut Vec<u8>) {
        if intent.action != Action::Buy {
            begin(out, 1);
            arg(out, b"PING");
            return;
        }
        let reservation = self.reservation(intent.reservation);
        begin(out, 7);
        arg(out, b"EVALSHA");
        arg(out, sha.as_bytes());
        arg(out, b"2");
        let offer = &self.offers[reservation.offer as usize];
        arg(out, offer.redis_stock_key().as_bytes());
        arg(out, offer.redis_buyers_key().as_bytes());
        arg_id(out, b'b', reservation.buyer);
        arg_id(out, b'r', intent.reservation);
    }

    /// A reservation's id as text.
    pub fn reservation_id(index: ReservationIndex) -> String {
        format!("r{index}")
    }

    /// A buyer's id as text.
    pub fn buyer_id(buyer: u32) -> String {
        format!("b{buyer}")
    }

    /// The index behind a reservation's id, where the id is one of this run.
    pub fn index_of(id: &[u8]) -> Option<ReservationIndex> {
        number_after(id, b'r')
    }

    /// The number behind a buyer's id.
    pub fn buyer_of(id: &[u8]) -> Option<u32> {
        number_after(id, b'b')
    }

    /// The leader's reservation, read from the group that an answer names.
    pub fn group_of(frame: Frame<'_>) -> Option<ReservationIndex> {
        Self::index_of(frame.field_text(b"group")?)
    }
}

fn number_after(id: &[u8], letter: u8) -> Option<u32> {
    let (first, digits) = id.split_first()?;
    if *first != letter || digits.is_empty() {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn write_buy(out: &mut Vec<u8>, offer: &OfferPlan, index: ReservationIndex, reservation: ReservationPlan) {
    begin(out, if reservation.seat == Seat::None { 4 } else { 6 });
    arg(out, b"BUY");
    arg(out, offer.id.as_bytes());
    arg_id(out, b'b', reservation.buyer);
    arg_id(out, b'r', index);
    if reservation.seat != Seat::None {
        arg(out, b"GROUP");
    }
    match reservation.seat {
        Seat::None => {}
        Seat::New => arg(out, b"NEW"),
        Seat::Any => arg(out, b"ANY"),
        Seat::With(leader) => arg_id(out, b'r', leader),
    }
}

/// Writes `NAME offer reservation`.
pub(crate) fn write_about(out: &mut Vec<u8>, name: &[u8], offer: &OfferPlan, index: ReservationIndex) {
    begin(out, 3);
    arg(out, name);
    arg(out, offer.id.as_bytes());
    arg_id(out, b'r', index);
}

/// Writes a letter and a number as one word, without a string between.
pub(crate) fn arg_id(out: &mut Vec<u8>, letter: u8, number: u32) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number).as_bytes();
    let mut word = [letter; 11];
    word[1..=digits.len()].copy_from_slice(digits);
    arg(out, &word[..=digits.len()]);
}
