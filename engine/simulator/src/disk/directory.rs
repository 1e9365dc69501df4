//! The names of files: those that survive a power loss, those that a process sees, and the changes between.
//!
//! Changes of one directory reach the disk in their order, at the latest with the next sync of that directory; between
//! directories there is no order, but that a name which moves from one to the other takes along what happened in the
//! first before. Called by the disk.

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
        let survives = self.pending.iter().map(|change| change.directory() == directory).collect();
        self.pending = self.settle(survives);
    }

    /// The power goes: of each directory some first changes survive. Tells how many did not.
    pub(super) fn lose(&mut self, dice: &mut Dice) -> usize {
        let directories: BTreeSet<&Path> = self.pending.iter().map(Change::directory).collect();
        let mut survives = vec![false; self.pending.len()];
        for directory in directories {
            let of_it: Vec<usize> =
                (0..survives.len()).filter(|&at| self.pending[at].directory() == directory).collect();
            let first = dice.below(of_it.len() as u64 + 1) as usize;
            of_it[..first].iter().for_each(|&at| survives[at] = true);
        }
        let lost = self.settle(survives).len();
        self.pending.clear();
        self.now.clone_from(&self.kept);
        lost
    }

    /// Lets the chosen changes survive, and those without which they could not; gives back the others.
    fn settle(&mut self, mut survives: Vec<bool>) -> Vec<Change> {
        let pending = std::mem::take(&mut self.pending);
        // From the last to the first: what a change takes along is before it.
        for at in (0..pending.len()).rev().filter(|&at| survives[at]).collect::<Vec<_>>() {
            take_along(&pending, at, &mut survives);
        }
        let mut rest = Vec::new();
        for (change, survives) in pending.into_iter().zip(survives) {
            if survives {
                self.keep(&change);
            } else {
                rest.push(change);
            }
        }
        rest
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

/// Marks what a surviving move out of another directory takes along: the changes there that were before it.
fn take_along(pending: &[Change], at: usize, survives: &mut [bool]) {
    let Change::Renamed { from, to, .. } = &pending[at] else { return };
    let source = from.parent().filter(|source| Some(*source) != to.parent());
    let Some(source) = source else { return };
    for before in (0..at).rev() {
        if pending[before].directory() == source && !survives[before] {
            survives[before] = true;
            take_along(pending, before, survives);
        }
    }
}
