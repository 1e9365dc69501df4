//! Memory taken from the system before the sale, so that no purchase waits until a page is handed out.
//!
//! The tables of a shard grow while it sells. Whoever first touches a page waits for the kernel to clear it and, on a virtual
//! machine, for its host to find it. So a server may take memory when it starts, in large pages where the kernel gives
//! them: it allocates, touches and frees pieces like those of the tables, and tells the allocator to keep what is freed.
//! Called once by a command line, before any other thread runs. Knows the allocator of the binaries, mimalloc.

use anyhow::{Context, ensure};
use libmimalloc_sys::mi_option_set;
use std::ffi::{c_int, c_long};
use std::hint::black_box;
use std::thread;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// As long as most pieces of the tables: mimalloc keeps free memory apart by the size that it was used for.
const PIECE_BYTES: usize = 512 << 10;
/// `mi_option_purge_delay` in mimalloc's header: after how many milliseconds free memory goes back to the system. Its own
/// `MIMALLOC_PURGE_DELAY` sets the same, but only before the process starts.
const PURGE_DELAY: c_int = 15;
const NEVER: c_long = -1;

/// Takes `bytes` and keeps them until the process ends.
///
/// # Errors
/// When so much is not available, or no threads are.
pub fn reserve(bytes: u64) -> anyhow::Result<()> {
    ensure_available(bytes)?;
    keep_what_is_freed();
    let threads = stampede_engine::cores();
    let share = bytes.div_ceil(PIECE_BYTES as u64).div_ceil(threads as u64);
    // One thread for each core: a host that finds pages slowly finds several at once.
    let takers: Vec<_> = (0..threads)
        .map(|_| thread::Builder::new().name("reserve".into()).spawn(move || take(share)))
        .collect::<Result<_, _>>()
        .context("reserve_bytes: cannot start a thread")?;
    // Held until all are there: nobody takes what another has just freed.
    let taken: Vec<_> = takers.into_iter().map(thread::JoinHandle::join).collect();
    ensure!(taken.iter().all(Result::is_ok), "reserve_bytes: cannot take {bytes} bytes");
    Ok(())
}

/// So many pieces, each byte written.
fn take(pieces: u64) -> Vec<Vec<u8>> {
    black_box((0..pieces).map(|_| vec![1; PIECE_BYTES]).collect())
}

/// A system that is asked for too much ends a process, this one or another, once the pages are touched.
fn ensure_available(bytes: u64) -> anyhow::Result<()> {
    let ram = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    // Where it cannot be told, the system's own word has to do.
    let Ok(system) = System::new_with_specifics(ram) else { return Ok(()) };
    let of_group = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    let available = system.available_memory().min(of_group);
    ensure!(
        bytes <= available,
        "reserve_bytes: expected at most the {available} bytes that are available now, found {bytes}"
    );
    Ok(())
}

#[expect(unsafe_code, reason = "mimalloc's options have no safe face")]
fn keep_what_is_freed() {
    // SAFETY: the call stores a number; it must not race with another, and no other thread runs yet.
    unsafe { mi_option_set(PURGE_DELAY, NEVER) };
}
