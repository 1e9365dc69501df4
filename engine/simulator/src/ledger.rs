//! A storefront's books: what one shard's feed says, kept under names alone.
//!
//! Knows the entries of the feed and no state of the machine, and checks each entry against what came before: an id is
//! accepted once, states move as they may, a reference counts once, nothing ends early. Filled by the auditor; the
//! workload looks into it to find something that exists.

mod page;

use crate::names::{Name, name};
use stampede_engine::core::{EndCause, Entry, Event, EventId, Money, Offer, Seq, Status, Text, UnixMs};
use std::collections::{BTreeMap, BTreeSet};

/// What one shard's feed has told so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    offers: BTreeMap<Name, OfferPage>,
    /// Pools named by an operation, with the operations.
    pool_ops: BTreeMap<Name, BTreeSet<Name>>,
    /// Groups that are over and have members whose end is not told yet.
    unsettled_groups: usize,
}

/// One offer.
#[derive(Debug)]
pub(crate) struct OfferPage {
    pub(crate) definition: Offer,
    /// The event that put it.
    pub(crate) put: Seq,
    pub(crate) is_paused: bool,
    pub(crate) is_closed: bool,
    /// Its reservations are archived, and answers know nothing of them any more.
    pub(crate) is_removed: bool,
    pub(crate) rows: BTreeMap<Name, Row>,
    /// In the order of acceptance.
    pub(crate) ids: Vec<Name>,
    pub(crate) groups: BTreeMap<Name, GroupRow>,
    /// In the order of opening.
    pub(crate) group_ids: Vec<Name>,
    pub(crate) extensions: BTreeSet<Name>,
    /// Cash and points.
    pub(crate) paid: (u128, u128),
    pub(crate) owed: (u128, u128),
    /// Groups that are over and have members whose end is not told yet.
    unsettled: usize,
}

/// One reservation.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) buyer: Name,
    pub(crate) qty: u32,
    pub(crate) left: u32,
    pub(crate) price: Money,
    pub(crate) status: Status,
    /// Every status that it has had, in order.
    pub(crate) statuses: Vec<Status>,
    pub(crate) expires: Option<UnixMs>,
    pub(crate) ended_by: Option<EndCause>,
    pub(crate) group: Option<Name>,
    /// Its acceptance.
    pub(crate) event: EventId,
    /// Payments by reference, with what was owed for each.
    pub(crate) payments: BTreeMap<Name, Option<Money>>,
    /// Returns by operation.
    pub(crate) returns: BTreeSet<Name>,
    /// Everything that was owed for it, each once.
    pub(crate) owes: Vec<Money>,
}

/// One group.
#[derive(Debug)]
pub(crate) struct GroupRow {
    pub(crate) is_over: bool,
    pub(crate) has_formed: bool,
    /// Members held or paid.
    live: u32,
}

impl Row {
    /// Units as answers show them: what is left while it is won, what was bought otherwise.
    pub(crate) fn shown_qty(&self) -> u32 {
        if self.status == Status::Won { self.left } else { self.qty }
    }
}

impl GroupRow {
    /// Whether somebody sits in it, held or paid.
    pub(crate) fn has_members(&self) -> bool {
        self.live > 0
    }
}

/// What an entry breaks.
pub(crate) type Heard = Result<(), String>;

impl Ledger {
    pub(crate) fn offers(&self) -> impl Iterator<Item = (Name, &OfferPage)> {
        self.offers.iter().map(|(id, page)| (*id, page))
    }

    pub(crate) fn offer(&self, id: &str) -> Option<&OfferPage> {
        self.offers.get(id)
    }

    pub(crate) fn row(&self, offer: &str, id: &str) -> Option<&Row> {
        self.offers.get(offer)?.rows.get(id)
    }

    pub(crate) fn knows_pool_op(&self, pool: &str, op: &str) -> bool {
        self.pool_ops.get(pool).is_some_and(|ops| ops.contains(op))
    }

    /// Whether a group is over and somebody in it has not been told.
    pub(crate) fn is_settling(&self) -> bool {
        self.unsettled_groups > 0
    }

    /// Whether a hold outlasted its deadline while later things happened: a mass expiry is under way.
    pub(crate) fn is_expiring(&self, at: UnixMs) -> bool {
        let is_late =
            |row: &Row| row.status == Status::Held && row.expires.is_some_and(|expires| expires <= at);
        self.offers.values().any(|page| page.rows.values().any(is_late))
    }

    /// Takes in one entry.
    pub(crate) fn hear(&mut self, entry: &Entry<'_>) -> Heard {
        match &entry.event {
            Event::PoolAdded { pool, op, .. } => {
                let is_new = self.pool_ops.entry(interned(*pool)).or_default().insert(interned(*op));
                if is_new { Ok(()) } else { Err("one operation on a pool happens twice".into()) }
            }
            Event::OfferPut { offer, definition, .. } => {
                let page = OfferPage::new((*definition).clone(), entry.stamp.id.seq);
                let before = self.offers.insert(interned(*offer), page);
                if before.is_none() { Ok(()) } else { Err("one offer is put twice as new".into()) }
            }
            _ => {
                let id = entry.names.offer.ok_or("the entry names no offer")?;
                let page =
                    self.offers.get_mut(id.as_str()).ok_or("the entry names an offer that is unknown")?;
                let before = page.unsettled;
                let heard = page.hear(entry);
                self.unsettled_groups = self.unsettled_groups + page.unsettled - before;
                heard
            }
        }
    }
}

/// The one name of a text of the feed.
fn interned(text: Text<'_>) -> Name {
    name(text.as_str())
}
