//! Reads a state back, piece by piece, and checks what the tables rely on.
//!
//! Bytes that no state wrote give an error: positions must lie inside the tables that their offer announced, counts must
//! come true, times must stay in range. Memory grows with the rows that arrive.
//! Whether the state is the one that was saved is for the caller to see, by the digest.

mod groups;
mod offers;
mod reservations;

use super::{VERSION, tag};
use crate::codec::{CodecError, DemandRead, Reader};
use crate::demand::DemandBoard;
use crate::event::{EventId, OfferIndex, Seq};
use crate::state::{Due, DueKind, Pool, State};
use crate::status::GroupState;
use alloc::vec::Vec;
use offers::Announced;

/// A state that is being read.
struct Loading {
    state: State,
    demand: DemandBoard,
    /// Whether HEAD was read; what it announced.
    head: Option<Head>,
    /// What each offer announced, in order of position.
    offers: Vec<Announced>,
    settling: Vec<Due>,
    /// Pieces read so far.
    pieces: u64,
    is_ended: bool,
}

#[derive(Clone, Copy)]
struct Head {
    pools: u32,
    offers: u32,
}

/// Reads a state from its pieces; `next_piece` fills an empty buffer with the next one, or says that there is none.
/// Offsets in errors count over all pieces.
pub(crate) fn load<E: From<CodecError>>(
    hash_key: u64,
    mut next_piece: impl FnMut(&mut Vec<u8>) -> Result<bool, E>,
) -> Result<(State, DemandBoard), E> {
    let mut loading = Loading {
        state: State::new(hash_key),
        demand: DemandBoard::default(),
        head: None,
        offers: Vec::new(),
        settling: Vec::new(),
        pieces: 0,
        is_ended: false,
    };
    let (mut bytes, mut passed) = (Vec::new(), 0);
    while next_piece(&mut bytes)? {
        let read = loading.piece(&mut Reader::new(&bytes));
        read.map_err(|error| CodecError { offset: error.offset + passed, ..error })?;
        passed += bytes.len();
        bytes.clear();
    }
    loading.finish().map_err(|expected| E::from(CodecError { offset: passed, expected }))
}

impl Loading {
    fn piece(&mut self, read: &mut Reader<'_>) -> Result<(), CodecError> {
        if self.is_ended {
            return Err(read.expected("nothing behind the end"));
        }
        let tag = read.byte()?;
        if self.head.is_none() != (tag == tag::HEAD) {
            return Err(read.expected("the head as the first piece, and only there"));
        }
        let offer = OfferIndex(read.small()?);
        match tag {
            tag::HEAD => self.head(read)?,
            tag::EPOCHS => rows(read, |read| self.epoch(read))?,
            tag::POOLS => rows(read, |read| self.pool(read))?,
            tag::POOL_OPS => rows(read, |read| self.pool_op(read))?,
            tag::OFFER => rows(read, |read| self.offer(read))?,
            tag::OFFER_OPS..=tag::MEMBERS => self.piece_of_offer(tag, offer, read)?,
            tag::SETTLING => rows(read, |read| self.settlement(read))?,
            tag::DEMAND => {
                let mut lists = DemandRead::default();
                rows(read, |read| self.demand(read, &mut lists))?;
            }
            tag::END => {
                if read.number()? != self.pieces {
                    return Err(read.expected("as many pieces as the end says"));
                }
                self.is_ended = true;
            }
            _ => return Err(read.expected("a known kind of rows at the piece's front")),
        }
        self.pieces += 1;
        read.end()
    }

    fn piece_of_offer(
        &mut self,
        tag: u8,
        offer: OfferIndex,
        read: &mut Reader<'_>,
    ) -> Result<(), CodecError> {
        let Some(&announced) = self.offers.get(offer.0 as usize) else {
            return Err(read.expected("an offer before its rows"));
        };
        let state = self.state.offer_mut(offer);
        match tag {
            tag::OFFER_OPS => rows(read, |read| offers::offer_op(read, state)),
            tag::HOLD_RUNS => rows(read, |read| offers::hold_run(read, state, announced)),
            tag::BUYERS => rows(read, |read| reservations::buyer(read, state, announced)),
            tag::RESERVATIONS => rows(read, |read| reservations::reservation(read, state, announced)),
            tag::NOTES => rows(read, |read| reservations::note(read, state, announced)),
            tag::GROUPS => rows(read, |read| groups::group(read, state, announced)),
            tag::SEATS => rows(read, |read| groups::seat(read, state, announced)),
            _ => rows(read, |read| groups::member(read, state)),
        }
    }

    fn head(&mut self, read: &mut Reader<'_>) -> Result<(), CodecError> {
        if read.number()? != VERSION {
            return Err(read.expected("version 1 of a snapshot before this byte"));
        }
        self.state.seq = Seq(read.number()?);
        self.state.at = read.time()?;
        self.head = Some(Head { pools: read.small()?, offers: read.small()? });
        Ok(())
    }

    fn epoch(&mut self, read: &mut Reader<'_>) -> Result<(), CodecError> {
        let first = EventId { epoch: read.number()?, seq: Seq(read.number()?) };
        if self.state.epochs().last().is_some_and(|last| last.seq >= first.seq || last.epoch >= first.epoch) {
            return Err(read.expected("a later epoch than the one before"));
        }
        self.state.restore_epoch(first);
        Ok(())
    }

    fn pool(&mut self, read: &mut Reader<'_>) -> Result<(), CodecError> {
        let id = read.text()?;
        let pool = Pool::restored(id, read.number()?, read.number()?, read.number()?);
        let pool = pool.ok_or_else(|| read.expected("no more units held and sold than the pool has"))?;
        self.state.insert_pool(pool);
        Ok(())
    }

    fn pool_op(&mut self, read: &mut Reader<'_>) -> Result<(), CodecError> {
        let pool = place_in(self.state.pools.len(), read)?;
        let (op, units) = (read.text()?, read.signed()?);
        self.state.pools[pool].ops.insert(op.as_bytes().into(), units);
        Ok(())
    }

    fn settlement(&mut self, read: &mut Reader<'_>) -> Result<(), CodecError> {
        let (at, seq) = (read.time()?, read.number()?);
        let offer = OfferIndex(place_in(self.state.offers.len(), read)?);
        let groups = &self.state.offer(offer).groups.rows;
        let which = place_in(groups.len(), read)?;
        if groups[which].state == GroupState::Open {
            return Err(read.expected("a group that is over before this byte"));
        }
        self.settling.push(Due { at, kind: DueKind::Settlement, seq, offer, which });
        Ok(())
    }

    fn demand<'a>(&mut self, read: &mut Reader<'a>, lists: &mut DemandRead<'a>) -> Result<(), CodecError> {
        let offer = OfferIndex(place_in(self.state.offers.len(), &mut read.clone())?);
        let moved = lists.read(read)?;
        debug_assert_eq!(moved.offer, offer);
        self.demand.restore(&moved);
        Ok(())
    }

    /// Builds what is derived, once everything that was announced is there.
    fn finish(mut self) -> Result<(State, DemandBoard), &'static str> {
        let Some(head) = self.head.filter(|_| self.is_ended) else {
            return Err("a snapshot from its head to its end");
        };
        if self.state.pools.len() != head.pools || self.state.offers.len() != head.offers {
            return Err("as many pools and offers as the head says");
        }
        for (offer, announced) in self.state.offers.iter().zip(&self.offers) {
            announced.check(offer)?;
        }
        self.state.derive(&self.settling);
        Ok((self.state, self.demand))
    }
}

/// Reads rows to the piece's end.
#[inline]
fn rows<'a>(
    read: &mut Reader<'a>,
    mut row: impl FnMut(&mut Reader<'a>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    while !read.is_at_end() {
        row(read)?;
    }
    Ok(())
}

/// A position inside a table of this length.
fn place_in(len: u32, read: &mut Reader<'_>) -> Result<u32, CodecError> {
    let place = read.small()?;
    if place < len { Ok(place) } else { Err(read.expected("a position inside its table before this byte")) }
}
