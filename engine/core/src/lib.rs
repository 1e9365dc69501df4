//! The pure state machine of Stampede: who gets a unit, in which group, until when, and what is owed back.
//!
//! One [`Machine`] holds everything that one shard knows. It is driven by [`Request`]s and by time, and it
//! answers with [`Answer`]s; everything that changes it is an [`Event`], so that replaying the events of a shard
//! from the first one gives the same state, bit for bit. There is no clock, no thread, no file and no socket in
//! here: the time is an argument, and the caller decides what "durable" means.
//!
//! ```
//! use stampede_core::{Answer, Machine, Money, Offer, Request, Settings, Status, Text, UnixMs, Unrecorded};
//!
//! let mut machine = Machine::new(Settings::default());
//! let now = UnixMs::new(1_700_000_000_000);
//! let text = |s: &'static str| Text::id(s.as_bytes()).unwrap();
//!
//! let put = Request::OfferPut { offer: text("sku"), definition: Box::new(Offer::with_stock(Money::cash(1990), 1)) };
//! machine.handle(&put, now, &mut Unrecorded);
//!
//! let buy = Request::buy(text("sku"), text("alice"), text("r1"));
//! let Answer::Reservation(answer) = machine.handle(&buy, now, &mut Unrecorded) else { panic!() };
//! assert_eq!(answer.status, Status::Held);
//! ```
//!
//! Layers, lowest first; a file uses only what stands before it:
//! `text`, `time`, `money`, `status` → `offer` → `refusal` → `request` → `event` → `codec` → `answer` → `store` → `state` → `view` →
//! `decide`, `apply`, `audit`, `demand` → `foresee`, `snapshot` → `machine`.
#![no_std]
extern crate alloc;

mod answer;
mod apply;
mod audit;
mod codec;
mod decide;
mod demand;
mod event;
mod foresee;
mod machine;
mod money;
mod offer;
mod refusal;
mod request;
mod snapshot;
mod state;
mod status;
mod store;
mod text;
mod time;
mod view;

pub use answer::{
    Answer, AuditAnswer, BuyerAnswer, DemandAnswer, DemandLine, GroupAnswer, GroupPart, LIST_MAX,
    MemberAnswer, OfferAnswer, OfferSummary, OfferWindow, Page, PoolAnswer, ReservationAnswer,
};
pub use codec::{CodecError, Entries, encode};
pub use event::{
    Accepted, CloseCause, DemandMoved, DemandSecond, EndCause, Entry, Event, EventId, GroupIndex, Names,
    OfferIndex, Record, ReservationIndex, ReservationNames, Seat, Sent, Seq, Stamp, TallyMoved, Unrecorded,
};
pub use machine::{Machine, Settings, Swept};
pub use money::{MAX_NUMBER, Money, ORDER_UNITS_MAX, PRICE_MAX, Units};
pub use offer::{
    ADMISSION_TAGS_MAX, GROUP_SIZE_MAX, HOLD_DEFAULT, LENGTH_MAX, MERGE_SIZE_MAX, POOL_UNITS_MAX, TAKES_MAX,
    TITLE_BYTES_MAX,
};
pub use offer::{Admission, Cohort, GroupRule, Late, Limits, Offer, OfferError, Reserve, Settle, Take};
pub use refusal::{Misuse, Refusal};
pub use request::{Buy, GroupChoice, Request, Restock, StateFilter};
pub use state::Keys;
pub use status::{GroupState, Status};
pub use text::{FREE_BYTES_MAX, ID_BYTES_MAX, TAGS_BYTES_MAX, Text, TextError};
pub use time::{Millis, UnixMs};
pub use view::ArchivedReservation;
