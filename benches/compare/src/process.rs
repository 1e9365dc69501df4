//! Starts one server as a child process and ends it: by its own process id, its directory after it.
//!
//! Owns the child and its temporary directory, also when a run fails or the harness is interrupted:
//! dropping a `Server` kills the child, waits for it, then removes the directory. What a server is
//! told on its command line is the business of `peers`.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// How long a server may take until it accepts a connection.
const START_MAX: Duration = Duration::from_secs(20);
const START_POLL: Duration = Duration::from_millis(20);

/// What a server writes, in its directory.
pub(crate) const LOG: &str = "server.log";

/// A running server that ends with this value.
pub(crate) struct Server {
    // Declared before the directory: the child must be gone when its files are removed.
    child: KilledOnDrop,
    address: SocketAddr,
    /// Nothing where the files outlive the server.
    _directory: Option<TempDir>,
}

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // Fails only when the child has ended already, which is what is wanted.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Server {
    /// Starts `command` and waits until it accepts connections at `address`.
    pub(crate) async fn start(
        name: &str,
        command: Command,
        address: SocketAddr,
        directory: TempDir,
    ) -> Result<Self> {
        let mut server = Self::spawn(name, command, address, directory.path())?;
        server.wait_until_it_accepts().await.with_context(|| {
            let log_path = directory.path().join(LOG);
            format!("{name} does not serve at {address}; it wrote:\n{}", log_tail(&log_path))
        })?;
        Ok(Self { _directory: Some(directory), ..server })
    }

    /// Starts `command` and waits for nothing. What it writes goes to [`LOG`] in `directory`, which stays.
    pub(crate) fn spawn(
        name: &str,
        mut command: Command,
        address: SocketAddr,
        directory: &Path,
    ) -> Result<Self> {
        let log_path = directory.join(LOG);
        let log = File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child: KilledOnDrop(child), address, _directory: None })
    }

    /// How it ended, where it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.0.try_wait()?)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.0.id()
    }

    async fn wait_until_it_accepts(&mut self) -> Result<()> {
        let give_up = Instant::now() + START_MAX;
        loop {
            if TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.ended()? {
                bail!("it ended at once with {status}");
            }
            if Instant::now() >= give_up {
                bail!("it took longer than {} s to start", START_MAX.as_secs());
            }
            sleep(START_POLL).await;
        }
    }
}

/// The last lines of a server's own output, for the message of a failed start.
pub(crate) fn log_tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|error| format!("(no log: {error})"));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// A fresh directory for one server's data.
pub(crate) fn data_directory() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("stampede-compare-")
        .tempdir()
        .context("cannot make a temporary directory")
}

/// An address of this machine that nothing listens on. Another process could take it before the
/// server does; the start then fails and says so.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(probe.local_addr()?)
}

/// Where `program` is on the search path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// Finds a peer's program, or says which Debian package brings it.
pub(crate) fn require(program: &str, package: &str) -> Result<PathBuf> {
    on_path(program).with_context(|| {
        format!("{program} is missing: install it with `apt-get install {package}` and run again")
    })
}

/// Runs a short command to its end and returns what it printed; its error output where it fails.
pub(crate) fn output_of(program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<String> {
    let program = program.as_ref();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        bail!(
            "{} {} ended with {}: {}{}",
            program.display(),
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Server, data_directory, free_address, require};
    use std::process::Command;

    #[tokio::test]
    async fn a_server_that_ends_at_once_is_reported_with_what_it_wrote() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out of luck; exit 3"]);
        let directory = data_directory().unwrap();
        let path = directory.path().to_path_buf();
        let address = free_address().unwrap();
        let error = Server::start("the peer", command, address, directory).await.err().unwrap();
        let text = format!("{error:#}");
        assert!(text.contains("out of luck") && text.contains("exit status: 3"), "{text}");
        assert!(!path.exists(), "the directory outlived the server");
    }

    #[test]
    fn a_missing_peer_names_its_package() {
        let text = require("no-such-server", "some-package").unwrap_err().to_string();
        assert!(text.contains("apt-get install some-package"), "{text}");
    }
}
