//! What the operator's tools print: JSON of entries and answers, one line each, and shards by their number.
//!
//! An answer is shown as the server would give it: it is written by `reply` and read back, so that no shape stands twice.

use crate::reply::feed::{Value as FeedValue, pairs};
use crate::reply::{self, Detail, Terms};
use crate::resp::encode::{Encoder, Protocol};
use anyhow::{Context, anyhow};
use serde_json::{Map, Value};
use stampede_engine::ShardIndex;
use stampede_engine::core::{Answer, Entry, Seq, Text};
use stampede_engine::offline::DataDirectory;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::ops::ControlFlow;
use std::str::FromStr;

/// Lines on standard output. A reader that has seen enough and left is no failure.
pub(super) struct Lines {
    out: BufWriter<StdoutLock<'static>>,
    failure: Option<io::Error>,
    is_left: bool,
}

impl Lines {
    pub(super) fn new() -> Self {
        Lines { out: BufWriter::new(io::stdout().lock()), failure: None, is_left: false }
    }

    /// Prints a value on one line; breaks when nobody reads any more.
    pub(super) fn print(&mut self, value: &Value) -> ControlFlow<()> {
        let written = writeln!(self.out, "{value}");
        self.note(written)
    }

    /// Everything has been printed.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        let flushed = self.out.flush();
        let _seen = self.note(flushed);
        self.failure.map_or(Ok(()), |error| Err(error).context("standard output"))
    }

    fn note(&mut self, result: io::Result<()>) -> ControlFlow<()> {
        match result {
            Ok(()) if !self.is_left => return ControlFlow::Continue(()),
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.is_left = true,
            Err(error) => self.failure = Some(error),
        }
        ControlFlow::Break(())
    }
}

/// An entry with the names and values that the feed gives it; numbers stay numbers.
pub(super) fn entry(shard: ShardIndex, entry: &Entry<'_>) -> Value {
    let mut fields = Map::new();
    fields.insert("shard".to_owned(), shard.get().into());
    fields.insert("event".to_owned(), entry.stamp.id.to_string().into());
    pairs(entry, &mut |name, value| {
        let value = match value {
            FeedValue::Text(text) => String::from_utf8_lossy(text).into(),
            FeedValue::Number(number) => number.into(),
            FeedValue::Signed(number) => number.into(),
        };
        fields.insert(name.to_owned(), value);
    });
    Value::Object(fields)
}

/// The name of an event as an operator writes it: `<epoch>-<seq>`, or the place alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventName {
    pub(super) epoch: Option<u64>,
    pub(super) seq: Seq,
}

impl FromStr for EventName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected the id of an event, such as 1795349229769-12";
        let number = |text: &str| text.parse().map_err(|_| expected);
        match text.split_once('-') {
            Some((epoch, seq)) => Ok(EventName { epoch: Some(number(epoch)?), seq: Seq(number(seq)?) }),
            None => Ok(EventName { epoch: None, seq: Seq(number(text)?) }),
        }
    }
}

/// An answer with the names and values that the server gives it.
pub(super) fn answer(answer: &Answer<Text<'_>>) -> anyhow::Result<Value> {
    let mut bytes = Vec::new();
    reply::answer(
        &mut Encoder::new(&mut bytes, Protocol::Resp3),
        answer,
        Detail::Full,
        &mut Terms::default(),
    );
    let mut rest = bytes.as_slice();
    value(&mut rest)
}

/// The shards that a flag names: one, or all.
pub(super) fn shards(directory: &DataDirectory, wanted: Option<u16>) -> anyhow::Result<Vec<ShardIndex>> {
    let found: Vec<ShardIndex> =
        directory.shards().filter(|shard| wanted.is_none_or(|wanted| wanted == shard.get())).collect();
    let last = directory.shard_count() - 1;
    match wanted {
        Some(wanted) if found.is_empty() => {
            Err(anyhow!("--shard: expected 0 to {last}, the shards of the directory, found {wanted}"))
        }
        _ => Ok(found),
    }
}

/// One value of the encoder's, in RESP3.
fn value(rest: &mut &[u8]) -> anyhow::Result<Value> {
    let end = rest.windows(2).position(|bytes| bytes == b"\r\n").context("a line ends")?;
    let (line, after) = (std::str::from_utf8(&rest[..end])?, &rest[end + 2..]);
    *rest = after;
    let (kind, text) = line.split_at_checked(1).context("a line has a kind")?;
    match kind {
        "+" => Ok(text.into()),
        "-" => Err(anyhow!("{text}")),
        ":" => Ok(text.parse::<i64>()?.into()),
        "_" => Ok(Value::Null),
        "$" => {
            let (bulk, after) = rest.split_at_checked(text.parse()?).context("a text is whole")?;
            *rest = after.strip_prefix(b"\r\n").context("a text ends")?;
            Ok(String::from_utf8_lossy(bulk).into())
        }
        "*" | "~" => (0..text.parse::<usize>()?).map(|_| value(rest)).collect(),
        "%" => {
            let mut map = Map::new();
            for _ in 0..text.parse::<usize>()? {
                let name = value(rest)?.as_str().context("a pair has a name")?.to_owned();
                map.insert(name, value(rest)?);
            }
            Ok(Value::Object(map))
        }
        other => Err(anyhow!("no value begins with {other}")),
    }
}
