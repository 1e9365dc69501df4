//! Reads the arguments of one frame from left to right: first those with a place, then options by name.
//!
//! Options come in any order, each at most once. Every error names the argument. Nothing is copied.

use crate::command::error::{CommandError, Shown};
use crate::command::later::later_option;
use crate::command::spec::Spec;
use crate::resp::decode::Frame;
use stampede_engine::core::{LIST_MAX, MAX_NUMBER, Millis, ORDER_UNITS_MAX, Text, Units};

/// The arguments behind a command's name (and subcommand).
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    frame: Frame<'a>,
    spec: &'static Spec,
    next: usize,
    /// One bit for each option that was given, by its place among the names passed to [`Args::option`].
    given: u32,
}

impl<'a> Args<'a> {
    /// The arguments of a frame whose count the table has approved.
    pub fn new(frame: Frame<'a>, spec: &'static Spec) -> Self {
        Args { frame, spec, next: spec.words(), given: 0 }
    }

    /// The next argument as it is.
    pub fn bytes(&mut self, argument: &'static str) -> Result<&'a [u8], CommandError> {
        self.rest().ok_or(CommandError::NoValue(argument))
    }

    /// The next argument, if there is one.
    pub fn rest(&mut self) -> Option<&'a [u8]> {
        let bytes = self.frame.arg(self.next)?;
        self.next += 1;
        Some(bytes)
    }

    /// How many arguments have not been read.
    pub fn left(&self) -> usize {
        self.frame.args_count().saturating_sub(self.next)
    }

    /// What has not been read, as a frame of its own.
    pub fn as_frame(&self) -> Frame<'a> {
        self.frame.without(self.next)
    }

    /// The next argument as an id or tag.
    pub fn id(&mut self, argument: &'static str) -> Result<Text<'a>, CommandError> {
        Text::id(self.bytes(argument)?).map_err(|error| CommandError::Text { argument, error })
    }

    /// The next argument as a list of tags.
    pub fn tags(&mut self, argument: &'static str) -> Result<Text<'a>, CommandError> {
        Text::tags(self.bytes(argument)?).map_err(|error| CommandError::Text { argument, error })
    }

    /// The next argument as a free text.
    pub fn free(&mut self, argument: &'static str) -> Result<Text<'a>, CommandError> {
        Text::free(self.bytes(argument)?).map_err(|error| CommandError::Text { argument, error })
    }

    /// The next argument as units of one order.
    pub fn units(&mut self, argument: &'static str) -> Result<Units, CommandError> {
        let bytes = self.bytes(argument)?;
        let wrong = || wrong(argument, "a whole number from 1 to 1000000", bytes);
        let units = whole_number(bytes)
            .filter(|units| (1..=u64::from(ORDER_UNITS_MAX)).contains(units))
            .ok_or_else(wrong)?;
        Ok(units as Units)
    }

    /// The next argument as an amount of money in minor units.
    pub fn amount(&mut self, argument: &'static str) -> Result<u64, CommandError> {
        let bytes = self.bytes(argument)?;
        whole_number(bytes)
            .filter(|amount| *amount <= MAX_NUMBER)
            .ok_or_else(|| wrong(argument, "minor units, a whole number from 0 to 9007199254740991", bytes))
    }

    /// The next argument as a place in a list.
    pub fn cursor(&mut self, argument: &'static str) -> Result<u64, CommandError> {
        let bytes = self.bytes(argument)?;
        whole_number(bytes)
            .filter(|cursor| *cursor <= MAX_NUMBER)
            .ok_or_else(|| wrong(argument, "0 or the cursor of the answer before", bytes))
    }

    /// The next argument as the length of a list.
    pub fn count(&mut self, argument: &'static str) -> Result<u32, CommandError> {
        let bytes = self.bytes(argument)?;
        let count = whole_number(bytes)
            .filter(|count| (1..=LIST_MAX as u64).contains(count))
            .ok_or_else(|| wrong(argument, "a whole number from 1 to 1000", bytes))?;
        Ok(count as u32)
    }

    /// The next argument as a change of stock.
    pub fn signed(&mut self, argument: &'static str) -> Result<i64, CommandError> {
        let bytes = self.bytes(argument)?;
        let (digits, sign) = match bytes.strip_prefix(b"-") {
            Some(digits) => (digits, -1),
            None => (bytes, 1),
        };
        whole_number(digits)
            .filter(|units| *units != 0 && *units <= MAX_NUMBER)
            .and_then(|units| Some(i64::try_from(units).ok()? * sign))
            .ok_or_else(|| {
                wrong(argument, "a whole number other than 0, at most 9007199254740991 either way", bytes)
            })
    }

    /// The next argument as a length of time such as `500ms`, `30s`, `15m`, `24h` or `7d`.
    pub fn duration(&mut self, argument: &'static str) -> Result<Millis, CommandError> {
        let bytes = self.bytes(argument)?;
        duration(bytes).ok_or_else(|| {
            wrong(argument, "a duration from 1ms to 366d, such as 500ms, 30s, 15m, 24h or 7d", bytes)
        })
    }

    /// The next option, one of `names`, or `None` behind the last argument. The caller reads its value, if it has one.
    pub fn option(&mut self, names: &[&'static str]) -> Result<Option<&'static str>, CommandError> {
        let Some(word) = self.rest() else { return Ok(None) };
        let Some(place) = names.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(word)) else {
            return Err(self.unknown_option(word));
        };
        let name = names[place];
        if self.given & 1 << place != 0 {
            return Err(CommandError::Twice(name));
        }
        self.given |= 1 << place;
        Ok(Some(name))
    }

    /// Fails unless every argument has been read.
    pub fn end(&mut self) -> Result<(), CommandError> {
        match self.rest() {
            None => Ok(()),
            Some(word) => Err(self.unknown_option(word)),
        }
    }

    /// The error for an option that is needed and was not given.
    pub fn missing(&self, argument: &'static str) -> CommandError {
        CommandError::Missing { argument, command: self.spec.full_name, syntax: self.spec.syntax }
    }

    fn unknown_option(&self, word: &[u8]) -> CommandError {
        match later_option(self.spec, word) {
            Some(option) => CommandError::NotYet(option),
            None => CommandError::UnknownOption {
                word: Shown::new(word),
                command: self.spec.full_name,
                syntax: self.spec.syntax,
            },
        }
    }
}

/// The error for an argument that is not what was expected.
pub fn wrong(argument: &'static str, expected: &'static str, got: &[u8]) -> CommandError {
    CommandError::Value { argument, expected, got: Shown::new(got) }
}

/// Decimal digits alone, as a number; `None` where they are none or pass u64.
pub fn whole_number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 20 {
        return None;
    }
    bytes.iter().try_fold(0u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

fn duration(bytes: &[u8]) -> Option<Millis> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = bytes.split_at(digits);
    let unit_ms: u64 = match unit {
        b"ms" => 1,
        b"s" => 1_000,
        b"m" => 60 * 1_000,
        b"h" => 60 * 60 * 1_000,
        b"d" => 24 * 60 * 60 * 1_000,
        _ => return None,
    };
    let length = Millis::new(whole_number(number)?.checked_mul(unit_ms)?);
    (length > Millis::new(0) && length <= stampede_engine::core::LENGTH_MAX).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::{duration, whole_number};
    use stampede_engine::core::Millis;

    #[test]
    fn a_whole_number_is_digits_alone_and_fits_64_bits() {
        assert_eq!(whole_number(b"0"), Some(0));
        assert_eq!(whole_number(b"18446744073709551615"), Some(u64::MAX));
        for wrong in [&b""[..], b"-1", b"+1", b"1.0", b"1e3", b"18446744073709551616", b" 1"] {
            assert_eq!(whole_number(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let cases =
            [("500ms", 500), ("30s", 30_000), ("15m", 900_000), ("24h", 86_400_000), ("7d", 604_800_000)];
        for (text, ms) in cases {
            assert_eq!(duration(text.as_bytes()), Some(Millis::new(ms)), "{text}");
        }
        for wrong in ["", "5", "ms", "0s", "-1s", "1w", "367d", "1 s", "99999999999999999999d"] {
            assert_eq!(duration(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
