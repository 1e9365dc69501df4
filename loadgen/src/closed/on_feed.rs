//! Counts on the feed what a closed loop was answered: every accepted reservation is there, once.
//!
//! A closed loop keeps counts and no answers, so counts are what can be compared: reservations by serial (one
//! bit each), payments, groups. Called by `sale` and by the comparison harness after a run.

use crate::feed::{self, Entry, Mark, Walk};
use crate::wire::WireError;
use crate::wire::client::Client;

/// What the feed has of one offer.
#[derive(Debug, Clone, Default)]
pub struct OnFeed {
    /// Reservations of this run that were accepted.
    pub reservations: u64,
    /// Acceptances of one that was accepted before.
    pub again: u64,
    /// Acceptances of reservations that no command of the run named.
    pub others: u64,
    /// Units of all acceptances.
    pub units: i64,
    /// Payments taken.
    pub payments: u64,
    /// Groups formed.
    pub groups_formed: u64,
    /// What was read, and where it was broken.
    pub walk: Walk,
}

/// Reads the feed between two marks and counts what it has of `offer`. Serials of the run lie below `serial_end`.
///
/// # Errors
/// The server cannot be asked.
pub fn count(
    client: &mut Client,
    offer: &str,
    (from, to): (&Mark, &Mark),
    serial_end: u64,
) -> Result<OnFeed, WireError> {
    let mut found = OnFeed::default();
    let mut seen = vec![0_u64; (serial_end as usize).div_ceil(64)];
    let walk = feed::walk(client, from, to, |entry| {
        if entry.offer == offer.as_bytes() {
            found.hear(entry, &mut seen, serial_end);
        }
    })?;
    found.walk = walk;
    Ok(found)
}

impl OnFeed {
    fn hear(&mut self, entry: &Entry<'_>, seen: &mut [u64], serial_end: u64) {
        match entry.kind {
            b"held" => self.accept(entry, seen, serial_end),
            // Won by the group's forming, it was paid before and names no amount.
            b"paid" | b"won" => self.payments += u64::from(entry.amount.is_some()),
            b"group_formed" => self.groups_formed += 1,
            _ => {}
        }
    }

    fn accept(&mut self, entry: &Entry<'_>, seen: &mut [u64], serial_end: u64) {
        self.units += entry.qty.unwrap_or(0);
        let Some(serial) = serial(entry.reservation).filter(|&serial| serial < serial_end) else {
            self.others += 1;
            return;
        };
        let (word, bit) = (&mut seen[(serial / 64) as usize], 1 << (serial % 64));
        if *word & bit == 0 {
            *word |= bit;
            self.reservations += 1;
        } else {
            self.again += 1;
        }
    }

    /// What does not agree with these counts, in words.
    pub fn faults(&self, mark: &Mark, reservations: u64, others: u64) -> Vec<String> {
        if let Some(why) = self.walk.unread.first() {
            // A feed in memory keeps its latest part alone.
            return if mark.is_on_disk() { vec![format!("feed: {why}")] } else { Vec::new() };
        }
        let mut faults = Vec::new();
        for (what, expected, found) in [
            ("reservations of the run", reservations, self.reservations),
            ("reservations accepted again", 0, self.again),
            ("reservations of others", others, self.others),
        ] {
            if expected != found {
                faults.push(format!("feed: expected {expected} {what}, found {found}"));
            }
        }
        for broken in &self.walk.breaks {
            let feed::Break { shard, after, expected, found } = broken;
            faults.push(format!("feed:{shard} after {after}: expected {expected}, found {found}"));
        }
        faults
    }
}

/// The serial in a reservation's id: `r` and twelve digits.
fn serial(id: &[u8]) -> Option<u64> {
    let digits = id.strip_prefix(b"r")?;
    (digits.len() == super::work::SERIAL_DIGITS).then_some(())?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_counts_once_and_an_unknown_one_apart() {
        let mut found = OnFeed::default();
        let mut seen = [0; 2];
        for id in ["r000000000000", "r000000000099", "r000000000000", "r000000000100", "first", "r99"] {
            let entry = Entry { kind: b"held", reservation: id.as_bytes(), qty: Some(1), ..Entry::default() };
            found.hear(&entry, &mut seen, 100);
        }
        assert_eq!((found.reservations, found.again, found.others, found.units), (2, 1, 3, 6));
        found.hear(&Entry { kind: b"paid", amount: Some(5), ..Entry::default() }, &mut seen, 100);
        found.hear(&Entry { kind: b"won", ..Entry::default() }, &mut seen, 100);
        assert_eq!(found.payments, 1);
    }
}
