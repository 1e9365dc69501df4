//! The kinds of rows that a snapshot's pieces hold, in the order in which they are written. A number is never given
//! twice.

/// Version, last event, its time, how many pools and offers follow. One row, first of all.
pub(super) const HEAD: u8 = 1;
/// An epoch and its first event.
pub(super) const EPOCHS: u8 = 2;
/// A pool: id, total, held, sold.
pub(super) const POOLS: u8 = 3;
/// What one POOL ADD did: pool, operation, units.
pub(super) const POOL_OPS: u8 = 4;
/// An offer: id, definition, window, pools, sums, and how many rows of each kind it has.
pub(super) const OFFER: u8 = 5;
/// What one EXTEND did: operation, how far.
pub(super) const OFFER_OPS: u8 = 6;
/// A hold queue: first reservation not yet passed, first one beyond.
pub(super) const HOLD_RUNS: u8 = 7;
/// A buyer: id, live units, the last group sat down in.
pub(super) const BUYERS: u8 = 8;
/// A reservation.
pub(super) const RESERVATIONS: u8 = 9;
/// A rare fact about a reservation, oldest first.
pub(super) const NOTES: u8 = 10;
/// A group.
pub(super) const GROUPS: u8 = 11;
/// A seat that a reservation has or had.
pub(super) const SEATS: u8 = 12;
/// A group and a seat in its list, in the list's order.
pub(super) const MEMBERS: u8 = 13;
/// A group whose members' end is being told, in the order in which they are taken up.
pub(super) const SETTLING: u8 = 14;
/// How an offer's counters of demand stand.
pub(super) const DEMAND: u8 = 15;
/// Nothing may follow: how many pieces came before.
pub(super) const END: u8 = 16;
