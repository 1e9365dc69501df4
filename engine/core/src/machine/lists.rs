//! The operator's requests and the lists: everything that is not about one intent.

use super::{Depth, Machine};
use crate::answer::{Answer, LIST_MAX};
use crate::decide::No;
use crate::event::{OfferIndex, Record};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::text::Text;
use crate::time::UnixMs;
use alloc::boxed::Box;

impl Machine {
    pub(super) fn operate_on<'a>(
        &'a mut self,
        request: &'a Request<Text<'a>>,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Answer<Text<'a>> {
        let decided = match request {
            Request::OfferPut { offer, definition } => self.state.decide_offer_put(*offer, definition, now),
            Request::OfferPause { offer } => self.state.decide_pause(*offer, now),
            Request::OfferResume { offer } => self.state.decide_resume(*offer, now),
            Request::OfferClose { offer } => self.state.decide_close(*offer, now),
            Request::OfferRemove { offer } => {
                let swept = self.sweep_for(*offer, Depth::Everything, now, record);
                swept.and_then(|offer| self.state.decide_remove(offer))
            }
            Request::OfferExtend { offer, by, op } => {
                let swept = self.sweep_for(*offer, Depth::Deadlines, now, record);
                swept.and_then(|_| self.state.decide_extend(*offer, *by, *op))
            }
            Request::PoolAdd { pool, units, op } => {
                let swept = self.sweep_pool(*pool, now, record);
                swept.and_then(|()| self.state.decide_pool_add(*pool, *units, *op))
            }
            other => unreachable!("not an operator's request: {other:?}"),
        };
        self.operate(&decided, now, record)
    }

    pub(super) fn list<'a>(
        &'a mut self,
        request: &'a Request<Text<'a>>,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Result<Answer<Text<'a>>, No> {
        match request {
            Request::Buyer { offer, .. } | Request::OfferGet { offer } => {
                self.sweep_for(*offer, Depth::Everything, now, record)?;
            }
            Request::Group { offer, .. }
            | Request::Groups { offer, .. }
            | Request::Reservations { offer, .. } => {
                self.sweep_for(*offer, Depth::Deadlines, now, record)?;
            }
            Request::PoolGet { pool } => self.sweep_pool(*pool, now, record)?,
            // A list of all offers, demand and audits show what has been swept.
            _ => {}
        }
        self.read(request, now)
    }

    /// Answers a read from the state as it is.
    pub(super) fn read<'a>(
        &'a self,
        request: &'a Request<Text<'a>>,
        now: UnixMs,
    ) -> Result<Answer<Text<'a>>, No> {
        match request {
            Request::Buyer { offer, buyer } => {
                let offer = self.state.known_offer(*offer)?;
                let hash = self.state.hashes.of(*buyer);
                let at =
                    self.state.offer(offer).reservations.find_buyer(hash, *buyer).ok_or(Refusal::Unknown)?;
                Ok(self.state.view_buyer(offer, at, now))
            }
            Request::Group { offer, group } => {
                let offer = self.state.known_offer(*offer)?;
                let at = self.state.find_group(self.state.offer(offer), *group).ok_or(Refusal::Unknown)?;
                Ok(Answer::Group(Box::new(self.state.view_group(offer, at, LIST_MAX, now))))
            }
            Request::Groups { offer, count } => {
                let offer = self.state.known_offer(*offer)?;
                Ok(Answer::Groups(self.state.view_open_groups(offer, *count, now)))
            }
            Request::OfferGet { offer } => {
                let offer = self.state.known_offer(*offer)?;
                Ok(self.state.view_offer(offer, now))
            }
            Request::Reservations { offer, state, cursor, count } => {
                let offer = self.state.known_offer(*offer)?;
                Ok(Answer::Reservations(self.state.view_reservations(offer, *state, *cursor, *count, now)))
            }
            Request::PoolGet { pool } => {
                let at = self.state.find_pool(*pool).ok_or(Refusal::Unknown)?;
                Ok(Answer::Pool(self.state.view_pool(at)))
            }
            Request::Demand { offer } => {
                let offer = self.state.known_offer(*offer)?;
                Ok(Answer::Demand(Box::new(self.demand.view(offer, self.state.offer(offer).opens))))
            }
            Request::Audit { offer } => {
                let only = offer.map(|offer| self.state.known_offer(offer)).transpose()?;
                Ok(Answer::Audit(Box::new(self.state.audit(only))))
            }
            Request::OfferList { cursor, count } => {
                Ok(Answer::Offers(self.state.view_offers(*cursor, *count, now)))
            }
            other => unreachable!("not a list: {other:?}"),
        }
    }

    /// The offer, after what is due in its campaign has been settled.
    fn sweep_for(
        &mut self,
        offer: Text<'_>,
        depth: Depth,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Result<OfferIndex, No> {
        let offer = self.state.known_offer(offer)?;
        self.settle_what_is_due(self.campaign_of(offer), depth, now, record)?;
        Ok(offer)
    }

    fn sweep_pool(&mut self, pool: Text<'_>, now: UnixMs, record: &mut impl Record) -> Result<(), No> {
        match self.state.find_campaign(pool) {
            Some(campaign) => self.settle_what_is_due(campaign, Depth::Everything, now, record),
            None => Ok(()),
        }
    }
}
