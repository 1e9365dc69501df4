//! The real server in a process of its own, on a directory that outlives it, and the ways in which it ends.
//!
//! A server that is dropped is killed. Ports are free ones, so that nothing here meets another test.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::shim::Shim;
use crate::wire::Connection;

/// Shards of every server here: more than one, so that nothing holds for the first alone.
pub(crate) const SHARDS: usize = 2;

const READY_WITHIN: Duration = Duration::from_mins(1);

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) data: PathBuf,
    pub(crate) shards: usize,
    pub(crate) durability: &'static str,
    /// Lines of the configuration file.
    pub(crate) config: String,
    pub(crate) shim: Option<Shim>,
}

impl Setting {
    /// Segments and snapshots so small that every run goes through many.
    pub(crate) fn small_segments(data: &Path) -> Self {
        let config =
            "[journal]\nsegment_bytes = 262144\nsnapshot_bytes = 1048576\nfree_bytes_min = 1048576\n"
                .to_owned();
        Self { data: data.to_owned(), shards: SHARDS, durability: "sync", config, shim: None }
    }

    fn command(&self) -> Command {
        let config = self.data.with_extension("toml");
        fs::write(&config, &self.config).expect("the configuration is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--ops",
                "127.0.0.1:0",
                "--durability",
                self.durability,
            ])
            .args(["--shards", &self.shards.to_string(), "--config"])
            .arg(config)
            .arg("--data")
            .arg(&self.data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(self.log()).expect("the log is made"));
        if let Some(shim) = &self.shim {
            shim.load_into(&mut command);
        }
        command
    }

    fn log(&self) -> PathBuf {
        self.data.with_extension("stderr")
    }

    /// What the last server said on standard error.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Starts a server that must refuse to start, and gives back what it says.
    #[track_caller]
    pub(crate) fn refusal(&self) -> String {
        let mut child = self.command().spawn().expect("the binary runs");
        let ready = ready_line(child.stdout.take().expect("a pipe"));
        assert!(ready.recv_timeout(READY_WITHIN).is_err(), "it started");
        let status = child.wait().expect("it ends");
        assert_eq!(status.code().map(|code| code != 0), Some(true), "{status}: {}", self.told());
        self.told()
    }

    /// Starts a server and kills it, ready or not, after a while.
    pub(crate) fn kill_early(&self, after: Duration) {
        let mut child = self.command().spawn().expect("the binary runs");
        wait(after);
        child.kill().expect("it takes a signal");
        child.wait().expect("it ends");
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) setting: Setting,
}

impl Server {
    /// Starts it and waits until it is ready, with all that a start has to do behind it.
    pub(crate) fn start(setting: &Setting) -> Self {
        let mut child = setting.command().spawn().expect("the binary runs");
        let ready = ready_line(child.stdout.take().expect("a pipe"));
        let mut server = Self { child, address: String::new(), setting: setting.clone() };
        let line = ready.recv_timeout(READY_WITHIN);
        let line = line.unwrap_or_else(|_| panic!("no ready line: {}", setting.told()));
        let address = line.split("ready on ").nth(1).and_then(|rest| rest.split([' ', ',']).next());
        address.unwrap_or_else(|| panic!("no address in {line}")).clone_into(&mut server.address);
        server
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(&self.address).unwrap_or_else(|error| panic!("{error}; {}", self.setting.told()))
    }

    /// SIGKILL: no destructor, no flush, no word.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it takes a signal");
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(9), "it ended by itself: {status}; {}", self.setting.told());
    }

    /// SIGTERM: an orderly end.
    pub(crate) fn stop(mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}; {}", self.setting.told());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The line that says where the server listens, once it comes. Reads on after it: a full pipe must not block the server.
fn ready_line(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line.contains("ready on ") {
                let _gone = sender.send(line);
            }
        }
    });
    receiver
}

/// Lets some time pass: the moment of a kill is a random one, and nothing is asserted about it.
pub(crate) fn wait(time: Duration) {
    let (_never, receiver) = mpsc::channel::<()>();
    let _timeout = receiver.recv_timeout(time);
}
