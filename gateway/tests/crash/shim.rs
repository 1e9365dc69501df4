//! Builds and loads `disk_shim.c`, reads what it wrote down, and takes away what a power loss would take.
//!
//! kill -9 leaves the page cache as it is, so a server that never syncs would survive it. Here every range that was written
//! and not covered by a sync that had returned is put back wholly, in part or in random sectors, and names that no
//! sync of their directory covers go back with them, the latest first.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rand::RngExt as _;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::server::wait;

const HEAD_BYTES: usize = 4096;
const RECORD_BYTES: usize = 56;
const SECTOR_BYTES: usize = 512;

/// Faults, by their place in the head of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Syncs of journals wait as long as this is 1.
    HoldSync = 8,
    /// The next sync of a journal fails with this error.
    FailSync = 12,
    /// The next write to a journal fails with this error.
    FailWrite = 16,
    /// The next write to a journal takes this many bytes only.
    ShortWrite = 20,
}

/// The input/output error of Linux.
pub(crate) const EIO: u32 = 5;

/// A log, and the library that fills it.
#[derive(Clone, Debug)]
pub(crate) struct Shim {
    log: PathBuf,
    data: PathBuf,
}

impl Shim {
    /// A new log beside a data directory. It goes on over several servers, as the page cache does.
    pub(crate) fn new(data: &Path) -> Self {
        let log = data.with_extension("shim");
        File::create(&log).expect("the log is made");
        Self { log, data: data.to_owned() }
    }

    pub(crate) fn load_into(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("DISK_SHIM_LOG", &self.log)
            .env("DISK_SHIM_DATA", &self.data);
    }

    /// Arms or disarms a fault of the running server.
    pub(crate) fn set(&self, fault: Fault, value: u32) {
        let log = OpenOptions::new().write(true).open(&self.log).expect("the log is there");
        log.write_all_at(&value.to_le_bytes(), fault as u64).expect("the head is written");
    }

    /// Everything that was written down so far.
    pub(crate) fn records(&self) -> Vec<Record> {
        let log = File::open(&self.log).expect("the log is there");
        let mut end = [0; 8];
        log.read_exact_at(&mut end, 0).expect("a head");
        let mut bytes = vec![0; u64::from_le_bytes(end) as usize];
        log.read_exact_at(&mut bytes, 0).expect("the records");
        let mut at = HEAD_BYTES;
        let mut records = Vec::new();
        while at < bytes.len() {
            let record = Record::read(&bytes, at);
            at = record.end;
            records.push(record);
        }
        records
    }

    /// Waits until something was written down. Not a time decides but the record; one that never comes fails.
    pub(crate) fn wait_for(&self, what: &str, is_there: impl Fn(&[Record]) -> bool) -> Vec<Record> {
        for _ in 0..2_000 {
            let records = self.records();
            if is_there(&records) {
                return records;
            }
            wait(std::time::Duration::from_millis(10));
        }
        panic!("{what} did not come within 20 s");
    }

    /// Takes from the directory of a killed server what the disk need not have, and says how much that was.
    pub(crate) fn lose_power(&self, random: &mut Xoshiro256PlusPlus) -> Lost {
        let records = self.records();
        let mut lost = Lost::default();
        undo_names(&self.log, &records, random, &mut lost);
        undo_writes(&self.data, &records, random, &mut lost);
        lost
    }
}

/// The library, built once for each test program.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/disk_shim.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let made = folder.join(format!("disk_shim-{}.so", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&made)
            .arg(source);
        let status = compiler.status().expect("cc, which Rust needs for linking, is there");
        assert!(status.success(), "the shim does not compile");
        // A name that stays, so that runs leave one file behind and not one each.
        let library = folder.join("disk_shim.so");
        fs::rename(&made, &library).expect("it gets its name");
        library
    })
}

/// What a power loss took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lost {
    /// Writes that no sync covered.
    pub(crate) writes: usize,
    /// Bytes that were put back.
    pub(crate) bytes: usize,
    /// Names that no sync of their directory covered.
    pub(crate) names: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Write,
    WriteEnd,
    Sync,
    SyncEnd,
    Send,
    SendEnd,
    Create,
    Rename,
    Remove,
    Resize,
}

/// One call of the server, or its end.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    /// Where it stands: records are ordered by this.
    pub(crate) at: usize,
    end: usize,
    /// The inode of the file, directory or socket.
    pub(crate) file: u64,
    /// Of a write: where. Of an end: the position of the record that it ends.
    pub(crate) offset: usize,
    /// Of an end: what the call returned. Of names: the inode of the directory.
    pub(crate) result: i64,
    /// The file's size before.
    size: u64,
    /// What was written or sent; the new name of a rename.
    pub(crate) bytes: Vec<u8>,
    old: Vec<u8>,
    pub(crate) path: String,
}

impl Record {
    fn read(log: &[u8], at: usize) -> Self {
        let half = |offset: usize| u32::from_le_bytes(log[at + offset..][..4].try_into().expect("4 bytes"));
        let word = |offset: usize| u64::from_le_bytes(log[at + offset..][..8].try_into().expect("8 bytes"));
        let lens = [word(40) as usize, word(48) as usize, half(4) as usize];
        let mut from = at + RECORD_BYTES;
        let [bytes, old, path] = lens.map(|len| {
            from += len;
            log[from - len..from].to_vec()
        });
        Self {
            kind: Kind::of(half(0)),
            at,
            end: from.next_multiple_of(8),
            file: word(8),
            offset: word(16) as usize,
            result: word(24).cast_signed(),
            size: word(32),
            bytes,
            old,
            path: String::from_utf8(path).expect("paths of tests are text"),
        }
    }

    pub(crate) fn is_of_a_journal(&self) -> bool {
        self.path.ends_with(".journal")
    }
}

impl Kind {
    fn of(number: u32) -> Self {
        let kinds = [
            Self::Write,
            Self::WriteEnd,
            Self::Sync,
            Self::SyncEnd,
            Self::Send,
            Self::SendEnd,
            Self::Create,
            Self::Rename,
            Self::Remove,
            Self::Resize,
        ];
        kinds[number as usize - 1]
    }
}

/// For each call that returned: by its position, where its end stands and what it returned.
pub(crate) fn ends(records: &[Record]) -> HashMap<usize, (usize, i64)> {
    let is_end = |record: &&Record| matches!(record.kind, Kind::WriteEnd | Kind::SyncEnd | Kind::SendEnd);
    records.iter().filter(is_end).map(|record| (record.offset, (record.at, record.result))).collect()
}

/// For each file: its syncs that ended, in order.
pub(crate) struct Syncs(HashMap<u64, Vec<EndedSync>>);

#[derive(Clone, Copy)]
struct EndedSync {
    begun: usize,
    ended: usize,
    is_good: bool,
}

impl Syncs {
    pub(crate) fn of(records: &[Record]) -> Self {
        let ends = ends(records);
        let mut syncs: HashMap<u64, Vec<EndedSync>> = HashMap::new();
        for record in records.iter().filter(|record| record.kind == Kind::Sync) {
            if let Some((ended, result)) = ends.get(&record.at) {
                let sync = EndedSync { begun: record.at, ended: *ended, is_good: *result == 0 };
                syncs.entry(record.file).or_default().push(sync);
            }
        }
        Self(syncs)
    }

    /// When something of a file that had ended at `ended` was durable: the return of the first sync that began later. If that
    /// one failed it never was: the kernel has marked the pages as clean, and a later sync passes them over.
    pub(crate) fn covered(&self, file: u64, ended: usize) -> Option<usize> {
        let later = self.0.get(&file)?.iter().find(|sync| sync.begun > ended)?;
        later.is_good.then_some(later.ended)
    }
}

/// Takes back names, the latest first, as far as chance says: a disk keeps their order.
fn undo_names(log: &Path, records: &[Record], random: &mut Xoshiro256PlusPlus, lost: &mut Lost) {
    let syncs = Syncs::of(records);
    let is_name = |record: &&Record| matches!(record.kind, Kind::Create | Kind::Rename | Kind::Remove);
    let unsynced = |record: &&Record| syncs.covered(record.result.cast_unsigned(), record.at).is_none();
    let open: Vec<&Record> = records.iter().filter(is_name).filter(unsynced).collect();
    let kept = random.random_range(0..=open.len());
    for record in open[kept..].iter().rev() {
        let saved = PathBuf::from(format!("{}.{}", log.display(), record.at));
        let is_done = |path: &str| fs::metadata(path).is_ok_and(|found| found.ino() == record.file);
        match record.kind {
            Kind::Create if is_done(&record.path) => fs::remove_file(&record.path).expect("it is there"),
            Kind::Rename => {
                let to = std::str::from_utf8(&record.bytes).expect("paths of tests are text");
                if is_done(to) {
                    fs::rename(to, &record.path).expect("it goes back");
                    if saved.exists() {
                        fs::hard_link(&saved, to).expect("it comes back");
                    }
                }
            }
            Kind::Remove if saved.exists() && !Path::new(&record.path).exists() => {
                fs::hard_link(&saved, &record.path).expect("it comes back");
            }
            _ => continue,
        }
        lost.names += 1;
    }
    for record in records.iter().filter(is_name) {
        let _was_none = fs::remove_file(format!("{}.{}", log.display(), record.at));
    }
}

/// Takes back writes that no sync covered, the latest first.
fn undo_writes(data: &Path, records: &[Record], random: &mut Xoshiro256PlusPlus, lost: &mut Lost) {
    let (syncs, ends) = (Syncs::of(records), ends(records));
    let files = files_by_inode(data);
    // An inode that was given up belongs to another file since.
    let mut given_up: HashMap<u64, usize> = HashMap::new();
    for record in records.iter().filter(|record| record.kind == Kind::Create) {
        given_up.insert(record.file, record.at);
    }
    // What a later write has made durable is no longer this one's to lose.
    let mut settled: HashMap<u64, Vec<(usize, usize)>> = HashMap::new();
    for record in records.iter().rev().filter(|record| record.kind == Kind::Write) {
        let is_older = given_up.get(&record.file).is_some_and(|created| record.at < *created);
        let ended = ends.get(&record.at).map_or(usize::MAX, |(end, _)| *end);
        let (Some(path), false) = (files.get(&record.file), is_older) else { continue };
        let settled = settled.entry(record.file).or_default();
        if syncs.covered(record.file, ended).is_some() {
            settled.push((record.offset, record.offset + record.bytes.len()));
            continue;
        }
        lost.writes += 1;
        let file = OpenOptions::new().write(true).open(path).expect("it opens");
        let mut old = record.old.clone();
        old.resize(record.bytes.len(), 0);
        let pieces = pieces(record.bytes.len(), record.offset, random);
        for (from, to) in pieces.into_iter().flat_map(|piece| outside(piece, record.offset, settled)) {
            file.write_all_at(&old[from..to], (record.offset + from) as u64).expect("it is written");
            lost.bytes += to - from;
        }
        if settled.is_empty() && record.size < (record.offset + record.bytes.len()) as u64 && random.random()
        {
            file.set_len(record.size).expect("it is cut");
        }
    }
}

/// The parts of a write that are lost: all of it, none, what is behind a random byte, or random sectors.
fn pieces(len: usize, offset: usize, random: &mut Xoshiro256PlusPlus) -> Vec<(usize, usize)> {
    match random.random_range(0..4) {
        0 => vec![(0, len)],
        1 => Vec::new(),
        2 => vec![(random.random_range(0..=len), len)],
        _ => {
            let first = SECTOR_BYTES - offset % SECTOR_BYTES;
            let cuts = std::iter::once(0).chain((first..len).step_by(SECTOR_BYTES));
            let sectors =
                cuts.map(|from| (from, (from + SECTOR_BYTES - (offset + from) % SECTOR_BYTES).min(len)));
            sectors.filter(|_| random.random()).collect()
        }
    }
}

/// The parts of a piece of a write at `offset` that no settled range holds.
fn outside(piece: (usize, usize), offset: usize, settled: &[(usize, usize)]) -> Vec<(usize, usize)> {
    settled.iter().fold(vec![piece], |pieces, (begin, end)| {
        let (begin, end) = (begin.saturating_sub(offset), end.saturating_sub(offset));
        let split = |(from, to): (usize, usize)| [(from, to.min(begin)), (from.max(end), to)];
        pieces.into_iter().flat_map(split).filter(|(from, to)| from < to).collect()
    })
}

/// Every file below a directory.
pub(crate) fn files_by_inode(dir: &Path) -> HashMap<u64, PathBuf> {
    let mut files = HashMap::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let entry = entry.expect("an entry");
        let found = entry.metadata().expect("a file");
        if found.is_dir() {
            files.extend(files_by_inode(&entry.path()));
        } else {
            files.insert(found.ino(), entry.path());
        }
    }
    files
}
