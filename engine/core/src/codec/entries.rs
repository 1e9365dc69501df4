//! Walks the entries of a batch's body, in order, and reads them back.
//!
//! The batch says what the first event is called and from when its times count; the entries number themselves from
//! there. Called by replays, by the feed and by the tools; the layout is in `entry`.

use super::entry::said;
use super::{CodecError, DemandRead, Reader, kind, read_offer};
use crate::event::{
    Accepted, Entry, Event, EventId, GroupIndex, Names, OfferIndex, ReservationIndex, ReservationNames, Seat,
    Seq, Stamp,
};
use crate::offer::Offer;
use crate::time::UnixMs;
use alloc::boxed::Box;

/// The entries of one batch's body.
#[derive(Debug)]
pub struct Entries<'a> {
    read: Reader<'a>,
    /// The name of the entry that comes next.
    next: EventId,
    /// The time of the entry before it.
    base: UnixMs,
    /// The definition in the entry read last.
    definition: Option<Box<Offer>>,
    /// The lists in the demand entry read last.
    demand: DemandRead<'a>,
}

impl<'a> Entries<'a> {
    /// The entries of `body`, of which the first is called `first`, the first one's time counted from `base`.
    pub fn new(body: &'a [u8], first: EventId, base: UnixMs) -> Self {
        Entries {
            read: Reader::new(body),
            next: first,
            base,
            definition: None,
            demand: DemandRead::default(),
        }
    }

    /// The name that the next entry has, if there is one.
    pub fn next_id(&self) -> EventId {
        self.next
    }

    /// Where the next entry begins in the body.
    pub fn offset(&self) -> usize {
        self.read.offset()
    }

    /// The time that the next entry's is counted from: that of the entry before.
    pub fn base(&self) -> UnixMs {
        self.base
    }

    /// The next entry; `None` behind the last. After an error there is nothing to go on with.
    ///
    /// Cost: allocates for the definition in an offer's entry alone, and once for the lists of demand.
    #[expect(clippy::should_implement_trait, reason = "the entry borrows the walker, an iterator's cannot")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, CodecError> {
        if self.read.is_at_end() {
            return Ok(None);
        }
        let mut part = self.next_part()?;
        let kind = part.byte()?;
        let at = self.time(&mut part)?;
        let event = if kind == kind::DEMAND {
            self.demand.read(&mut part).map(Event::Demand)?
        } else {
            read_event(&mut part, kind, at, &mut self.definition)?
        };
        let names = read_names(&mut part, &event)?;
        part.end()?;
        let stamp = Stamp { id: self.next, at };
        self.next = following(self.next);
        Ok(Some(Entry { stamp, event, names }))
    }

    /// Passes one entry over, looking at nothing but its length and time; false behind the last.
    pub fn skip(&mut self) -> Result<bool, CodecError> {
        if self.read.is_at_end() {
            return Ok(false);
        }
        let mut part = self.next_part()?;
        part.byte()?;
        self.time(&mut part)?;
        self.next = following(self.next);
        Ok(true)
    }

    /// The entry's time, from which the next one's counts.
    fn time(&mut self, part: &mut Reader<'_>) -> Result<UnixMs, CodecError> {
        self.base = UnixMs::new(self.base.get().wrapping_add(part.number()?));
        Ok(self.base)
    }

    fn next_part(&mut self) -> Result<Reader<'a>, CodecError> {
        let length = self.read.number()?;
        self.read.part(length)
    }
}

fn following(id: EventId) -> EventId {
    EventId { seq: Seq(id.seq.0.wrapping_add(1)), ..id }
}

fn read_event<'e, 'a: 'e>(
    read: &mut Reader<'a>,
    kind: u8,
    at: UnixMs,
    definition: &'e mut Option<Box<Offer>>,
) -> Result<Event<'e>, CodecError> {
    match kind {
        kind::ACCEPTED => read_accepted(read, at).map(Event::Accepted),
        kind::PAID | kind::RELEASED | kind::WON | kind::REFUNDED | kind::OWED | kind::RETURNED => {
            read_change(read, kind)
        }
        kind::GROUP_OPENED..=kind::MOVED => read_group_event(read, kind, at),
        kind::OFFER_PUT..=kind::OFFER_REMOVED => read_operator_event(read, kind, definition),
        _ => Err(read.expected("a known kind of event at the entry's front")),
    }
}

fn read_accepted<'a>(read: &mut Reader<'a>, at: UnixMs) -> Result<Accepted<'a>, CodecError> {
    let offer = OfferIndex(read.small()?);
    let (id, buyer) = (read.text()?, read.text()?);
    let (qty, price) = (read.small()?, read.money()?);
    let status = read.status()?;
    let has = read.byte()?;
    if has > 0b1111 {
        return Err(read.expected("what an acceptance has, 0 to 15, before this byte"));
    }
    let expires = if has & 1 != 0 { Some(read_later(read, at)?) } else { None };
    let seat = if has & 2 != 0 {
        let group = GroupIndex(read.small()?);
        Some(Seat { group, sent: read.sent()?, may_join: has & 8 != 0 })
    } else {
        None
    };
    let referrer = if has & 4 != 0 { Some(read.text()?) } else { None };
    Ok(Accepted { offer, id, buyer, qty, price, status, expires, seat, referrer })
}

fn read_later(read: &mut Reader<'_>, at: UnixMs) -> Result<UnixMs, CodecError> {
    Ok(UnixMs::new(at.get().wrapping_add_signed(read.signed()?)))
}

/// What happened to a reservation.
fn read_change<'a>(read: &mut Reader<'a>, kind: u8) -> Result<Event<'a>, CodecError> {
    let offer = OfferIndex(read.small()?);
    let reservation = ReservationIndex(read.small()?);
    Ok(match kind {
        kind::PAID => Event::Paid {
            offer,
            reservation,
            amount: read.money()?,
            reference: read.text()?,
            status: read.status()?,
        },
        kind::RELEASED => Event::Released {
            offer,
            reservation,
            cause: read.end_cause()?,
            reason: read.maybe(Reader::text)?,
        },
        kind::WON => Event::Won { offer, reservation },
        kind::REFUNDED => Event::Refunded {
            offer,
            reservation,
            owe: read.money()?,
            cause: read.end_cause()?,
            reason: read.maybe(Reader::text)?,
        },
        kind::OWED => Event::Owed { offer, reservation, reference: read.text()?, owe: read.money()? },
        _ => Event::Returned {
            offer,
            reservation,
            qty: read.small()?,
            restock: read.restock()?,
            owe: read.money()?,
            op: read.text()?,
        },
    })
}

fn read_group_event<'a>(read: &mut Reader<'a>, kind: u8, at: UnixMs) -> Result<Event<'a>, CodecError> {
    let offer = OfferIndex(read.small()?);
    Ok(match kind {
        kind::GROUP_OPENED => {
            Event::GroupOpened { offer, group: read.text()?, expires: read_later(read, at)? }
        }
        kind::GROUP_FORMED => Event::GroupFormed { offer, group: GroupIndex(read.small()?) },
        kind::GROUP_FAILED => Event::GroupFailed { offer, group: GroupIndex(read.small()?) },
        kind::LEADER => Event::Leader {
            offer,
            group: GroupIndex(read.small()?),
            reservation: ReservationIndex(read.small()?),
        },
        _ => Event::Moved {
            offer,
            reservation: ReservationIndex(read.small()?),
            to: GroupIndex(read.small()?),
        },
    })
}

fn read_operator_event<'e, 'a: 'e>(
    read: &mut Reader<'a>,
    kind: u8,
    definition: &'e mut Option<Box<Offer>>,
) -> Result<Event<'e>, CodecError> {
    match kind {
        kind::OFFER_PUT => {
            let offer = read.text()?;
            let definition = definition.insert(Box::new(read_offer(read)?));
            return Ok(Event::OfferPut { offer, definition, opens: read.time()? });
        }
        kind::POOL_ADDED => {
            return Ok(Event::PoolAdded { pool: read.text()?, units: read.signed()?, op: read.text()? });
        }
        _ => {}
    }
    let offer = OfferIndex(read.small()?);
    Ok(match kind {
        kind::OFFER_CHANGED => {
            let definition = definition.insert(Box::new(read_offer(read)?));
            Event::OfferChanged { offer, definition, opens: read.time()? }
        }
        kind::OFFER_PAUSED => Event::OfferPaused { offer },
        kind::OFFER_RESUMED => Event::OfferResumed { offer },
        kind::OFFER_REMOVED => Event::OfferRemoved { offer },
        kind::OFFER_CLOSED => Event::OfferClosed { offer, by: read.close_cause()? },
        _ => Event::OfferExtended { offer, by: read.length()?, op: read.text()? },
    })
}

fn read_names<'e, 'a: 'e>(read: &mut Reader<'a>, event: &Event<'e>) -> Result<Names<'e>, CodecError> {
    let said = said(event);
    let which = read.byte()?;
    if which > 0b111 {
        return Err(read.expected("which names follow, 0 to 7, before this byte"));
    }
    let mut names = Names::default();
    if which & 1 != 0 {
        names.offer = Some(said.offer.map_or_else(|| read.text(), Ok)?);
    }
    if which & 2 != 0 {
        names.reservation = Some(match said.reservation {
            Some(said) => said,
            None => ReservationNames {
                id: read.text()?,
                buyer: read.text()?,
                qty: read.small()?,
                price: read.money()?,
            },
        });
    }
    if which & 4 != 0 {
        names.group = Some(said.group.map_or_else(|| read.text(), Ok)?);
    }
    Ok(names)
}
