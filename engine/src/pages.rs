//! How large the pages are in which the process takes memory from the kernel.
//!
//! A shard's tables grow while it sells, and the thread that first touches a page waits until the kernel has cleared it:
//! 4 KiB now and then, or 2 MiB at once, which on a virtual machine whose host gives the memory only then takes
//! milliseconds. Who starts an engine may choose; the binaries choose small pages.

use std::io;

/// Takes memory in small pages from here on, for the whole process and what it starts. Call it first of all.
///
/// # Errors
/// Where the kernel does not know the request; memory is then taken as before.
pub fn take_small_pages() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true)?;
    Ok(())
}
