//! The stable numbers of the kinds of events. A number is never given twice.

pub(super) const ACCEPTED: u8 = 1;
pub(super) const PAID: u8 = 2;
pub(super) const RELEASED: u8 = 3;
pub(super) const WON: u8 = 4;
pub(super) const REFUNDED: u8 = 5;
pub(super) const OWED: u8 = 6;
pub(super) const RETURNED: u8 = 7;
pub(super) const GROUP_OPENED: u8 = 8;
pub(super) const GROUP_FORMED: u8 = 9;
pub(super) const GROUP_FAILED: u8 = 10;
pub(super) const LEADER: u8 = 11;
pub(super) const MOVED: u8 = 12;
pub(super) const OFFER_PUT: u8 = 13;
pub(super) const OFFER_CHANGED: u8 = 14;
pub(super) const OFFER_PAUSED: u8 = 15;
pub(super) const OFFER_RESUMED: u8 = 16;
pub(super) const OFFER_CLOSED: u8 = 17;
pub(super) const OFFER_EXTENDED: u8 = 18;
pub(super) const POOL_ADDED: u8 = 19;
pub(super) const OFFER_REMOVED: u8 = 20;
pub(super) const DEMAND: u8 = 21;
