//! The `stampede` binary as a process: run to its end, or a server that ends with the test.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Runs the binary to its end.
pub(crate) fn stampede(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stampede")).args(args).output().expect("the binary runs")
}

/// Fails unless the binary refuses, says why, and prints nothing as a result.
#[track_caller]
pub(crate) fn check_refused(args: &[&str], error: &str) {
    let output = stampede(args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(told.contains(error), "{args:?}: {told}");
    assert!(told.matches("(os error").count() < 2, "{args:?} says its cause twice: {told}");
    assert!(output.stdout.is_empty(), "{args:?} printed to standard output");
}

/// What the binary prints.
#[track_caller]
pub(crate) fn printed(args: &[&str]) -> String {
    let output = stampede(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A directory of this test alone, not there yet; removed at its end.
pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        TestDir(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server process on free ports, ended with the test.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) listen: String,
    pub(crate) ops: String,
    pub(crate) ready: String,
}

/// A configuration with short segments, so that a test need not wait until a long one is written full of zeros.
fn small_segments() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = format!("{}/{}-segments.toml", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        std::fs::write(&path, "[journal]\nsegment_bytes = 1048576\n").expect("the file is written");
        path
    })
}

impl Process {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with_log(args, Stdio::null())
    }

    /// Like [`Process::start`]; the log goes to `log`, and what the start has to say is in it.
    pub(crate) fn start_with_log(args: &[&str], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stampede"))
            .args(["serve", "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0"])
            .args(if args.contains(&"--config") { vec![] } else { vec!["--config", small_segments()] })
            .args(args)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        let stdout = child.stdout.take().expect("it is piped");
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready).expect("a line");
        let word = |before: &str| {
            let rest = ready.split(before).nth(1).unwrap_or_else(|| panic!("not ready: {ready:?}"));
            rest.split([' ', ',', '\n']).next().unwrap_or_default().to_owned()
        };
        let (listen, ops) = (word("ready on "), word("(ops "));
        Process { child, listen, ops, ready }
    }

    /// Sends inline commands and reads every answer.
    pub(crate) fn ask(&self, commands: &str) -> String {
        talk(&self.listen, &format!("{commands}QUIT\r\n"))
    }

    pub(crate) fn get(&self, path: &str) -> String {
        talk(&self.ops, &format!("GET {path} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n"))
    }

    /// How often a thread of it touched a page that was not there yet, and that no file had.
    #[cfg(target_os = "linux")]
    pub(crate) fn minor_faults(&self) -> u64 {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).expect("it runs");
        // Behind the name, which may hold anything: state, five ids, flags, minor faults.
        let fields = stat.rsplit(')').next().expect("the name has an end");
        fields.split_whitespace().nth(7).and_then(|field| field.parse().ok()).expect("a number")
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a text whose answer ends with the connection.
fn talk(address: &str, text: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(text.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}
