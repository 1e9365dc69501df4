//! What the disk keeps and loses.

use super::{CallFault, End, FakeDisk};
use crate::dice::Dice;
use crate::fault::Fault;
use std::collections::BTreeSet;
use std::path::Path;

const DIR: &str = "/d";

fn disk(seed: u64) -> FakeDisk {
    let disk = FakeDisk::new(Dice::new(seed));
    disk.mount().create_dir(Path::new(DIR)).unwrap();
    disk
}

/// A file with a durable name and these bytes, synced.
fn synced(disk: &FakeDisk, bytes: &[u8]) -> Box<dyn stampede_engine::disk::DiskFile> {
    let mounted = disk.mount();
    let mut file = mounted.create(Path::new("/d/f.journal")).unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
    mounted.sync_dir(Path::new(DIR)).unwrap();
    file
}

fn bytes(disk: &FakeDisk) -> Vec<u8> {
    disk.bytes(Path::new("/d/f.journal"))
}

#[test]
fn what_was_synced_survives_and_what_was_not_is_drawn() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let disk = disk(seed);
        let mut file = synced(&disk, &[7; 2_000]);
        file.write_at(&[9; 1_000], 500).unwrap();
        let lost = disk.end_life(End::PowerLost);
        let after = bytes(&disk);
        assert!(after[..500].iter().chain(&after[1_500..]).all(|byte| *byte == 7), "a synced byte changed");
        assert_eq!(after.len(), 2_000);
        seen.extend(lost);
    }
    assert_eq!(seen, BTreeSet::from([Fault::TornWrite, Fault::LostWrite, Fault::GarbledWrite]));
}

#[test]
fn a_killed_process_leaves_the_page_cache() {
    let disk = disk(1);
    let mut file = synced(&disk, &[7; 10]);
    file.write_at(&[9; 10], 0).unwrap();
    disk.end_life(End::Killed);
    assert_eq!(bytes(&disk), [9; 10]);
    assert!(file.write_at(&[1], 0).is_err(), "a dead process writes");
}

#[test]
fn a_failed_sync_cannot_be_repeated() {
    let lost = (0..50).filter(|seed| {
        let disk = disk(*seed);
        let mut file = synced(&disk, &[7; 10]);
        file.write_at(&[9; 10], 0).unwrap();
        disk.arm(CallFault::SyncError, 0);
        assert!(file.sync().is_err());
        assert!(file.sync().is_ok(), "the second sync believes that all is well");
        assert_eq!(disk.take_sins().len(), 1, "and is a sin");
        disk.end_life(End::PowerLost);
        bytes(&disk) == [7; 10]
    });
    assert!((10..40).contains(&lost.count()));
}

#[test]
fn a_name_survives_once_its_directory_is_synced() {
    let kept = (0..50).filter(|seed| {
        let disk = disk(*seed);
        synced(&disk, &[7; 10]);
        disk.mount().rename(Path::new("/d/f.journal"), Path::new("/d/g.journal")).unwrap();
        disk.end_life(End::PowerLost);
        let names = disk.files();
        assert_eq!(names.len(), 1, "a rename is seen wholly or not at all");
        names[0].0 == Path::new("/d/g.journal")
    });
    assert!((10..40).contains(&kept.count()));
}

/// Seed 504199 of the simulator: the sync after a snapshot's rename failed; an operator's cut set the snapshot aside
/// and synced both directories; and after a power loss it stood in its old place too, ahead of the journal.
#[test]
fn a_name_that_was_moved_away_before_its_own_sync_does_not_come_back() {
    for seed in 0..20 {
        let disk = disk(seed);
        let mounted = disk.mount();
        let (made, named) = (Path::new("/d/884.tmp"), Path::new("/d/884.snapshot"));
        let (cut, aside) = (Path::new("/d/cut"), Path::new("/d/cut/884.snapshot"));
        mounted.create_dir(cut).unwrap();
        mounted.create(made).unwrap();
        mounted.rename(made, named).unwrap();
        mounted.rename(named, aside).unwrap();
        mounted.sync_dir(cut).unwrap();
        mounted.sync_dir(Path::new(DIR)).unwrap();
        disk.end_life(End::PowerLost);
        let left: Vec<_> = disk.files().into_iter().map(|(path, _)| path).collect();
        assert_eq!(left, [aside], "seed {seed}");
    }
}

#[test]
fn a_lock_is_held_until_it_is_dropped_or_its_process_ends() {
    let disk = disk(1);
    let lock = disk.mount().lock(Path::new("/d/LOCK")).unwrap();
    assert!(lock.is_some());
    assert!(disk.mount().lock(Path::new("/d/LOCK")).unwrap().is_none());
    disk.end_life(End::Killed);
    let again = disk.mount().lock(Path::new("/d/LOCK")).unwrap();
    assert!(again.is_some());
    drop(lock);
    assert!(disk.mount().lock(Path::new("/d/LOCK")).unwrap().is_none(), "an old life's drop frees nothing");
}
