//! The shop's feed: every entry since it opened, honest or with one lie, as XINFO and XREAD show it.

use super::Lie;

/// The writer's life, in the ids of entries.
const EPOCH: u64 = 1_795_349_229_769;

#[derive(Debug)]
struct Entry {
    seq: u64,
    fields: Vec<(&'static str, String)>,
}

impl Entry {
    fn is(&self, kinds: &[&str]) -> bool {
        kinds.contains(&self.fields[0].1.as_str())
    }

    fn written(&self) -> String {
        let fields: String = self.fields.iter().map(|(name, value)| bulk(name) + &bulk(value)).collect();
        format!("*2\r\n{}*{}\r\n{fields}", bulk(&name(self.seq)), self.fields.len() * 2)
    }
}

/// All entries, in one feed.
#[derive(Debug)]
pub(crate) struct Feed {
    lie: Lie,
    has_lied: bool,
    entries: Vec<Entry>,
    last_seq: u64,
}

/// The name of an entry.
pub(crate) fn name(seq: u64) -> String {
    format!("{EPOCH}-{seq}")
}

impl Feed {
    pub(crate) fn new(lie: Lie) -> Self {
        Self { lie, has_lied: false, entries: Vec::new(), last_seq: 0 }
    }

    /// Writes an entry down, or lies; answers the place that it has, or should have.
    pub(crate) fn add(&mut self, kind: &str, mut fields: Vec<(&'static str, String)>) -> u64 {
        fields.insert(0, ("type", kind.to_owned()));
        self.last_seq += 1;
        let entry = Entry { seq: self.last_seq, fields };
        if self.has_lied || !self.tells(&entry) {
            self.entries.push(entry);
        }
        self.last_seq
    }

    /// Lies about this entry if the lie fits; answers whether it did.
    fn tells(&mut self, entry: &Entry) -> bool {
        let accepts = entry.is(&["held"]);
        let pays = entry.is(&["paid", "won"]) && entry.fields.iter().any(|field| field.0 == "amount");
        let copy = |seq| Entry { seq, fields: entry.fields.clone() };
        match self.lie {
            // The place is given away again: nothing but the answers shows what is missing.
            Lie::FeedLacks if accepts => self.last_seq -= 1,
            Lie::FeedLacksPayment if pays => self.last_seq -= 1,
            Lie::FeedLacksFormed if entry.is(&["group_formed"]) => self.last_seq -= 1,
            Lie::FeedGap if entry.seq == 20 => {}
            Lie::FeedRepeats if entry.seq == 20 => {
                self.entries.extend([copy(entry.seq), copy(entry.seq)]);
            }
            Lie::FeedDoubles if accepts => self.double(copy),
            Lie::FeedDoublesPayment if pays => self.double(copy),
            Lie::FeedChanges(field, value) if entry.fields.iter().any(|(name, _)| *name == field) => {
                if !accepts && field != "owe" {
                    return false;
                }
                let mut changed = copy(entry.seq);
                let found = changed.fields.iter_mut().find(|(name, _)| *name == field);
                value.clone_into(&mut found.expect("it was found above").1);
                self.entries.push(changed);
            }
            _ => return false,
        }
        self.has_lied = true;
        true
    }

    fn double(&mut self, copy: impl Fn(u64) -> Entry) {
        self.entries.extend([copy(self.last_seq), copy(self.last_seq + 1)]);
        self.last_seq += 1;
    }

    /// The answer to XINFO or XREAD; nothing for anything else.
    pub(crate) fn answer(&self, words: &[&str]) -> Option<String> {
        match words {
            ["XINFO", "STREAM", "feed:0"] => {
                Some(format!("%1\r\n{}{}", bulk("last-generated-id"), bulk(&self.last_id())))
            }
            ["XREAD", "COUNT", count, "STREAMS", "feed:0", after] => {
                Some(self.page(count.parse().expect("a count"), after))
            }
            ["XINFO" | "XREAD", ..] => Some("-ERR no such stream\r\n".to_owned()),
            _ => None,
        }
    }

    fn last_id(&self) -> String {
        if self.last_seq == 0 { "0-0".to_owned() } else { name(self.last_seq) }
    }

    fn page(&self, count: usize, after: &str) -> String {
        if self.lie == Lie::FeedForgets {
            return format!("-ERR the feed begins at {}\r\n", name(self.last_seq));
        }
        let after: u64 = after.split('-').nth(1).expect("an id").parse().expect("a number");
        let until = self.last_seq - if self.lie == Lie::FeedEndsEarly { 3 } else { 0 };
        let shown = self.entries.iter().filter(|entry| entry.seq > after && entry.seq <= until);
        let shown: Vec<&Entry> = shown.take(count).collect();
        if shown.is_empty() {
            return "_\r\n".to_owned();
        }
        let entries: String = shown.iter().map(|entry| entry.written()).collect();
        format!("%1\r\n{}*{}\r\n{entries}", bulk("feed:0"), shown.len())
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}
