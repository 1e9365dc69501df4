//! Plays real group-buy records against a server, and checks that the same groups come out.
//!
//! One offer per item and group size. A leader opens a group, the members join it by its id, all pay; a
//! group that nobody joined runs out of time. Each step is one phase: all its commands, over all connections,
//! then all their answers. A person who stands on several lines of one offer plays them in later rounds.
//! Called by the subcommands `replay` and `demo`. What the answers add up to is judged by `ledger`.

pub mod play;
pub mod records;
pub mod script;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::feed;
use crate::ledger::{self, Judgement};
use crate::plan::Plan;
use crate::setup;
use crate::verdict::{Outcome, Verdict};
use crate::wire::client::Client;
use play::{Played, Player};
use records::Line;
use script::{Script, Step};

/// How members find their group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// By their leader's id, as in the records.
    Friends,
    /// By GROUP ANY: whoever wants the same item.
    Any,
}

/// How to play.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The server's address, `host:port`.
    pub addr: String,
    /// Connections.
    pub connections: u16,
    /// Commands in flight per connection.
    pub pipeline: usize,
    /// How members find their group.
    pub matching: Match,
    /// What offer ids start with; unique per run on one server.
    pub prefix: String,
    /// How long groups of formed lines stay open: longer than the whole run takes.
    pub open_formed: Duration,
    /// How long groups of failed lines stay open: longer than one chunk takes, then the run waits for it.
    pub open_failed: Duration,
    /// Lines of failed groups opened before the first of them pays.
    pub chunk: usize,
    /// Price per unit.
    pub price: i64,
}

impl Replay {
    /// Checks every range.
    ///
    /// # Errors
    /// An argument out of its range, named.
    pub fn check(&self) -> Result<()> {
        ensure!(self.connections >= 1, "connections: expected at least 1");
        ensure!(self.pipeline >= 1, "pipeline: expected at least 1");
        ensure!(self.chunk >= 1, "chunk: expected at least 1");
        ensure!(self.open_failed >= Duration::from_millis(100), "open-failed: expected at least 100ms");
        ensure!(self.price >= 0, "price: expected 0 or more");
        Ok(())
    }
}

/// What came out.
#[derive(Debug, Serialize)]
pub struct ReplayReport {
    /// How members found their group.
    pub matching: Match,
    /// Lines of groups that formed in the records.
    pub lines_formed: u64,
    /// Lines of groups that failed in the records.
    pub lines_failed: u64,
    /// Offers put: one per item and group size.
    pub offers: u64,
    /// Groups that formed.
    pub groups_formed: u64,
    /// Groups that failed.
    pub groups_failed: u64,
    /// Failed lines whose leader ended in a group that formed.
    pub failed_lines_saved: u64,
    /// Failed lines that could be saved at most: the people of an offer and round, in pairs.
    pub failed_lines_matchable: u64,
    /// Commands sent, all steps together.
    pub commands: u64,
    /// Time spent sending and hearing, waits for windows left out.
    pub playing_s: f64,
    /// Time spent waiting for windows to run out.
    pub waiting_s: f64,
    /// Time spent putting the offers.
    pub putting_s: f64,
    /// Time spent comparing afterwards.
    pub checking_s: f64,
    /// Time from a batch's write to an answer's arrival. Closed loop: not a buyer's latency.
    #[serde(skip)]
    pub batch_latency_ns: Histogram<u64>,
    /// What agreed and what did not.
    pub judgement: Judgement,
}

impl ReplayReport {
    /// Commands per second while playing.
    pub fn commands_per_s(&self) -> f64 {
        self.commands as f64 / self.playing_s.max(1e-9)
    }
}

/// Plays the lines and judges what came of them.
///
/// # Errors
/// The server cannot be reached or refuses an offer. Wrong answers are differences in the report.
pub fn run(lines: &[Line], replay: &Replay, bar: &ProgressBar) -> Result<ReplayReport> {
    let script = Script::new(lines, replay)?;
    let mut client = Client::connect(&replay.addr)?;
    bar.set_length(script.plan.intents.len() as u64);
    let from = feed::mark(&mut client).context("the feed before the replay")?;
    let putting = now();
    setup::put_offers(&mut client, &script.plan.offers).context("the offers of the replay")?;
    let putting_s = putting.elapsed().as_secs_f64();

    let plan = Arc::new(script.plan);
    let played = play_steps(&plan, &script.steps, replay, bar)?;
    let checking = now();
    wait_for_sweep(&plan, &mut client)?;
    let judgement = ledger::judge(&plan, &played.outcomes, &from, &mut client)?;
    let mut report = ReplayReport {
        matching: replay.matching,
        lines_formed: script.lines_formed,
        lines_failed: script.lines_failed,
        offers: plan.offers.len() as u64,
        groups_formed: judgement.sums.groups_formed,
        groups_failed: judgement.sums.groups_failed,
        failed_lines_saved: 0,
        failed_lines_matchable: script.failed_lines_matchable,
        commands: played.outcomes.len() as u64,
        playing_s: played.playing.as_secs_f64(),
        waiting_s: played.waiting.as_secs_f64(),
        putting_s,
        checking_s: 0.0,
        batch_latency_ns: played.latency_ns,
        judgement,
    };
    check_refusals(&plan, &played.outcomes, &mut report);
    check_groups(&plan, &mut report);
    report.checking_s = checking.elapsed().as_secs_f64();
    Ok(report)
}

fn play_steps(plan: &Arc<Plan>, steps: &[Step], replay: &Replay, bar: &ProgressBar) -> Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the client's runtime")?;
    let tasks = tokio::task::LocalSet::new();
    runtime.block_on(tasks.run_until(async {
        let mut player = Player::connect(plan, replay).await?;
        for step in steps {
            match step {
                Step::Send(range) => player.send(range.clone(), bar).await?,
                Step::Wait(duration) => {
                    bar.set_message("waiting for the windows to run out");
                    player.wait(*duration).await;
                    bar.set_message("");
                }
            }
        }
        Ok(player.finish())
    }))
}

/// A window that is over is answered as over, but the units of many groups go back in slices: the counts of
/// pools settle a moment later. Waits for that, and gives up after a while: then the comparison says what is wrong.
fn wait_for_sweep(plan: &Plan, client: &mut Client) -> Result<()> {
    let over: Vec<_> =
        plan.offers.iter().filter(|offer| offer.group.as_ref().is_some_and(|g| g.runs_out)).collect();
    let started = now();
    while started.elapsed() < Duration::from_secs(20) && !over.is_empty() {
        let mut held = 0;
        client.ask_all(
            over.len(),
            |index, out| {
                crate::wire::encode::command(out, &[b"POOL", b"GET", over[index].id.as_bytes()]);
            },
            |_, frame| held += frame.field_number(b"held").unwrap_or(0),
        )?;
        if held == 0 {
            break;
        }
    }
    Ok(())
}

/// In a replay every purchase must succeed: a refusal is a difference, though the sums would still agree.
fn check_refusals(plan: &Plan, outcomes: &[Outcome], report: &mut ReplayReport) {
    for outcome in outcomes {
        if !outcome.verdict.is_state() && !matches!(outcome.verdict, Verdict::Busy | Verdict::Lost) {
            let intent = plan.intents[outcome.intent as usize];
            let offer = plan.offer_of(intent.reservation);
            let subject =
                format!("offer {} reservation {}", offer.id, Plan::reservation_id(intent.reservation));
            let expected = format!("{:?} accepted", intent.action);
            report.judgement.differences.add("refused", subject, expected, outcome.verdict.name());
        }
    }
}

/// The same number of groups must come out as stand in the records.
fn check_groups(plan: &Plan, report: &mut ReplayReport) {
    let runs_out =
        |offer: u32| plan.offers[offer as usize].group.as_ref().is_some_and(|group| group.runs_out);
    let states = plan.reservations.iter().zip(&report.judgement.states);
    report.failed_lines_saved = states
        .filter(|(reservation, state)| **state == Some(Verdict::Won) && runs_out(reservation.offer))
        .count() as u64;
    let differences = &mut report.judgement.differences;
    let run = || "the whole replay".to_owned();
    match report.matching {
        Match::Friends => {
            differences.compare("groups formed", run, &report.lines_formed, &report.groups_formed);
            differences.compare("groups failed", run, &report.lines_failed, &report.groups_failed);
        }
        Match::Any => {
            // Two leaders are saved by each group of strangers; each of the others failed alone.
            let formed = report.lines_formed + report.failed_lines_saved / 2;
            let failed = report.lines_failed - report.failed_lines_saved;
            differences.compare("groups formed", run, &formed, &report.groups_formed);
            differences.compare("groups failed", run, &failed, &report.groups_failed);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the generator measures; it has no engine clock")]
fn now() -> Instant {
    Instant::now()
}
