//! Between the fields as written and the offer that the engine knows.
//!
//! Left-out fields get their defaults here; everything that is a matter of range is the offer's own check.

use super::OfferTextError;
use super::raw::{Id, RawAdmission, RawGroup, RawLimit, RawOffer, RawPrice, RawSettle, RawTake};
use super::values::{Duration, Instant};
use crate::field_error::Table;
use serde_json::Value;
use stampede_engine::core::{
    Admission, Cohort, GroupRule, HOLD_DEFAULT, Limits, Money, Offer, OfferError, Settle, Take, Text,
};

/// The offer, checked.
pub(super) fn to_offer(raw: RawOffer) -> Result<Offer, OfferTextError> {
    let written = serde_json::to_value(&raw).unwrap_or(Value::Null);
    let offer = Offer {
        title: raw.title.unwrap_or_default().into(),
        opens: raw.opens.map(|at| at.0),
        closes: raw.closes.map(|at| at.0),
        stock: raw.stock,
        takes: raw.takes.unwrap_or_default().into_iter().map(|raw| take(raw.0)).collect(),
        limit: raw.limit.map_or_else(Limits::default, |limit| limits(&limit.0)),
        admit: admission(raw.admit.map(|raw| raw.0), "admit")?,
        price: money(raw.price),
        alone: raw.alone.map(money),
        hold: raw.hold.map_or(HOLD_DEFAULT, |hold| hold.0),
        late: raw.late.unwrap_or_default(),
        settle: match raw.settle {
            None | Some(RawSettle::Now) => Settle::Now,
            Some(RawSettle::Group(group)) => Settle::Group(group_rule(group)?),
        },
    };
    match offer.check() {
        Ok(()) => Ok(offer),
        Err(error) => Err(out_of_range(&error, &written)),
    }
}

/// The fields of an offer, with the defaults spelt out where they are choices of the rules.
pub(super) fn to_raw(offer: &Offer) -> RawOffer {
    RawOffer {
        title: (!offer.title.is_empty()).then(|| offer.title.to_string()),
        opens: offer.opens.map(Instant),
        closes: offer.closes.map(Instant),
        stock: offer.stock,
        takes: (!offer.takes.is_empty())
            .then(|| offer.takes.iter().map(|take| Table(raw_take(take))).collect()),
        limit: raw_limit(offer.limit).map(Table),
        admit: raw_admission(&offer.admit).map(Table),
        price: raw_price(offer.price),
        alone: offer.alone.map(raw_price),
        hold: Some(Duration(offer.hold)),
        late: Some(offer.late),
        settle: Some(match &offer.settle {
            Settle::Now => RawSettle::Now,
            Settle::Group(rule) => RawSettle::Group(raw_group(rule)),
        }),
        options: None,
        zone: None,
        remind: None,
        waitlist: None,
        shuffle: None,
        grants: None,
        rebate: None,
    }
}

fn take(raw: RawTake) -> Take {
    Take { pool: raw.pool.0.into(), units: raw.units }
}

fn limits(raw: &RawLimit) -> Limits {
    Limits { order: raw.order, buyer: raw.buyer, campaign: raw.campaign }
}

const fn money(raw: RawPrice) -> Money {
    Money { cash: raw.cash, points: raw.points }
}

fn admission(raw: Option<RawAdmission>, path: &str) -> Result<Admission, OfferTextError> {
    let Some(raw) = raw else { return Ok(Admission::default()) };
    let tags = |tags: Option<Vec<Id>>| tags.unwrap_or_default().into_iter().map(|tag| tag.0.into()).collect();
    if let Some(code) = raw.code.as_deref().filter(|code| Text::free(code.as_bytes()).is_err()) {
        let expected = "1 to 256 bytes without control characters: no intent could carry it";
        return Err(OfferTextError::expected(format!("{path}.code"), expected, Some(&format!("{code:?}"))));
    }
    let cohort = match raw.cohort.as_deref() {
        None => None,
        Some(&[from, to]) => Some(Cohort { from, to }),
        Some(other) => {
            let found = format!("{} numbers", other.len());
            return Err(OfferTextError::expected(
                format!("{path}.cohort"),
                "[from, to] in percent",
                Some(&found),
            ));
        }
    };
    let code = raw.code.map(Into::into);
    Ok(Admission { all: tags(raw.all), any: tags(raw.any), none: tags(raw.none), code, cohort })
}

fn group_rule(raw: RawGroup) -> Result<GroupRule, OfferTextError> {
    Ok(GroupRule {
        size: raw.size,
        open: raw.open.0,
        min: raw.min,
        join: raw.join.map(|join| admission(Some(join.0), "settle.group.join")).transpose()?,
        merge: raw.merge.unwrap_or(false),
        leave: raw.leave.unwrap_or(false),
        reserve: raw.reserve.unwrap_or_default(),
        any_min_left: raw.any_min_left.map(|left| left.0),
    })
}

fn raw_take(take: &Take) -> RawTake {
    RawTake { pool: Id(take.pool.to_string()), units: take.units }
}

fn raw_limit(limit: Limits) -> Option<RawLimit> {
    let Limits { order, buyer, campaign } = limit;
    (limit != Limits::default()).then_some(RawLimit { order, buyer, campaign, period: None, abandoned: None })
}

const fn raw_price(price: Money) -> RawPrice {
    RawPrice { cash: price.cash, points: price.points }
}

/// `None` for a rule that admits everybody.
fn raw_admission(admission: &Admission) -> Option<RawAdmission> {
    (*admission != Admission::default()).then(|| raw_admission_whole(admission))
}

fn raw_admission_whole(admission: &Admission) -> RawAdmission {
    let tags = |tags: &[Box<str>]| {
        (!tags.is_empty()).then(|| tags.iter().map(|tag| Id(tag.to_string())).collect::<Vec<_>>())
    };
    RawAdmission {
        all: tags(&admission.all),
        any: tags(&admission.any),
        none: tags(&admission.none),
        code: admission.code.as_deref().map(str::to_owned),
        cohort: admission.cohort.map(|cohort| vec![cohort.from, cohort.to]),
    }
}

fn raw_group(rule: &GroupRule) -> RawGroup {
    RawGroup {
        size: rule.size,
        open: Duration(rule.open),
        min: rule.min,
        // A rule without parts is written too, so that the offer read back equals this one.
        join: rule.join.as_ref().map(raw_admission_whole).map(Table),
        merge: Some(rule.merge),
        leave: Some(rule.leave),
        reserve: Some(rule.reserve),
        any_min_left: rule.any_min_left.map(Duration),
        tiers: None,
        draw: None,
    }
}

/// What the offer's own check says, with what stood at the path.
fn out_of_range(error: &OfferError, written: &Value) -> OfferTextError {
    let found = error.path.split('.').try_fold(written, |value, key| value.get(key));
    let found = found.map(Value::to_string);
    OfferTextError::expected(error.path, error.expected, found.as_deref())
}
