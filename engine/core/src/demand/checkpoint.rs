//! Checkpoints of demand: what moved is taken out as the payload of an event, and heard again in a replay.
//!
//! A payload says how the counters stand, not by how much they moved: hearing one twice, or only the last, is the same.
//! Bounded, so that no event grows with the sale: what does not fit goes with the next checkpoint, and until then the
//! estimate of distinct buyers lags behind. Called by `machine`, and by snapshots, which tell the whole board in the same
//! form.

use super::sketch;
use super::{CHECKPOINT_AFTER, Demand, DemandBoard};
use crate::event::{DemandMoved, DemandSecond, OfferIndex, TallyMoved};
use crate::time::UnixMs;
use alloc::vec::Vec;
use core::ops::Range;

/// The most bytes about distinct buyers in one checkpoint: eight whole sketches. With everything else beside them an
/// event stays below 16 KiB.
const BUYERS_BYTES_MAX: usize = 8 * sketch::BYTES_MAX;
/// The most seconds in one checkpoint. One that comes in time has two or three.
const SECONDS_MAX: usize = 64;

/// What moved of one offer's demand, taken out for its event.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    offer: OfferIndex,
    units_wanted: u64,
    sold_out_at: Option<UnixMs>,
    /// By answer: its number, its intents, and where its bytes lie.
    tallies: Vec<(u16, u64, Range<usize>)>,
    bytes: Vec<u8>,
    seconds: Vec<DemandSecond>,
}

impl Checkpoint {
    /// Hands it on as the payload of an event.
    pub(crate) fn tell<R>(&self, hear: impl FnOnce(&DemandMoved<'_>) -> R) -> R {
        let tally = |(answer, intents, range): &(u16, u64, Range<usize>)| TallyMoved {
            answer: *answer,
            intents: *intents,
            buyers: &self.bytes[range.clone()],
        };
        let tallies: Vec<TallyMoved<'_>> = self.tallies.iter().map(tally).collect();
        hear(&DemandMoved {
            offer: self.offer,
            units_wanted: self.units_wanted,
            sold_out_at: self.sold_out_at,
            tallies: &tallies,
            seconds: &self.seconds,
        })
    }
}

impl DemandBoard {
    /// When the next checkpoint is due; `None` while nothing moved.
    pub(crate) fn next_due(&self) -> Option<UnixMs> {
        self.moved.front().map(|&(at, _)| at)
    }

    /// Takes out what moved of one offer, if a checkpoint is due.
    pub(crate) fn take_due(&mut self, now: UnixMs) -> Option<Checkpoint> {
        if self.next_due()? > now {
            return None;
        }
        self.take_next(now)
    }

    /// Takes out what moved of the offer that is next, due or not.
    pub(crate) fn take_next(&mut self, now: UnixMs) -> Option<Checkpoint> {
        let (_, offer) = self.moved.pop_front()?;
        let demand = self.demand_mut(offer);
        let checkpoint = demand.take_moved(offer);
        demand.has_moved = demand.is_anything_left();
        if demand.has_moved {
            self.moved.push_back((now.after(CHECKPOINT_AFTER), offer));
        }
        Some(checkpoint)
    }

    /// Hears a checkpoint. The offer must be one that exists.
    pub(crate) fn restore(&mut self, moved: &DemandMoved<'_>) {
        self.demand_mut(moved.offer).hear(moved);
    }

    /// Tells the whole board, offer by offer, in payloads of at most some 20 KiB.
    pub(crate) fn export<E>(&self, mut hear: impl FnMut(&DemandMoved<'_>) -> Result<(), E>) -> Result<(), E> {
        for (at, demand) in self.offers.iter().enumerate() {
            let Some(demand) = demand else { continue };
            let offer = OfferIndex(at as u32);
            for tally in &demand.tallies {
                let mut bytes = Vec::with_capacity(sketch::BYTES_MAX);
                tally.buyers.write_all(&mut bytes);
                let whole = 0..bytes.len();
                let tallies = [(tally.answer, tally.intents, whole)].into();
                demand.checkpoint(offer, tallies, bytes, Vec::new()).tell(&mut hear)?;
            }
            let seconds = demand.timeline.iter().copied().collect();
            demand.checkpoint(offer, Vec::new(), Vec::new(), seconds).tell(&mut hear)?;
        }
        Ok(())
    }
}

impl Demand {
    fn take_moved(&mut self, offer: OfferIndex) -> Checkpoint {
        let (mut tallies, mut bytes) = (Vec::new(), Vec::new());
        for tally in self.tallies.iter_mut().filter(|tally| tally.has_moved) {
            let start = bytes.len();
            let fits = start + tally.buyers.risen_bytes() <= BUYERS_BYTES_MAX;
            if fits {
                tally.buyers.write_risen(&mut bytes);
            }
            tally.has_moved = !fits;
            tallies.push((tally.answer, tally.intents, start..bytes.len()));
        }
        // The second told last may have gone on.
        let untold = self.timeline.iter().filter(|second| self.told.is_none_or(|told| second.at >= told));
        let seconds: Vec<DemandSecond> = untold.take(SECONDS_MAX).copied().collect();
        self.told = seconds.last().map(|last| last.at).or(self.told);
        self.checkpoint(offer, tallies, bytes, seconds)
    }

    fn is_anything_left(&self) -> bool {
        let last = self.timeline.back().map(|last| last.at);
        last > self.told || self.tallies.iter().any(|tally| tally.has_moved)
    }

    fn checkpoint(
        &self,
        offer: OfferIndex,
        tallies: Vec<(u16, u64, Range<usize>)>,
        bytes: Vec<u8>,
        seconds: Vec<DemandSecond>,
    ) -> Checkpoint {
        let (units_wanted, sold_out_at) = (self.units_wanted, self.sold_out_at);
        Checkpoint { offer, units_wanted, sold_out_at, tallies, bytes, seconds }
    }

    fn hear(&mut self, moved: &DemandMoved<'_>) {
        self.units_wanted = moved.units_wanted.max(self.units_wanted);
        self.sold_out_at = self.sold_out_at.or(moved.sold_out_at);
        for heard in moved.tallies {
            // An answer without a name is one of a later version.
            let Some(name) = heard.name() else { continue };
            let tally = self.tally(heard.answer, || name);
            tally.intents = heard.intents.max(tally.intents);
            tally.buyers.hear(heard.buyers);
        }
        for &heard in moved.seconds {
            let known = self.timeline.binary_search_by_key(&heard.at, |second| second.at);
            match known {
                Ok(at) => self.timeline[at] = heard,
                Err(at) if at == self.timeline.len() => self.push_second(heard),
                // Older than what is known: it has fallen off the timeline.
                Err(_) => {}
            }
            self.told = self.told.max(Some(heard.at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, SECONDS_MAX};
    use crate::demand::{DemandBoard, Outcome, Seen};
    use crate::event::OfferIndex;
    use crate::refusal::Refusal;
    use crate::status::Status;
    use crate::time::UnixMs;
    use alloc::format;
    use alloc::vec::Vec;
    use core::convert::Infallible;
    use xxhash_rust::xxh3::xxh3_64;

    const OFFER: OfferIndex = OfferIndex(3);

    fn note(board: &mut DemandBoard, outcome: Outcome, buyer: u64, now: u64) {
        let buyer_hash = xxh3_64(&buyer.to_le_bytes());
        board.note(OFFER, Seen { outcome, buyer_hash, qty: 2, now: UnixMs::new(now) });
    }

    fn view(board: &DemandBoard) -> alloc::string::String {
        format!("{:?}", board.view(OFFER, UnixMs::new(0)))
    }

    /// About as many bytes as the codec makes of it, no fewer.
    fn bytes(checkpoint: &Checkpoint) -> usize {
        64 + checkpoint.bytes.len() + checkpoint.tallies.len() * 16 + checkpoint.seconds.len() * 20
    }

    fn all_due(board: &mut DemandBoard, now: u64) -> Vec<Checkpoint> {
        core::iter::from_fn(|| board.take_due(UnixMs::new(now))).collect()
    }

    #[test]
    fn a_checkpoint_comes_a_second_after_the_first_intent_and_once() {
        let mut board = DemandBoard::default();
        assert_eq!(board.next_due(), None);
        note(&mut board, Outcome::Accepted(Status::Held), 1, 10_500);
        note(&mut board, Outcome::Accepted(Status::Held), 2, 11_400);
        assert_eq!(board.next_due(), Some(UnixMs::new(11_500)));
        assert!(all_due(&mut board, 11_499).is_empty());
        assert_eq!(all_due(&mut board, 11_500).len(), 1);
        assert_eq!(board.next_due(), None);
    }

    /// Every answer there is, a spike in each, at once: the worst that a second can bring.
    #[test]
    fn a_checkpoint_stays_below_16_kib_and_what_did_not_fit_follows() {
        let (mut live, mut replayed) = (DemandBoard::default(), DemandBoard::default());
        let outcomes = Refusal::ALL.map(Outcome::Refused).into_iter().chain([Outcome::Replayed]);
        let outcomes = outcomes.chain(Status::ALL.map(Outcome::Accepted));
        for (at, outcome) in outcomes.enumerate() {
            for buyer in 0..20_000 {
                note(&mut live, outcome, buyer, 1_000_000 + at as u64 * 10);
            }
        }
        for second in 0..200 {
            note(&mut live, Outcome::Replayed, 0, 1_000_000);
            note(&mut live, Outcome::Accepted(Status::Held), second, 1_002_000 + second * 1_000);
        }
        let mut rounds = 0_u64;
        while live.next_due().is_some() {
            let due = all_due(&mut live, 2_000_000 + rounds * 1_000);
            assert_eq!(due.len(), 1, "one checkpoint per second and offer");
            assert!(bytes(&due[0]) < 16_384, "a checkpoint of {} bytes", bytes(&due[0]));
            assert!(due[0].seconds.len() <= SECONDS_MAX);
            due[0].tell(|moved| replayed.restore(moved));
            rounds += 1;
            assert!(rounds < 10, "what is left never gets told");
        }
        assert!(rounds > 3, "{rounds} rounds: the bound was never met");
        assert_eq!(view(&live), view(&replayed));
    }

    #[test]
    fn a_board_told_as_a_whole_is_the_same_and_goes_on() {
        let (mut live, mut loaded) = (DemandBoard::default(), DemandBoard::default());
        for n in 0..5_000 {
            let outcome =
                if n % 3 == 0 { Outcome::Refused(Refusal::SoldOut) } else { Outcome::Accepted(Status::Won) };
            note(&mut live, outcome, n, 5_000 + n);
        }
        let Ok(()) = live.export(|moved| {
            loaded.restore(moved);
            Ok::<(), Infallible>(())
        });
        assert_eq!(view(&live), view(&loaded));
        assert_eq!(loaded.next_due(), None, "what was loaded is told already");
        for board in [&mut live, &mut loaded] {
            note(board, Outcome::Accepted(Status::Won), 1, 9_999);
        }
        assert_eq!(view(&live), view(&loaded));
        let due = all_due(&mut loaded, 20_000);
        assert_eq!((due.len(), due[0].tallies.len(), due[0].seconds.len()), (1, 1, 1), "only what moved");
    }
}
