//! The words of the product as single bytes. The numbers are stable: a new word gets a new number.

use super::{CodecError, Reader, Writer};
use crate::event::{CloseCause, EndCause, GroupIndex, Sent};
use crate::request::Restock;
use crate::status::{GroupState, Status};

impl Writer<'_> {
    pub(crate) fn status(&mut self, status: Status) {
        self.byte(status as u8);
    }

    pub(crate) fn group_state(&mut self, state: GroupState) {
        self.byte(state as u8);
    }

    pub(crate) fn end_cause(&mut self, cause: EndCause) {
        self.byte(match cause {
            EndCause::Expired => 1,
            EndCause::Cancelled => 2,
            EndCause::GroupFailed => 3,
            EndCause::Returned => 4,
            EndCause::Revoked => 5,
        });
    }

    pub(crate) fn close_cause(&mut self, cause: CloseCause) {
        self.byte(match cause {
            CloseCause::Deadline => 1,
            CloseCause::Operator => 2,
        });
    }

    pub(crate) fn restock(&mut self, restock: Restock) {
        self.byte(match restock {
            Restock::Yes => 1,
            Restock::No => 2,
        });
    }

    /// How GROUP was sent: one number, since a group's position is wanted in one case only.
    pub(crate) fn sent(&mut self, sent: Sent) {
        self.number(match sent {
            Sent::New => 1,
            Sent::Any => 2,
            Sent::Join(group) => 3 + u64::from(group.0),
        });
    }
}

impl Reader<'_> {
    pub(crate) fn status(&mut self) -> Result<Status, CodecError> {
        let number = self.byte()?;
        let status = Status::ALL.into_iter().find(|status| *status as u8 == number);
        status.ok_or_else(|| self.expected("a reservation's state, 1 to 7, before this byte"))
    }

    pub(crate) fn group_state(&mut self) -> Result<GroupState, CodecError> {
        match self.byte()? {
            1 => Ok(GroupState::Open),
            2 => Ok(GroupState::Formed),
            3 => Ok(GroupState::Failed),
            4 => Ok(GroupState::Absorbed),
            _ => Err(self.expected("a group's state, 1 to 4, before this byte")),
        }
    }

    pub(crate) fn end_cause(&mut self) -> Result<EndCause, CodecError> {
        match self.byte()? {
            1 => Ok(EndCause::Expired),
            2 => Ok(EndCause::Cancelled),
            3 => Ok(EndCause::GroupFailed),
            4 => Ok(EndCause::Returned),
            5 => Ok(EndCause::Revoked),
            _ => Err(self.expected("why a reservation ended, 1 to 5, before this byte")),
        }
    }

    pub(crate) fn close_cause(&mut self) -> Result<CloseCause, CodecError> {
        match self.byte()? {
            1 => Ok(CloseCause::Deadline),
            2 => Ok(CloseCause::Operator),
            _ => Err(self.expected("who closed, 1 or 2, before this byte")),
        }
    }

    pub(crate) fn restock(&mut self) -> Result<Restock, CodecError> {
        match self.byte()? {
            1 => Ok(Restock::Yes),
            2 => Ok(Restock::No),
            _ => Err(self.expected("where units went, 1 or 2, before this byte")),
        }
    }

    pub(crate) fn sent(&mut self) -> Result<Sent, CodecError> {
        match self.number()? {
            1 => Ok(Sent::New),
            2 => Ok(Sent::Any),
            number => {
                let group = number.checked_sub(3).and_then(|group| u32::try_from(group).ok());
                let group = group.ok_or_else(|| self.expected("how GROUP was sent before this byte"))?;
                Ok(Sent::Join(GroupIndex(group)))
            }
        }
    }
}
