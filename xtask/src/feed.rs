//! `cargo xtask feed`: three readers follow the feed through real clients while a sale runs, and all must have seen the same.
//!
//! The seller writes down each answer, each reader each entry, in the same words; equal are they as sets of lines. That
//! nothing was missing or came twice the readers check by the entries' numbers. `clients` runs a small one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process;
use crate::programs;
use crate::server::Server;
use crate::setup;
use crate::tree::Tree;

/// Ten times what a million events take on a quiet machine with two cores.
const WITHIN: Duration = Duration::from_mins(20);

/// Builds the server, sells `events` events' worth with three readers beside it, and compares.
pub fn run(tree: &Tree, events: u64) -> Result<()> {
    setup::prepare(tree)?;
    programs::build(tree)?;
    let server = Server::start(tree, "feed")?;
    for line in follow(tree, &server, events)? {
        println!("{line}");
    }
    server.stop()
}

/// Sells and reads on a running server; gives back what the programs say, and fails where two of them differ.
pub fn follow(tree: &Tree, server: &Server, events: u64) -> Result<Vec<String>> {
    let folder = tree.workshop().join("feed");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let out = |name: &str| folder.join(name).with_extension("txt");
    let names = ["redis-py", "node-redis", "ioredis"];
    let readers: Vec<_> = names
        .into_iter()
        .map(|name| {
            let mut reader = reader(tree, name);
            reader.args([server.host(), server.port()]).arg(out(name));
            thread::spawn(move || said(&mut reader))
        })
        .collect();
    let mut seller = Command::new(setup::python(tree));
    seller.arg(tree.client_scripts().join("feed_sale.py")).args([server.host(), server.port()]);
    let mut lines = said(seller.arg(events.to_string()).arg(out("answers")));
    for reader in readers {
        let more = reader.join().map_err(|_| anyhow::anyhow!("a reader's thread ended by itself"))?;
        lines = lines.and_then(|lines| Ok([lines, more?].concat()));
    }
    let mut lines = lines?;
    let answers = sorted_lines(&out("answers"))?;
    ensure!(answers.len() as u64 >= events, "{} answers for {events} events", answers.len());
    for name in names {
        compare(&answers, name, &sorted_lines(&out(name))?)?;
    }
    lines.push(format!("{} answers, and each of the three readers saw exactly these", answers.len()));
    Ok(lines)
}

fn reader(tree: &Tree, name: &str) -> Command {
    if name == "redis-py" {
        let mut python = Command::new(setup::python(tree));
        python.arg(tree.client_scripts().join("feed_redis_py.py"));
        return python;
    }
    let script: PathBuf = setup::node_folder(tree).join(format!("feed_{}.mjs", name.replace('-', "_")));
    let mut node = Command::new("node");
    node.arg(script);
    node
}

/// The lines that a program prints, if it ends well.
fn said(command: &mut Command) -> Result<Vec<String>> {
    let output = process::output_within(command, WITHIN)?;
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success(), "`{}` failed: {printed}", process::show(command));
    Ok(printed.lines().map(ToOwned::to_owned).collect())
}

fn sorted_lines(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

/// Fails with the first line that one side has and the other has not.
fn compare(answers: &[String], name: &str, seen: &[String]) -> Result<()> {
    if answers == seen {
        return Ok(());
    }
    let at = answers.iter().zip(seen).take_while(|(one, other)| one == other).count();
    let (answer, entry) = (answers.get(at), seen.get(at));
    bail!(
        "{} answers, {} entries through {name}; the first difference: answered {answer:?}, read {entry:?}",
        answers.len(),
        seen.len()
    )
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn a_line_too_few_too_many_or_different_is_found() {
        let lines = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
        assert!(compare(&lines("a b c"), "x", &lines("a b c")).is_ok());
        for other in ["a b", "a b c d", "a x c", "a b b c"] {
            let difference = compare(&lines("a b c"), "x", &lines(other));
            assert!(difference.is_err(), "{other} passed for a b c");
        }
    }
}
