//! The wire as the load generator speaks it: commands out, answers in.
//!
//! Owns the encoding of commands, the scanning of replies, a blocking client for set-up and checks, and the
//! pipelined driver of one connection. Knows nothing of sales: which command to send, and what an answer
//! means for the books, is decided by the callers (`closed`, `open`, `replay`, `ledger`).
//! Replies are matched to commands by order alone, as the protocol promises.

pub mod client;
pub mod drive;
pub mod encode;
pub mod frame;

use thiserror::Error;

/// What can go wrong between this client and a server.
#[derive(Debug, Error)]
pub enum WireError {
    /// No connection could be made.
    #[error("cannot connect to {addr}: {cause}")]
    Connect {
        /// The address that was tried.
        addr: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The connection failed while in use.
    #[error("the connection to {addr} failed: {cause}")]
    Broken {
        /// The server's address.
        addr: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The server closed the connection while answers were due.
    #[error("{addr} closed the connection with {due} answers due")]
    Closed {
        /// The server's address.
        addr: String,
        /// Commands sent and not answered.
        due: usize,
    },
    /// No byte came for too long.
    #[error("{addr} sent nothing for {waited_ms} ms with {due} answers due")]
    Silent {
        /// The server's address.
        addr: String,
        /// How long the client waited.
        waited_ms: u128,
        /// Commands sent and not answered.
        due: usize,
    },
    /// The bytes are not RESP.
    #[error("{addr} sent what is not RESP: {cause}")]
    Malformed {
        /// The server's address.
        addr: String,
        /// Where the scan stopped and why.
        cause: frame::Malformed,
    },
    /// A command that must work was answered with an error or a refusal.
    #[error("{command} was answered: {answer}")]
    Refused {
        /// What was sent, shortened.
        command: String,
        /// What came back.
        answer: String,
    },
}
