//! Asks the server, question by question, and compares with the book.
//!
//! SHOW for every reservation that was tried (a refused one must be unknown), POOL GET and OFFER GET for
//! every offer, BUYER for every buyer who got something, GROUP for every group, AUDIT at the end.
//! Called by `ledger` once the run is over.

use std::collections::{BTreeSet, HashMap};

use super::book::Book;
use super::claims;
use super::difference::Differences;
use super::sums::{self, OfferSums};
use super::told::FeedBook;
use crate::plan::{Plan, ReservationIndex, arg_id, write_about};
use crate::verdict::Verdict;
use crate::wire::WireError;
use crate::wire::client::Client;
use crate::wire::encode::{arg, begin, command};
use crate::wire::frame::{Frame, Head};

/// What SHOW says of one reservation.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Its state, or that it is unknown.
    pub verdict: Verdict,
    /// Its id, where it is one of this run.
    pub id: Option<ReservationIndex>,
    /// Its buyer, where the id is one of this run.
    pub buyer: Option<u32>,
    /// Its amount.
    pub amount: Option<i64>,
    /// Its group.
    pub group: Option<ReservationIndex>,
}

/// Asks SHOW for every reservation of the plan.
pub(super) fn show_all(plan: &Plan, client: &mut Client) -> Result<Vec<Shown>, WireError> {
    let mut shown = Vec::with_capacity(plan.reservations.len());
    client.ask_all(
        plan.reservations.len(),
        |index, out| write_about(out, b"SHOW", plan.offer_of(index as u32), index as u32),
        |_, frame| {
            shown.push(Shown {
                verdict: Verdict::of(frame),
                id: frame.field_text(b"id").and_then(Plan::index_of),
                buyer: frame.field_text(b"buyer").and_then(Plan::buyer_of),
                amount: frame.field_number(b"amount"),
                group: Plan::group_of(frame),
            });
        },
    )?;
    Ok(shown)
}

/// A comparison under way.
pub(super) struct Comparison<'a> {
    plan: &'a Plan,
    book: &'a Book,
    differences: &'a mut Differences,
    expected: Vec<OfferSums>,
    /// The same by the feed, where it could be read.
    fed: Option<Vec<OfferSums>>,
    questions: u64,
    unchecked: BTreeSet<String>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        book: &'a Book,
        fed: Option<&FeedBook>,
        differences: &'a mut Differences,
    ) -> Self {
        let (expected, fed) = (sums::of_answers(plan, book), fed.map(|fed| sums::of_feed(plan, fed)));
        Self { plan, book, differences, expected, fed, questions: 0, unchecked: BTreeSet::new() }
    }

    pub(super) fn finish(self) -> (u64, Vec<String>) {
        (self.questions, self.unchecked.into_iter().collect())
    }

    /// Every reservation stands where the answers put it.
    pub(super) fn reservations(&mut self, shown: &[Shown]) {
        for (index, (entry, shown)) in self.book.entries.iter().zip(shown).enumerate() {
            let name = || claims::name(self.plan, index as u32);
            let expected = entry.state.unwrap_or(Verdict::Unknown);
            if expected != shown.verdict {
                self.differences.add("state", name(), expected.name(), shown.verdict.name());
                continue;
            }
            if entry.state.is_none() {
                continue;
            }
            if shown.id != Some(index as ReservationIndex) {
                let found = shown.id.map_or("none of this run".into(), Plan::reservation_id);
                self.differences.add("id", name(), Plan::reservation_id(index as ReservationIndex), found);
            }
            let buyer = self.plan.reservations[index].buyer;
            if shown.buyer != Some(buyer) {
                let found = shown.buyer.map_or("nobody of this run".into(), Plan::buyer_id);
                self.differences.add("buyer", name(), Plan::buyer_id(buyer), found);
            }
            if let (Some(expected), Some(found)) = (entry.amount, shown.amount) {
                self.differences.compare("amount", name, &expected, &found);
            }
            if entry.group != shown.group {
                let text = |group: Option<u32>| group.map_or("no group".into(), Plan::reservation_id);
                self.differences.add("group", name(), text(entry.group), text(shown.group));
            }
        }
    }

    /// Every pool's counts add up to the answers.
    pub(super) fn pools(&mut self, client: &mut Client) -> Result<(), WireError> {
        let Self { plan, differences, expected, fed, unchecked, .. } = self;
        client.ask_all(
            plan.offers.len(),
            |index, out| {
                command(out, &[b"POOL", b"GET", plan.offers[index].id.as_bytes()]);
            },
            |index, frame| {
                let offer = &plan.offers[index];
                let mut compare = |rule, sums: &OfferSums| {
                    let source = Source { rule, about: format!("pool {}", offer.id), command: "POOL GET" };
                    source.compare_fields(frame, &sums.of_pool(offer.stock), differences, unchecked);
                };
                compare("pool", &expected[index]);
                if let Some(fed) = fed {
                    compare("feed pool", &fed[index]);
                }
            },
        )?;
        self.questions += self.plan.offers.len() as u64;
        Ok(())
    }

    /// Every offer's sums, money and groups.
    pub(super) fn offers(&mut self, client: &mut Client) -> Result<(), WireError> {
        let Self { plan, differences, expected, fed, unchecked, .. } = self;
        client.ask_all(
            plan.offers.len(),
            |index, out| {
                command(out, &[b"OFFER", b"GET", plan.offers[index].id.as_bytes()]);
            },
            |index, frame| {
                let offer = &plan.offers[index];
                let mut compare = |rule, sums: &OfferSums| {
                    let source = Source { rule, about: format!("offer {}", offer.id), command: "OFFER GET" };
                    let fields = sums.of_offer(offer.group.is_some());
                    source.compare_fields(frame, &fields, differences, unchecked);
                };
                compare("offer", &expected[index]);
                if let Some(fed) = fed {
                    compare("feed sums", &fed[index]);
                }
            },
        )?;
        self.questions += self.plan.offers.len() as u64;
        Ok(())
    }

    /// Every buyer who got something has as many units as the answers gave.
    pub(super) fn buyers(&mut self, client: &mut Client) -> Result<(), WireError> {
        let mut units = HashMap::<(u32, u32), (i64, i64)>::new();
        for (entry, reservation) in self.book.entries.iter().zip(&self.plan.reservations) {
            if entry.state.is_some() {
                let counts = units.entry((reservation.offer, reservation.buyer)).or_default();
                counts.0 += i64::from(entry.is_live());
                counts.1 += 1;
            }
        }
        let mut buyers: Vec<_> = units.into_iter().collect();
        buyers.sort_unstable();
        let Self { plan, differences, unchecked, .. } = self;
        client.ask_all(
            buyers.len(),
            |index, out| {
                let (offer, buyer) = buyers[index].0;
                begin(out, 3);
                arg(out, b"BUYER");
                arg(out, plan.offers[offer as usize].id.as_bytes());
                arg_id(out, b'b', buyer);
            },
            |index, frame| {
                let ((offer, buyer), (units, count)) = buyers[index];
                let about =
                    format!("offer {} buyer {}", plan.offers[offer as usize].id, Plan::buyer_id(buyer));
                let source = Source { rule: "buyer", about, command: "BUYER" };
                let fields = [("units", units), ("count", count)];
                source.compare_fields(frame, &fields, differences, unchecked);
            },
        )?;
        self.questions += buyers.len() as u64;
        Ok(())
    }

    /// Every group stands as the answers say, with the members that the answers seated.
    pub(super) fn groups(&mut self, client: &mut Client) -> Result<(), WireError> {
        let mut leaders: Vec<_> = self.book.groups.keys().copied().collect();
        leaders.sort_unstable();
        let Self { plan, book, differences, .. } = self;
        client.ask_all(
            leaders.len(),
            |index, out| write_about(out, b"GROUP", plan.offer_of(leaders[index]), leaders[index]),
            |index, frame| {
                let leader = leaders[index];
                let group = &book.groups[&leader];
                let offer = plan.offer_of(leader);
                let name = || format!("offer {} group {}", offer.id, Plan::reservation_id(leader));
                let state = match frame.head() {
                    Head::Status(status) => String::from_utf8_lossy(status).into_owned(),
                    _ => frame.sentence(),
                };
                differences.compare("group state", name, &group.state.to_owned(), &state);
                let live = |&&index: &&u32| book.entries[index as usize].is_live();
                let expected: BTreeSet<u32> = group.members.iter().filter(live).copied().collect();
                let found = members_seated(frame);
                if expected != found {
                    differences.add("members", name(), list(&expected), list(&found));
                }
            },
        )?;
        self.questions += leaders.len() as u64;
        Ok(())
    }

    /// The server's own audit.
    pub(super) fn audit(&mut self, client: &mut Client) -> Result<String, WireError> {
        let reply = client.command(&[b"AUDIT"])?;
        self.questions += 1;
        if reply.frame().head() != Head::Status(b"OK") {
            self.differences.add("audit", "the server".into(), "OK", reply.frame().sentence());
        }
        Ok(match reply.frame().head() {
            Head::Status(status) => String::from_utf8_lossy(status).into_owned(),
            _ => reply.frame().sentence(),
        })
    }
}

/// The reservations in a GROUP answer that take units.
fn members_seated(frame: Frame<'_>) -> BTreeSet<u32> {
    let Some(members) = frame.field(b"members") else { return BTreeSet::new() };
    members
        .items()
        .filter(|member| Verdict::of(*member).takes_units())
        .filter_map(|member| Plan::index_of(member.field_text(b"id")?))
        .collect()
}

fn list(members: &BTreeSet<u32>) -> String {
    let names: Vec<_> = members.iter().map(|&index| Plan::reservation_id(index)).collect();
    format!("[{}]", names.join(" "))
}

/// Where numbers come from, for the words of a difference.
struct Source {
    rule: &'static str,
    about: String,
    command: &'static str,
}

impl Source {
    fn compare_fields(
        &self,
        frame: Frame<'_>,
        fields: &[(&str, i64)],
        differences: &mut Differences,
        unchecked: &mut BTreeSet<String>,
    ) {
        if let Head::Error(_) | Head::Nil = frame.head() {
            differences.add(self.rule, self.about.clone(), "an answer", frame.sentence());
            return;
        }
        for &(field, expected) in fields {
            match frame.field_number(field.as_bytes()) {
                Some(found) => {
                    let subject = || format!("{} {field}", self.about);
                    differences.compare(self.rule, subject, &expected, &found);
                }
                // A count that a server leaves out would otherwise never be missed.
                None if matches!(field, "total" | "available" | "held" | "sold" | "units") => {
                    differences.add(self.rule, format!("{} {field}", self.about), expected, "no such field");
                }
                None => drop(unchecked.insert(format!("{} has no `{field}`", self.command))),
            }
        }
    }
}
