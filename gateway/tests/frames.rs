//! The frame parser under random and mutated bytes: it never panics, keeps its limits, and where the bytes are cut
//! makes no difference.
//!
//! Proptest shrinks what fails, prints it, and keeps its seed in `frames.regressions` next to this file;
//! `cargo test -p stampede-gateway --test frames` replays it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use stampede_gateway::command;
use stampede_gateway::resp::decode::{DecodeError, Decoder, Limits};

const LIMITS: Limits = Limits { args: 16, arg_bytes: 64, frame_bytes: 256, inline_bytes: 64 };
/// Wide enough that a short frame which is whole is read at one look.
const WIDE: Limits = Limits { args: 16, arg_bytes: 99, frame_bytes: 1_024, inline_bytes: 64 };

/// The frames in some bytes that arrive in pieces, and the error that ends them.
fn decode(pieces: &[&[u8]]) -> (Vec<Vec<Vec<u8>>>, Option<DecodeError>) {
    decode_within(LIMITS, pieces)
}

fn decode_within(limits: Limits, pieces: &[&[u8]]) -> (Vec<Vec<Vec<u8>>>, Option<DecodeError>) {
    let mut decoder = Decoder::new(limits);
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let len = match decoder.decode(&buffer) {
                Ok(Some(frame)) => {
                    assert!(frame.args_count() >= 1 && frame.args_count() <= limits.args);
                    let args = (0..frame.args_count()).filter_map(|index| frame.arg(index));
                    frames.push(args.map(<[u8]>::to_vec).collect());
                    // Whatever a frame says, reading it as a command ends in a command or an error.
                    let _command_or_error = command::parse(frame);
                    frame.bytes().len()
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            };
            assert!(len > 0 && len <= limits.frame_bytes);
            buffer.drain(..len);
        }
        assert!(buffer.len() <= limits.frame_bytes + piece.len(), "what is no whole frame stays bounded");
    }
    (frames, None)
}

fn encode(frames: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        bytes.extend(format!("*{}\r\n", frame.len()).into_bytes());
        for arg in frame {
            bytes.extend(format!("${}\r\n", arg.len()).into_bytes());
            bytes.extend(arg);
            bytes.extend(b"\r\n");
        }
    }
    bytes
}

fn a_word() -> impl Strategy<Value = Vec<u8>> {
    let words =
        ["BUY", "OFFER", "PUT", "QTY", "GROUP", "NEW", "sku", "r1", "0", "18446744073709551616", "{", "TAGS"];
    prop_oneof![
        3 => proptest::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn some_frames() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    vec(vec(a_word(), 1..7), 0..6)
}

/// Bytes that look like the protocol more often than chance would have it.
fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "*",
        "$",
        "\r\n",
        "\n",
        "\r",
        "-",
        "1",
        "3",
        "65",
        "100000000",
        "BUY",
        " ",
        "\"",
        "'",
        "\\",
        "*1\r\n$4\r\nPING\r\n",
    ];
    let piece = prop_oneof![
        6 => proptest::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn config() -> ProptestConfig {
    let persistence = FileFailurePersistence::WithSource("regressions");
    ProptestConfig {
        cases: 2_000,
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn frames_come_out_as_they_went_in(frames in some_frames()) {
        prop_assert_eq!(decode(&[&encode(&frames)]), (frames, None));
    }

    #[test]
    fn where_the_bytes_are_cut_makes_no_difference(bytes in likely_bytes(), cuts in vec(any::<prop::sample::Index>(), 0..4)) {
        let whole = decode(&[&bytes]);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.sort_unstable();
        let mut pieces = Vec::new();
        let mut start = 0;
        for end in at {
            pieces.push(&bytes[start..end]);
            start = end;
        }
        pieces.push(&bytes[start..]);
        prop_assert_eq!(decode(&pieces), whole.clone());
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(decode(&singles), whole);
    }

    #[test]
    fn one_wrong_byte_is_an_error_or_another_frame(frames in some_frames(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encode(&frames);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = decode(&[&bytes]);
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(decode(&singles), whole);
    }

    #[test]
    fn a_short_frame_is_the_same_at_one_look_and_step_by_step(
        frames in some_frames(),
        likely in likely_bytes(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let good = encode(&frames);
        prop_assert_eq!(decode_within(WIDE, &[&good]), (frames, None));
        let mut bytes = [good, likely].concat();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(decode_within(WIDE, &singles), decode_within(WIDE, &[&bytes]));
    }

    #[test]
    fn any_bytes_at_all_are_survived(bytes in vec(any::<u8>(), 0..600)) {
        decode(&[&bytes]);
    }
}

#[test]
fn an_announcement_beyond_a_limit_is_refused_before_its_bytes_come() {
    let error = |bytes: &[u8]| decode(&[bytes]).1;
    assert_eq!(error(b"*17\r\n"), Some(DecodeError::Args { announced: 17, max: 16 }));
    assert_eq!(error(b"*1\r\n$65\r\n"), Some(DecodeError::ArgBytes { announced: 65, max: 64 }));
    assert_eq!(
        error(b"*1\r\n$104857600\r\n"),
        Some(DecodeError::ArgBytes { announced: 104_857_600, max: 64 })
    );
    let wide = |bytes: &[u8]| decode_within(WIDE, &[bytes]).1;
    assert_eq!(wide(b"*17\r\n"), Some(DecodeError::Args { announced: 17, max: 16 }));
    assert_eq!(wide(b"*1\r\n$100\r\n"), Some(DecodeError::ArgBytes { announced: 100, max: 99 }));
    assert_eq!(wide(b"*1\r\n+4\r\n"), Some(DecodeError::NotBulk { got: b'+' }));
    assert_eq!(wide(b"*1\r\n$4\r\nPING\r"), None);
    assert_eq!(wide(b"*1\r\n$4\r\nPINGS\r\n"), Some(DecodeError::NoCrlf));
    let long = encode(&[vec![vec![b'x'; 60]; 5]]);
    assert_eq!(error(&long), Some(DecodeError::FrameBytes { max: 256 }));
    assert_eq!(error(&[b'x'; 64]), Some(DecodeError::InlineBytes { max: 64 }));
}
