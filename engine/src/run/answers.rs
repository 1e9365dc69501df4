//! The answers of a run, kept small.
//!
//! Most answers of a flash sale are refusals of a few bytes, and the rest reservations; both cross from the shard's core
//! to the connection's, cache line by cache line. So the row of answers holds what is small and points to the rest.
//! Filled by the shard, read by the connection, both through the run.

use super::spans::{AskedSpan, Span};
use stampede_core::{Answer, Refusal, Request, ReservationAnswer, Text};

/// A cleared run gives back what its answer texts used beyond this, so that one long list does not hold its memory for
/// ever.
const KEPT_TEXT_BYTES: usize = 64 * 1024;

/// One answer, or where it is.
#[derive(Debug)]
enum Kept {
    Refused(Refusal),
    /// At this place among the reservations.
    Reservation(u32),
    /// What is rare: a list, a definition, a mistake of the caller, what an operator is answered.
    Other(Box<Answer<Span>>),
}

const _: () = assert!(size_of::<Kept>() <= 32, "two answers share a cache line");

/// The answers of a run, in the order of its requests.
#[derive(Debug, Default)]
pub(super) struct Answers {
    kept: Vec<Kept>,
    reservations: Vec<ReservationAnswer<Span>>,
    /// The texts that no request brought.
    texts: Vec<u8>,
}

impl Answers {
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Adds the answer to `request`, whose texts lie in `asked`.
    #[inline]
    pub(super) fn add(&mut self, asked: &[u8], request: &Request<AskedSpan>, answer: Answer<Text<'_>>) {
        // Each arm pushes its own: one value for all would be read as a whole just after it was written in parts, and wait
        // for that.
        match answer {
            Answer::Refused(refusal) => self.kept.push(Kept::Refused(refusal)),
            Answer::Reservation(ref reservation) => {
                let at = self.reservations.len() as u32;
                self.add_reservation(asked, request, reservation);
                self.kept.push(Kept::Reservation(at));
            }
            other => {
                let held = other.map(|text| Span::store(text, asked.len(), &mut self.texts));
                self.kept.push(Kept::Other(Box::new(held)));
            }
        }
    }

    /// A BUY is answered with the reservation of its own id and buyer: another intent under that id is refused. So these
    /// two texts are there already.
    #[inline]
    fn add_reservation(
        &mut self,
        asked: &[u8],
        request: &Request<AskedSpan>,
        reservation: &ReservationAnswer<Text<'_>>,
    ) {
        let mut store = |text| Span::store(text, asked.len(), &mut self.texts);
        let (id, buyer) = if let Request::Buy(buy) = request {
            let (id, buyer) = (buy.id.text(asked), buy.buyer.text(asked));
            debug_assert_eq!(
                (id, buyer),
                (reservation.id, reservation.buyer),
                "a BUY's reservation is its own"
            );
            (buy.id.into(), buy.buyer.into())
        } else {
            (store(reservation.id), store(reservation.buyer))
        };
        let group = reservation.group.map(|part| part.map(store));
        self.reservations.push(ReservationAnswer {
            id,
            buyer,
            group,
            status: reservation.status,
            qty: reservation.qty,
            price: reservation.price,
            amount: reservation.amount,
            expires: reservation.expires,
            event: reservation.event,
            replayed: reservation.replayed,
            late: reservation.late,
            owe: reservation.owe,
        });
    }

    #[inline]
    pub(super) fn refusal_at(&self, at: usize) -> Option<Refusal> {
        match self.kept.get(at) {
            Some(Kept::Refused(refusal)) => Some(*refusal),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn reservation_at<'a>(
        &'a self,
        at: usize,
        asked: &'a [u8],
    ) -> Option<ReservationAnswer<Text<'a>>> {
        match self.kept.get(at) {
            Some(Kept::Reservation(at)) => {
                Some(self.reservations[*at as usize].map(|span| span.text(asked, &self.texts)))
            }
            _ => None,
        }
    }

    /// The answers from this place on; those before it cost nothing.
    pub(super) fn from<'a>(
        &'a self,
        first: usize,
        asked: &'a [u8],
    ) -> impl ExactSizeIterator<Item = Answer<Text<'a>>> {
        let text = |span: Span| span.text(asked, &self.texts);
        self.kept.get(first..).unwrap_or_default().iter().map(move |kept| match kept {
            Kept::Refused(refusal) => Answer::Refused(*refusal),
            Kept::Reservation(at) => Answer::Reservation(self.reservations[*at as usize].map(text)),
            Kept::Other(answer) => answer.map_ref(text),
        })
    }

    /// Empties it and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.reservations.clear();
        self.texts.clear();
        self.texts.shrink_to(KEPT_TEXT_BYTES);
    }
}
