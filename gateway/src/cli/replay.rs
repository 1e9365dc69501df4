//! `stampede replay`: the state of a shard as it was, at an event or at an instant, and what it says of a buyer or a
//! reservation.

use super::shown::{self, EventName};
use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use serde_json::json;
use stampede_engine::ShardIndex;
use stampede_engine::core::{Machine, Request, Stamp, Text, UnixMs};
use stampede_engine::offline::{DataDirectory, Upto};
use std::path::PathBuf;

/// The flags of `stampede replay`.
#[derive(Debug, clap::Args)]
pub(super) struct ReplayArgs {
    /// The data directory. A server may be using it.
    #[arg(long, value_name = "DIR", default_value = "./stampede-data")]
    data: PathBuf,
    /// An event, <epoch>-<seq>, or an instant with its offset, such as 2026-11-11T00:00:03+08:00. Both are included.
    #[arg(long, value_name = "EVENT|INSTANT", value_parser = place)]
    to: Place,
    /// The shard. Not needed for a buyer or a reservation, whose offer says it, nor where there is one alone.
    #[arg(long, value_name = "N")]
    shard: Option<u16>,
    /// What this buyer held of an offer.
    #[arg(long, num_args = 2, value_names = ["OFFER", "BUYER"], conflicts_with = "show")]
    buyer: Option<Vec<String>>,
    /// How this reservation stood.
    #[arg(long, num_args = 2, value_names = ["OFFER", "ID"])]
    show: Option<Vec<String>>,
}

/// Up to where the journal is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// This event.
    Event(EventName),
    /// This instant.
    Instant(UnixMs),
}

fn place(text: &str) -> Result<Place, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        let at =
            u64::try_from(at.as_millisecond()).map_err(|_| "expected an instant after 1970".to_owned())?;
        return Ok(Place::Instant(UnixMs::new(at)));
    }
    text.parse().map(Place::Event).map_err(|_| {
        "expected an event, such as 1795349229769-12, or an instant with its offset, such as 2026-11-11T00:00:03+08:00"
            .to_owned()
    })
}

/// Prints the state, or what it says of the question.
pub(super) fn replay(args: &ReplayArgs) -> anyhow::Result<String> {
    let directory = DataDirectory::open(&args.data)?;
    let question = args.buyer.as_deref().or(args.show.as_deref());
    let request = match question {
        Some([offer, other]) => {
            let (offer, other) = (id("the offer", offer)?, id("the buyer or reservation", other)?);
            if args.buyer.is_some() {
                Request::Buyer { offer, buyer: other }
            } else {
                Request::Show { offer, id: other }
            }
        }
        _ => Request::Audit { offer: None },
    };
    let shard = shard_of(&directory, args, &request)?;
    let (machine, last) = rebuild(&directory, shard, args.to)?;
    let now = match args.to {
        Place::Event(_) => last.at,
        Place::Instant(at) => at.max(last.at),
    };
    let answer = machine
        .look(&request, now)
        .context("what was due at that instant cannot be foretold; ask for the event before or behind it")?;
    let told = json!({
        "shard": shard.get(),
        "event": last.id.to_string(),
        "event_at": last.at.get(),
        "at": now.get(),
        "digest": format!("{:032x}", machine.digest()),
        "answer": shown::answer(&answer)?,
    });
    Ok(format!("{told:#}\n"))
}

fn id<'a>(what: &str, text: &'a str) -> anyhow::Result<Text<'a>> {
    Text::id(text.as_bytes()).map_err(|error| anyhow::anyhow!("{what} {error}"))
}

/// The shard of the offer that the question is about, else the one that was named, else the only one.
fn shard_of(
    directory: &DataDirectory,
    args: &ReplayArgs,
    request: &Request<Text<'_>>,
) -> anyhow::Result<ShardIndex> {
    if let Some(key) = request.key() {
        let shard = directory.shard_of(*key);
        let is_it = args.shard.is_none_or(|named| named == shard.get());
        ensure!(
            is_it,
            "--shard: the offer {} lives on shard {shard}",
            String::from_utf8_lossy(key.as_bytes())
        );
        return Ok(shard);
    }
    match shown::shards(directory, args.shard)?.as_slice() {
        [one] => Ok(*one),
        many => {
            bail!("--shard is needed: the directory has {} shards, each with events of its own", many.len())
        }
    }
}

fn rebuild(directory: &DataDirectory, shard: ShardIndex, to: Place) -> anyhow::Result<(Machine, Stamp)> {
    let upto = match to {
        Place::Event(event) => Upto::Event(event.seq),
        Place::Instant(at) => Upto::Instant(at),
    };
    let (machine, last) = directory.machine_at(shard, upto)?;
    if let Place::Event(event) = to {
        let is_it = last.id.seq == event.seq && event.epoch.is_none_or(|epoch| epoch == last.id.epoch);
        let ends = if last.id.seq == event.seq { "has in its place" } else { "ends with" };
        ensure!(is_it, "--to: the journal of shard {shard} {ends} the event {}", last.id);
    }
    Ok((machine, last))
}
