//! Reads the server's feed as a storefront would: shard by shard, in order, from where the run began.
//!
//! Owns the questions (XINFO STREAM, XREAD), the reading of an entry, and the check that no entry is missing or
//! comes twice. Keeps one page in memory and nothing of what it has passed; what entries mean for the books is
//! the caller's. Called by `ledger` and by the closed loop's checks.

mod entry;

use crate::wire::WireError;
use crate::wire::client::{Client, Reply};
use crate::wire::frame::{Frame, Head};
pub use entry::{Entry, EntryId};

/// Entries asked for at once: a page is a few hundred kilobytes.
const PAGE_LEN: u64 = 1_000;

/// The last entry of every shard's feed at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    last: Vec<EntryId>,
    is_on_disk: bool,
}

impl Mark {
    /// Whether the feed is kept on disk. In memory only the latest part is kept, and an older one may be gone.
    pub fn is_on_disk(&self) -> bool {
        self.is_on_disk
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.last.len()
    }
}

/// What a walk over the feeds found out about their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// Entries that were read.
    pub entries: u64,
    /// Where the order was broken: a gap, an entry that came again, an end before the last entry.
    pub breaks: Vec<Break>,
    /// Why a shard's feed could not be read from the mark on, in the server's words.
    pub unread: Vec<String>,
}

/// One place where a feed is not what a feed must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The shard.
    pub shard: usize,
    /// The entry before.
    pub after: EntryId,
    /// What must come.
    pub expected: String,
    /// What came.
    pub found: String,
}

/// Breaks that are kept; a feed with more is not worth reading on.
const BREAKS_MAX: usize = 1_000;

/// Where every feed stands now.
///
/// # Errors
/// The server cannot be asked, or has no feed.
pub fn mark(client: &mut Client) -> Result<Mark, WireError> {
    let (shards, is_on_disk) = ask_info(client)?;
    let mut last = Vec::with_capacity(shards);
    for shard in 0..shards {
        let name = name(shard);
        let reply = client.command(&[b"XINFO", b"STREAM", name.as_bytes()])?;
        let id = reply.frame().field_text(b"last-generated-id").and_then(EntryId::parse);
        last.push(id.ok_or_else(|| WireError::Refused {
            command: format!("XINFO STREAM {name}"),
            answer: reply.frame().sentence(),
        })?);
    }
    Ok(Mark { last, is_on_disk })
}

fn name(shard: usize) -> String {
    format!("feed:{shard}")
}

/// The number of shards, and whether the server keeps its feed on disk.
fn ask_info(client: &mut Client) -> Result<(usize, bool), WireError> {
    let reply = client.command(&[b"INFO"])?;
    let text = String::from_utf8_lossy(reply.frame().text().unwrap_or_default()).into_owned();
    let value = |name| text.lines().find_map(|line| line.trim_end().strip_prefix(name));
    let shards = value("shards:").and_then(|count| count.parse().ok());
    let said = || "a text without `shards:`".to_owned();
    let shards = shards.ok_or_else(|| WireError::Refused { command: "INFO".into(), answer: said() })?;
    Ok((shards, value("durability:") != Some("memory")))
}

/// Hands every entry after `from` and up to `to` to `hear`, shard by shard.
///
/// What the server may not do (a gap, an entry twice, another order) is written down, and the walk goes on.
///
/// # Errors
/// The server cannot be asked.
pub fn walk(
    client: &mut Client,
    from: &Mark,
    to: &Mark,
    mut hear: impl FnMut(&Entry<'_>),
) -> Result<Walk, WireError> {
    let mut walk = Walk::default();
    for (shard, (&from, &to)) in from.last.iter().zip(&to.last).enumerate() {
        let mut at = from;
        while at < to && walk.breaks.len() < BREAKS_MAX {
            let reply = ask(client, shard, at)?;
            if let Head::Error(_) = reply.frame().head() {
                walk.unread.push(format!("{} after {at}: {}", name(shard), reply.frame().sentence()));
                break;
            }
            let before = at;
            for item in page(reply.frame()) {
                hear_one(&mut walk, shard, &mut at, item, &mut hear);
            }
            if at == before {
                let expected = format!("entries up to {to}");
                walk.breaks.push(Break { shard, after: at, expected, found: "nothing more".into() });
                break;
            }
        }
    }
    Ok(walk)
}

fn ask(client: &mut Client, shard: usize, at: EntryId) -> Result<Reply, WireError> {
    let (count, name, at) = (PAGE_LEN.to_string(), name(shard), at.to_string());
    client.command(&[b"XREAD", b"COUNT", count.as_bytes(), b"STREAMS", name.as_bytes(), at.as_bytes()])
}

/// The entries of an answer to XREAD of one stream: a map in RESP3, an array of pairs in RESP2.
fn page(frame: Frame<'_>) -> impl Iterator<Item = Frame<'_>> {
    let mut items = frame.items();
    let entries = match (items.next(), items.next()) {
        (Some(name), Some(entries)) if name.text().is_some() => Some(entries),
        (Some(pair), None) => pair.items().nth(1),
        _ => None,
    };
    entries.into_iter().flat_map(Frame::items)
}

fn hear_one(
    walk: &mut Walk,
    shard: usize,
    at: &mut EntryId,
    item: Frame<'_>,
    hear: &mut impl FnMut(&Entry<'_>),
) {
    let Some(entry) = Entry::read(item) else {
        let (expected, found) = ("an entry with an id and a type".into(), item.sentence());
        walk.breaks.push(Break { shard, after: *at, expected, found });
        return;
    };
    walk.entries += 1;
    if !entry.id.follows(*at) {
        let expected = format!("entry …-{}", at.seq.saturating_add(1));
        walk.breaks.push(Break { shard, after: *at, expected, found: entry.id.to_string() });
    }
    // An entry that comes again must not hold the walk in a circle.
    *at = entry.id.max(*at);
    hear(&entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_resp3_and_of_resp2_reads_alike() {
        let entries = "*1\r\n*2\r\n$3\r\n7-1\r\n*4\r\n$4\r\ntype\r\n$5\r\noffer\r\n$2\r\nat\r\n$1\r\n5\r\n";
        for start in ["%1\r\n$6\r\nfeed:0\r\n", "*1\r\n*2\r\n$6\r\nfeed:0\r\n"] {
            let bytes = format!("{start}{entries}");
            let ids: Vec<_> =
                page(Frame::new(bytes.as_bytes())).filter_map(Entry::read).map(|e| e.id).collect();
            assert_eq!(ids, [EntryId { epoch: 7, seq: 1 }], "{start:?}");
        }
        for nothing in ["_\r\n", "*-1\r\n", "*0\r\n"] {
            assert_eq!(page(Frame::new(nothing.as_bytes())).count(), 0);
        }
    }

    #[test]
    fn an_entry_that_is_left_out_or_comes_again_is_written_down() {
        let item = |seq: u64| format!("*2\r\n$3\r\n7-{seq}\r\n*2\r\n$4\r\ntype\r\n$5\r\noffer\r\n");
        for (seqs, breaks) in [(&[1, 2, 3][..], 0), (&[1, 3], 1), (&[1, 1, 2], 1), (&[2], 1), (&[1, 2, 1], 1)]
        {
            let (mut walk, mut at) = (Walk::default(), EntryId::default());
            for &seq in seqs {
                hear_one(&mut walk, 0, &mut at, Frame::new(item(seq).as_bytes()), &mut |_| {});
            }
            assert_eq!((walk.breaks.len(), walk.entries), (breaks, seqs.len() as u64), "{seqs:?}");
        }
    }
}
