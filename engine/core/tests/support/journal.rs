//! A journal that owns its events: what a machine recorded, kept and fed to a fresh machine.
//!
//! Knows nothing of rules. Called by the driver; the property tests read its entries. Keeps: entries stand in
//! the order in which they were recorded, their sequence numbers have no gap (I7), their names are right, and
//! their bytes read back as they were.

mod feed;

use stampede_core::{
    Accepted, CloseCause, EndCause, Entries, Event, EventId, GroupIndex, Machine, Millis, Money, Offer,
    OfferIndex, Record, ReservationIndex, Restock, Seat, Settings, Stamp, Status, Text, Units, UnixMs,
    encode,
};

/// An event that outlives the machine's buffers: the owned mirror of [`Event`].
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    OfferPut { offer: String, definition: Offer, opens: UnixMs },
    OfferChanged { offer: OfferIndex, definition: Offer, opens: UnixMs },
    OfferPaused { offer: OfferIndex },
    OfferResumed { offer: OfferIndex },
    OfferClosed { offer: OfferIndex, by: CloseCause },
    OfferExtended { offer: OfferIndex, by: Millis, op: String },
    PoolAdded { pool: String, units: i64, op: String },
    GroupOpened { offer: OfferIndex, group: String, expires: UnixMs },
    Accepted(Intent),
    Paid { of: Which, amount: Money, reference: String, status: Status },
    Owed { of: Which, reference: String, owe: Money },
    Released { of: Which, cause: EndCause, reason: Option<String> },
    Refunded { of: Which, owe: Money, cause: EndCause, reason: Option<String> },
    Won { of: Which },
    Returned { of: Which, qty: Units, restock: Restock, owe: Money, op: String },
    Leader { of: Which, group: GroupIndex },
    Moved { of: Which, to: GroupIndex },
    GroupFormed { offer: OfferIndex, group: GroupIndex },
    GroupFailed { offer: OfferIndex, group: GroupIndex },
    OfferRemoved { offer: OfferIndex },
    Demand { offer: OfferIndex },
}

/// The reservation that an event speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Which {
    pub(crate) offer: OfferIndex,
    pub(crate) reservation: ReservationIndex,
}

/// An accepted intent, owned.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    pub(crate) offer: OfferIndex,
    pub(crate) id: String,
    pub(crate) buyer: String,
    pub(crate) qty: Units,
    pub(crate) price: Money,
    pub(crate) status: Status,
    pub(crate) expires: Option<UnixMs>,
    pub(crate) seat: Option<Seat>,
    pub(crate) referrer: Option<String>,
}

/// Everything that a machine recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<(Stamp, Entry)>,
    feed: feed::Feed,
    batches: Vec<Batch>,
}

/// Entries as the bytes that a file would hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Batch {
    first: EventId,
    base: UnixMs,
    /// The time of the last entry, from which the next one's counts.
    last: UnixMs,
    count: usize,
    body: Vec<u8>,
}

/// Few enough that a history has many batches.
const BATCH_ENTRIES_MAX: usize = 5;

impl Record for Journal {
    fn record(&mut self, entry: &stampede_core::Entry<'_>) {
        let stampede_core::Entry { stamp, event, .. } = *entry;
        let before = self.entries.last().map_or(0, |(last, _)| last.id.seq.0);
        assert_eq!(stamp.id.seq.0, before + 1, "I7: the feed has a gap or a duplicate at {event:?}");
        if let Some((last, _)) = self.entries.last() {
            assert!(stamp.at >= last.at, "the feed's time went back at {event:?}");
        }
        if let Err(wrong) = self.feed.hear(entry) {
            panic!("a recorded entry names what it is not about: {wrong}");
        }
        self.entries.push((stamp, Entry::from(&event)));
        self.keep_bytes(entry);
    }
}

impl Journal {
    pub(crate) fn entries(&self) -> &[(Stamp, Entry)] {
        &self.entries
    }

    /// A machine that heard nothing but this journal's bytes. Its tables are keyed differently on purpose: nothing of
    /// the state may depend on the key.
    pub(crate) fn replayed(&self, settings: Settings) -> Machine {
        let mut machine = Machine::new(Settings { hash_key: !settings.hash_key, ..settings });
        for batch in &self.batches {
            let mut entries = Entries::new(&batch.body, batch.first, batch.base);
            while let Some(entry) = entries.next().expect("what was encoded can be read") {
                machine.replay(entry.stamp, &entry.event);
            }
        }
        machine
    }

    /// The bodies of all batches.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        self.batches.iter().map(|batch| batch.body.as_slice())
    }

    /// Whether both hold the same bytes in the same batches.
    pub(crate) fn is_same(&self, other: &Journal) -> bool {
        self.batches == other.batches
    }

    /// Appends the entry to its batch, and reads it back: everything it says and names must return.
    fn keep_bytes(&mut self, entry: &stampede_core::Entry<'_>) {
        let Stamp { id, at } = entry.stamp;
        let fits = |batch: &Batch| batch.first.epoch == id.epoch && batch.count < BATCH_ENTRIES_MAX;
        if !self.batches.last().is_some_and(fits) {
            self.batches.push(Batch { first: id, base: at, last: at, count: 0, body: Vec::new() });
        }
        let batch = self.batches.last_mut().expect("a batch was just made sure of");
        let start = batch.body.len();
        encode(entry, batch.last, &mut batch.body);
        batch.count += 1;
        let mut entries = Entries::new(&batch.body[start..], id, batch.last);
        assert_eq!(entries.next(), Ok(Some(*entry)), "an entry's bytes say something else");
        assert_eq!(entries.next(), Ok(None), "an entry's bytes hold more than the entry");
        batch.last = at;
    }
}

impl From<&Event<'_>> for Entry {
    fn from(event: &Event<'_>) -> Self {
        let text = |text: &Text<'_>| text.as_str().to_owned();
        let which = |offer, reservation| Which { offer, reservation };
        match event {
            Event::OfferPut { offer, definition, opens } => {
                Entry::OfferPut { offer: text(offer), definition: (*definition).clone(), opens: *opens }
            }
            Event::OfferChanged { offer, definition, opens } => {
                Entry::OfferChanged { offer: *offer, definition: (*definition).clone(), opens: *opens }
            }
            Event::OfferPaused { offer } => Entry::OfferPaused { offer: *offer },
            Event::OfferResumed { offer } => Entry::OfferResumed { offer: *offer },
            Event::OfferClosed { offer, by } => Entry::OfferClosed { offer: *offer, by: *by },
            Event::OfferExtended { offer, by, op } => {
                Entry::OfferExtended { offer: *offer, by: *by, op: text(op) }
            }
            Event::PoolAdded { pool, units, op } => {
                Entry::PoolAdded { pool: text(pool), units: *units, op: text(op) }
            }
            Event::GroupOpened { offer, group, expires } => {
                Entry::GroupOpened { offer: *offer, group: text(group), expires: *expires }
            }
            Event::Accepted(accepted) => Entry::Accepted(accepted.into()),
            Event::Paid { offer, reservation, amount, reference, status } => Entry::Paid {
                of: which(*offer, *reservation),
                amount: *amount,
                reference: text(reference),
                status: *status,
            },
            Event::Owed { offer, reservation, reference, owe } => {
                Entry::Owed { of: which(*offer, *reservation), reference: text(reference), owe: *owe }
            }
            Event::Released { offer, reservation, cause, reason } => Entry::Released {
                of: which(*offer, *reservation),
                cause: *cause,
                reason: reason.as_ref().map(text),
            },
            Event::Refunded { offer, reservation, owe, cause, reason } => Entry::Refunded {
                of: which(*offer, *reservation),
                owe: *owe,
                cause: *cause,
                reason: reason.as_ref().map(text),
            },
            Event::Won { offer, reservation } => Entry::Won { of: which(*offer, *reservation) },
            Event::Returned { offer, reservation, qty, restock, owe, op } => Entry::Returned {
                of: which(*offer, *reservation),
                qty: *qty,
                restock: *restock,
                owe: *owe,
                op: text(op),
            },
            Event::Leader { offer, group, reservation } => {
                Entry::Leader { of: which(*offer, *reservation), group: *group }
            }
            Event::Moved { offer, reservation, to } => {
                Entry::Moved { of: which(*offer, *reservation), to: *to }
            }
            Event::GroupFormed { offer, group } => Entry::GroupFormed { offer: *offer, group: *group },
            Event::GroupFailed { offer, group } => Entry::GroupFailed { offer: *offer, group: *group },
            Event::OfferRemoved { offer } => Entry::OfferRemoved { offer: *offer },
            Event::Demand(moved) => Entry::Demand { offer: moved.offer },
        }
    }
}

impl From<&Accepted<'_>> for Intent {
    fn from(accepted: &Accepted<'_>) -> Self {
        Intent {
            offer: accepted.offer,
            id: accepted.id.as_str().to_owned(),
            buyer: accepted.buyer.as_str().to_owned(),
            qty: accepted.qty,
            price: accepted.price,
            status: accepted.status,
            expires: accepted.expires,
            seat: accepted.seat,
            referrer: accepted.referrer.map(|text| text.as_str().to_owned()),
        }
    }
}

impl Entry {
    /// What kind of event this is, for counts.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Entry::OfferPut { .. } => "OfferPut",
            Entry::OfferChanged { .. } => "OfferChanged",
            Entry::OfferPaused { .. } => "OfferPaused",
            Entry::OfferResumed { .. } => "OfferResumed",
            Entry::OfferClosed { .. } => "OfferClosed",
            Entry::OfferExtended { .. } => "OfferExtended",
            Entry::PoolAdded { .. } => "PoolAdded",
            Entry::GroupOpened { .. } => "GroupOpened",
            Entry::Accepted(_) => "Accepted",
            Entry::Paid { .. } => "Paid",
            Entry::Owed { .. } => "Owed",
            Entry::Released { .. } => "Released",
            Entry::Refunded { .. } => "Refunded",
            Entry::Won { .. } => "Won",
            Entry::Returned { .. } => "Returned",
            Entry::Leader { .. } => "Leader",
            Entry::Moved { .. } => "Moved",
            Entry::GroupFormed { .. } => "GroupFormed",
            Entry::GroupFailed { .. } => "GroupFailed",
            Entry::OfferRemoved { .. } => "OfferRemoved",
            Entry::Demand { .. } => "Demand",
        }
    }

    /// Every kind, for the check that each was reached.
    pub(crate) const KINDS: [&'static str; 21] = [
        "OfferPut",
        "OfferChanged",
        "OfferPaused",
        "OfferResumed",
        "OfferClosed",
        "OfferExtended",
        "PoolAdded",
        "GroupOpened",
        "Accepted",
        "Paid",
        "Owed",
        "Released",
        "Refunded",
        "Won",
        "Returned",
        "Leader",
        "Moved",
        "GroupFormed",
        "GroupFailed",
        "OfferRemoved",
        "Demand",
    ];

    /// The reservation that the event speaks of, if it exists already.
    pub(crate) fn of(&self) -> Option<Which> {
        match *self {
            Entry::Paid { of, .. }
            | Entry::Owed { of, .. }
            | Entry::Released { of, .. }
            | Entry::Refunded { of, .. }
            | Entry::Won { of }
            | Entry::Returned { of, .. }
            | Entry::Leader { of, .. }
            | Entry::Moved { of, .. } => Some(of),
            _ => None,
        }
    }
}
