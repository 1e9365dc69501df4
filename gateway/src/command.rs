//! The commands: one table, and how a frame becomes something to do.
//!
//! [`table::TABLE`] is the only list of commands. Names, arity, keys, syntax and summaries are read from it by the parser,
//! by COMMAND and its subcommands, by `stampede docs` and by the tests. Nothing here knows the engine, a socket or an
//! answer; the connection calls [`parse`].

pub mod args;
pub mod describe;
pub mod error;
pub mod feed;
mod foreign;
mod later;
pub mod operator;
pub mod session;
pub mod spec;
pub mod storefront;
pub mod table;

use crate::resp::decode::Frame;
use args::Args;
use error::{CommandError, Shown};
use feed::FeedAsk;
use session::{Local, Session};
use spec::Spec;
use stampede_engine::core::{Request, Text};

/// What a frame asks for.
#[derive(Debug)]
pub enum Command<'a> {
    /// One shard, that of the request's key.
    Shard(Request<Text<'a>>),
    /// Every shard; the answers become one.
    EveryShard(EveryShard),
    /// The feeds.
    Feed(FeedAsk),
    /// The connection itself.
    Session(Session<'a>),
    /// Nobody else: the answer follows from the frame and from counters.
    Local(Local<'a>),
}

/// A question to every shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EveryShard {
    /// AUDIT of everything.
    Audit,
    /// OFFER LIST: the offers from `cursor` on.
    OfferList {
        /// Where to go on.
        cursor: ListCursor,
        /// At most so many.
        count: u32,
    },
}

/// A place in the list of all offers: the shard, and the offers of it to pass over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListCursor {
    /// The shard.
    pub shard: u16,
    /// Offers to pass over.
    pub skip: u32,
}

impl ListCursor {
    /// The number on the wire; 0 is the beginning.
    pub const fn number(self) -> u64 {
        (self.shard as u64) << 32 | self.skip as u64
    }

    /// The place that a number on the wire names, if it is one.
    pub const fn from_number(number: u64) -> Option<Self> {
        if number >> 48 != 0 {
            return None;
        }
        Some(ListCursor { shard: (number >> 32) as u16, skip: number as u32 })
    }
}

/// Reads a frame. The first mistake found is the error; nothing has been done then.
pub fn parse(frame: Frame<'_>) -> Result<Command<'_>, CommandError> {
    let spec = find(frame)?;
    spec.check_arity(frame)?;
    (spec.parse)(Args::new(frame, spec))
}

/// The line of the table that a frame's name, or name and subcommand, stands for.
pub fn find(frame: Frame<'_>) -> Result<&'static Spec, CommandError> {
    let name = frame.name();
    let Some(spec) = table::TABLE.iter().find(|spec| spec.is_named(name)) else {
        return Err(match (later::later(name), foreign::foreign(name)) {
            (Some(command), _) => CommandError::NotYet(command),
            (None, Some((command, why))) => CommandError::Foreign { command, why },
            (None, None) => CommandError::Unknown(Shown::new(name)),
        });
    };
    if spec.subcommands.is_empty() {
        return Ok(spec);
    }
    let Some(word) = frame.arg(1) else {
        // COMMAND alone is a command; the other containers want a subcommand.
        return Ok(spec);
    };
    spec.subcommands.iter().find(|sub| sub.is_named(word)).ok_or_else(|| {
        match (later::later_subcommand(spec, word), foreign::foreign_subcommand(spec.name, word)) {
            (Some(command), _) => CommandError::NotYet(command),
            (None, Some((command, why))) => CommandError::Foreign { command, why },
            (None, None) => CommandError::UnknownSubcommand {
                command: spec.name,
                syntax: spec.syntax,
                word: Shown::new(word),
            },
        }
    })
}
