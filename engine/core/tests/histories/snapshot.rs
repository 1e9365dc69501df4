//! A machine that was saved and loaded goes on as the one that was saved: same answers, same events, same digest.
//!
//! Random histories are saved anywhere, in the middle of settlements and of mass expiries too; then both machines are
//! driven alike. And pieces that nobody saved do no harm.

use crate::crowd;
use crate::driver::load;
use crate::history::History;
use crate::play::{Compare, guarded, play};
use crate::runner::for_all;
use stampede_core::{CodecError, Machine, Settings};

/// A number below `end` that depends on the history alone.
fn roll(history: &History, salt: u64, end: usize) -> usize {
    let roll = history.moves.iter().fold(salt, |roll, (_, dice)| {
        (roll ^ u64::from_le_bytes(*dice)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
    });
    (roll >> 8) as usize % end.max(1)
}

#[test]
fn a_loaded_machine_goes_on_as_the_saved_one() {
    for_all("a_loaded_machine_goes_on_as_the_saved_one", 400, |history| {
        let copy_at = roll(history, 1, history.moves.len());
        guarded(|played| {
            played.begin(history, Compare::EveryAnswer);
            for (number, &(verb, dice)) in history.moves.iter().enumerate() {
                if number == copy_at {
                    played.make_copy();
                }
                played.one_move(verb, dice, Compare::EveryAnswer);
            }
            played.compare_everything();
        })
        .map(|_| ())
    });
}

#[test]
fn a_machine_saved_while_it_settles_a_large_group_goes_on_alike() {
    let test = "a_machine_saved_while_it_settles_a_large_group_goes_on_alike";
    for_all(test, 8, |history| crowd::play(history, Some(roll(history, 2, crowd::STEPS))).map(|_| ()));
}

#[test]
fn a_loaded_machine_saves_itself_as_it_was_loaded() {
    for_all("a_loaded_machine_saves_itself_as_it_was_loaded", 100, |history| {
        let once = play(history, Compare::Nothing)?.driver.loaded_copy()?;
        let twice = once.loaded_copy()?;
        if once.saved() == twice.saved() { Ok(()) } else { Err("the pieces differ".into()) }
    });
}

fn loaded(pieces: &[Vec<u8>]) -> Result<Machine, CodecError> {
    load(Settings::default(), pieces)
}

#[test]
fn pieces_that_are_missing_swapped_or_cut_are_refused() {
    for_all("pieces_that_are_missing_swapped_or_cut_are_refused", 30, |history| {
        let driver = play(history, Compare::Nothing)?.driver;
        let pieces = driver.saved();
        for at in 0..pieces.len() {
            let mut missing = pieces.clone();
            missing.remove(at);
            let mut cut = pieces.clone();
            cut[at].pop();
            let mut longer = pieces.clone();
            longer[at].push(0);
            for (what, damaged) in [("missing", missing), ("cut", cut), ("longer", longer)] {
                if let Ok(machine) = loaded(&damaged)
                    && machine.digest() == driver.digest()
                {
                    return Err(format!("piece {at} of {} is {what} and nobody notices", pieces.len()));
                }
            }
            let mut swapped = pieces.clone();
            swapped.swap(at, roll(history, at as u64, pieces.len()));
            let _ = loaded(&swapped);
            if loaded(&pieces[..at]).is_ok() {
                return Err(format!("{at} of {} pieces are taken for a whole", pieces.len()));
            }
        }
        Ok(())
    });
}

/// A changed byte is an error, another state, or the same state where it stood in what the digest leaves out; never a
/// panic.
#[test]
fn no_changed_byte_does_more_harm_than_an_error() {
    for_all("no_changed_byte_does_more_harm_than_an_error", 6, |history| {
        let pieces = play(history, Compare::Nothing)?.driver.saved();
        for at in 0..pieces.len() {
            for place in 0..pieces[at].len() {
                let change = [1 << (place % 8), 0x80, 0xff][roll(history, place as u64, 3)];
                let mut damaged = pieces.clone();
                damaged[at][place] ^= change;
                let _ = loaded(&damaged);
            }
        }
        Ok(())
    });
}
