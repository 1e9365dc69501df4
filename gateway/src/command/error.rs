//! What a mistake in a command is answered with.
//!
//! Each names the argument and what was expected. Bytes of the peer's are shown shortened and without control characters.

use stampede_engine::core::TextError;
use std::fmt;
use thiserror::Error;

/// The most bytes of the peer's that an error repeats.
const SHOWN_BYTES_MAX: usize = 64;

/// A command that cannot be done as sent. Nothing was done.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// No such command.
    #[error("unknown command '{0}'")]
    Unknown(Shown),
    /// No such subcommand.
    #[error("unknown subcommand '{word}' of {command}; expected: {command} {syntax}")]
    UnknownSubcommand {
        /// The command.
        command: &'static str,
        /// Its subcommands.
        syntax: &'static str,
        /// As sent.
        word: Shown,
    },
    /// A command, subcommand or argument of a later version.
    #[error("{0} is not yet supported")]
    NotYet(&'static str),
    /// A command of Redis that has no place here.
    #[error("{command} {why}")]
    Foreign {
        /// The command or subcommand.
        command: &'static str,
        /// Why, and what to use.
        why: &'static str,
    },
    /// STREAMS without as many ids as keys.
    #[error("STREAMS: expected keys and as many ids behind them: STREAMS key [key …] id [id …]")]
    Streams,
    /// The feed of a shard that the server does not have.
    #[error("there is no feed:{feed}; this server has feed:0 to feed:{last}, one for each shard")]
    NoFeed {
        /// As asked for.
        feed: u16,
        /// The last one there is.
        last: u16,
    },
    /// Too few or too many arguments.
    #[error("wrong number of arguments for '{command}' command; expected: {command} {syntax}")]
    Arity {
        /// The command.
        command: &'static str,
        /// Its arguments.
        syntax: &'static str,
    },
    /// A word that is no option of the command.
    #[error("unknown option '{word}'; expected: {command} {syntax}")]
    UnknownOption {
        /// As sent.
        word: Shown,
        /// The command.
        command: &'static str,
        /// Its arguments.
        syntax: &'static str,
    },
    /// An option stands twice.
    #[error("{0} is given twice; once is expected")]
    Twice(&'static str),
    /// An option's value is missing.
    #[error("{0}: a value is expected after it")]
    NoValue(&'static str),
    /// An option is missing.
    #[error("{argument} is needed; expected: {command} {syntax}")]
    Missing {
        /// The option.
        argument: &'static str,
        /// The command.
        command: &'static str,
        /// Its arguments.
        syntax: &'static str,
    },
    /// An argument is no text of its kind.
    #[error("{argument} {error}")]
    Text {
        /// The argument.
        argument: &'static str,
        /// Why not.
        error: TextError,
    },
    /// An argument is not what was expected.
    #[error("{argument}: expected {expected}, got '{got}'")]
    Value {
        /// The argument.
        argument: &'static str,
        /// What was expected.
        expected: &'static str,
        /// As sent.
        got: Shown,
    },
    /// The definition of an offer is mistaken; the message has the field's path.
    #[error("{0}")]
    Offer(String),
}

/// Bytes of the peer's, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// The first bytes, control characters as `?`.
    pub fn new(bytes: &[u8]) -> Self {
        let cut = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
        let text = String::from_utf8_lossy(cut);
        let mut shown: String = text.chars().map(|char| if char.is_control() { '?' } else { char }).collect();
        if bytes.len() > cut.len() {
            shown.push('…');
        }
        Shown(shown)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
