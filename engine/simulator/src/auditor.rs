//! The auditor: knows what was submitted, what was answered and what the feed showed, and checks each against the others.
//!
//! It stands apart from the workload, which asks, and from the engine, which answers. For each shard it keeps a book: a
//! record of every entry that the feed has shown, a machine that replays nothing but this record, a ledger under names,
//! and the answers that must still be true after any crash. Each check that fails is a sentence; the run ends with it.

mod answers;
mod record;
mod recovery;

use crate::asked::Asked;
use crate::ledger::Ledger;
use crate::names::Name;
use crate::tally::{Kind, Tally};
use answers::Ack;
pub(crate) use answers::Saw;
use record::Record;
pub(crate) use recovery::{Floor, Recovery};
use stampede_engine::core::{Entry, Event, Machine, Request, Seq, Settings};
use stampede_engine::{Durability, Feed, FeedError, FeedFrom, FeedPage};

/// What a check says: nothing, or what is wrong.
pub(crate) type Checked<T = ()> = Result<T, String>;

/// What came of reading a feed: words for what is wrong, and the feed's own error if it had one.
pub(crate) type Read = Result<(), (String, Option<FeedError>)>;

/// Entries asked for in one read of the feed.
const PAGE: usize = 97;

/// Everything that is known from outside.
#[derive(Debug)]
pub(crate) struct Auditor {
    durability: Durability,
    asked: Asked,
    books: Vec<Book>,
}

/// What is known of one shard.
#[derive(Debug)]
struct Book {
    record: Record,
    /// Replays the record and nothing else.
    shadow: Machine,
    ledger: Ledger,
    /// Every answer that left saw events up to here at least: these may not be lost.
    promised: Seq,
    acks: Vec<Ack>,
    /// Answers that left ahead of what was synced, with the last event that they may have seen: fine if these turn out
    /// to be checkpoints of demand.
    early: Vec<(Seq, Seq)>,
    /// Of every entry that was ever shown, those that were lost since included.
    highest_epoch: u64,
}

/// A machine's settings matter for new events alone, and a shadow makes none.
const SHADOW: Settings = Settings { epoch: 1, hash_key: 0x5ad0 };

impl Auditor {
    pub(crate) fn new(durability: Durability, shards: usize) -> Self {
        Auditor { durability, asked: Asked::default(), books: (0..shards).map(|_| Book::new()).collect() }
    }

    /// Hears of a request before it goes out.
    pub(crate) fn note(&mut self, request: &Request<Name>) {
        self.asked.note(request);
    }

    pub(crate) fn ledger(&self, shard: usize) -> &Ledger {
        &self.books[shard].ledger
    }

    /// The highest epoch that an entry of the feed ever had: no later life may begin it again.
    pub(crate) fn highest_epoch(&self, shard: usize) -> u64 {
        self.books[shard].highest_epoch
    }

    /// The last entry that the feed has shown.
    pub(crate) fn last_shown(&self, shard: usize) -> Seq {
        self.books[shard].record.last()
    }

    /// Reads what is new on the feed.
    pub(crate) fn follow(&mut self, shard: usize, feed: &Feed, tally: &mut Tally) -> Read {
        let bounds = feed.bounds();
        let shown = self.books[shard].record.last();
        if bounds.last.seq < shown {
            let words = format!("the feed ends at {} and has shown entry {} before", bounds.last, shown.0);
            return Err((words, None));
        }
        if bounds.last.seq == shown {
            return Ok(());
        }
        let from = self.books[shard].record.last_id().map_or(FeedFrom::First, FeedFrom::After);
        self.read(shard, feed, from, tally)?;
        let read = self.books[shard].record.last();
        if read < bounds.last.seq {
            let words =
                format!("the feed says that it ends at {} and gives nothing after {}", bounds.last, read.0);
            return Err((words, None));
        }
        Ok(())
    }

    /// Reads the feed from somewhere in the past: it must say what it said before. An error of the disk is handed on
    /// beside the words.
    pub(crate) fn read_again(
        &mut self,
        shard: usize,
        feed: &Feed,
        from: Option<Seq>,
        tally: &mut Tally,
    ) -> Read {
        let id = from.and_then(|seq| self.books[shard].record.id(seq));
        let from = id.map_or(FeedFrom::First, FeedFrom::At);
        self.read(shard, feed, from, tally)
    }

    fn read(&mut self, shard: usize, feed: &Feed, from: FeedFrom, tally: &mut Tally) -> Read {
        let mut page = FeedPage::new();
        let mut from = from;
        let mut expected = None;
        loop {
            let failed = |error: FeedError| (format!("the feed cannot be read: {error}"), Some(error));
            feed.read(from, PAGE, &mut page).map_err(failed)?;
            if page.is_empty() {
                return Ok(());
            }
            let (mut heard, mut last) = (Ok(()), None);
            let walked = page.for_each(|entry| {
                if heard.is_ok() {
                    let is_next = expected.is_none_or(|seq| seq == entry.stamp.id.seq.0);
                    heard = if is_next {
                        self.hear(shard, entry, tally)
                    } else {
                        Err(format!("I7: the feed shows {} where {expected:?} was next", entry.stamp.id))
                    };
                    expected = Some(entry.stamp.id.seq.0 + 1);
                    last = Some(entry.stamp.id);
                }
            });
            walked.map_err(failed)?;
            heard.map_err(|words| (words, None))?;
            from = last.map_or(from, FeedFrom::After);
        }
    }

    /// Takes in one entry of the feed: a new one, or one that was shown before and must not have changed.
    fn hear(&mut self, shard: usize, entry: &Entry<'_>, tally: &mut Tally) -> Checked {
        let book = &mut self.books[shard];
        let seq = entry.stamp.id.seq;
        let of =
            |words: String| format!("entry {} of shard {shard}, {:?}: {words}", entry.stamp.id, entry.event);
        if seq <= book.record.last() {
            return book.record.compare(entry).map_err(of);
        }
        book.record.push(entry).map_err(of)?;
        book.highest_epoch = book.highest_epoch.max(entry.stamp.id.epoch);
        tally.count(Kind::Event, kind(&entry.event));
        self.asked.explains(entry).map_err(of)?;
        let book = &mut self.books[shard];
        book.check_early(entry).map_err(of)?;
        book.take_in(entry).map_err(of)
    }
}

impl Book {
    fn new() -> Self {
        Book {
            record: Record::default(),
            shadow: Machine::new(SHADOW),
            ledger: Ledger::default(),
            promised: Seq(0),
            acks: Vec::new(),
            early: Vec::new(),
            highest_epoch: 0,
        }
    }

    fn take_in(&mut self, entry: &Entry<'_>) -> Checked {
        self.ledger.hear(entry)?;
        self.shadow.replay(entry.stamp, &entry.event);
        if let (Event::OfferRemoved { .. }, Some(offer)) = (&entry.event, entry.names.offer) {
            self.drop_acks_of(offer.as_str());
        }
        Ok(())
    }

    /// Forgets every entry after `last`.
    fn rewind(&mut self, last: Seq) -> Checked {
        self.record.truncate(last);
        self.shadow = Machine::new(SHADOW);
        self.ledger = Ledger::default();
        let Book { record, shadow, ledger, .. } = self;
        record.for_each(|entry| {
            ledger.hear(entry)?;
            shadow.replay(entry.stamp, &entry.event);
            Ok(())
        })
    }
}

/// The name of an event's kind.
pub(crate) fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::OfferPut { .. } => "OfferPut",
        Event::OfferChanged { .. } => "OfferChanged",
        Event::OfferPaused { .. } => "OfferPaused",
        Event::OfferResumed { .. } => "OfferResumed",
        Event::OfferClosed { .. } => "OfferClosed",
        Event::OfferExtended { .. } => "OfferExtended",
        Event::OfferRemoved { .. } => "OfferRemoved",
        Event::PoolAdded { .. } => "PoolAdded",
        Event::GroupOpened { .. } => "GroupOpened",
        Event::Accepted(_) => "Accepted",
        Event::Paid { .. } => "Paid",
        Event::Owed { .. } => "Owed",
        Event::Released { .. } => "Released",
        Event::Refunded { .. } => "Refunded",
        Event::Won { .. } => "Won",
        Event::Returned { .. } => "Returned",
        Event::Leader { .. } => "Leader",
        Event::Moved { .. } => "Moved",
        Event::GroupFormed { .. } => "GroupFormed",
        Event::GroupFailed { .. } => "GroupFailed",
        Event::Demand(_) => "Demand",
    }
}
