//! Reads group-buy records: one group a line, `leader  item  [member …]`, numbers apart by tabs.
//!
//! Plain or gzip, told apart by the first two bytes. Every bad line is named by its number and by what was
//! expected; a file with bad lines is not played in part unless the caller asks for that.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use thiserror::Error;

/// The most people on one line, and the most bytes of one.
const PEOPLE_MAX: usize = 1_000;
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Bad lines that are named one by one.
const NAMED_MAX: usize = 20;

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: u64,
    /// Who opened it.
    pub leader: u32,
    /// What was bought.
    pub item: u32,
    /// Who joined; nobody where the group failed.
    pub members: Vec<u32>,
}

impl Line {
    /// Whether the group formed.
    pub fn is_formed(&self) -> bool {
        !self.members.is_empty()
    }

    /// People on the line, or two seats where one stayed empty.
    pub fn size(&self) -> u32 {
        (self.members.len() as u32 + 1).max(2)
    }

    /// All people, the leader first.
    pub fn people(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::once(self.leader).chain(self.members.iter().copied())
    }
}

/// What is wrong with a file of records.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It holds no group.
    #[error("{path} holds no records: expected lines of `leader item [member …]`, apart by tabs")]
    Empty {
        /// The file.
        path: String,
    },
    /// Some lines are not records.
    #[error("{path}: {count} bad lines; {}", named.join("; "))]
    Lines {
        /// The file.
        path: String,
        /// How many lines are bad.
        count: u64,
        /// The first of them, each with its number and what was expected.
        named: Vec<String>,
    },
}

/// Records, and how many lines were no records.
#[derive(Debug)]
pub struct Records {
    /// The groups, in the order of the file.
    pub lines: Vec<Line>,
    /// Lines left out.
    pub bad_count: u64,
    /// The first of them, each with its number and what was expected.
    pub bad_named: Vec<String>,
}

/// Reads a whole file, all of whose lines must be records.
pub fn read(path: &Path) -> Result<Vec<Line>, RecordError> {
    let Records { lines, bad_count, bad_named } = read_leniently(path)?;
    if bad_count > 0 {
        return Err(RecordError::Lines {
            path: path.display().to_string(),
            count: bad_count,
            named: bad_named,
        });
    }
    Ok(lines)
}

/// Reads a file and leaves out lines that are no records.
pub fn read_leniently(path: &Path) -> Result<Records, RecordError> {
    let failed = |cause| RecordError::Read { path: path.display().to_string(), cause };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let is_gzip = file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let records = if is_gzip {
        parse(&mut BufReader::new(MultiGzDecoder::new(file))).map_err(failed)?
    } else {
        parse(&mut file).map_err(failed)?
    };
    if records.lines.is_empty() && records.bad_count == 0 {
        return Err(RecordError::Empty { path: path.display().to_string() });
    }
    Ok(records)
}

/// Reads records from bytes.
pub fn parse(source: &mut impl BufRead) -> std::io::Result<Records> {
    let mut records = Records { lines: Vec::new(), bad_count: 0, bad_named: Vec::new() };
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let len = source.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
        if len == 0 {
            break;
        }
        if len as u64 == LINE_BYTES_MAX && bytes.last() != Some(&b'\n') {
            skip_line(source)?;
        }
        match parse_line(number, bytes.trim_ascii_end()) {
            Ok(line) => records.lines.push(line),
            Err(why) => {
                records.bad_count += 1;
                if records.bad_named.len() < NAMED_MAX {
                    records.bad_named.push(format!("line {number}: {why}"));
                }
            }
        }
    }
    Ok(records)
}

fn skip_line(source: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let chunk = source.fill_buf()?;
        let (used, is_over) = match memchr::memchr(b'\n', chunk) {
            Some(at) => (at + 1, true),
            None => (chunk.len(), chunk.is_empty()),
        };
        source.consume(used);
        if is_over {
            return Ok(());
        }
    }
}

fn parse_line(number: u64, bytes: &[u8]) -> Result<Line, String> {
    if bytes.is_empty() {
        return Err("expected `leader item [member …]`, got an empty line".into());
    }
    let mut ids = Vec::new();
    for (column, word) in bytes.split(|&byte| byte == b'\t').enumerate() {
        ids.push(parse_id(word).ok_or_else(|| {
            let shown: String = String::from_utf8_lossy(word).chars().take(40).collect();
            format!("column {}: expected a number up to {}, got `{shown}`", column + 1, u32::MAX)
        })?);
        if ids.len() > PEOPLE_MAX + 1 {
            return Err(format!("expected at most {PEOPLE_MAX} people"));
        }
    }
    let [leader, item, members @ ..] = ids.as_slice() else {
        return Err("expected at least a leader and an item, apart by a tab, got one column".into());
    };
    let line = Line { number, leader: *leader, item: *item, members: members.to_vec() };
    let mut people: Vec<u32> = line.people().collect();
    people.sort_unstable();
    match people.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("expected different people, got {} twice", pair[0])),
        None => Ok(line),
    }
}

fn parse_id(word: &[u8]) -> Option<u32> {
    // `u32::from_str` takes a plus sign; an id has none.
    if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_leader_an_item_and_members() {
        let records = parse(&mut &b"26985\t5267\t46622\n7\t8\n1\t2\t3\t4\r\n"[..]).unwrap();
        assert_eq!(records.bad_count, 0);
        assert_eq!(records.lines[0], Line { number: 1, leader: 26_985, item: 5_267, members: vec![46_622] });
        assert!(!records.lines[1].is_formed());
        assert_eq!((records.lines[1].size(), records.lines[2].size()), (2, 3));
    }

    #[test]
    fn every_bad_line_is_named_by_its_number_and_what_was_expected() {
        let text = b"1\t2\t3\nfive\t2\n\n9\n1\t2\t3\t1\n4294967296\t1\n+1\t2\n1 2\n5\t6\t7";
        let records = parse(&mut &text[..]).unwrap();
        assert_eq!(records.lines.len(), 2);
        assert_eq!(records.lines[1].number, 9);
        let expected = [
            "line 2: column 1: expected a number up to 4294967295, got `five`",
            "line 3: expected `leader item [member …]`, got an empty line",
            "line 4: expected at least a leader and an item, apart by a tab, got one column",
            "line 5: expected different people, got 1 twice",
            "line 6: column 1: expected a number up to 4294967295, got `4294967296`",
            "line 7: column 1: expected a number up to 4294967295, got `+1`",
            "line 8: column 1: expected a number up to 4294967295, got `1 2`",
        ];
        assert_eq!(records.bad_named, expected);
    }

    #[test]
    fn an_endless_line_is_one_bad_line() {
        let mut text = vec![b'1'; 300_000];
        text.extend_from_slice(b"\n1\t2\t3\n");
        let records = parse(&mut &text[..]).unwrap();
        assert_eq!((records.bad_count, records.lines.len()), (1, 1));
        assert_eq!(records.lines[0].number, 2);
    }
}
