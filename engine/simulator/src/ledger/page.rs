//! One offer's page of the ledger: what its entries say, checked against each other.

use super::{GroupRow, Heard, OfferPage, Row, interned};
use stampede_engine::core::{
    Accepted, CloseCause, EndCause, Entry, Event, Late, Money, Offer, ReservationNames, Seq, Status, UnixMs,
};
use std::collections::{BTreeMap, BTreeSet};

impl OfferPage {
    pub(super) fn new(definition: Offer, put: Seq) -> Self {
        OfferPage {
            definition,
            put,
            is_paused: false,
            is_closed: false,
            is_removed: false,
            rows: BTreeMap::new(),
            ids: Vec::new(),
            groups: BTreeMap::new(),
            group_ids: Vec::new(),
            extensions: BTreeSet::new(),
            paid: (0, 0),
            owed: (0, 0),
            unsettled: 0,
        }
    }

    /// Takes in one entry about this offer.
    pub(super) fn hear(&mut self, entry: &Entry<'_>) -> Heard {
        let at = entry.stamp.at;
        match &entry.event {
            Event::OfferChanged { definition, .. } => self.definition = (*definition).clone(),
            Event::OfferPaused { .. } => self.is_paused = true,
            Event::OfferResumed { .. } => self.is_paused = false,
            Event::OfferClosed { by, .. } => return self.close(*by, at),
            Event::OfferRemoved { .. } => return self.remove(),
            Event::OfferExtended { by, op, .. } => {
                if !self.extensions.insert(interned(*op)) {
                    return Err("one operation extends twice".into());
                }
                for row in self.rows.values_mut().filter(|row| row.status == Status::Held) {
                    row.expires = row.expires.map(|expires| expires.after(*by));
                }
            }
            Event::GroupOpened { .. } => {
                let id = interned(entry.names.group.ok_or("the entry names no group")?);
                self.group_ids.push(id);
                let group = GroupRow { is_over: false, has_formed: false, live: 0 };
                if self.groups.insert(id, group).is_some() {
                    return Err("one group opens twice".into());
                }
            }
            Event::Demand(_) => {}
            Event::Accepted(accepted) => return self.accept(accepted, entry),
            Event::GroupFormed { .. } | Event::GroupFailed { .. } => return self.end_group(entry),
            _ => return self.hear_of_reservation(entry, at),
        }
        Ok(())
    }

    fn close(&mut self, by: CloseCause, at: UnixMs) -> Heard {
        if self.is_closed {
            return Err("it closes twice".into());
        }
        self.is_closed = true;
        match (by, self.definition.closes) {
            (CloseCause::Deadline, closes) if closes.is_none_or(|closes| at < closes) => {
                Err("I6: it closes by a deadline that is not reached".into())
            }
            _ => Ok(()),
        }
    }

    fn remove(&mut self) -> Heard {
        let is_settled = self.rows.values().all(|row| !is_live(row.status));
        if self.is_removed || !self.is_closed || !is_settled {
            return Err("an offer is removed that is not closed and settled".into());
        }
        self.is_removed = true;
        Ok(())
    }

    fn accept(&mut self, accepted: &Accepted<'_>, entry: &Entry<'_>) -> Heard {
        let id = interned(accepted.id);
        let group = entry.names.group.map(interned);
        let row = Row {
            buyer: interned(accepted.buyer),
            qty: accepted.qty,
            left: accepted.qty,
            price: accepted.price,
            status: accepted.status,
            statuses: vec![accepted.status],
            expires: accepted.expires,
            ended_by: None,
            group,
            event: entry.stamp.id,
            payments: BTreeMap::new(),
            returns: BTreeSet::new(),
            owes: Vec::new(),
        };
        if let Some(group) = group {
            self.seat(group, 1)?;
        }
        self.ids.push(id);
        if self.rows.insert(id, row).is_some() {
            return Err("I4: one id is accepted twice".into());
        }
        Ok(())
    }

    fn end_group(&mut self, entry: &Entry<'_>) -> Heard {
        let id = entry.names.group.ok_or("the entry names no group")?;
        let group = self.groups.get_mut(id.as_str()).ok_or("a group ends that never opened")?;
        if group.is_over {
            return Err("I5: a group ends twice".into());
        }
        group.is_over = true;
        group.has_formed = matches!(entry.event, Event::GroupFormed { .. });
        self.unsettled += usize::from(group.live > 0);
        Ok(())
    }

    /// Changes how many live members a group has.
    fn seat(&mut self, group: &str, by: i32) -> Heard {
        let group = self.groups.get_mut(group).ok_or("a group is named that never opened")?;
        let was_unsettled = group.is_over && group.live > 0;
        group.live = group.live.checked_add_signed(by).ok_or("I5: a group has fewer members than none")?;
        let is_unsettled = group.is_over && group.live > 0;
        self.unsettled = self.unsettled + usize::from(is_unsettled) - usize::from(was_unsettled);
        Ok(())
    }

    fn hear_of_reservation(&mut self, entry: &Entry<'_>, at: UnixMs) -> Heard {
        let ReservationNames { id, buyer, .. } =
            entry.names.reservation.ok_or("the entry names no reservation")?;
        let late = self.definition.late;
        let row =
            self.rows.get_mut(id.as_str()).ok_or("the entry names a reservation that was never accepted")?;
        if row.buyer != buyer.as_str() {
            return Err(format!("the entry names {buyer} as the buyer, who is {}", row.buyer));
        }
        let before = row.status;
        let group = row.group;
        row.take_in(&entry.event, at, late)?;
        let (after, owes) = (row.status, row.owes.last().copied());
        match &entry.event {
            Event::Paid { amount, .. } => add(&mut self.paid, *amount),
            Event::Owed { owe, .. } => {
                add(&mut self.paid, *owe);
                add(&mut self.owed, *owe);
            }
            Event::Refunded { .. } | Event::Returned { .. } => {
                add(&mut self.owed, owes.unwrap_or(Money::ZERO));
            }
            Event::Moved { .. } => {
                let to = interned(entry.names.group.ok_or("the entry names no group")?);
                row.group = Some(to);
                self.seat(group.ok_or("who moves has no group")?, -1)?;
                return self.seat(to, 1);
            }
            _ => {}
        }
        match group {
            Some(group) if is_live(before) != is_live(after) => {
                self.seat(group, if is_live(after) { 1 } else { -1 })
            }
            _ => Ok(()),
        }
    }
}

impl Row {
    /// Takes in what happened to this reservation.
    fn take_in(&mut self, event: &Event<'_>, at: UnixMs, late: Late) -> Heard {
        match event {
            Event::Paid { reference, status, amount, .. } => {
                self.count_reference(interned(*reference), None)?;
                if *amount != self.price.times(self.qty) {
                    return Err("I10: what was taken is not what was due".into());
                }
                if self.status == Status::Held && self.expires.is_none_or(|expires| at >= expires) {
                    return Err("I6: paid at or after its deadline".into());
                }
                self.pass_to(*status, late)
            }
            Event::Owed { reference, owe, .. } => {
                self.owes.push(*owe);
                self.count_reference(interned(*reference), Some(*owe))
            }
            Event::Released { cause, .. } => {
                if *cause == EndCause::Expired && self.expires.is_none_or(|expires| at < expires) {
                    return Err(format!("I6: ended early, its deadline is {:?}", self.expires));
                }
                self.ended_by = Some(*cause);
                self.pass_to(Status::Released, late)
            }
            Event::Refunded { owe, cause, .. } => {
                self.ended_by = Some(*cause);
                self.owes.push(*owe);
                self.pass_to(Status::Refunded, late)
            }
            Event::Won { .. } => self.pass_to(Status::Won, late),
            Event::Returned { qty, owe, op, .. } => {
                self.owes.push(*owe);
                if !op.as_bytes().is_empty() && !self.returns.insert(interned(*op)) {
                    return Err("one operation returns twice".into());
                }
                self.left = self.left.checked_sub(*qty).ok_or("more units are returned than were left")?;
                if self.status != Status::Won {
                    return Err("I4: units are returned that were not won".into());
                }
                if self.left == 0 { self.pass_to(Status::Refunded, late) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn count_reference(&mut self, reference: &'static str, owe: Option<Money>) -> Heard {
        let before = self.payments.insert(reference, owe);
        if before.is_none() { Ok(()) } else { Err("I10: one reference pays twice".into()) }
    }

    /// I4: states move only along their lines.
    fn pass_to(&mut self, after: Status, late: Late) -> Heard {
        let may = match (self.status, after) {
            (Status::Held, Status::Paid | Status::Won | Status::Released)
            | (Status::Paid, Status::Won | Status::Refunded)
            | (Status::Won, Status::Refunded) => true,
            (Status::Released, Status::Paid | Status::Won) => {
                late == Late::Retake && self.ended_by == Some(EndCause::Expired)
            }
            _ => false,
        };
        if !may {
            return Err(format!("I4: {:?} became {after:?}", self.status));
        }
        self.status = after;
        self.statuses.push(after);
        Ok(())
    }
}

fn is_live(status: Status) -> bool {
    matches!(status, Status::Held | Status::Paid)
}

fn add(sum: &mut (u128, u128), money: Money) {
    sum.0 += u128::from(money.cash);
    sum.1 += u128::from(money.points);
}
