//! Kills the server under load again and again, with kill -9 and with the loss of power, and checks everything after each.
//!
//! `cargo xtask crash --cycles 200` runs many; a plain test run a few. A failure prints its seed; the moments of the
//! kills are those of the machine, so that the seed brings back the requests and not the moment.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::check::{Memory, Seen};
use crate::sale::{Crowd, OFFERS};
use crate::server::{Server, Setting, wait};
use crate::shim::{Lost, Shim, files_by_inode};

/// Cycles on one directory. The checks read everything from the first event on, so a directory does not grow for ever.
const CYCLES_PER_DIRECTORY: u64 = 25;

#[test]
fn kill_nine_loses_nothing_that_was_answered() {
    Run::new("STAMPEDE_CRASH_CYCLES", 5).go(Death::Kill);
}

#[test]
fn power_loss_loses_nothing_that_was_answered() {
    Run::new("STAMPEDE_POWER_CYCLES", 5).go(Death::Power);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    Kill,
    Power,
}

#[derive(Debug, Default)]
struct Totals {
    cycles: u64,
    kills: u64,
    kills_at_start: u64,
    orderly: u64,
    answers: usize,
    unanswered: usize,
    happened: usize,
    entries: usize,
    /// Those that were kept at the end of each directory.
    snapshots: usize,
    lost: Lost,
}

struct Run {
    cycles: u64,
    seed: u64,
    random: Xoshiro256PlusPlus,
    totals: Totals,
}

impl Run {
    fn new(cycles: &str, default: u64) -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
        let seed = number("STAMPEDE_CRASH_SEED").unwrap_or_else(|| rand::rng().random());
        Self {
            cycles: number(cycles).unwrap_or(default),
            seed,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            totals: Totals::default(),
        }
    }

    fn go(mut self, death: Death) {
        println!("seed {} (STAMPEDE_CRASH_SEED)", self.seed);
        while self.totals.cycles < self.cycles {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
            let data = folder.path().canonicalize().expect("a path").join("data");
            let mut setting = Setting::small_segments(&data);
            let mut memory = Memory::default();
            let mut seen = Seen::default();
            let cycles = CYCLES_PER_DIRECTORY.min(self.cycles - self.totals.cycles);
            for cycle in 0..cycles {
                if death == Death::Power {
                    setting.shim = Some(Shim::new(&data));
                }
                let namespace = format!("c{cycle}");
                if death == Death::Power && self.random.random_range(0..3) == 0 {
                    // Killed first: the next life reads what is in the page cache alone, and tells others of it.
                    self.live_and_die(&setting, &format!("k{cycle}"), &mut memory, Death::Kill);
                }
                self.live_and_die(&setting, &namespace, &mut memory, death);
                setting.shim = None;
                if self.random.random_range(0..4) == 0 {
                    setting.kill_early(Duration::from_millis(self.random.random_range(0..120)));
                    self.totals.kills_at_start += 1;
                }
                let server = Server::start(&setting);
                seen = memory.check(&server);
                self.totals.unanswered += seen.unanswered;
                self.totals.happened += seen.happened;
                self.totals.cycles += 1;
                if self.random.random() { server.kill() } else { server.stop() }
            }
            self.totals.answers += seen.answers;
            self.totals.entries += seen.entries;
            let files = files_by_inode(&data).into_values();
            self.totals.snapshots +=
                files.filter(|path| path.extension().is_some_and(|end| end == "snapshot")).count();
            println!("{death:?}, {} of {} cycles", self.totals.cycles, self.cycles);
        }
        println!("{death:?}: {:?}", self.totals);
        assert!(
            self.totals.answers > 0 && self.totals.unanswered > 0,
            "no kill came under load: nothing was tested"
        );
        assert!(
            death == Death::Kill || self.totals.lost.writes > 0,
            "there was nothing to lose: nothing was tested"
        );
    }

    /// One life under load, and its end.
    fn live_and_die(&mut self, setting: &Setting, namespace: &str, memory: &mut Memory, death: Death) {
        let server = Server::start(setting);
        if memory.deeds.is_empty() {
            let mut connection = server.connect();
            for (offer, terms) in OFFERS {
                let put = connection.call(&["OFFER", "PUT", offer, terms]).expect("the server lives");
                assert_eq!(put.text("status"), "OK", "{put:?}");
            }
        }
        let crowd = Crowd::start(&server.address, namespace, self.random.random());
        wait(Duration::from_millis(self.random.random_range(20..250)));
        if self.random.random_range(0..3) == 0 {
            // A snapshot is under way at the end of every third life.
            let _wherever_it_is = server.connect().call(&["BGSAVE"]);
            wait(Duration::from_millis(self.random.random_range(0..40)));
        }
        if death == Death::Kill && self.random.random_range(0..8) == 0 {
            server.stop();
            self.totals.orderly += 1;
        } else {
            server.kill();
            self.totals.kills += 1;
        }
        if let (Some(shim), Death::Power) = (&setting.shim, death) {
            let lost = shim.lose_power(&mut self.random);
            self.totals.lost.writes += lost.writes;
            self.totals.lost.bytes += lost.bytes;
            self.totals.lost.names += lost.names;
        }
        memory.deeds.extend(crowd.end());
    }
}
