//! The most units of each offer that were surely taken at one moment.
//!
//! One unit too many that is cancelled later leaves no trace in the end. A reservation surely takes its unit
//! from the moment at which an answer said so until its CANCEL was due at the earliest: the server took it
//! before the answer was heard, and cannot have freed it before it was asked to. Both times are the client's.
//! Holds and windows of an open-loop run outlast it, so nothing but a CANCEL frees; a replay cancels nothing
//! and its offers have a unit for everybody, so there only what is live at the end counts. Called by `claims`.

use std::collections::HashMap;

use super::book::Book;
use crate::plan::{Action, Plan, ReservationIndex};
use crate::verdict::Verdict;

/// The most units taken at one moment, by offer.
pub(super) fn most_taken(plan: &Plan, book: &Book) -> Vec<u64> {
    let mut cancel_ns = HashMap::<ReservationIndex, u64>::new();
    for intent in plan.intents.iter().filter(|intent| intent.action == Action::Cancel) {
        let due_ns = cancel_ns.entry(intent.reservation).or_insert(intent.due_ns);
        *due_ns = intent.due_ns.min(*due_ns);
    }
    let mut changes = Vec::new();
    for (index, (entry, reservation)) in book.entries.iter().zip(&plan.reservations).enumerate() {
        let Some(taken_ns) = entry.taken_ns else { continue };
        let freed_ns = cancel_ns.get(&(index as ReservationIndex)).copied();
        match (entry.state, freed_ns) {
            _ if entry.is_live() => changes.push((reservation.offer, taken_ns, 1)),
            (Some(Verdict::Released), Some(freed_ns)) if taken_ns < freed_ns => {
                changes.push((reservation.offer, taken_ns, 1));
                changes.push((reservation.offer, freed_ns, -1));
            }
            _ => {}
        }
    }
    // Of one moment, what frees comes first.
    changes.sort_unstable();
    let (mut taken, mut most) = (vec![0_i64; plan.offers.len()], vec![0; plan.offers.len()]);
    for (offer, _, change) in changes {
        let taken = &mut taken[offer as usize];
        *taken += change;
        let most = &mut most[offer as usize];
        *most = taken.cast_unsigned().max(*most);
    }
    most
}
