//! Buyers and reservations by serial number, and machines with a sale on them.
//!
//! Owns the ids and the offers of every workload. Ids are written a batch at a time, as a connection would have them
//! in its buffer when the shard reads them.

use stampede_core::{
    Answer, Machine, Millis, Money, Offer, Request, Settings, Settle, Status, Text, Units, UnixMs, Unrecorded,
};

/// Requests of one batch, as the engine hands them to a shard.
pub const BATCH: usize = 64;
/// The offer that every bench sells.
pub const OFFER: Text<'static> = Text::stored(b"sku");
/// The time of every bench that does not move it.
pub const NOW: UnixMs = UnixMs::new(1_700_000_000_000);
/// How long a hold lasts.
pub const HOLD: Millis = Millis::new(60_000);
/// The price of a unit.
pub const PRICE: Money = Money::cash(1_990);

const ID_BYTES: usize = 13;

/// The ids of one batch: a letter and twelve digits each.
#[derive(Debug)]
pub struct Ids {
    letter: u8,
    bytes: [[u8; ID_BYTES]; BATCH],
}

impl Ids {
    /// Ids that begin with `letter`.
    pub fn new(letter: u8) -> Self {
        Self { letter, bytes: [[b'0'; ID_BYTES]; BATCH] }
    }

    /// Writes the ids of the serials from `first` on.
    pub fn write(&mut self, first: u64) {
        for (id, serial) in self.bytes.iter_mut().zip(first..) {
            id[0] = self.letter;
            let mut rest = serial;
            for digit in id[1..].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
    }

    /// The id at `index` of the batch.
    pub fn at(&self, index: usize) -> Text<'_> {
        Text::stored(&self.bytes[index])
    }
}

/// The requests of one batch, as a shard finds them.
pub type Requests<'a> = [Request<Text<'a>>; BATCH];

/// Buyers and reservations of one batch of distinct intents.
#[derive(Debug)]
pub struct Intents {
    /// Who buys.
    pub buyers: Ids,
    /// The reservations.
    pub reservations: Ids,
}

impl Default for Intents {
    fn default() -> Self {
        Self { buyers: Ids::new(b'b'), reservations: Ids::new(b'r') }
    }
}

impl Intents {
    /// Writes the ids of the serials from `first` on.
    pub fn write(&mut self, first: u64) {
        self.buyers.write(first);
        self.reservations.write(first);
    }

    /// The BUYs of the batch.
    pub fn buys(&self) -> Requests<'_> {
        std::array::from_fn(|index| Request::buy(OFFER, self.buyers.at(index), self.reservations.at(index)))
    }

    /// The PAYs of the batch.
    pub fn pays(&self) -> Requests<'_> {
        std::array::from_fn(|index| Request::Pay {
            offer: OFFER,
            id: self.reservations.at(index),
            amount: None,
            reference: None,
        })
    }
}

/// A plain offer of so many units.
pub fn plain(stock: u64) -> Offer {
    Offer { hold: HOLD, ..Offer::with_stock(PRICE, stock) }
}

/// An offer to groups of `size`.
pub fn in_groups(stock: u64, size: Units) -> Offer {
    let rule = stampede_core::GroupRule::new(size, HOLD);
    Offer { settle: Settle::Group(rule), ..plain(stock) }
}

/// A machine that sells `offer` as [`OFFER`].
///
/// # Panics
/// When the machine refuses the offer.
pub fn selling(offer: Offer) -> Machine {
    let mut machine = Machine::new(Settings::default());
    let put = Request::OfferPut { offer: OFFER, definition: Box::new(offer) };
    let answer = machine.handle(&put, NOW, &mut Unrecorded);
    assert!(matches!(answer, Answer::Done), "the offer was answered {answer:?}");
    machine
}

/// A machine with `count` holds on it (whole batches), the serials from 0 on.
pub fn holding(count: u64) -> Machine {
    let mut machine = selling(plain(count));
    let mut intents = Intents::default();
    for first in (0..count).step_by(BATCH) {
        intents.write(first);
        for buy in intents.buys() {
            expect(&machine.handle(&buy, NOW, &mut Unrecorded), Status::Held);
        }
    }
    machine
}

/// Fails unless a request was answered with a reservation in this state. A bench that measures refusals
/// by mistake would flatter.
///
/// # Panics
/// When the answer is another.
#[inline]
pub fn expect(answer: &Answer<Text<'_>>, status: Status) {
    let is_so = matches!(answer, Answer::Reservation(reservation) if reservation.status == status);
    assert!(is_so, "expected {status:?}, was answered {answer:?}");
}
