//! An auditor apart from the machine: rebuilds a sale from its journal alone and says what is broken.
//!
//! It knows events and definitions, no state of the machine and no answer. Called by the property tests after
//! each history. Checks, at every event: I1/I2 (no pool gives more than it has), I3 (limits), I4 (each id
//! once, states move as they may), I5 (seats), I6 (nothing early, nothing late), I10 (money).

use crate::journal::{Entry, Intent, Journal, Which};
use crate::names::{Name, name};
use crate::state::{campaign_of, is_live, plus, times};
use stampede_core::{
    EndCause, GroupIndex, Late, Money, Offer, OfferIndex, ReservationIndex, Restock, Status, UnixMs,
};
use std::collections::{BTreeMap, BTreeSet};

/// A sale as its events tell it.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    offers: Vec<(Name, Offer)>,
    totals: BTreeMap<Name, i128>,
    lives: BTreeMap<Which, Life>,
    ids: BTreeSet<(OfferIndex, Name)>,
    accepted: BTreeMap<OfferIndex, u32>,
    removed: BTreeSet<OfferIndex>,
    references: BTreeSet<(Which, Name)>,
    operations: BTreeSet<(Which, Name)>,
    taken: Money,
    owed: Money,
}

#[derive(Clone, Debug)]
struct Life {
    buyer: Name,
    status: Status,
    bought: u32,
    left: u32,
    price: Money,
    deadline: Option<UnixMs>,
    group: Option<GroupIndex>,
    expired: bool,
}

/// What is broken, with the event that broke it.
pub(crate) type Broken = Vec<String>;

/// Which of the rules a finding belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Oversell,
    DoubleAnswer,
    Money,
    Limits,
    Seats,
    Time,
}

/// Reads the journal and reports what breaks this rule.
pub(crate) fn audit(journal: &Journal, rule: Rule) -> Broken {
    let mut auditor = Auditor::default();
    let mut broken = Broken::new();
    for (stamp, entry) in journal.entries() {
        let mut found = auditor.hear(stamp.at, entry);
        found.extend(auditor.check_standing());
        let of_rule = found.into_iter().filter(|(breaks, _)| *breaks == rule);
        broken.extend(of_rule.map(|(_, words)| format!("{}: {words}: {entry:?}", stamp.id)));
    }
    broken
}

type Findings = Vec<(Rule, String)>;

impl Auditor {
    fn hear(&mut self, at: UnixMs, entry: &Entry) -> Findings {
        let mut found = Findings::new();
        match entry {
            Entry::OfferPut { offer, definition, .. } => {
                if let Some(stock) = definition.stock {
                    self.totals.insert(name(offer), i128::from(stock));
                }
                self.offers.push((name(offer), definition.clone()));
            }
            Entry::OfferChanged { offer, definition, .. } => {
                self.offers[offer.0 as usize].1.clone_from(definition);
            }
            Entry::PoolAdded { pool, units, .. } => {
                *self.totals.entry(name(pool)).or_default() += i128::from(*units);
            }
            Entry::OfferExtended { offer, by, .. } => {
                for (which, life) in &mut self.lives {
                    if which.offer == *offer && life.status == Status::Held {
                        life.deadline = life.deadline.map(|deadline| deadline.after(*by));
                    }
                }
            }
            Entry::OfferRemoved { offer } => self.hear_removal(*offer, &mut found),
            Entry::Accepted(intent) => self.hear_intent(intent, &mut found),
            _ => {}
        }
        self.hear_money(entry, &mut found);
        self.hear_change(at, entry, &mut found);
        found
    }

    /// What is removed is settled; nothing is accepted on it any more, and its units count towards no limit.
    fn hear_removal(&mut self, offer: OfferIndex, found: &mut Findings) {
        let mut lives = self.lives.iter().filter(|(which, _)| which.offer == offer);
        if lives.any(|(_, life)| matches!(life.status, Status::Held | Status::Paid)) {
            found.push((Rule::DoubleAnswer, "I4: removed with reservations that are not settled".into()));
        }
        if !self.removed.insert(offer) {
            found.push((Rule::DoubleAnswer, "I4: removed twice".into()));
        }
    }

    fn hear_intent(&mut self, intent: &Intent, found: &mut Findings) {
        if self.removed.contains(&intent.offer) {
            found.push((Rule::DoubleAnswer, format!("I4: {} was accepted on a removed offer", intent.id)));
        }
        if !self.ids.insert((intent.offer, name(&intent.id))) {
            found.push((Rule::DoubleAnswer, format!("I4: {} was accepted twice", intent.id)));
        }
        let count = self.accepted.entry(intent.offer).or_default();
        let of = Which { offer: intent.offer, reservation: ReservationIndex(*count) };
        *count += 1;
        self.lives.insert(
            of,
            Life {
                buyer: name(&intent.buyer),
                status: intent.status,
                bought: intent.qty,
                left: intent.qty,
                price: intent.price,
                deadline: intent.expires,
                group: intent.seat.map(|seat| seat.group),
                expired: false,
            },
        );
        self.check_limits(of, found);
    }

    fn hear_money(&mut self, entry: &Entry, found: &mut Findings) {
        let twice = |what: &str| (Rule::Money, format!("I10: {what} twice"));
        match entry {
            Entry::Paid { of, amount, reference, .. } => {
                self.taken = plus(self.taken, *amount);
                let life = &self.lives[of];
                if *amount != times(life.price, life.bought) {
                    found.push((Rule::Money, "I10: what was taken is not what was due".into()));
                }
                if !self.references.insert((*of, name(reference))) {
                    found.push(twice("one reference paid"));
                }
            }
            Entry::Owed { of, reference, owe } => {
                self.taken = plus(self.taken, *owe);
                self.owed = plus(self.owed, *owe);
                if !self.references.insert((*of, name(reference))) {
                    found.push(twice("one reference was owed or paid"));
                }
            }
            Entry::Refunded { owe, .. } => self.owed = plus(self.owed, *owe),
            Entry::Returned { of, owe, op, .. } => {
                self.owed = plus(self.owed, *owe);
                if !op.is_empty() && !self.operations.insert((*of, name(op))) {
                    found.push(twice("one op returned"));
                }
            }
            _ => {}
        }
    }

    /// A change of a reservation's state, if the event is one.
    fn hear_change(&mut self, at: UnixMs, entry: &Entry, found: &mut Findings) {
        let Some(of) = entry.of() else { return };
        let late = self.offers[of.offer.0 as usize].1.late;
        let life = self.lives.get_mut(&of).expect("an event speaks of an accepted reservation");
        let before = life.status;
        let after = match entry {
            Entry::Paid { status, .. } => *status,
            Entry::Released { cause, .. } => {
                life.expired = *cause == EndCause::Expired;
                if life.expired && life.deadline.is_none_or(|deadline| at < deadline) {
                    found.push((Rule::Time, format!("I6: ended early, its deadline is {:?}", life.deadline)));
                }
                Status::Released
            }
            Entry::Refunded { .. } => Status::Refunded,
            Entry::Won { .. } => Status::Won,
            Entry::Returned { qty, .. } => {
                life.left = life.left.saturating_sub(*qty);
                if life.left == 0 { Status::Refunded } else { Status::Won }
            }
            Entry::Moved { to, .. } => {
                life.group = Some(*to);
                return;
            }
            _ => return,
        };
        let in_time = life.deadline.is_some_and(|deadline| at < deadline);
        let may = match (before, after) {
            (Status::Held, Status::Paid | Status::Won) => {
                if !in_time {
                    found.push((Rule::Time, "I6: paid at or after its deadline".into()));
                }
                true
            }
            (Status::Released, Status::Paid | Status::Won) => life.expired && late == Late::Retake,
            (Status::Held, Status::Released)
            | (Status::Paid, Status::Won | Status::Refunded)
            | (Status::Won, Status::Refunded) => true,
            (Status::Won, Status::Won) => matches!(entry, Entry::Returned { .. }),
            _ => false,
        };
        if !may {
            found.push((Rule::DoubleAnswer, format!("I4: {before:?} became {after:?}")));
        }
        life.status = after;
        if let Entry::Returned { qty, restock: Restock::No, .. } = entry {
            self.lower_totals(of.offer, *qty);
        }
        if before == Status::Released {
            self.check_limits(of, found);
        }
    }

    fn lower_totals(&mut self, offer: OfferIndex, qty: u32) {
        for (pool, each) in self.takes(offer) {
            *self.totals.get_mut(pool).expect("an offer takes from pools that exist") -=
                each * i128::from(qty);
        }
    }

    fn takes(&self, offer: OfferIndex) -> Vec<(Name, i128)> {
        let (id, definition) = &self.offers[offer.0 as usize];
        if definition.stock.is_some() {
            return vec![(*id, 1)];
        }
        definition.takes.iter().map(|take| (name(&take.pool), i128::from(take.units))).collect()
    }

    /// I3, whenever a buyer's units rise.
    fn check_limits(&self, of: Which, found: &mut Findings) {
        let life = &self.lives[&of];
        let (id, definition) = &self.offers[of.offer.0 as usize];
        let units = |wanted: &dyn Fn(&Which) -> bool| -> u64 {
            let of_buyer =
                self.lives.iter().filter(|(_, other)| other.buyer == life.buyer && is_live(other.status));
            let counts = of_buyer.filter(|(which, _)| !self.removed.contains(&which.offer));
            counts.filter(|(which, _)| wanted(which)).map(|(_, other)| u64::from(other.left)).sum()
        };
        let on_offer = units(&|which| which.offer == of.offer);
        let campaign = campaign_of(id);
        let in_campaign = units(&|which| campaign_of(self.offers[which.offer.0 as usize].0) == campaign);
        let limit = definition.limit;
        let checks = [
            ("order", limit.order, u64::from(life.bought)),
            ("buyer", limit.buyer, on_offer),
            ("campaign", limit.campaign, in_campaign),
        ];
        for (scope, max, has) in checks {
            if max.is_some_and(|max| has > u64::from(max)) {
                found
                    .push((Rule::Limits, format!("I3: {} has {has} units, above limit.{scope}", life.buyer)));
            }
        }
    }

    /// What must hold after every event.
    fn check_standing(&self) -> Findings {
        let mut found = Findings::new();
        let mut given: BTreeMap<Name, i128> = BTreeMap::new();
        let mut seats: BTreeMap<(OfferIndex, GroupIndex), u32> = BTreeMap::new();
        let mut kept = Money::ZERO;
        for (which, life) in &self.lives {
            if !is_live(life.status) {
                continue;
            }
            for (pool, each) in self.takes(which.offer) {
                *given.entry(pool).or_default() += each * i128::from(life.left);
            }
            if let Some(group) = life.group {
                *seats.entry((which.offer, group)).or_default() += 1;
            }
            if life.status != Status::Held {
                kept = plus(kept, times(life.price, life.left));
            }
        }
        for (pool, given) in given {
            let total = self.totals[pool];
            if given > total {
                found.push((Rule::Oversell, format!("I1: {pool} gave {given} of {total} units")));
            }
        }
        for ((offer, group), seats) in seats {
            let size = self.offers[offer.0 as usize].1.group().map_or(0, |rule| rule.size);
            if seats > size {
                found.push((Rule::Seats, format!("I5: group {group:?} has {seats} members of {size}")));
            }
        }
        if self.taken != plus(self.owed, kept) {
            let (taken, owed) = (self.taken, self.owed);
            found.push((Rule::Money, format!("I10: taken {taken:?}, owed {owed:?}, kept {kept:?}")));
        }
        found
    }
}
