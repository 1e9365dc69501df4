//! The end of a run: everything that was promised is asked for once more, and the books are closed.

use super::World;
use crate::auditor::Checked;
use crate::names::Name;
use crate::tally::Kind;
use stampede_engine::core::{Answer, Request, StateFilter};
use std::time::Duration;

/// Long enough that every hold, group and window of the workload is over.
const LONG: Duration = Duration::from_hours(1);

impl World {
    /// Crashes once more, compares everything, lets all time run out, stops in order, compares again.
    pub(super) fn finish(&mut self) -> Checked {
        self.disk.disarm();
        self.free_space();
        if self.engine.is_some() {
            self.crash();
        }
        self.start_unharmed()?;
        for shard in 0..self.shards.len() {
            self.quiesce(shard)?;
            self.compare(shard)?;
            self.recheck(shard, 1)?;
        }
        self.advance(LONG);
        for shard in 0..self.shards.len() {
            self.quiesce(shard)?;
            self.check_over(shard)?;
            self.check_lists(shard)?;
            self.compare(shard)?;
            self.read_again(shard)?;
        }
        self.stop();
        self.start_unharmed()?;
        for shard in 0..self.shards.len() {
            self.quiesce(shard)?;
            self.compare(shard)?;
        }
        Ok(())
    }

    /// Starts; an attempt that is struck is repeated.
    fn start_unharmed(&mut self) -> Checked {
        for _ in 0..20 {
            if self.engine.is_none() {
                self.start()?;
            }
            if self.disk.is_on() && !self.is_any_down() {
                self.disk.disarm();
                self.free_space();
                return Ok(());
            }
            self.crash();
        }
        Err("twenty starts in a row were struck".to_owned())
    }

    /// An hour later nothing is held any more and no group is open.
    fn check_over(&mut self, shard: usize) -> Checked {
        if self.shards[shard].is_down {
            return Ok(());
        }
        for (offer, page) in self.auditor.ledger(shard).offers() {
            let held = page.rows.iter().find(|(_, row)| row.status == stampede_engine::core::Status::Held);
            if let Some((id, row)) = held {
                return Err(format!("I6: {offer} {id} is held an hour after its deadline {:?}", row.expires));
            }
            if let Some((group, _)) =
                page.groups.iter().find(|(_, group)| !group.is_over && group.has_members())
            {
                return Err(format!("I5: group {group} of {offer} is open an hour after its deadline"));
            }
        }
        Ok(())
    }

    /// What the engine lists is what the feed told.
    fn check_lists(&mut self, shard: usize) -> Checked {
        let there = self.auditor.ledger(shard).offers().filter(|(_, page)| !page.is_removed);
        let offers: Vec<Name> = there.map(|(id, _)| id).collect();
        for offer in offers {
            let mut cursor = 0;
            let mut listed = 0;
            loop {
                let list = Request::Reservations { offer, state: StateFilter::Any, cursor, count: 1_000 };
                let answered = self.ask(shard, vec![list])?;
                let page = match answered.into_iter().next() {
                    Some((_, Answer::Reservations(page))) => page,
                    Some((_, other)) => return Err(format!("{offer} is not listed: {other:?}")),
                    // The shard went down in between.
                    None => return Ok(()),
                };
                for entry in &page.entries {
                    let row = self.auditor.ledger(shard).row(offer, entry.id);
                    let is_same =
                        row.is_some_and(|row| row.status == entry.status && row.shown_qty() == entry.qty);
                    if !is_same {
                        return Err(format!("{offer} lists {entry:?}, and the feed tells {row:?}"));
                    }
                }
                listed += page.entries.len();
                match page.next {
                    Some(next) => cursor = next,
                    None => break,
                }
            }
            self.check_sums(shard, offer, listed)?;
        }
        Ok(())
    }

    fn check_sums(&mut self, shard: usize, offer: Name, listed: usize) -> Checked {
        let answered = self.ask(shard, vec![Request::OfferGet { offer }])?;
        let answer = match answered.into_iter().next() {
            Some((_, Answer::Offer(answer))) => answer,
            Some((_, other)) => return Err(format!("{offer} is not shown: {other:?}")),
            // The shard went down in between.
            None => return Ok(()),
        };
        let page = self.auditor.ledger(shard).offer(offer).ok_or("the offer is gone from the feed")?;
        let sums = (u128::from(answer.paid.cash), u128::from(answer.owed.cash));
        if sums != (page.paid.0, page.owed.0) || listed != page.rows.len() {
            return Err(format!(
                "{offer}: paid and owed are {sums:?} over {listed} reservations; the feed tells {:?} and {:?} over {}",
                page.paid,
                page.owed,
                page.rows.len()
            ));
        }
        self.tally.count(Kind::Deed, "offer compared with the feed");
        Ok(())
    }
}
