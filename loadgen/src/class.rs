//! Sorts every answer into one of a few classes, so that goodput is never mixed with what flatters it.
//!
//! A refusal or a replay is cheap for a server; a figure that adds them to accepted reservations says nothing.
//! Owns the classes and how a reply falls into one; the counts live in `record` and `closed`.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Serialize;

use crate::wire::frame::{Frame, Head};

/// What an answer is to the one who measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A BUY that took units: the goodput.
    Accepted,
    /// A BUY answered with the reservation that its id already had.
    Replayed,
    /// A BUY answered with a business refusal.
    Refused,
    /// A PAY, CANCEL or RETURN that was answered with a state.
    Settled,
    /// A question that changes nothing, or PING.
    Read,
    /// Turned away by overload; nothing was taken.
    Busy,
    /// Any other RESP error, or an answer that makes no sense.
    Error,
    /// No answer in time, or a connection that broke first.
    Timeout,
}

impl Class {
    /// Every class, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Replayed,
        Self::Refused,
        Self::Settled,
        Self::Read,
        Self::Busy,
        Self::Error,
        Self::Timeout,
    ];

    /// Its name in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Replayed => "replayed",
            Self::Refused => "refused",
            Self::Settled => "settled",
            Self::Read => "read",
            Self::Busy => "busy",
            Self::Error => "error",
            Self::Timeout => "timeout",
        }
    }

    /// Its place in [`Class::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// What kind of command an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A BUY.
    Buy,
    /// A PAY, CANCEL or RETURN.
    Settle,
    /// SHOW and other questions, PING.
    Read,
    /// The sale script of the Redis peer: 1 sold, 0 sold out, -1 this buyer has one already.
    RedisSale,
    /// Any command of a peer that changes something; every answer but an error counts as accepted.
    Write,
}

/// The class of an answer.
#[inline]
pub fn classify(asked: Asked, frame: Frame<'_>) -> Class {
    match (frame.head(), asked) {
        (Head::Error(text), _) => {
            if text.starts_with(b"BUSY") {
                Class::Busy
            } else {
                Class::Error
            }
        }
        (Head::Status(status), Asked::Buy) => classify_buy(status, frame),
        (Head::Status(status), Asked::Settle) => {
            if is_state(status) {
                Class::Settled
            } else {
                Class::Refused
            }
        }
        (Head::Integer(1), Asked::RedisSale) | (_, Asked::Write) => Class::Accepted,
        (Head::Integer(_), Asked::RedisSale) => Class::Refused,
        (_, Asked::Read) => Class::Read,
        _ => Class::Error,
    }
}

/// Built once: building the search costs more than the search.
static REPLAYED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("replayed"));

#[inline]
fn classify_buy(status: &[u8], frame: Frame<'_>) -> Class {
    if !is_state(status) {
        return Class::Refused;
    }
    // Replays are rare next to the rest, and the pair stands near the end: one search of the bytes is
    // cheaper than walking the pairs. A false hit inside an id is settled by the walk.
    if REPLAYED.find(frame.bytes()).is_some() && frame.field(b"replayed").is_some() {
        Class::Replayed
    } else {
        Class::Accepted
    }
}

/// Whether a status is a reservation's state; all others are refusals.
#[inline]
pub fn is_state(status: &[u8]) -> bool {
    matches!(status, b"HELD" | b"PAID" | b"WON" | b"WAITING" | b"RELEASED" | b"REFUNDED" | b"FORFEITED")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(asked: Asked, bytes: &[u8]) -> Class {
        classify(asked, Frame::new(bytes))
    }

    #[test]
    fn an_accepted_buy_is_apart_from_its_replay_and_from_a_refusal() {
        assert_eq!(class(Asked::Buy, b"%1\r\n+status\r\n+HELD\r\n"), Class::Accepted);
        assert_eq!(class(Asked::Buy, b"%2\r\n+status\r\n+HELD\r\n$8\r\nreplayed\r\n:1\r\n"), Class::Replayed);
        assert_eq!(class(Asked::Buy, b"%1\r\n+status\r\n$8\r\nSOLD_OUT\r\n"), Class::Refused);
    }

    #[test]
    fn an_id_that_says_replayed_is_not_a_replay() {
        let answer = b"%2\r\n+status\r\n+HELD\r\n+id\r\n+replayed\r\n";
        assert_eq!(class(Asked::Buy, answer), Class::Accepted);
    }

    #[test]
    fn overload_is_busy_and_everything_else_an_error() {
        assert_eq!(class(Asked::Buy, b"-BUSY the queue is full\r\n"), Class::Busy);
        assert_eq!(class(Asked::Settle, b"-SHARDDOWN shard 0\r\n"), Class::Error);
        assert_eq!(class(Asked::Buy, b"+OK\r\n"), Class::Error);
    }
}
