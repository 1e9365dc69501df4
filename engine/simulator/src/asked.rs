//! What was ever submitted, and which entries of a feed that explains.
//!
//! An entry that nobody asked for, and that time did not bring, is an invention. Filled by the auditor before a request
//! goes out, so that also requests whose answers were never seen are known.

use crate::ledger::Heard;
use crate::names::Name;
use stampede_engine::core::{
    Buy, CloseCause, EndCause, Entry, Event, GroupChoice, Millis, Offer, Request, Restock, Text,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was submitted in a run.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    buys: BTreeMap<(Name, Name), Vec<Buy<Name>>>,
    pays: BTreeMap<(Name, Name, Name), Vec<Option<u64>>>,
    returns: BTreeMap<(Name, Name, Name), Vec<ReturnSent>>,
    puts: BTreeMap<Name, Vec<Offer>>,
    adds: BTreeSet<(Name, Name, i64)>,
    extends: BTreeSet<(Name, Name, Millis)>,
    /// Everything else, by what it does to which offer or reservation.
    plain: BTreeSet<(Deed, Name, Name)>,
}

/// Units, and where they go.
type ReturnSent = (Option<u32>, Restock);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Cancel,
    Revoke,
    Pause,
    Resume,
    Close,
    Remove,
}

impl Asked {
    /// Remembers a request that is about to go out.
    pub(crate) fn note(&mut self, request: &Request<Name>) {
        match request {
            Request::Buy(buy) => self.buys.entry((buy.offer, buy.id)).or_default().push(*buy),
            Request::Pay { offer, id, amount, reference } => {
                self.pays.entry((offer, id, reference.unwrap_or(""))).or_default().push(*amount);
            }
            Request::Return { offer, id, qty, restock, op } => {
                self.returns.entry((offer, id, op.unwrap_or(""))).or_default().push((*qty, *restock));
            }
            Request::OfferPut { offer, definition } => {
                self.puts.entry(offer).or_default().push((**definition).clone());
            }
            Request::PoolAdd { pool, units, op } => {
                self.adds.insert((pool, op, *units));
            }
            Request::OfferExtend { offer, by, op } => {
                self.extends.insert((offer, op, *by));
            }
            Request::Cancel { offer, id } => self.did(Deed::Cancel, offer, id),
            Request::Revoke { offer, id, .. } => self.did(Deed::Revoke, offer, id),
            Request::OfferPause { offer } => self.did(Deed::Pause, offer, ""),
            Request::OfferResume { offer } => self.did(Deed::Resume, offer, ""),
            Request::OfferClose { offer } => self.did(Deed::Close, offer, ""),
            Request::OfferRemove { offer } => self.did(Deed::Remove, offer, ""),
            _ => {}
        }
    }

    fn did(&mut self, deed: Deed, offer: Name, id: Name) {
        self.plain.insert((deed, offer, id));
    }

    /// Whether somebody asked for this entry, or time could bring it.
    pub(crate) fn explains(&self, entry: &Entry<'_>) -> Heard {
        let offer = entry.names.offer.map_or("", Text::as_str);
        let id = entry.names.reservation.map_or("", |names| names.id.as_str());
        let is_explained = match &entry.event {
            Event::OfferPut { offer, definition, .. } => self.was_put(offer.as_str(), definition),
            Event::OfferChanged { definition, .. } => self.was_put(offer, definition),
            Event::OfferPaused { .. } => self.was(Deed::Pause, offer, ""),
            Event::OfferResumed { .. } => self.was(Deed::Resume, offer, ""),
            Event::OfferClosed { by, .. } => *by == CloseCause::Deadline || self.was(Deed::Close, offer, ""),
            Event::OfferRemoved { .. } => self.was(Deed::Remove, offer, ""),
            Event::OfferExtended { by, op, .. } => self.extends.contains(&(offer, op.as_str(), *by)),
            Event::PoolAdded { pool, units, op } => self.adds.contains(&(pool.as_str(), op.as_str(), *units)),
            Event::GroupOpened { .. } => {
                let group = entry.names.group.map_or("", Text::as_str);
                self.was_bought(offer, group, |buy| matches!(buy.group, GroupChoice::New | GroupChoice::Any))
            }
            Event::Accepted(accepted) => self.was_bought(offer, accepted.id.as_str(), |buy| {
                buy.buyer == accepted.buyer.as_str()
                    && buy.qty == accepted.qty
                    && buy.referrer == accepted.referrer.map(Text::as_str)
            }),
            Event::Paid { reference, amount, .. } => {
                self.was_paid(offer, id, reference.as_str(), amount.cash)
            }
            Event::Owed { reference, owe, .. } => self.was_paid(offer, id, reference.as_str(), owe.cash),
            Event::Released { cause, .. } | Event::Refunded { cause, .. } => match cause {
                EndCause::Cancelled => self.was(Deed::Cancel, offer, id),
                EndCause::Revoked => self.was(Deed::Revoke, offer, id),
                EndCause::Expired | EndCause::GroupFailed | EndCause::Returned => true,
            },
            Event::Returned { qty, restock, op, .. } => {
                let sent = self.returns.get(&(offer, id, op.as_str()));
                sent.is_some_and(|sent| {
                    sent.iter().any(|(of, to)| of.is_none_or(|of| of == *qty) && to == restock)
                })
            }
            Event::Won { .. }
            | Event::Leader { .. }
            | Event::Moved { .. }
            | Event::GroupFormed { .. }
            | Event::GroupFailed { .. }
            | Event::Demand(_) => true,
        };
        if is_explained { Ok(()) } else { Err("nobody asked for it".into()) }
    }

    fn was(&self, deed: Deed, offer: &str, id: &str) -> bool {
        self.plain.contains(&(deed, offer, id))
    }

    fn was_put(&self, offer: &str, definition: &Offer) -> bool {
        self.puts.get(offer).is_some_and(|puts| puts.contains(definition))
    }

    fn was_bought(&self, offer: &str, id: &str, fits: impl Fn(&Buy<Name>) -> bool) -> bool {
        self.buys.get(&(offer, id)).is_some_and(|buys| buys.iter().any(fits))
    }

    fn was_paid(&self, offer: &str, id: &str, reference: &str, cash: u64) -> bool {
        let sent = self.pays.get(&(offer, id, reference));
        sent.is_some_and(|sent| sent.iter().any(|amount| amount.is_none_or(|amount| amount == cash)))
    }
}
