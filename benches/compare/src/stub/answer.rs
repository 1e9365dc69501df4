//! The bytes that the stub answers a BUY with: a sample from the real server, the id put in.
//!
//! A sample is taken from Stampede just before the measurement, so that both servers answer the
//! same bytes; only the digits of the deadline and the event stay those of the sample. Called by
//! `stub` at its start and for each BUY.

use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write;

/// One answer, cut where the reservation's id goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    before_id: Vec<u8>,
    /// What follows the id; nothing where the answer names no id, as a refusal.
    after_id: Option<Vec<u8>>,
}

impl Answer {
    /// Cuts `sample` around `sample_id`, which the sample holds at most once.
    pub(crate) fn from_sample(sample: &[u8], sample_id: &str) -> Result<Self> {
        ensure!(!sample.is_empty(), "the sample answer is empty; expected the bytes of one reply");
        let bulk = format!("${}\r\n{sample_id}\r\n", sample_id.len()).into_bytes();
        let places: Vec<usize> =
            sample.windows(bulk.len()).enumerate().filter(|(_, w)| *w == bulk).map(|(at, _)| at).collect();
        match places[..] {
            [] => Ok(Self { before_id: sample.to_vec(), after_id: None }),
            [at] => Ok(Self {
                before_id: sample[..at].to_vec(),
                after_id: Some(sample[at + bulk.len()..].to_vec()),
            }),
            _ => bail!("the sample answer holds the id {sample_id} {} times; expected once", places.len()),
        }
    }

    /// Appends the answer for the id given as a whole bulk string.
    pub(crate) fn write(&self, id_bulk: &[u8], output: &mut Vec<u8>) {
        output.extend_from_slice(&self.before_id);
        if let Some(after) = &self.after_id {
            output.extend_from_slice(id_bulk);
            output.extend_from_slice(after);
        }
    }
}

/// Bytes as two hexadecimal digits each, for the stub's command line.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// Reads what `to_hex` wrote.
pub(crate) fn from_hex(text: &str) -> Result<Vec<u8>> {
    ensure!(text.is_ascii() && text.len().is_multiple_of(2), "expected two hexadecimal digits per byte");
    (0..text.len())
        .step_by(2)
        .map(|at| {
            u8::from_str_radix(&text[at..at + 2], 16).with_context(|| {
                format!("expected hexadecimal digits at {at}, found {:?}", &text[at..at + 2])
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Answer, from_hex, to_hex};

    #[test]
    fn an_accepted_answer_carries_the_id_of_its_request() {
        let sample = b"*4\r\n$6\r\nstatus\r\n$4\r\nHELD\r\n$2\r\nid\r\n$2\r\nr1\r\n";
        let answer = Answer::from_sample(sample, "r1").unwrap();
        let mut output = Vec::new();
        answer.write(b"$3\r\nr22\r\n", &mut output);
        assert_eq!(output, b"*4\r\n$6\r\nstatus\r\n$4\r\nHELD\r\n$2\r\nid\r\n$3\r\nr22\r\n");
    }

    #[test]
    fn a_refusal_is_answered_as_it_stands() {
        let sample = b"*2\r\n$6\r\nstatus\r\n$8\r\nSOLD_OUT\r\n";
        let answer = Answer::from_sample(sample, "r1").unwrap();
        let mut output = Vec::new();
        answer.write(b"$3\r\nr22\r\n", &mut output);
        assert_eq!(output, sample);
    }

    #[test]
    fn a_sample_that_names_the_id_twice_or_is_empty_is_no_sample() {
        assert!(Answer::from_sample(b"$1\r\nr\r\n$1\r\nr\r\n", "r").is_err());
        assert!(Answer::from_sample(b"", "r").is_err());
    }

    #[test]
    fn hexadecimal_digits_come_back_as_the_same_bytes() {
        assert_eq!(from_hex(&to_hex(b"\r\n\x00\xff")).unwrap(), b"\r\n\x00\xff");
        assert!(from_hex("0").is_err());
        assert!(from_hex("zz").is_err());
    }
}
