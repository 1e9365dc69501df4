//! What one answer said, small enough to keep for every command of a run.
//!
//! Answers are heard once, on the hot path; the ledger judges them after the run. So each becomes an
//! [`Outcome`] of a few words. Called by `open` and `play`; read by `ledger` and `record`.

use crate::class::Class;
use crate::feed::EntryId;
use crate::plan::{Action, IntentIndex, Plan, ReservationIndex};
use crate::wire::frame::{Frame, Head};

macro_rules! verdicts {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// A status or an error, as a number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Verdict { $(#[doc = $doc] $variant),* }

        impl Verdict {
            /// Every verdict, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name on the wire, or in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            fn of_status(status: &[u8]) -> Self {
                $(if status == $name.as_bytes() { return Self::$variant; })*
                Self::OtherStatus
            }
        }
    };
}

verdicts! {
    // The states come first, in the order in which a reservation goes through them.
    Held "HELD" "Held, unpaid.",
    Waiting "WAITING" "On the waiting list.",
    Paid "PAID" "Paid, not final.",
    Won "WON" "Final.",
    Released "RELEASED" "Ended unpaid.",
    Refunded "REFUNDED" "Ended paid.",
    Forfeited "FORFEITED" "Ended with the deposit kept.",
    SoldOut "SOLD_OUT" "No units left.",
    Limit "LIMIT" "A limit would be passed.",
    OfferUnknown "OFFER_UNKNOWN" "No such offer.",
    IdConflict "ID_CONFLICT" "The id belongs to another intent.",
    NotOpen "NOT_OPEN" "Too early.",
    Paused "PAUSED" "Paused.",
    Closed "CLOSED" "Over.",
    NotAdmitted "NOT_ADMITTED" "Not admitted.",
    GroupUnknown "GROUP_UNKNOWN" "No such group.",
    GroupOver "GROUP_OVER" "The group has ended.",
    GroupFull "GROUP_FULL" "No seat is free.",
    GroupMember "GROUP_MEMBER" "In an open group already.",
    WaitlistFull "WAITLIST_FULL" "The waiting list is full.",
    Unknown "UNKNOWN" "No such reservation.",
    Amount "AMOUNT" "Not the amount due.",
    OtherStatus "another status" "A status that this client does not know.",
    OtherId "another reservation's answer" "The id is missing, or not the one that was asked about.",
    Busy "-BUSY" "Turned away by overload.",
    ShardDown "-SHARDDOWN" "The shard has stopped.",
    OtherError "-ERR and others" "Another error, or no sense.",
    Lost "no answer" "No answer came.",
}

impl Verdict {
    /// Whether it is a reservation's state.
    pub fn is_state(self) -> bool {
        self <= Self::Forfeited
    }

    /// Whether units are taken in this state.
    pub fn takes_units(self) -> bool {
        matches!(self, Self::Held | Self::Paid | Self::Won)
    }

    /// Reads an answer's status or error.
    pub fn of(frame: Frame<'_>) -> Self {
        match frame.head() {
            Head::Status(status) => Self::of_status(status),
            Head::Error(text) if text.starts_with(b"BUSY") => Self::Busy,
            Head::Error(text) if text.starts_with(b"SHARDDOWN") => Self::ShardDown,
            _ => Self::OtherError,
        }
    }

    /// Whether it is an answer that no command of a run may get.
    pub fn is_fault(self) -> bool {
        matches!(self, Self::ShardDown | Self::OtherError | Self::OtherStatus | Self::OtherId)
    }
}

/// One answer, kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The command.
    pub intent: IntentIndex,
    /// What was said.
    pub verdict: Verdict,
    /// Whether it repeats an earlier decision.
    pub is_replayed: bool,
    /// The group named, by its leader's reservation.
    pub group: Option<ReservationIndex>,
    /// The units named.
    pub qty: Option<i64>,
    /// The price per unit named.
    pub price: Option<i64>,
    /// The amount named.
    pub amount: Option<i64>,
    /// The feed's entry that was named: that of the reservation's acceptance.
    pub event: Option<EntryId>,
    /// What it made the storefront owe.
    pub owe: i64,
    /// When it was heard, in nanoseconds from the start of an open-loop run; 0 in a replay.
    pub heard_ns: u64,
}

impl Outcome {
    /// Reads the answer to a command about this reservation.
    pub fn read(intent: IntentIndex, reservation: ReservationIndex, frame: Frame<'_>) -> Self {
        let mut outcome = Self { verdict: Verdict::of(frame), ..Self::lost(intent) };
        if !outcome.verdict.is_state() {
            return outcome;
        }
        let mut id = None;
        // One walk over the pairs: asking for each field by itself would scan the answer five times.
        let mut items = frame.items();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            match key.text() {
                Some(b"id") => id = value.text().and_then(Plan::index_of),
                Some(b"replayed") => outcome.is_replayed = true,
                Some(b"group") => outcome.group = value.text().and_then(Plan::index_of),
                Some(b"qty") => outcome.qty = value.number(),
                Some(b"price") => outcome.price = value.number(),
                Some(b"amount") => outcome.amount = value.number(),
                Some(b"event") => outcome.event = value.text().and_then(EntryId::parse),
                Some(b"owe") => outcome.owe = value.number().unwrap_or(0),
                _ => {}
            }
        }
        // Answers are matched to commands by order alone; two that changed places must not go unnoticed.
        if id == Some(reservation) {
            outcome
        } else {
            Self { verdict: Verdict::OtherId, ..Self::lost(intent) }
        }
    }

    /// A command that was never answered.
    pub fn lost(intent: IntentIndex) -> Self {
        Self {
            intent,
            verdict: Verdict::Lost,
            is_replayed: false,
            group: None,
            qty: None,
            price: None,
            amount: None,
            event: None,
            owe: 0,
            heard_ns: 0,
        }
    }

    /// Its class, as an answer to this action.
    pub fn class(&self, action: Action) -> Class {
        match self.verdict {
            Verdict::Busy => Class::Busy,
            fault if fault.is_fault() => Class::Error,
            Verdict::Lost => Class::Timeout,
            _ if action == Action::Show => Class::Read,
            state if !state.is_state() => Class::Refused,
            _ if action != Action::Buy => Class::Settled,
            _ if self.is_replayed => Class::Replayed,
            _ => Class::Accepted,
        }
    }
}
