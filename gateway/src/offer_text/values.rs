//! The small values inside an offer: durations, instants, words, and the fields of later versions.
//!
//! Each reads and writes itself and states its own JSON schema, so that the three cannot differ.

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::{Serialize, Serializer};
use stampede_engine::core::{LENGTH_MAX, Late, Millis, Reserve, UnixMs};
use std::borrow::Cow;
use std::fmt;

/// The units of a duration, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const DURATION_EXPECTED: &str = "a duration such as 500ms, 30s, 15m, 24h or 7d, at most 366d";
const INSTANT_EXPECTED: &str =
    "an instant: RFC 3339 with its offset, such as 2026-11-11T00:00:00+08:00, or Unix milliseconds";

/// Whole numbers that are almost surely seconds: 2001 to 5138 as seconds, the first three years as milliseconds.
const SECONDS_BY_MISTAKE: std::ops::Range<u64> = 1_000_000_000..100_000_000_000;
/// The last instant that RFC 3339 can write, give or take an offset.
const INSTANT_MAX: u64 = 253_402_207_200_000;

/// Reads a duration: a whole number and one of `ms s m h d`.
///
/// # Errors
/// What was expected.
pub fn parse_duration(text: &str) -> Result<Millis, &'static str> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (count, unit) = text.split_at(digits);
    let unit_ms = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ms)| *ms);
    let length = unit_ms.zip(count.parse::<u64>().ok()).and_then(|(ms, count)| count.checked_mul(ms));
    match length {
        Some(ms) if Millis::new(ms) <= LENGTH_MAX => Ok(Millis::new(ms)),
        _ => Err(DURATION_EXPECTED),
    }
}

fn duration_text(length: Millis) -> String {
    let ms = length.get();
    let unit = UNITS.iter().find(|(_, unit_ms)| ms != 0 && ms.is_multiple_of(*unit_ms));
    let (unit, unit_ms) = unit.copied().unwrap_or(("ms", 1));
    format!("{}{unit}", ms / unit_ms)
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Duration(pub(super) Millis);

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Duration;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(DURATION_EXPECTED)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                parse_duration(text).map(Duration).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&duration_text(self.0))
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h|d)$",
            "description": "A duration, from 1ms to 366d.",
            "examples": ["500ms", "30s", "15m", "24h", "7d"],
        })
    }
}

/// A point in time; written as Unix milliseconds, as everywhere else on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instant(pub(super) UnixMs);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadInstant)
    }
}

struct ReadInstant;

impl Visitor<'_> for ReadInstant {
    type Value = Instant;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(INSTANT_EXPECTED)
    }
    fn visit_u64<E: de::Error>(self, ms: u64) -> Result<Instant, E> {
        if SECONDS_BY_MISTAKE.contains(&ms) {
            return Err(E::invalid_value(
                Unexpected::Unsigned(ms),
                &"Unix milliseconds, and this looks like seconds",
            ));
        }
        if ms > INSTANT_MAX {
            return Err(E::invalid_value(
                Unexpected::Unsigned(ms),
                &"Unix milliseconds before the year 10000",
            ));
        }
        Ok(Instant(UnixMs::new(ms)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Instant, E> {
        let read = text.parse::<Timestamp>().ok().and_then(|at| u64::try_from(at.as_millisecond()).ok());
        match read {
            Some(ms) => Ok(Instant(UnixMs::new(ms))),
            None => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.get())
    }
}

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An instant: RFC 3339 with its offset, or Unix milliseconds.",
            "oneOf": [
                {"type": "string", "format": "date-time"},
                {"type": "integer", "minimum": 0, "maximum": INSTANT_MAX, "not": {
                    "minimum": SECONDS_BY_MISTAKE.start, "exclusiveMaximum": SECONDS_BY_MISTAKE.end,
                }},
            ],
            "examples": ["2026-11-11T00:00:00+08:00", 1_794_326_400_000_u64],
        })
    }
}

/// A choice between words.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// The words and what they mean.
    const WORDS: &'static [(&'static str, Self)];
    /// The words, for an error.
    const EXPECTED: &'static str;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        struct Read<W>(std::marker::PhantomData<W>);
        impl<W: Word> Visitor<'_> for Read<W> {
            type Value = Option<W>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(W::EXPECTED)
            }
            fn visit_unit<E: de::Error>(self) -> Result<Option<W>, E> {
                Ok(None)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<W>, E> {
                let word = W::WORDS.iter().find(|(word, _)| *word == text);
                let unknown = || E::invalid_value(Unexpected::Str(text), &self);
                word.map(|(_, value)| Some(*value)).ok_or_else(unknown)
            }
        }
        deserializer.deserialize_any(Read(std::marker::PhantomData))
    }

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    fn write<S: Serializer>(word: &Option<Self>, serializer: S) -> Result<S::Ok, S::Error> {
        let word = word.and_then(|value| Self::WORDS.iter().find(|(_, other)| *other == value));
        match word {
            Some((word, _)) => serializer.serialize_str(word),
            None => serializer.serialize_none(),
        }
    }
}

impl Word for Late {
    const WORDS: &'static [(&'static str, Late)] = &[("refund", Late::Refund), ("retake", Late::Retake)];
    const EXPECTED: &'static str = "\"refund\" or \"retake\"";
}

impl Word for Reserve {
    const WORDS: &'static [(&'static str, Reserve)] = &[("seat", Reserve::Seat), ("group", Reserve::Group)];
    const EXPECTED: &'static str = "\"seat\" or \"group\"";
}

/// A field of a way to sell that this version does not have: any value is refused, null too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotYet {}

impl<'de> Deserialize<'de> for NotYet {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("not yet supported by this version; leave it out"))
    }
}

impl NotYet {
    /// Reads the field whether its value is null or not.
    pub(super) fn refuse<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        NotYet::deserialize(deserializer).map(Some)
    }
}
