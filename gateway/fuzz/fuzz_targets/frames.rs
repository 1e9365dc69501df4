//! Any bytes at all through the frame parser and the command parser.
//!
//! The first byte says where to cut the rest: whole or in two, the frames and the error must be the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stampede_gateway::command;
use stampede_gateway::resp::decode::{DecodeError, Decoder, Limits};

fn decode(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<DecodeError>) {
    let limits = Limits::default();
    let mut decoder = Decoder::new(limits);
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let len = match decoder.decode(&buffer) {
                Ok(Some(frame)) => {
                    assert!(frame.args_count() <= limits.args);
                    frames.push(frame.bytes().to_vec());
                    let _command_or_error = command::parse(frame);
                    frame.bytes().len()
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            };
            buffer.drain(..len);
        }
    }
    (frames, None)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&cut, rest)) = bytes.split_first() else { return };
    let at = usize::from(cut) * rest.len() / 256;
    assert_eq!(decode(&[rest]), decode(&[&rest[..at], &rest[at..]]));
});
