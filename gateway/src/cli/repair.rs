//! `stampede repair`: gives up what stands behind a damaged place of a journal, and sets it aside.
//!
//! Nothing is deleted, and nothing is done before the operator has seen what it costs and says yes.

use super::shown;
use anyhow::{Context, bail};
use stampede_engine::offline::{CutPlan, DataDirectory};
use std::fmt::Write as _;
use std::path::PathBuf;

/// The flags of `stampede repair`.
#[derive(Debug, clap::Args)]
pub(super) struct RepairArgs {
    /// The data directory. No server may be using it.
    #[arg(long, value_name = "DIR", default_value = "./stampede-data")]
    data: PathBuf,
    /// The shard.
    #[arg(long, value_name = "N")]
    shard: u16,
    /// Where to cut: the segment's file name and the byte, as the refused start or `stampede inspect --verify` names
    /// them.
    #[arg(long, value_name = "SEGMENT:OFFSET", value_parser = cut_place)]
    cut: CutPlace,
    /// Does it. Without this the command says what would be lost, and changes nothing.
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct CutPlace {
    segment: String,
    offset: u64,
}

fn cut_place(text: &str) -> Result<CutPlace, String> {
    let place = text.rsplit_once(':').and_then(|(segment, offset)| {
        let is_name = !segment.is_empty() && !segment.contains('/');
        is_name.then(|| Some(CutPlace { segment: segment.to_owned(), offset: offset.parse().ok()? }))?
    });
    place.ok_or_else(|| {
        "expected a segment and a byte in it, such as 00000000000000000001.journal:4096".to_owned()
    })
}

/// Says what a cut costs, and carries it out if told to.
pub(super) fn repair(args: &RepairArgs) -> anyhow::Result<String> {
    let directory = DataDirectory::open_locked(&args.data)?;
    let shards = shown::shards(&directory, Some(args.shard))?;
    let shard = *shards.first().context("the shard is there")?;
    let plan = directory.plan_cut(shard, &args.cut.segment, args.cut.offset)?;
    let mut told = describe(&plan);
    if !args.yes {
        print!("{told}");
        bail!("nothing was changed; take a copy of the directory, then say --yes to cut");
    }
    let aside = directory.cut(&plan)?;
    let _ = writeln!(
        told,
        "Done. What was cut lies in {}. The next start begins a new epoch; what readers of the feed have seen behind event \
         {} is not on the feed any more. Make a snapshot with BGSAVE once the server runs.",
        aside.display(),
        plan.keeps.0
    );
    Ok(told)
}

fn describe(plan: &CutPlan) -> String {
    let CutPlan { shard, segment, offset, bytes, keeps, readable, between, segments, snapshots } = plan;
    let mut told = format!(
        "Shard {shard} is cut at {segment}:{offset}. The last event that stays is number {}.\n\
         Given up: {bytes} bytes of this segment",
        keeps.0
    );
    for (files, what) in [(segments, "later segment"), (snapshots, "snapshot of a later state")] {
        if !files.is_empty() {
            let _ = write!(told, ", {} {what}{}", files.len(), if files.len() == 1 { "" } else { "s" });
        }
    }
    told.push_str(".\n");
    let _ = match between {
        Some((first, last)) => writeln!(
            told,
            "{readable} events in them can be read, {first} to {last}, and were answered to buyers: look at them with \
             `stampede inspect --shard {shard} --from {first}` before you give them up."
        ),
        None => writeln!(
            told,
            "No event can be read at the cut; what stands behind the damage may have been answered to buyers."
        ),
    };
    told
}
