//! `redis-benchmark` as the independent client: a program that knows nothing of Stampede sends the
//! same purchases to every server.
//!
//! Owns its command line and the reading of its figures. Its own parsing of replies is part of what
//! it measures. Buyers and reservations are drawn at random from 10^18, so that none repeats.

use crate::process;
use crate::rows::{BENCHMARK_PIPELINE, CONNECTION_COUNT};
use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;

/// The greatest range that does not overflow to nothing.
const RANDOM_RANGE: &str = "2147483647";
/// A buyer and a reservation: two random numbers each.
pub(crate) const BUYER: &str = "b__rand_int____rand_int__";
pub(crate) const RESERVATION: &str = "r__rand_int____rand_int__";

pub(crate) struct Benchmark {
    program: PathBuf,
}

impl Benchmark {
    pub(crate) fn find() -> Result<Self> {
        Ok(Self { program: process::require("redis-benchmark", "redis-tools")? })
    }

    /// Whole pipelines: of anything else it sends more than it was told.
    pub(crate) fn whole_pipelines(requests: u64) -> u64 {
        requests.div_ceil(BENCHMARK_PIPELINE) * BENCHMARK_PIPELINE
    }

    /// Sends `requests` times the command `words` and returns its requests per second.
    pub(crate) async fn run(&self, address: SocketAddr, requests: u64, words: &[&str]) -> Result<f64> {
        let output = Command::new(&self.program)
            .args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()])
            .args(["-c", &CONNECTION_COUNT.to_string(), "-P", &BENCHMARK_PIPELINE.to_string()])
            .args(["-n", &requests.to_string(), "-r", RANDOM_RANGE, "--csv"])
            .args(words)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run redis-benchmark")?;
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "redis-benchmark ended with {}: {errors}{text}", output.status);
        requests_per_second(&text)
            .with_context(|| format!("redis-benchmark printed no figure: {errors}{text}"))
    }
}

/// Reads the second column of the last line of its CSV.
fn requests_per_second(csv: &str) -> Option<f64> {
    let figure = csv.lines().rfind(|line| line.starts_with('"'))?.split("\",\"").nth(1)?;
    figure.trim_end_matches('"').parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
}

#[cfg(test)]
mod tests {
    use super::{Benchmark, requests_per_second};

    #[test]
    fn the_figure_is_the_second_column_of_the_last_line() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"BUY sku b__rand_int__\",\"612345.50\",\"4.1\"\n";
        assert_eq!(requests_per_second(csv).map(f64::to_bits), Some(612_345.5_f64.to_bits()));
        assert_eq!(requests_per_second("\"test\",\"rps\"\n"), None);
        assert_eq!(requests_per_second(""), None);
    }

    #[test]
    fn requests_come_in_whole_pipelines() {
        assert_eq!([Benchmark::whole_pipelines(64), Benchmark::whole_pipelines(65)], [64, 128]);
    }
}
