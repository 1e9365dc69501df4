//! The state machine of one shard: the face of this crate.
//!
//! [`Machine::handle`] takes one request along the straight line: sweep what could change the answer → decide →
//! apply and record each event → answer from the state. Time's own work is in `machine/sweep.rs`.

mod ahead;
mod archive;
mod demand;
mod kept;
mod lists;
mod look;
mod names;
mod sweep;

use crate::answer::{Answer, AuditAnswer, ReservationAnswer};
use crate::decide::{Acceptance, No, Operator, Payment, Purchase, ReturnOrder, Verdict};
use crate::demand::{DemandBoard, Outcome, Seen};
use crate::event::{Entry, Event, EventId, OfferIndex, Record, Seq, Stamp};
use crate::refusal::Refusal;
use crate::request::{Buy, Request};
use crate::state::{CampaignIndex, Keys, Lookup, State};
use crate::text::Text;
use crate::time::UnixMs;
use crate::view::view_accepted;

use sweep::Depth;
pub use sweep::Swept;

/// The most due items that one request sweeps before its answer; beyond them it answers that it is busy.
const SWEEP_PER_REQUEST: usize = 1_024;
/// No text: what an optional text is where none was sent.
const NO_TEXT: Text<'static> = Text::stored(b"");

/// What a machine is made with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The epoch of the events that this life of the writer makes. At least 1.
    pub epoch: u64,
    /// The key of the hash tables; secret and random where buyers choose their ids. It never reaches the state.
    pub hash_key: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { epoch: 1, hash_key: 0x5eed }
    }
}

/// Everything that one shard knows.
#[derive(Debug)]
pub struct Machine {
    state: State,
    demand: DemandBoard,
    epoch: u64,
}

impl Machine {
    /// An empty machine.
    pub fn new(settings: Settings) -> Self {
        Machine {
            state: State::new(settings.hash_key),
            demand: DemandBoard::default(),
            epoch: settings.epoch,
        }
    }

    /// Decides one request at `now` and lets it take effect: every event goes to `record`, in order.
    /// `now` must not go back from call to call.
    ///
    /// Cost: constant for a BUY, PAY or CANCEL, but for what is due and swept first, and for a group's members where
    /// the request forms it; lists and audits cost what they show or look at.
    pub fn handle<'a>(
        &'a mut self,
        request: &'a Request<Text<'a>>,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Answer<Text<'a>> {
        let keys = self.keys(request, |text| text, None);
        self.handle_at(&keys, request, now, record)
    }

    /// Like [`Machine::handle`], with the request's [`Machine::keys`] taken before. Other requests may have been handled
    /// since.
    pub fn handle_at<'a>(
        &'a mut self,
        keys: &Keys,
        request: &'a Request<Text<'a>>,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Answer<Text<'a>> {
        let decided = match request {
            Request::Buy(buy) => return self.buy(buy, keys, now, record),
            Request::Pay { offer, id, amount, reference } => {
                let payment = Payment { amount: *amount, reference: reference.unwrap_or(NO_TEXT) };
                self.pay(self.state.find_reservation(keys, *offer, *id), payment, now, record)
            }
            Request::Cancel { offer, id } => self.change(
                self.state.find_reservation(keys, *offer, *id),
                now,
                record,
                |state, offer, at| Ok(state.decide_cancel(offer, at)),
            ),
            Request::Return { offer, id, qty, restock, op } => {
                let order = ReturnOrder { qty: *qty, restock: *restock, op: op.unwrap_or(NO_TEXT) };
                self.change(
                    self.state.find_reservation(keys, *offer, *id),
                    now,
                    record,
                    |state, offer, at| state.decide_return(offer, at, order),
                )
            }
            Request::Revoke { offer, id, reason } => self.change(
                self.state.find_reservation(keys, *offer, *id),
                now,
                record,
                |state, offer, at| Ok(state.decide_revoke(offer, at, *reason)),
            ),
            Request::Show { offer, id } => {
                self.change(self.state.find_reservation(keys, *offer, *id), now, record, |_, offer, at| {
                    Ok(Verdict::stands(offer, at))
                })
            }
            Request::OfferPut { .. }
            | Request::OfferPause { .. }
            | Request::OfferResume { .. }
            | Request::OfferClose { .. }
            | Request::OfferRemove { .. }
            | Request::OfferExtend { .. }
            | Request::PoolAdd { .. } => return self.operate_on(request, now, record),
            Request::Buyer { .. }
            | Request::Group { .. }
            | Request::Groups { .. }
            | Request::OfferGet { .. }
            | Request::OfferList { .. }
            | Request::PoolGet { .. }
            | Request::Reservations { .. }
            | Request::Demand { .. }
            | Request::Audit { .. } => return self.list(request, now, record).unwrap_or_else(Answer::from),
        };
        match &decided {
            Ok(verdict) => self.carry_out(verdict, now, record),
            Err(no) => (*no).into(),
        }
    }

    /// A BUY, counted as demand whatever comes of it.
    fn buy<'a>(
        &'a mut self,
        buy: &Buy<Text<'a>>,
        keys: &Keys,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Answer<Text<'a>> {
        let Some(offer) = self.state.offer_of(keys, buy.offer) else { return Refusal::OfferUnknown.into() };
        let seen = |outcome| Seen { outcome, buyer_hash: keys.buyer.get(), qty: buy.qty, now };
        // Matched where it lies, and each answer made where it is returned: an acceptance and an answer are large, and
        // what was just written in parts is slow to copy as a whole.
        match &self.decide_buy(offer, buy, keys, now, record) {
            Ok(Purchase::New(acceptance)) => {
                let event = self.accept(acceptance, buy, keys, now, record);
                let accepted = &acceptance.accepted;
                if accepted.seat.is_some() {
                    let group = self.state.group_accepted(acceptance, buy);
                    let stands = self.state.view_seated(accepted, group, event, now);
                    self.demand.note(offer, seen(Outcome::Accepted(stands.status)));
                    return Answer::Reservation(stands);
                }
                self.demand.note(offer, seen(Outcome::Accepted(accepted.status)));
                Answer::Reservation(view_accepted(accepted, event))
            }
            Ok(Purchase::Repeat(at)) => {
                self.demand.note(offer, seen(Outcome::Replayed));
                let stands = self.state.view_reservation(offer, *at, now);
                Answer::Reservation(ReservationAnswer { replayed: true, ..stands })
            }
            Err(No::Refused(refusal)) => {
                self.demand.note(offer, seen(Outcome::Refused(*refusal)));
                Answer::Refused(*refusal)
            }
            Err(No::Misuse(misuse)) => Answer::Misuse(*misuse),
        }
    }

    /// Lets an acceptance take effect, and what follows for its group. Gives the event of the acceptance itself.
    fn accept(
        &mut self,
        acceptance: &Acceptance<'_>,
        buy: &Buy<Text<'_>>,
        keys: &Keys,
        now: UnixMs,
        record: &mut impl Record,
    ) -> EventId {
        let Acceptance { opens, accepted, buyer } = acceptance;
        if let Some(expires) = *opens {
            let (offer, group) = (accepted.offer, accepted.id);
            self.emit(&Event::GroupOpened { offer, group, expires }, now, record);
        }
        let stamp = self.stamp(now);
        self.state.apply_looked_up(stamp, accepted, Lookup { id: keys.id, buyer: keys.buyer, known: *buyer });
        let group = self.state.group_accepted(acceptance, buy);
        let names = self.state.names_accepted(accepted, group);
        record.record(&Entry { stamp, event: Event::Accepted(*accepted), names });
        if let Some(seat) = accepted.seat {
            let (offer, group) = (accepted.offer, seat.group);
            if self.state.offer(offer).may_turn(group) {
                self.follow_up(offer, group, now, record);
            }
        }
        stamp.id
    }

    /// A repeat comes first: it takes nothing, so nothing due can change it. On a group offer everything else hangs
    /// together, so deadlines come before the decision. Elsewhere they come first only where they could turn the
    /// refusal.
    fn decide_buy<'r>(
        &mut self,
        offer: OfferIndex,
        buy: &Buy<Text<'r>>,
        keys: &Keys,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Result<Purchase<'r>, No> {
        let campaign = self.campaign_of(offer);
        if self.state.offer(offer).sells_to_groups() && !self.are_groups_settled(offer, now) {
            match self.state.offer(offer).reservations.find(keys.id, buy.id) {
                Some(known) => self.bring_up_to_date(offer, known, now, record)?,
                None => self.settle_what_is_due(campaign, Depth::Deadlines, now, record)?,
            }
        }
        match self.state.decide_buy(offer, buy, keys, now) {
            Err(No::Refused(Refusal::SoldOut | Refusal::Limit { .. }))
                if self.is_anything_due(campaign, now) =>
            {
                self.settle_what_is_due(campaign, Depth::Everything, now, record)?;
                self.state.decide_buy(offer, buy, keys, now)
            }
            decided => decided,
        }
    }

    /// Decides a payment.
    fn pay<'r>(
        &mut self,
        found: Result<(OfferIndex, u32), No>,
        payment: Payment<'r>,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Result<Verdict<'r>, No> {
        let (offer, at) = found?;
        self.bring_up_to_date(offer, at, now, record)?;
        // A late payment that may take units again does so as a newcomer: after everybody whose time was up before.
        if self.state.wants_retake(offer, at, payment) {
            self.settle_what_is_due(self.campaign_of(offer), Depth::Everything, now, record)?;
        }
        self.state.decide_pay(offer, at, payment, now)
    }

    /// Decides a request about one reservation.
    fn change<'r>(
        &mut self,
        found: Result<(OfferIndex, u32), No>,
        now: UnixMs,
        record: &mut impl Record,
        decide: impl FnOnce(&State, OfferIndex, u32) -> Result<Verdict<'r>, No>,
    ) -> Result<Verdict<'r>, No> {
        let (offer, at) = found?;
        self.bring_up_to_date(offer, at, now, record)?;
        decide(&self.state, offer, at)
    }

    /// Lets a verdict's event take effect, and what follows for the group of its reservation; then answers.
    fn carry_out(
        &mut self,
        verdict: &Verdict<'_>,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Answer<Text<'_>> {
        let Verdict { offer, at, .. } = *verdict;
        let Some(event) = &verdict.event else {
            return answer(verdict, self.state.view_reservation(offer, at, now));
        };
        let stamp = self.stamp(now);
        self.state.apply(stamp, event);
        if let Some(group) = self.state.offer(offer).turning_group(at) {
            record.record(&Entry { stamp, event: *event, names: self.state.names(event) });
            self.follow_up(offer, group, now, record);
            return answer(verdict, self.state.view_reservation(offer, at, now));
        }
        // Nothing moves any more: one look serves the event's names and the answer.
        let standing = self.state.standing(offer, at);
        let names = self.state.names_standing(offer, &standing);
        record.record(&Entry { stamp, event: *event, names });
        answer(verdict, self.state.view_standing(&standing, now))
    }

    /// Lets an event happen.
    fn emit(&mut self, event: &Event<'_>, now: UnixMs, record: &mut impl Record) {
        let stamp = self.stamp(now);
        self.state.apply(stamp, event);
        record.record(&Entry { stamp, event: *event, names: self.state.names(event) });
    }

    /// What the next event is called.
    fn stamp(&self, now: UnixMs) -> Stamp {
        assert!(now >= self.state.at, "I6: the time went back from {} to {now}", self.state.at);
        Stamp { id: EventId { epoch: self.epoch, seq: Seq(self.state.seq.0 + 1) }, at: now }
    }

    /// Lets an operator's decision take effect.
    fn operate(
        &mut self,
        decided: &Result<Operator<'_>, No>,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Answer<Text<'static>> {
        match decided {
            Ok(Operator::Happens(event)) => {
                self.emit(event, now, record);
                Answer::Done
            }
            Ok(Operator::Done) => Answer::Done,
            Ok(Operator::DoneBefore) => Answer::DoneBefore,
            Err(no) => (*no).into(),
        }
    }

    /// Lets one recorded event take effect again. Events must come in the order in which they were recorded. Before a
    /// replayed machine serves requests, sweep it until it answers [`Swept::Done`].
    pub fn replay(&mut self, stamp: Stamp, event: &Event<'_>) {
        self.state.apply(stamp, event);
        if let Event::Demand(moved) = event {
            assert!(moved.offer.0 < self.state.offers.len(), "I7: demand is told of an unknown offer");
            self.demand.restore(moved);
        }
    }

    /// The last event; seq 0 before the first.
    pub fn last_event(&self) -> EventId {
        self.state.event_id(self.state.seq)
    }

    /// Events from here on belong to another epoch, above all before.
    pub fn begin_epoch(&mut self, epoch: u64) {
        let last = self.last_event().epoch;
        assert!(epoch > last, "I7: epoch {epoch} does not follow {last}");
        self.epoch = epoch;
    }

    /// Where each epoch begins that has an event, oldest first.
    pub fn epochs(&self) -> &[EventId] {
        self.state.epochs()
    }

    /// The time of the last event; 0 before the first.
    pub fn last_time(&self) -> UnixMs {
        self.state.at
    }

    /// Checks every invariant over the whole state. Cost: proportional to the state.
    pub fn audit(&self) -> AuditAnswer {
        self.state.audit(None)
    }

    /// A digest of the whole state: equal digests are equal states. Cost: proportional to the state.
    pub fn digest(&self) -> u128 {
        self.state.digest(None)
    }

    fn campaign_of(&self, offer: OfferIndex) -> CampaignIndex {
        self.state.offer(offer).campaign
    }
}

/// The answer that a verdict leads to, for a reservation that stands so.
#[inline]
fn answer<'a>(verdict: &Verdict<'_>, mut stands: ReservationAnswer<Text<'a>>) -> Answer<Text<'a>> {
    stands.replayed = verdict.is_replayed;
    stands.late = verdict.is_late;
    stands.owe = verdict.owe;
    Answer::Reservation(stands)
}

impl<T> From<No> for Answer<T> {
    fn from(no: No) -> Self {
        match no {
            No::Refused(refusal) => refusal.into(),
            No::Misuse(misuse) => misuse.into(),
        }
    }
}
