//! Starts the real `stampede` server on a free port and stops it as an operator would.
//!
//! `clients` and `feed` call it. A server that is dropped without `stop` is killed, so that no run leaves one behind.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::tree::Tree;

const READY_WITHIN: Duration = Duration::from_secs(20);
/// The contract of the server: after SIGTERM it answers what it has read and ends within this time.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A running server and the address that it printed.
#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    host: String,
    port: String,
}

impl Server {
    /// Starts the server on an empty directory and waits for its ready line. Each answer is durable before it leaves.
    pub fn start(tree: &Tree, name: &str) -> Result<Self> {
        let folder = tree.workshop().join("server").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let log = folder.join("stderr.log");
        let mut command = Command::new(tree.built("stampede"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--durability", "sync"])
            .args(["--shards", "2", "--data", "data"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).with_context(|| format!("creating {}", log.display()))?);
        let mut child = command.spawn().with_context(|| format!("starting {}", process::show(&command)))?;
        let stdout = child.stdout.take().context("standard output is a pipe")?;
        let mut server = Self { child: Some(child), host: String::new(), port: String::new() };
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // Reads on after the ready line: a full pipe must not block the server.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let Ok(line) = receiver.recv_timeout(READY_WITHIN) else {
            bail!(
                "the server printed no ready line; its log: {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
        };
        let address = address_in(&line).with_context(|| format!("no address in the ready line: {line}"))?;
        (server.host, server.port) = address;
        Ok(server)
    }

    /// The host that the server listens on.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that the server listens on, as text.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Ends the server by SIGTERM and checks that it ends in time and well.
    pub fn stop(mut self) -> Result<()> {
        let child = self.child.take().context("the server runs until it is stopped")?;
        process::signal(child.id(), "TERM")?;
        if !process::ends_within(child, ENDS_WITHIN).context("the server after SIGTERM")? {
            bail!("the server ended with a failure after SIGTERM");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The `host:port` in the ready line, wherever in it.
fn address_in(line: &str) -> Option<(String, String)> {
    let start = line.find("127.0.0.1:")?;
    let (host, rest) = line[start..].split_once(':')?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_address_is_found_anywhere_in_the_ready_line() {
        let found = address_in("stampede 0.1.0 listens on 127.0.0.1:40123, 2 shards");
        assert_eq!(found, Some(("127.0.0.1".to_owned(), "40123".to_owned())));
        assert_eq!(address_in("listening"), None);
    }
}
