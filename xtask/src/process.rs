//! Runs other programs: shows what they print while it comes, counts it, and ends what takes too long.
//!
//! Knows no step and no client. Waiting is for an event (a line, an exit), never for a time alone.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::tally::Tally;

/// Runs a program to its end with its output on the terminal.
///
/// # Errors
/// When it cannot be started or ends with a failure.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed with {status}");
    }
    Ok(())
}

/// Runs a program to its end, passes its standard output on line by line, and counts the checks in it.
///
/// A failure that no line accounts for (it did not build, it was killed) counts as one failed check.
pub fn run_counted(command: &mut Command) -> Result<Tally> {
    let shown = show(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let stdout = child.stdout.take().context("standard output is a pipe")?;
    let mut tally = Tally::default();
    for line in BufReader::new(stdout).lines() {
        let line = line.with_context(|| format!("reading what `{shown}` prints"))?;
        println!("{line}");
        tally += Tally::from_line(&line);
    }
    let status = child.wait().with_context(|| format!("waiting for `{shown}`"))?;
    if !status.success() {
        println!("`{shown}` failed with {status}");
        if tally.failed == 0 {
            tally += Tally::FAILED;
        }
    }
    Ok(tally)
}

/// What a program printed, once it ended well within `limit`; it is killed when it takes longer.
pub fn output_within(command: &mut Command, limit: Duration) -> Result<Output> {
    let shown = show(command);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(limit) else {
        signal(pid, "KILL")?;
        bail!("`{shown}` took longer than {} s and was killed", limit.as_secs());
    };
    output.with_context(|| format!("reading what `{shown}` prints"))
}

/// Waits until a child has ended, for at most `limit`; gives back whether it ended well.
pub fn ends_within(mut child: Child, limit: Duration) -> Result<bool> {
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait()));
    let Ok(status) = receiver.recv_timeout(limit) else {
        signal(pid, "KILL")?;
        bail!("process {pid} had not ended after {} s and was killed", limit.as_secs());
    };
    Ok(status.context("waiting for the process")?.success())
}

/// Sends a signal to a process that this program started.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    run(Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")))
}

/// Whether a program with this name can be started at all.
pub fn is_installed(program: &str, probe: &[&str]) -> bool {
    Command::new(program)
        .args(probe)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as a person would type it.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
