//! The twin's face: one request in, one answer out, like the machine's.

use crate::buy::Percent;
use crate::names::Name;
use crate::state::Twin;
use stampede_core::{Answer, Request};

impl Twin {
    /// Settles what is due at `now`, then answers.
    pub(crate) fn handle(&mut self, request: &Request<Name>, now: u64, percent: Percent) -> Answer<Name> {
        self.settle(now);
        match request {
            Request::Buy(buy) => self.buy(buy, percent),
            Request::Pay { offer, id, amount, reference } => {
                self.pay(offer, id, *amount, reference.unwrap_or(""))
            }
            Request::Cancel { offer, id } => self.cancel(offer, id),
            Request::Return { offer, id, qty, restock, op } => self.give_back(offer, id, *qty, *restock, *op),
            Request::Revoke { offer, id, .. } => self.revoke(offer, id),
            Request::Show { offer, id } => self.show(offer, id),
            Request::Buyer { offer, buyer } => self.buyer(offer, buyer),
            Request::Group { offer, group } => self.group(offer, group),
            Request::Groups { offer, count } => self.groups(offer, *count),
            Request::OfferPut { offer, definition } => self.put(offer, definition),
            Request::OfferGet { offer } => self.offer_get(offer),
            Request::OfferPause { offer } => self.pause(offer, true),
            Request::OfferResume { offer } => self.pause(offer, false),
            Request::OfferClose { offer } => self.close(offer),
            Request::OfferRemove { offer } => self.remove(offer),
            Request::OfferExtend { offer, by, op } => self.extend(offer, by.get(), op),
            Request::OfferList { cursor, count } => self.list(*cursor, *count),
            Request::PoolAdd { pool, units, op } => self.pool_add(pool, *units, op),
            Request::PoolGet { pool } => self.pool(pool),
            Request::Reservations { offer, state, .. } => self.reservations(offer, *state),
            Request::Audit { .. } => self.audit(),
            Request::Demand { .. } => {
                unreachable!("demand lies beside the machine and has scenarios of its own")
            }
        }
    }
}
