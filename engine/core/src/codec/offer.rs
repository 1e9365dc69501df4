//! The definition of an offer as bytes: a version, then every field in the order in which it is declared.
//!
//! The bytes are canonical: equal definitions give equal bytes, so that digests are taken over them. A field that a
//! later version adds goes to the end under a new version, and the old version is read for ever.

use super::{CodecError, Reader, Writer};
use crate::offer::{
    Admission, Cohort, GroupRule, Late, Limits, Offer, Reserve, Settle, TITLE_BYTES_MAX, Take,
};
use crate::text::FREE_BYTES_MAX;
use alloc::boxed::Box;

/// What is written. Read are this one and all before it.
const VERSION: u8 = 1;

/// Appends a definition.
pub(crate) fn write_offer(out: &mut Writer<'_>, offer: &Offer) {
    let Offer { title, opens, closes, stock, takes, limit, admit, price, alone, hold, late, settle } = offer;
    out.byte(VERSION);
    out.bytes(title.as_bytes());
    out.maybe(*opens, Writer::time);
    out.maybe(*closes, Writer::time);
    out.maybe(*stock, Writer::number);
    out.number(takes.len() as u64);
    for take in takes {
        out.bytes(take.pool.as_bytes());
        out.small(take.units);
    }
    let Limits { order, buyer, campaign } = *limit;
    for limit in [order, buyer, campaign] {
        out.maybe(limit, Writer::small);
    }
    write_admission(out, admit);
    out.money(*price);
    out.maybe(*alone, Writer::money);
    out.length(*hold);
    out.byte(match late {
        Late::Refund => 0,
        Late::Retake => 1,
    });
    match settle {
        Settle::Now => out.byte(0),
        Settle::Group(rule) => {
            out.byte(1);
            write_group_rule(out, rule);
        }
    }
}

fn write_admission(out: &mut Writer<'_>, admission: &Admission) {
    let Admission { all, any, none, code, cohort } = admission;
    for tags in [all, any, none] {
        write_tags(out, tags);
    }
    out.maybe(code.as_deref(), |out, code| out.bytes(code.as_bytes()));
    out.maybe(*cohort, |out, cohort| {
        out.byte(cohort.from);
        out.byte(cohort.to);
    });
}

fn write_tags(out: &mut Writer<'_>, tags: &[Box<str>]) {
    out.number(tags.len() as u64);
    for tag in tags {
        out.bytes(tag.as_bytes());
    }
}

fn write_group_rule(out: &mut Writer<'_>, rule: &GroupRule) {
    let GroupRule { size, open, min, join, merge, leave, reserve, any_min_left } = rule;
    out.small(*size);
    out.length(*open);
    out.maybe(*min, Writer::small);
    out.maybe(join.as_ref(), write_admission);
    out.fact(*merge);
    out.fact(*leave);
    out.byte(match reserve {
        Reserve::Seat => 0,
        Reserve::Group => 1,
    });
    out.maybe(*any_min_left, Writer::length);
}

/// Reads a definition back.
pub(crate) fn read_offer(read: &mut Reader<'_>) -> Result<Offer, CodecError> {
    if read.byte()? != VERSION {
        return Err(read.expected("version 1 of an offer before this byte"));
    }
    Ok(Offer {
        title: read.words(TITLE_BYTES_MAX)?,
        opens: read.maybe(Reader::time)?,
        closes: read.maybe(Reader::time)?,
        stock: read.maybe(Reader::number)?,
        takes: read.list(|read| Ok(Take { pool: read.words(FREE_BYTES_MAX)?, units: read.small()? }))?,
        limit: Limits {
            order: read.maybe(Reader::small)?,
            buyer: read.maybe(Reader::small)?,
            campaign: read.maybe(Reader::small)?,
        },
        admit: read_admission(read)?,
        price: read.money()?,
        alone: read.maybe(Reader::money)?,
        hold: read.length()?,
        late: match read.byte()? {
            0 => Late::Refund,
            1 => Late::Retake,
            _ => return Err(read.expected("what a late payment does, 0 or 1, before this byte")),
        },
        settle: match read.byte()? {
            0 => Settle::Now,
            1 => Settle::Group(read_group_rule(read)?),
            _ => return Err(read.expected("a settlement, 0 or 1, before this byte")),
        },
    })
}

fn read_admission(read: &mut Reader<'_>) -> Result<Admission, CodecError> {
    let tag = |read: &mut Reader<'_>| read.words(FREE_BYTES_MAX);
    Ok(Admission {
        all: read.list(tag)?,
        any: read.list(tag)?,
        none: read.list(tag)?,
        code: read.maybe(tag)?,
        cohort: read.maybe(|read| Ok(Cohort { from: read.byte()?, to: read.byte()? }))?,
    })
}

fn read_group_rule(read: &mut Reader<'_>) -> Result<GroupRule, CodecError> {
    Ok(GroupRule {
        size: read.small()?,
        open: read.length()?,
        min: read.maybe(Reader::small)?,
        join: read.maybe(read_admission)?,
        merge: read.fact()?,
        leave: read.fact()?,
        reserve: match read.byte()? {
            0 => Reserve::Seat,
            1 => Reserve::Group,
            _ => return Err(read.expected("when units are reserved, 0 or 1, before this byte")),
        },
        any_min_left: read.maybe(Reader::length)?,
    })
}
