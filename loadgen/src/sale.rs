//! One open-loop sale from beginning to end: plan, offers, run, judgement, report.
//!
//! Behind `spike`, `steady`, `mixed` and the flash sale of `demo`; also the closed-loop runs of `steady`,
//! with their own check of the sums.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::closed::{self, ClosedLoop, Work, on_feed};
use crate::feed::{self, Mark};
use crate::ledger;
use crate::open::{self, OpenLoop};
use crate::plan::Plan;
use crate::population::Crowd;
use crate::report::{ClosedReport, RunReport};
use crate::schedule::{Arrivals, Schedule, Shape};
use crate::setup;
use crate::wire::client::Client;
use crate::wire::frame::Head;

/// A sale to be run.
#[derive(Debug, Clone)]
pub struct Sale {
    /// What it is, in a few words.
    pub title: String,
    /// Who comes.
    pub crowd: Crowd,
    /// When they come.
    pub shape: Shape,
    /// How they lie within the rate.
    pub arrivals: Arrivals,
    /// How long it lasts.
    pub duration: Duration,
    /// How long after the start the offers open, where they are not open from the start. Needs a server
    /// with the same wall clock.
    pub opens_after: Option<Duration>,
}

impl Sale {
    /// Plans every command of it. Nothing is connected to.
    ///
    /// # Errors
    /// An argument out of its range, named.
    pub fn plan(&self) -> Result<Plan> {
        let schedule = Schedule::new(self.shape, self.arrivals, self.duration, self.crowd.seed)?;
        self.crowd.plan(&schedule)
    }
}

/// Runs a sale as it was planned, and judges it.
pub fn run(sale: &Sale, mut plan: Plan, open: &OpenLoop) -> Result<RunReport> {
    let mut client = Client::connect(&open.addr)?;
    if let Some(after) = sale.opens_after {
        let opens_ms = unix_ms()? + after.as_millis() as u64;
        plan.offers.iter_mut().for_each(|offer| offer.opens_ms = Some(opens_ms));
    }
    let from = feed::mark(&mut client).context("the feed before the sale")?;
    setup::put_offers(&mut client, &plan.offers).context("the offers of the sale")?;
    let plan = Arc::new(plan);
    let bar = progress_bar(plan.intents.len() as u64, &sale.title);
    let result = open::run(&plan, open, &bar)?;
    bar.set_message("comparing with the server's books");
    let judgement = ledger::judge(&plan, &result.outcomes, &from, &mut client)?;
    bar.finish_and_clear();
    Ok(RunReport::new(sale.title.clone(), plan.intents.len(), result, Some(judgement)))
}

/// A closed-loop run on one hot offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HotOffer {
    /// Everybody gets a unit.
    Buy,
    /// Nobody does.
    SoldOut,
    /// Groups of this many.
    Groups(u32),
}

/// Runs a closed loop on a fresh offer, and checks that the server's counts are those of the answers.
pub fn run_closed(prefix: &str, hot: HotOffer, plan: &ClosedLoop) -> Result<ClosedReport> {
    let mut client = Client::connect(&plan.addr)?;
    let offer = format!("{prefix}-hot");
    let price = 990;
    let (definition, work, title) = match hot {
        HotOffer::Buy => {
            let work = Work::Buy { offer: offer.clone() };
            (setup::plain_offer(plan.requests, price), work, "BUY accepted, distinct buyers, one hot offer")
        }
        HotOffer::SoldOut => {
            let work = Work::Buy { offer: offer.clone() };
            (setup::plain_offer(1, price), work, "BUY refused, sold out")
        }
        HotOffer::Groups(size) => {
            let work = Work::Groups { offer: offer.clone(), size: size as usize };
            (setup::group_offer(plan.requests, price, size as usize), work, "groups: open, join, pay")
        }
    };
    let from = feed::mark(&mut client).context("the feed before the run")?;
    setup::put_offer(&mut client, &offer, &definition)?;
    if hot == HotOffer::SoldOut {
        client.command(&[b"BUY", offer.as_bytes(), b"first", b"first"])?;
    }
    let counts = closed::run(&ClosedLoop { work, ..plan.clone() })?;
    let mut report = ClosedReport::new(title.into(), (plan.connections, plan.pipeline), counts);
    check_closed(&mut client, &offer, hot, &mut report)?;
    check_feed(&mut client, &offer, hot, (&from, plan.serial_end()), &mut report)?;
    Ok(report)
}

fn check_closed(client: &mut Client, offer: &str, hot: HotOffer, report: &mut ClosedReport) -> Result<()> {
    let counts = &report.counts;
    let before = u64::from(hot == HotOffer::SoldOut);
    let pool = client.command(&[b"POOL", b"GET", offer.as_bytes()])?;
    let field = |name: &[u8]| pool.frame().field_number(name).unwrap_or(-1);
    let taken = field(b"held") + field(b"sold");
    let expected = (counts.accepted + before).cast_signed();
    let mut faults = Vec::new();
    if taken != expected {
        faults.push(format!("pool {offer}: expected {expected} units taken, found {taken}"));
    }
    if field(b"available") + taken != field(b"total") {
        faults.push(format!("pool {offer}: available, held and sold do not add up to total"));
    }
    if let HotOffer::Groups(size) = hot {
        let answer = client.command(&[b"OFFER", b"GET", offer.as_bytes()])?;
        let formed = answer.frame().field_number(b"groups_formed").unwrap_or(-1);
        let expected = (counts.accepted / u64::from(size)).cast_signed();
        if formed != expected {
            faults.push(format!("offer {offer}: expected {expected} groups formed, found {formed}"));
        }
    }
    if counts.errors + counts.busy > 0 {
        faults.push(format!("{} errors and {} BUSY were answered", counts.errors, counts.busy));
    }
    let audit = client.command(&[b"AUDIT"])?;
    if audit.frame().head() != Head::Status(b"OK") {
        faults.push(format!("AUDIT: {}", audit.frame().sentence()));
    }
    report.faults = faults;
    Ok(())
}

/// Every reservation that was accepted is on the feed, once, and so is every payment and every group.
fn check_feed(
    client: &mut Client,
    offer: &str,
    hot: HotOffer,
    (from, serial_end): (&Mark, u64),
    report: &mut ClosedReport,
) -> Result<()> {
    let to = feed::mark(client)?;
    let found = on_feed::count(client, offer, (from, &to), serial_end)?;
    let counts = &report.counts;
    report.faults.extend(found.faults(from, counts.accepted, u64::from(hot == HotOffer::SoldOut)));
    report.feed_events = found.walk.unread.is_empty().then_some(found.walk.entries);
    if let (HotOffer::Groups(size), Some(_)) = (hot, report.feed_events) {
        let expected = (counts.accepted, counts.accepted / u64::from(size));
        let on_feed = (found.payments, found.groups_formed);
        if on_feed != expected {
            report.faults.push(format!(
                "feed: expected {} payments and {} groups formed, found {} and {}",
                expected.0, expected.1, on_feed.0, on_feed.1
            ));
        }
    }
    Ok(())
}

/// What the server says of itself: versions and durability.
pub fn server_facts(client: &mut Client) -> Result<BTreeMap<String, String>> {
    let info = client.command(&[b"INFO"])?;
    let text = match info.frame().head() {
        Head::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    };
    let wanted =
        |key: &str| matches!(key, "stampede_version" | "redis_version" | "durability" | "aof_enabled");
    let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    Ok(pairs.filter(|(key, _)| wanted(key)).map(|(key, value)| (key.into(), value.into())).collect())
}

/// A bar that shows itself on a terminal only.
pub fn progress_bar(len: u64, title: &str) -> ProgressBar {
    let bar = ProgressBar::new(len);
    let template = "{prefix} [{bar:40}] {human_pos} of {human_len} · {per_sec} {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(title.to_owned());
    bar
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "an opening moment is told to the server in wall-clock time")]
pub fn unix_ms() -> Result<u64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Ok(since.context("the system clock stands before 1970")?.as_millis() as u64)
}
