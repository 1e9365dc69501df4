//! The names of files: those that survive a power loss, those that a process sees, and the changes between.
//!
//! Changes of one directory reach the disk in their order, at the latest with the next sync of that directory; between
//! directories there is no order. Called by the disk.

use crate::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A file's number.
pub(super) type FileNumber = usize;

/// Every name on the disk.
#[derive(Debug, Default)]
pub(super) struct Names {
    now: BTreeMap<PathBuf, FileNumber>,
    kept: BTreeMap<PathBuf, FileNumber>,
    pending: Vec<Change>,
    directories: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug)]
enum Change {
    Added { path: PathBuf, file: FileNumber },
    Renamed { from: PathBuf, to: PathBuf, file: FileNumber },
    Removed { path: PathBuf },
}

impl Change {
    /// The directory whose sync makes it survive.
    fn directory(&self) -> &Path {
        let (Change::Added { path, .. } | Change::Renamed { to: path, .. } | Change::Removed { path }) = self;
        path.parent().unwrap_or(path)
    }
}

impl Names {
    pub(super) fn find(&self, path: &Path) -> Option<FileNumber> {
        self.now.get(path).copied()
    }

    pub(super) fn find_kept(&self, path: &Path) -> Option<FileNumber> {
        self.kept.get(path).copied()
    }

    /// Every file, by path.
    pub(super) fn all(&self) -> impl Iterator<Item = (&PathBuf, FileNumber)> {
        self.now.iter().map(|(path, file)| (path, *file))
    }

    pub(super) fn add_directory(&mut self, path: &Path) {
        self.directories.extend(path.ancestors().map(Path::to_path_buf));
    }

    pub(super) fn has_directory(&self, path: &Path) -> bool {
        self.directories.contains(path)
    }

    /// The names right in a directory, in order.
    pub(super) fn list(&self, directory: &Path) -> Vec<String> {
        let inside = self.now.keys().filter(|path| path.parent() == Some(directory));
        inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect()
    }

    pub(super) fn add(&mut self, path: &Path, file: FileNumber) {
        self.now.insert(path.into(), file);
        self.pending.push(Change::Added { path: path.into(), file });
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Option<()> {
        let file = self.now.remove(from)?;
        self.now.insert(to.into(), file);
        self.pending.push(Change::Renamed { from: from.into(), to: to.into(), file });
        Some(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> Option<()> {
        self.now.remove(path)?;
        self.pending.push(Change::Removed { path: path.into() });
        Some(())
    }

    /// Makes the changes of one directory survive.
    pub(super) fn sync(&mut self, directory: &Path) {
        let (ripe, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|change| change.directory() == directory);
        self.pending = rest;
        for change in &ripe {
            self.keep(change);
        }
    }

    /// The power goes: of each directory some first changes survive. Tells how many did not.
    pub(super) fn lose(&mut self, dice: &mut Dice) -> usize {
        let mut lost = 0;
        let pending = std::mem::take(&mut self.pending);
        let directories: BTreeSet<PathBuf> = pending.iter().map(|change| change.directory().into()).collect();
        for directory in directories {
            let of_it: Vec<&Change> =
                pending.iter().filter(|change| change.directory() == directory).collect();
            let survive = dice.below(of_it.len() as u64 + 1) as usize;
            of_it[..survive].iter().for_each(|change| self.keep(change));
            lost += of_it.len() - survive;
        }
        self.now.clone_from(&self.kept);
        lost
    }

    fn keep(&mut self, change: &Change) {
        match change {
            Change::Added { path, file } => {
                self.kept.insert(path.clone(), *file);
            }
            Change::Renamed { from, to, file } => {
                if self.kept.get(from) == Some(file) {
                    self.kept.remove(from);
                }
                self.kept.insert(to.clone(), *file);
            }
            Change::Removed { path } => {
                self.kept.remove(path);
            }
        }
    }
}
