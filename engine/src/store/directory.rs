//! The data directory: made once, locked while it is used, and what it says of itself.
//!
//! `stampede.json` is written when the directory is made, once more when each shard has its journal, and never again. It
//! fixes the number of shards, because it decides which shard a campaign lives on, and the key of the hash tables, so
//! that counts of distinct buyers go on after a restart. It is secret, as the key must be.

use super::new_file::NewFile;
use super::{ShardStore, StoreError};
use crate::disk::{Disk, DiskFile, read_full};
use crate::slot::{SHARDS_MAX, ShardIndex};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const ABOUT_NAME: &str = "stampede.json";
const ABOUT_TEMPORARY: &str = "stampede.json.tmp";
const LOCK_NAME: &str = "LOCK";
const FORMAT: u16 = 1;
/// The longest file that is believed to be `stampede.json`.
const ABOUT_BYTES_MAX: u64 = 64 * 1024;

/// A locked data directory.
#[derive(Debug)]
pub(crate) struct Directory {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    about: About,
    /// Held as long as anybody may write. `None` where somebody only reads.
    lock: Option<Arc<dyn DiskFile>>,
}

/// What a directory says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    /// The version of the layout.
    format: u16,
    /// How many shards share the campaigns.
    shards: u16,
    /// The key of the hash tables.
    hash_key: u64,
    /// Whether each shard has had its first segment: from then on a shard without a journal has lost it.
    is_founded: bool,
}

/// What a new directory is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Founding {
    /// The number of shards that was asked for, if any was.
    pub(crate) shards: Option<u16>,
    /// The number where none was.
    pub(crate) shards_default: u16,
    pub(crate) hash_key: u64,
}

impl Directory {
    /// Opens a directory for a server, or makes it.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: &Path, founding: Founding) -> Result<Self, StoreError> {
        disk.create_dir(path).map_err(ShardStore::io("making", path))?;
        let lock_path = path.join(LOCK_NAME);
        let lock = disk.lock(&lock_path).map_err(ShardStore::io("locking", &lock_path))?;
        let Some(lock) = lock else { return Err(StoreError::InUse { path: path.to_owned() }) };
        let about = if let Some(about) = read(disk.as_ref(), path)? {
            about
        } else {
            if has_shards(disk.as_ref(), path)? {
                let expected = "the directory has shards, and this file, which says how many, is missing; \
                                restore it from a copy";
                let path = path.join(ABOUT_NAME);
                return Err(StoreError::Unreadable { path, expected: expected.to_owned() });
            }
            found(disk.as_ref(), path, founding)?
        };
        let directory = Directory { disk, path: path.to_owned(), about, lock: Some(Arc::from(lock)) };
        match founding.shards {
            Some(given) if given != about.shards => {
                Err(StoreError::OtherShards { path: path.to_owned(), has: about.shards, given })
            }
            _ => Ok(directory),
        }
    }

    /// Opens a directory to look at it, whether or not a server uses it.
    pub(crate) fn look(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, StoreError> {
        let about = read(disk.as_ref(), path)?.ok_or_else(|| StoreError::Unreadable {
            path: path.join(ABOUT_NAME),
            expected: "a data directory has this file; is this one?".to_owned(),
        })?;
        Ok(Directory { disk, path: path.to_owned(), about, lock: None })
    }

    /// Whether a server was started on a directory, which need not be one that can be opened. Whether anything was put on
    /// sale in it is not looked at.
    pub(crate) fn is_used(disk: &dyn Disk, path: &Path) -> Result<bool, StoreError> {
        let names = disk.list(path).map_err(ShardStore::io("listing", path))?;
        Ok(names.iter().any(|name| name == ABOUT_NAME) || has_shards(disk, path)?)
    }

    /// Opens a directory to change it while no server uses it.
    pub(crate) fn seize(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, StoreError> {
        let directory = Directory::look(disk, path)?;
        let lock_path = path.join(LOCK_NAME);
        let lock = directory.disk.lock(&lock_path).map_err(ShardStore::io("locking", &lock_path))?;
        let Some(lock) = lock else { return Err(StoreError::InUse { path: path.to_owned() }) };
        Ok(Directory { lock: Some(Arc::from(lock)), ..directory })
    }

    /// The lock, for those who write: it is free when the last of them is gone.
    pub(crate) fn lock(&self) -> Option<Arc<dyn DiskFile>> {
        self.lock.clone()
    }

    /// Whether a shard without a journal has lost it.
    pub(crate) fn is_founded(&self) -> bool {
        self.about.is_founded
    }

    /// Notes that every shard has a journal now.
    pub(crate) fn note_founded(&mut self) -> Result<(), StoreError> {
        if !self.about.is_founded {
            self.about.is_founded = true;
            write(self.disk.as_ref(), &self.path, self.about)?;
        }
        Ok(())
    }

    /// How many shards it was made with.
    pub(crate) fn shards(&self) -> u16 {
        self.about.shards
    }

    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// How many bytes may still be written into it.
    pub(crate) fn free_bytes(&self) -> std::io::Result<u64> {
        self.disk.free_bytes(&self.path)
    }

    pub(crate) fn hash_key(&self) -> u64 {
        self.about.hash_key
    }

    /// Where a shard's files are.
    pub(crate) fn shard(&self, shard: ShardIndex) -> ShardStore {
        let dir = self.path.join(format!("shard-{:04}", shard.get()));
        ShardStore { disk: Arc::clone(&self.disk), dir, shard }
    }
}

fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<About>, StoreError> {
    let path = dir.join(ABOUT_NAME);
    let names = disk.list(dir).map_err(ShardStore::io("listing", dir))?;
    if !names.iter().any(|name| name == ABOUT_NAME) {
        return Ok(None);
    }
    let file = disk.open(&path).map_err(ShardStore::io("opening", &path))?;
    let size = file.size().map_err(ShardStore::io("reading", &path))?;
    let mut bytes = vec![0; size.min(ABOUT_BYTES_MAX) as usize];
    read_full(file.as_ref(), &mut bytes, 0).map_err(ShardStore::io("reading", &path))?;
    let about: About = serde_json::from_slice(&bytes)
        .map_err(|error| StoreError::Unreadable { path: path.clone(), expected: error.to_string() })?;
    let is_known = about.format == FORMAT && (1..=SHARDS_MAX).contains(&about.shards);
    if !is_known {
        let expected = format!("format {FORMAT} and at least one shard are expected");
        return Err(StoreError::Unreadable { path, expected });
    }
    Ok(Some(about))
}

/// Whether the first shard has files.
fn has_shards(disk: &dyn Disk, dir: &Path) -> Result<bool, StoreError> {
    let first = dir.join("shard-0000");
    let names = disk.list(&first).map_err(ShardStore::io("listing", &first))?;
    Ok(!names.is_empty())
}

fn found(disk: &dyn Disk, dir: &Path, founding: Founding) -> Result<About, StoreError> {
    let shards = founding.shards.unwrap_or(founding.shards_default);
    let about = About { format: FORMAT, shards, hash_key: founding.hash_key, is_founded: false };
    write(disk, dir, about)?;
    Ok(about)
}

/// Makes `stampede.json`, wholly or not at all.
fn write(disk: &dyn Disk, dir: &Path, about: About) -> Result<(), StoreError> {
    let text = serde_json::to_string_pretty(&about).expect("three numbers are JSON");
    let (temporary, path) = (dir.join(ABOUT_TEMPORARY), dir.join(ABOUT_NAME));
    let write = || {
        let mut file = NewFile::begin(disk, &temporary)?;
        file.write_all(text.as_bytes())?;
        file.finish(&path)
    };
    write().map_err(ShardStore::io("writing", &path))?;
    Ok(())
}
