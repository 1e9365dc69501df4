//! Reads without an event: what a shard answers while it may write nothing.

use super::Machine;
use crate::answer::{Answer, ReservationAnswer};
use crate::decide::No;
use crate::event::OfferIndex;
use crate::foresee::Foresight;
use crate::refusal::Refusal;
use crate::request::{Buy, Request};
use crate::text::Text;
use crate::time::UnixMs;
use alloc::boxed::Box;

/// An answer, or none where it cannot be foretold.
type Looked<'a> = Result<Option<Answer<Text<'a>>>, No>;

impl Machine {
    /// Answers a read at `now` from the state as it is, and changes nothing: what is due shows as over, as it would
    /// after a sweep. A BUY that repeats an earlier one is a read too.
    ///
    /// `None` for whatever would have to change something, and for a read that cannot be foretold: it hangs on a merge
    /// of groups, or on more than a bounded look at what is due.
    ///
    /// Cost: as in [`Machine::handle`]; where something is due, up to some ten thousand look-ups more.
    pub fn look<'a>(&'a self, request: &'a Request<Text<'a>>, now: UnixMs) -> Option<Answer<Text<'a>>> {
        let looked = match request {
            Request::Show { offer, id } => self.look_at_reservation(*offer, *id, now),
            Request::Buy(buy) => self.look_at_repeat(buy, now),
            Request::OfferList { .. } | Request::Demand { .. } | Request::Audit { .. } => {
                self.read(request, now).map(Some)
            }
            Request::Buyer { .. }
            | Request::Group { .. }
            | Request::Groups { .. }
            | Request::OfferGet { .. }
            | Request::PoolGet { .. }
            | Request::Reservations { .. } => self.look_at_list(request, now),
            Request::Pay { .. }
            | Request::Cancel { .. }
            | Request::Return { .. }
            | Request::Revoke { .. }
            | Request::OfferPut { .. }
            | Request::OfferPause { .. }
            | Request::OfferResume { .. }
            | Request::OfferClose { .. }
            | Request::OfferRemove { .. }
            | Request::OfferExtend { .. }
            | Request::PoolAdd { .. } => return None,
        };
        looked.unwrap_or_else(|no| Some(no.into()))
    }

    fn look_at_reservation<'a>(&'a self, offer: Text<'_>, id: Text<'_>, now: UnixMs) -> Looked<'a> {
        let keys = self.state.keys(offer, id, None);
        let (offer, at) = self.state.find_reservation(&keys, offer, id)?;
        Ok(self.foretell(offer, at, now).map(Answer::Reservation))
    }

    fn look_at_repeat<'a>(&'a self, buy: &Buy<Text<'a>>, now: UnixMs) -> Looked<'a> {
        let keys = self.state.keys_of_buy(buy, |text| text, None);
        let offer = self.state.offer_of(&keys, buy.offer).ok_or(Refusal::OfferUnknown)?;
        let Some(at) = self.state.offer(offer).reservations.find(keys.id, buy.id) else { return Ok(None) };
        self.state.decide_buy(offer, buy, &keys, now)?;
        let stands = self.foretell(offer, at, now);
        Ok(stands.map(|stands| Answer::Reservation(ReservationAnswer { replayed: true, ..stands })))
    }

    /// A reservation as it stands at `now`.
    fn foretell(&self, offer: OfferIndex, at: u32, now: UnixMs) -> Option<ReservationAnswer<Text<'_>>> {
        if self.is_anything_due(self.campaign_of(offer), now) {
            Foresight::new(&self.state, now).reservation(offer, at)
        } else {
            Some(self.state.view_reservation(offer, at, now))
        }
    }

    fn look_at_list<'a>(&'a self, request: &'a Request<Text<'a>>, now: UnixMs) -> Looked<'a> {
        let state = &self.state;
        let campaign = request.key().and_then(|&id| state.find_campaign(id));
        let Some(campaign) = campaign.filter(|&campaign| self.is_anything_due(campaign, now)) else {
            return self.read(request, now).map(Some);
        };
        let foresight = Foresight::new(state, now);
        Ok(match request {
            Request::Buyer { offer, buyer } => {
                let offer = state.known_offer(*offer)?;
                let known = state.offer(offer).reservations.find_buyer(state.hashes.of(*buyer), *buyer);
                foresight.buyer(offer, known.ok_or(Refusal::Unknown)?)
            }
            Request::Group { offer, group } => {
                let offer = state.known_offer(*offer)?;
                let at = state.find_group(state.offer(offer), *group).ok_or(Refusal::Unknown)?;
                foresight.whole_group(offer, at).map(|group| Answer::Group(Box::new(group)))
            }
            Request::Groups { offer, count } => {
                foresight.open_groups(state.known_offer(*offer)?, *count).map(Answer::Groups)
            }
            Request::OfferGet { offer } => foresight.offer(state.known_offer(*offer)?),
            Request::Reservations { offer, state: filter, cursor, count } => {
                let offer = state.known_offer(*offer)?;
                foresight.reservations(offer, *filter, *cursor, *count).map(Answer::Reservations)
            }
            Request::PoolGet { pool } => {
                let at = state.find_pool(*pool).ok_or(Refusal::Unknown)?;
                foresight.pool(at, campaign).map(Answer::Pool)
            }
            other => unreachable!("not a list: {other:?}"),
        })
    }
}
