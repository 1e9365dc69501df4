//! Builds an offer from the `key=value` words of a scenario's `offer` line.
//!
//! The keys are those of an offer's definition, flat: `limit.buyer=2`, `all=vip,old`, `size=3` (which makes
//! it a group offer), `join.all=new`. The definition goes through [`Offer::check`] first, as every caller's
//! does.

use crate::line::{Clock, duration, number};
use crate::names::{Name, name};
use stampede_core::{
    Admission, Cohort, GroupRule, Late, Limits, Money, Offer, Request, Reserve, Settle, Take,
};
use std::collections::BTreeMap;

struct Keys<'a>(BTreeMap<&'a str, &'a str>);

impl Keys<'_> {
    fn take<T>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
        self.0.remove(key).map(read).transpose().map_err(|error| format!("{key}: {error}"))
    }

    fn flag(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }

    fn money(&mut self, cash: &str, points: &str) -> Result<Option<Money>, String> {
        let (cash, points) = (self.take(cash, number)?, self.take(points, number)?);
        Ok(if cash.is_none() && points.is_none() {
            None
        } else {
            Some(Money { cash: cash.unwrap_or(0), points: points.unwrap_or(0) })
        })
    }

    fn admission(&mut self, prefix: &str) -> Result<Admission, String> {
        let tags = |text: &str| Ok(text.split(',').map(Into::into).collect::<Vec<Box<str>>>());
        Ok(Admission {
            all: self.take(&format!("{prefix}all"), tags)?.unwrap_or_default(),
            any: self.take(&format!("{prefix}any"), tags)?.unwrap_or_default(),
            none: self.take(&format!("{prefix}none"), tags)?.unwrap_or_default(),
            code: self.take(&format!("{prefix}code"), |text| Ok(text.into()))?,
            cohort: self.take(&format!("{prefix}cohort"), cohort)?,
        })
    }
}

fn cohort(text: &str) -> Result<Cohort, String> {
    let (from, to) = text.split_once("..").ok_or("expected FROM..TO")?;
    Ok(Cohort { from: number(from)?, to: number(to)? })
}

fn takes(text: &str) -> Result<Vec<Take>, String> {
    text.split(',')
        .map(|part| {
            let (pool, units) = part.split_once(':').ok_or("expected POOL:UNITS")?;
            Ok(Take { pool: pool.into(), units: number(units)? })
        })
        .collect()
}

/// `offer ID key=value …`
pub(crate) fn put(rest: &str, clock: Clock) -> Result<Request<Name>, String> {
    let mut words = rest.split_whitespace();
    let id = words.next().ok_or("the offer's id is missing")?;
    let mut keys = Keys(words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect());
    let definition = Offer {
        title: keys.take("title", |text| Ok(text.into()))?.unwrap_or_default(),
        opens: keys.take("opens", |text| clock.instant(text))?,
        closes: keys.take("closes", |text| clock.instant(text))?,
        stock: keys.take("stock", number)?,
        takes: keys.take("takes", takes)?.unwrap_or_default(),
        limit: Limits {
            order: keys.take("limit.order", number)?,
            buyer: keys.take("limit.buyer", number)?,
            campaign: keys.take("limit.campaign", number)?,
        },
        admit: keys.admission("")?,
        price: keys.money("price", "points")?.unwrap_or_default(),
        alone: keys.money("alone", "alone_points")?,
        hold: keys.take("hold", duration)?.unwrap_or(stampede_core::HOLD_DEFAULT),
        late: keys.take("late", late)?.unwrap_or_default(),
        settle: group(&mut keys)?.map_or(Settle::Now, Settle::Group),
    };
    if let Some(key) = keys.0.keys().next() {
        return Err(format!("unexpected {key}"));
    }
    definition.check().map_err(|error| error.to_string())?;
    Ok(Request::OfferPut { offer: name(id), definition: Box::new(definition) })
}

fn late(text: &str) -> Result<Late, String> {
    match text {
        "refund" => Ok(Late::Refund),
        "retake" => Ok(Late::Retake),
        other => Err(format!("{other} is neither refund nor retake")),
    }
}

fn group(keys: &mut Keys<'_>) -> Result<Option<GroupRule>, String> {
    let Some(size) = keys.take("size", number)? else { return Ok(None) };
    let join = keys.admission("join.")?;
    Ok(Some(GroupRule {
        size,
        open: keys.take("open", duration)?.ok_or("open= is missing")?,
        min: keys.take("min", number)?,
        join: (join != Admission::default()).then_some(join),
        merge: keys.flag("merge"),
        leave: keys.flag("leave"),
        reserve: match keys.0.remove("reserve") {
            None | Some("seat") => Reserve::Seat,
            Some("group") => Reserve::Group,
            Some(other) => return Err(format!("reserve: {other} is neither seat nor group")),
        },
        any_min_left: keys.take("any_min_left", duration)?,
    }))
}
