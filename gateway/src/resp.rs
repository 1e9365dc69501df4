//! The Redis protocol as bytes: frames in, replies out, RESP2 and RESP3.
//!
//! Nothing here knows a command or an answer; `command` reads the frames and `reply` writes through the encoder.

pub mod decode;
pub mod encode;

pub use decode::{DecodeError, Decoder, Frame, Limits};
pub use encode::{Encoder, Key, Protocol};
