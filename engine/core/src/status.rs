//! The states of a reservation and of a group: names, numbers, meaning.
//!
//! Which transitions exist is decided in `decide`; nothing here knows them.

/// Where a reservation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// On the waiting list.
    Waiting = 1,
    /// Its units are held until its deadline.
    Held = 2,
    /// Paid, not yet final.
    Paid = 3,
    /// Final: the units are sold.
    Won = 4,
    /// Ended unpaid; its units went back.
    Released = 5,
    /// Ended paid; what was paid is owed back.
    Refunded = 6,
    /// Ended with the deposit kept.
    Forfeited = 7,
}

impl Status {
    /// Every status, in the order of their numbers.
    pub const ALL: [Status; 7] = [
        Status::Waiting,
        Status::Held,
        Status::Paid,
        Status::Won,
        Status::Released,
        Status::Refunded,
        Status::Forfeited,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Waiting => "WAITING",
            Status::Held => "HELD",
            Status::Paid => "PAID",
            Status::Won => "WON",
            Status::Released => "RELEASED",
            Status::Refunded => "REFUNDED",
            Status::Forfeited => "FORFEITED",
        }
    }

    /// What the state means for the storefront.
    pub const fn message(self) -> &'static str {
        match self {
            Status::Waiting => "On the waiting list; nothing is held yet.",
            Status::Held => {
                "The units are held for the buyer until `expires`; take the payment and send PAY."
            }
            Status::Paid => "Paid, and final once the offer settles it (its group forms).",
            Status::Won => "Sold to the buyer.",
            Status::Released => "Ended unpaid: cancelled, past its deadline, its group failed, or revoked.",
            Status::Refunded => "Ended after it was paid; pay back what its event says is owed.",
            Status::Forfeited => "Ended because the balance was not paid; the deposit is kept.",
        }
    }

    /// The stable number.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Whether the reservation has ended without the units.
    pub const fn is_ended(self) -> bool {
        match self {
            Status::Released | Status::Refunded | Status::Forfeited => true,
            Status::Waiting | Status::Held | Status::Paid | Status::Won => false,
        }
    }
}

/// How a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GroupState {
    /// Seats can be taken and paid.
    Open = 1,
    /// It formed: its paid members have won.
    Formed = 2,
    /// It failed: its members get back what they paid.
    Failed = 3,
    /// Its members moved into another group.
    Absorbed = 4,
}

impl GroupState {
    /// Whether the end of each member follows from it, and is told one by one.
    pub(crate) const fn settles_members(self) -> bool {
        matches!(self, GroupState::Formed | GroupState::Failed)
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            GroupState::Open => "OPEN",
            GroupState::Formed => "FORMED",
            GroupState::Failed => "FAILED",
            GroupState::Absorbed => "ABSORBED",
        }
    }

    /// Seats that can still be taken, of `size` in all and with `seats` taken: none once the group is over.
    pub(crate) const fn seats_left(self, size: u32, seats: u32) -> u32 {
        match self {
            GroupState::Open => size - seats,
            GroupState::Formed | GroupState::Failed | GroupState::Absorbed => 0,
        }
    }
}
