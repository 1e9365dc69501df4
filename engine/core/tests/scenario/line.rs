//! Reads one line of a scenario: a command, its arguments, and what stands behind the arrow.
//!
//! Knows the words of the format and nothing of rules. Called by the runner alone. A line that cannot be read
//! is an error with what was expected, never skipped.

use crate::journal::Entry;
use crate::names::{Name, name};
use crate::offer;
use stampede_core::{Buy, GroupChoice, Millis, Request, Restock, StateFilter, Status, UnixMs};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Where the scenario's clock stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) start: UnixMs,
    pub(crate) now: UnixMs,
}

/// One line, read.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) step: Step,
    pub(crate) expected: Option<String>,
}

/// What a line does.
#[derive(Debug)]
pub(crate) enum Step {
    Ask(Request<Name>),
    /// Asks without letting anything happen.
    Look(Request<Name>),
    Advance(UnixMs),
    AdvanceUnswept(UnixMs),
    Sweep(usize),
    Count(&'static str),
    NextDue,
    Audit,
    Restart,
}

impl Clock {
    /// `@15m` since the start, `+15m` from now; plain digits are Unix milliseconds.
    pub(crate) fn instant(self, text: &str) -> Result<UnixMs, String> {
        if let Some(length) = text.strip_prefix('@') {
            Ok(self.start.after(duration(length)?))
        } else if let Some(length) = text.strip_prefix('+') {
            Ok(self.now.after(duration(length)?))
        } else {
            number(text).map(UnixMs::new)
        }
    }
}

/// `500ms 30s 15m 24h 7d`, and differences such as `15m-1ms`.
pub(crate) fn duration(text: &str) -> Result<Millis, String> {
    if let Some((long, short)) = text.split_once('-') {
        let (long, short) = (duration(long)?.get(), duration(short)?.get());
        return long.checked_sub(short).map(Millis::new).ok_or(format!("{text} is negative"));
    }
    if let Some((first, second)) = text.split_once('+') {
        return Ok(Millis::new(duration(first)?.get() + duration(second)?.get()));
    }
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let factor = units.iter().find(|(known, _)| *known == unit).map(|(_, factor)| *factor);
    match factor {
        Some(factor) => Ok(Millis::new(number::<u64>(digits)? * factor)),
        None if text == "0" => Ok(Millis::new(0)),
        None => Err(format!("{text} is not a duration such as 15m")),
    }
}

pub(crate) fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}

/// `for 1..9 LINE` is LINE for each number, with `%` standing for it.
pub(crate) fn unrolled(text: &str) -> Vec<String> {
    let Some(rest) = text.strip_prefix("for ") else { return vec![text.to_owned()] };
    let (range, line) = rest.split_once(' ').expect("for A..B LINE");
    let (from, to) = range.split_once("..").expect("for A..B LINE");
    let (from, to): (u32, u32) = (from.parse().expect("a number"), to.parse().expect("a number"));
    (from..=to).map(|n| line.trim().replace('%', &n.to_string())).collect()
}

/// The words after a command: plain ones in order, `key=value` ones by key, and flags.
struct Words<'a> {
    plain: Vec<&'a str>,
    keyed: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        let (keyed, plain): (Vec<_>, Vec<_>) = text.split_whitespace().partition(|word| word.contains('='));
        Words { plain, keyed: keyed.into_iter().filter_map(|word| word.split_once('=')).collect() }
    }

    fn at(&self, index: usize, what: &str) -> Result<Name, String> {
        self.plain.get(index).map(|word| name(word)).ok_or(format!("{what} is missing"))
    }

    fn key(&mut self, key: &str) -> Option<Name> {
        self.keyed.remove(key).map(name)
    }

    fn number_at<N: FromStr>(&mut self, key: &str) -> Result<Option<N>, String> {
        self.keyed.remove(key).map(number).transpose()
    }

    /// Nothing may be left over: a misspelt key would test nothing.
    fn spent(&self, plain: usize) -> Result<(), String> {
        if self.plain.len() > plain {
            return Err(format!("unexpected {}", self.plain[plain]));
        }
        self.keyed.keys().next().map_or(Ok(()), |key| Err(format!("unexpected {key}=")))
    }
}

pub(crate) fn parse(text: &str, clock: Clock) -> Result<Line, String> {
    let (text, expected) = match text.split_once("->") {
        Some((text, expected)) => (text.trim(), Some(expected.trim().to_owned())),
        None => (text.trim(), None),
    };
    if let Some(asked) = text.strip_prefix("look ") {
        return match parse(asked, clock)?.step {
            Step::Ask(request) => Ok(Line { step: Step::Look(request), expected }),
            _ => Err(format!("{asked} is no request")),
        };
    }
    let (command, rest) = text.split_once(' ').unwrap_or((text, ""));
    let step = match command {
        "advance" | "sweep" | "count" | "audit" | "due" | "restart" => runner_step(command, rest, clock)?,
        "offer" => Step::Ask(offer::put(rest, clock)?),
        "buy" => Step::Ask(buy(rest)?),
        _ => Step::Ask(request(command, rest)?),
    };
    Ok(Line { step, expected })
}

fn runner_step(command: &str, rest: &str, clock: Clock) -> Result<Step, String> {
    let mut words = rest.split_whitespace();
    let first = words.next();
    let step = match (command, first) {
        ("audit", None) => Step::Audit,
        ("restart", None) => Step::Restart,
        ("due", None) => Step::NextDue,
        ("sweep", Some(slice)) => Step::Sweep(number(slice)?),
        ("count", Some(kind)) => {
            let known = Entry::KINDS.iter().find(|known| **known == kind);
            Step::Count(known.ok_or(format!("no event is called {kind}"))?)
        }
        ("advance", Some(length)) => {
            let to = clock.now.after(duration(length)?);
            match words.next() {
                None => Step::Advance(to),
                Some("unswept") => Step::AdvanceUnswept(to),
                Some(other) => return Err(format!("unexpected {other}")),
            }
        }
        _ => return Err(format!("{command} is not complete")),
    };
    words.next().map_or(Ok(step), |other| Err(format!("unexpected {other}")))
}

fn buy(rest: &str) -> Result<Request<Name>, String> {
    let mut words = Words::new(rest);
    let buy = Buy {
        offer: words.at(0, "offer")?,
        buyer: words.at(1, "buyer")?,
        id: words.at(2, "id")?,
        qty: words.number_at("qty")?.unwrap_or(1),
        group: match words.key("group") {
            None => GroupChoice::Alone,
            Some("new") => GroupChoice::New,
            Some("any") => GroupChoice::Any,
            Some(group) => GroupChoice::Join(group),
        },
        tags: words.key("tags"),
        referrer: words.key("referrer"),
        code: words.key("code"),
    };
    words.spent(3)?;
    Ok(Request::Buy(buy))
}

fn request(command: &str, rest: &str) -> Result<Request<Name>, String> {
    let mut words = Words::new(rest);
    let (request, plain) = match command {
        "pay" | "cancel" | "return" | "show" | "revoke" => reservation_request(command, &mut words)?,
        "pool" => (Request::PoolGet { pool: words.at(0, "pool")? }, 1),
        "add" => {
            let (pool, units) = (words.at(0, "pool")?, number(words.at(1, "units")?)?);
            (Request::PoolAdd { pool, units, op: words.key("op").ok_or("op= is missing")? }, 2)
        }
        "list" => {
            let (cursor, count) = page(&mut words)?;
            (Request::OfferList { cursor, count }, 0)
        }
        _ => offer_request(command, &mut words)?,
    };
    words.spent(plain)?;
    Ok(request)
}

fn reservation_request(command: &str, words: &mut Words<'_>) -> Result<(Request<Name>, usize), String> {
    let (offer, id) = (words.at(0, "offer")?, words.at(1, "id")?);
    Ok(match command {
        "pay" => {
            let (amount, reference) = (words.number_at("amount")?, words.key("ref"));
            (Request::Pay { offer, id, amount, reference }, 2)
        }
        "cancel" => (Request::Cancel { offer, id }, 2),
        "return" => {
            let (qty, op) = (words.number_at("qty")?, words.key("op"));
            let restock = match words.plain.get(2) {
                None => Restock::Yes,
                Some(&"norestock") => Restock::No,
                Some(other) => return Err(format!("unexpected {other}")),
            };
            (Request::Return { offer, id, qty, restock, op }, 3)
        }
        "revoke" => {
            (Request::Revoke { offer, id, reason: words.key("reason").ok_or("reason= is missing")? }, 2)
        }
        _ => (Request::Show { offer, id }, 2),
    })
}

fn offer_request(command: &str, words: &mut Words<'_>) -> Result<(Request<Name>, usize), String> {
    let offer = words.at(0, "offer")?;
    Ok(match command {
        "buyer" => (Request::Buyer { offer, buyer: words.at(1, "buyer")? }, 2),
        "group" => (Request::Group { offer, group: words.at(1, "group")? }, 2),
        "groups" => (Request::Groups { offer, count: words.number_at("count")?.unwrap_or(100) }, 1),
        "get" => (Request::OfferGet { offer }, 1),
        "pause" => (Request::OfferPause { offer }, 1),
        "resume" => (Request::OfferResume { offer }, 1),
        "close" => (Request::OfferClose { offer }, 1),
        "remove" => (Request::OfferRemove { offer }, 1),
        "demand" => (Request::Demand { offer }, 1),
        "extend" => {
            let by = duration(words.at(1, "duration")?)?;
            (Request::OfferExtend { offer, by, op: words.key("op").ok_or("op= is missing")? }, 2)
        }
        "reservations" => {
            let state = words.key("state").map(status).transpose()?;
            let (cursor, count) = page(words)?;
            let state = state.map_or(StateFilter::Any, StateFilter::Is);
            (Request::Reservations { offer, state, cursor, count }, 1)
        }
        other => return Err(format!("{other} is not a command")),
    })
}

fn page(words: &mut Words<'_>) -> Result<(u64, u32), String> {
    Ok((words.number_at("cursor")?.unwrap_or(0), words.number_at("count")?.unwrap_or(100)))
}

fn status(text: &str) -> Result<Status, String> {
    let known = Status::ALL.into_iter().find(|status| status.name() == text);
    known.ok_or(format!("{text} is not a status"))
}
