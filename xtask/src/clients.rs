//! The real-client tests: unmodified Redis clients against the real server.
//!
//! The scenario is in `gateway/tests/clients`; the Rust `redis` crate goes through it in a test of the
//! gateway, since that one needs nothing but Rust. `suite` and `cargo xtask clients` call this.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::feed;
use crate::process;
use crate::programs;
use crate::server::Server;
use crate::setup;
use crate::tally::Tally;
use crate::tree::Tree;

const CLIENT_WITHIN: Duration = Duration::from_mins(1);
const BENCHMARK_REQUESTS: u64 = 20_000;
/// `cargo xtask feed` does the same with a million.
const FEED_EVENTS: u64 = 20_000;

/// Builds the server, runs every client in both protocols, and stops the server.
pub fn run(tree: &Tree) -> Result<Tally> {
    programs::build(tree)?;
    let server = Server::start(tree, "clients")?;
    let mut tally = Tally::default();
    for protocol in ["2", "3"] {
        for mut client in scripts(tree) {
            client.args([server.host(), server.port(), protocol]);
            tally += run_client(&mut client);
        }
    }
    tally += check("redis-benchmark, unmodified, takes 20,000 units and the audit is OK", benchmark(&server));
    tally += check("the server ends within 5 s of SIGTERM", server.stop());
    tally += consumer(tree)?;
    tally += check("three readers see on the feed what the seller was answered", readers(tree));
    Ok(tally)
}

/// The storefront of docs/consumer, killed again and again, on a server that sells nothing else.
fn consumer(tree: &Tree) -> Result<Tally> {
    let mut tally = Tally::default();
    for protocol in ["2", "3"] {
        let server = Server::start(tree, "consumer")?;
        let mut script = Command::new(setup::python(tree));
        script.arg(tree.client_scripts().join("consumer_crash.py"));
        tally += run_client(script.args([server.host(), server.port(), protocol]));
        server.stop()?;
    }
    Ok(tally)
}

fn readers(tree: &Tree) -> Result<()> {
    let server = Server::start(tree, "feed")?;
    feed::follow(tree, &server, FEED_EVENTS)?;
    server.stop()
}

fn scripts(tree: &Tree) -> [Command; 4] {
    let folder = tree.client_scripts();
    let script = |program: &Path, script: &Path| {
        let mut command = Command::new(program);
        command.arg(script);
        command
    };
    let node = setup::node_folder(tree);
    [
        script(Path::new("bash"), &folder.join("redis_cli.sh")),
        script(&setup::python(tree), &folder.join("redis_py.py")),
        script(Path::new("node"), &node.join("node_redis.mjs")),
        script(Path::new("node"), &node.join("ioredis.mjs")),
    ]
}

/// Runs one script and counts its lines; one that died without a word or checked nothing has failed.
fn run_client(client: &mut Command) -> Tally {
    let output = match process::output_within(client, CLIENT_WITHIN) {
        Ok(output) => output,
        Err(error) => return check("a client script", Err(error)),
    };
    let printed = [output.stdout, output.stderr].concat();
    let mut tally = Tally::default();
    for line in String::from_utf8_lossy(&printed).lines() {
        println!("{line}");
        tally += Tally::from_line(line);
    }
    if (!output.status.success() && tally.failed == 0) || tally == Tally::default() {
        println!("FAILED `{}` ended with {}", process::show(client), output.status);
        tally += Tally::FAILED;
    }
    tally
}

fn check(name: &str, outcome: Result<()>) -> Tally {
    match outcome {
        Ok(()) => {
            println!("ok {name}");
            Tally::PASSED
        }
        Err(error) => {
            println!("FAILED {name}: {error:#}");
            Tally::FAILED
        }
    }
}

fn benchmark(server: &Server) -> Result<()> {
    let offer = "redis-benchmark";
    ask(server, &["OFFER", "PUT", offer, r#"{"price":1990,"stock":1000000}"#], "OK")?;
    // Two random parts make each buyer and each id new; a larger -r overflows to 0 in redis-benchmark.
    let mut run = Command::new("redis-benchmark");
    run.args(["-h", server.host(), "-p", server.port(), "-c", "10", "-P", "16", "-q"])
        .args(["-n", &BENCHMARK_REQUESTS.to_string(), "-r", "2147483647"])
        .args(["BUY", offer, "b__rand_int____rand_int__", "r__rand_int____rand_int__"]);
    let output = process::output_within(&mut run, CLIENT_WITHIN)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pool = ask(server, &["POOL", "GET", offer], "")?;
    let held = pair(&pool, "held").and_then(|held| held.parse::<u64>().ok());
    ensure!(
        held == Some(BENCHMARK_REQUESTS),
        "expected {BENCHMARK_REQUESTS} units held, the pool says: {}",
        pool.replace('\n', " ")
    );
    ask(server, &["AUDIT"], "OK").map(drop)
}

/// Sends one command by redis-cli and checks the status; an empty status stands for any.
fn ask(server: &Server, words: &[&str], status: &str) -> Result<String> {
    let mut cli = Command::new("redis-cli");
    cli.args(["-h", server.host(), "-p", server.port(), "-3"]).args(words);
    let output = process::output_within(&mut cli, CLIENT_WITHIN)?;
    let answer = String::from_utf8(output.stdout).context("redis-cli prints text")?;
    if !status.is_empty() && pair(&answer, "status") != Some(status) {
        bail!("{}: expected status {status}, got {}", words.join(" "), answer.replace('\n', " "));
    }
    Ok(answer)
}

/// The value of a pair in redis-cli's raw print of a RESP3 map: one `key value` per line.
fn pair<'a>(answer: &'a str, key: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
}
