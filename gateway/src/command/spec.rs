//! What a line of the table of commands says.
//!
//! The lines themselves are in `table`; here is their form, and what follows from one line alone.

use crate::command::Command;
use crate::command::args::Args;
use crate::command::error::CommandError;
use crate::resp::decode::Frame;

/// Who a command is for; the group of COMMAND DOCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The storefront's.
    Storefront,
    /// The operator's.
    Operator,
    /// About the connection.
    Connection,
    /// About the server.
    Server,
    /// MULTI and its like.
    Transactions,
    /// The feeds.
    Feed,
}

impl Group {
    /// The name in COMMAND DOCS and in the docs.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Storefront => "storefront",
            Group::Operator => "operator",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Transactions => "transactions",
            Group::Feed => "feed",
        }
    }
}

/// Whether a command changes anything; its flags and ACL categories follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes the sale.
    Write,
    /// Reads the sale.
    Read,
    /// Touches no sale.
    None,
}

/// Where the keys of a command stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// It has none.
    None,
    /// One, the argument at this place.
    At(u8),
    /// Behind the word STREAMS, the first half of what stands there.
    Streams,
}

impl Keys {
    /// The place of the only key; 0 where there is none, or more than a place can say.
    pub const fn place(self) -> u8 {
        match self {
            Keys::At(place) => place,
            Keys::None | Keys::Streams => 0,
        }
    }
}

/// Reads the arguments of a command.
pub type Parse = for<'a> fn(Args<'a>) -> Result<Command<'a>, CommandError>;

/// One command or subcommand.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name, or the subcommand's own word.
    pub name: &'static str,
    /// Its name with the command's before it.
    pub full_name: &'static str,
    /// Arguments, names included; negative: at least so many.
    pub arity: i16,
    /// Where its keys stand.
    pub keys: Keys,
    /// What it does to a sale.
    pub effect: Effect,
    /// Who it is for.
    pub group: Group,
    /// Its arguments.
    pub syntax: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// What its answer's `status` may be; empty where the answer is no map.
    pub statuses: &'static [&'static str],
    /// Reads it.
    pub parse: Parse,
    /// Its subcommands; where there are any, the second argument names one.
    pub subcommands: &'static [Spec],
}

impl Spec {
    /// Whether a word is its name, in any case.
    #[inline]
    pub fn is_named(&self, word: &[u8]) -> bool {
        self.name.as_bytes().eq_ignore_ascii_case(word)
    }

    /// How many words name it.
    pub fn words(&self) -> usize {
        if self.name.len() == self.full_name.len() { 1 } else { 2 }
    }

    /// Whether a frame has as many arguments as it takes.
    pub fn check_arity(&self, frame: Frame<'_>) -> Result<(), CommandError> {
        let count = frame.args_count();
        let wanted = usize::from(self.arity.unsigned_abs());
        if count == wanted || (self.arity < 0 && count > wanted) {
            return Ok(());
        }
        Err(CommandError::Arity { command: self.full_name, syntax: self.syntax })
    }

    /// The keys of a frame of this command.
    pub fn keys_of<'a>(&self, frame: Frame<'a>) -> Vec<&'a [u8]> {
        match self.keys {
            Keys::None => Vec::new(),
            Keys::At(place) => frame.arg(usize::from(place)).into_iter().collect(),
            Keys::Streams => {
                let is_word = |index: &usize| {
                    frame.arg(*index).is_some_and(|word| word.eq_ignore_ascii_case(b"STREAMS"))
                };
                let Some(word) = (1..frame.args_count()).find(is_word) else { return Vec::new() };
                let feeds = (frame.args_count() - word - 1) / 2;
                (word + 1..=word + feeds).filter_map(|index| frame.arg(index)).collect()
            }
        }
    }
}
