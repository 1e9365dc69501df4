//! The engine's time under a wall clock that is set and a machine that is suspended.

use crate::support::{FakeTime, START_MS};
use proptest::prelude::*;
use stampede_engine::core::UnixMs;
use stampede_engine::{Clock, SystemTimeSource};
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;

/// Lets `seconds` pass, reading the clock once in each, and answers the last reading.
fn read_each_second(clock: &mut Clock<FakeTime>, time: &FakeTime, seconds: u64) -> u64 {
    for _ in 0..seconds {
        time.pass(Duration::from_secs(1));
        clock.now();
    }
    clock.now().get()
}

#[test]
fn it_starts_at_the_wall_and_follows_the_boot_time_clock() {
    let time = FakeTime::new();
    let mut clock = Clock::start(time.clone(), UnixMs::new(0));
    assert_eq!(clock.now().get(), START_MS);
    time.pass(Duration::from_millis(1_234));
    assert_eq!(clock.now().get(), START_MS + 1_234);
}

#[test]
fn a_restart_starts_at_the_last_stamp_where_the_wall_is_behind_it() {
    let last = UnixMs::new(START_MS + 60_000);
    let mut clock = Clock::start(FakeTime::new(), last);
    assert_eq!(clock.now(), last);
}

#[test]
fn a_wrong_jump_of_the_wall_and_back_moves_the_time_by_milliseconds() {
    let time = FakeTime::new();
    let mut clock = Clock::start(time.clone(), UnixMs::new(0));
    read_each_second(&mut clock, &time, 10);
    time.set_wall(HOUR_MS);
    let jumped = read_each_second(&mut clock, &time, 60);
    assert!((START_MS + 70_000..=START_MS + 70_031).contains(&jumped), "{jumped}");
    time.set_wall(-HOUR_MS);
    let back = read_each_second(&mut clock, &time, 120);
    assert!((START_MS + 190_000..=START_MS + 190_001).contains(&back), "{back}");
}

#[test]
fn a_wall_set_back_for_good_is_approached_without_going_back() {
    let time = FakeTime::new();
    let mut clock = Clock::start(time.clone(), UnixMs::new(0));
    time.set_wall(-500);
    let mut last = clock.now();
    for _ in 0..1_100_u32 {
        time.pass(Duration::from_secs(1));
        let now = clock.now();
        assert!(now >= last, "{now} follows {last}");
        last = now;
    }
    assert_eq!(last.get(), START_MS + 1_100_000 - 500);
}

#[test]
fn an_hour_of_suspension_passes_at_once() {
    let time = FakeTime::new();
    let mut clock = Clock::start(time.clone(), UnixMs::new(0));
    time.pass(Duration::from_hours(1));
    assert_eq!(clock.now().get(), START_MS + 3_600_000);
}

#[test]
fn the_clocks_of_this_machine_can_be_read() {
    let mut clock = Clock::start(SystemTimeSource, UnixMs::new(0));
    let first = clock.now();
    assert!(first.get() > START_MS);
    assert!(clock.now() >= first);
}

proptest! {
    #[test]
    fn it_never_goes_back_and_never_runs_faster_than_the_slew_allows(
        steps in prop::collection::vec((0_u64..5_000_000_000, prop::option::weighted(0.2, -7_200_000_i64..7_200_000)), 1..200),
    ) {
        let time = FakeTime::new();
        let mut clock = Clock::start(time.clone(), UnixMs::new(0));
        let (mut last, mut passed_ns) = (clock.now(), 0);
        for (pass_ns, jump_ms) in steps {
            if let Some(jump) = jump_ms {
                time.set_wall(jump);
            }
            time.pass(Duration::from_nanos(pass_ns));
            passed_ns += pass_ns;
            let now = clock.now();
            prop_assert!(now >= last);
            let slewed_ms = now.get().abs_diff(START_MS + passed_ns / 1_000_000);
            prop_assert!(slewed_ms <= passed_ns / 2_000_000_000 + 2, "{slewed_ms} ms off after {passed_ns} ns");
            last = now;
        }
    }
}
