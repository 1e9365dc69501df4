//! Bytes of entries and of offers: what was written comes back, and what was not written never does harm.
//!
//! That every entry of every random history comes back is checked where they are recorded (`support/journal.rs`);
//! here are definitions of every shape, and bytes that nobody wrote.

use crate::play::{Compare, play};
use crate::runner::for_all;
use proptest::prelude::*;
use stampede_core::{
    Admission, CodecError, Cohort, Entries, Entry, Event, EventId, GroupRule, Late, Limits, Millis, Money,
    Names, Offer, Reserve, Seq, Settle, Stamp, Take, Text, UnixMs, encode,
};

const FIRST: EventId = EventId { epoch: 3, seq: Seq(8) };
const BASE: UnixMs = UnixMs::new(1_700_000_000_000);

/// Reads bytes to their end or to the first error.
fn read(body: &[u8]) -> Result<u64, CodecError> {
    let mut entries = Entries::new(body, FIRST, BASE);
    let mut count = 0;
    while entries.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn admissions() -> impl Strategy<Value = Admission> {
    let tags = || proptest::collection::vec("[a-z]{1,64}".prop_map(Box::from), 0..4);
    let cohorts = proptest::option::of((0..50_u8, 51..=100_u8).prop_map(|(from, to)| Cohort { from, to }));
    let codes = proptest::option::of("\\PC{1,20}".prop_map(Box::from));
    (tags(), tags(), tags(), codes, cohorts).prop_map(|(all, any, none, code, cohort)| Admission {
        all,
        any,
        none,
        code,
        cohort,
    })
}

fn money() -> impl Strategy<Value = Money> {
    (any::<u64>(), any::<u64>()).prop_map(|(cash, points)| Money { cash, points })
}

fn settlements() -> impl Strategy<Value = Settle> {
    let lengths = || any::<u64>().prop_map(Millis::new);
    let reserves = prop_oneof![Just(Reserve::Seat), Just(Reserve::Group)];
    let rules = (
        (any::<u32>(), lengths(), any::<Option<u32>>(), proptest::option::of(admissions())),
        (any::<bool>(), any::<bool>(), reserves, proptest::option::of(lengths())),
    );
    let groups = rules.prop_map(|((size, open, min, join), (merge, leave, reserve, any_min_left))| {
        Settle::Group(GroupRule { size, open, min, join, merge, leave, reserve, any_min_left })
    });
    prop_oneof![Just(Settle::Now), groups]
}

/// Definitions of every shape, valid or not: the codec does not judge them.
fn offers() -> impl Strategy<Value = Offer> {
    let times = || proptest::option::of(any::<u64>().prop_map(UnixMs::new));
    let takes = ("[a-z]{1,64}", any::<u32>()).prop_map(|(pool, units)| Take { pool: pool.into(), units });
    let limits = (any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>())
        .prop_map(|(order, buyer, campaign)| Limits { order, buyer, campaign });
    let goods = (any::<Option<u64>>(), proptest::collection::vec(takes, 0..9), limits, admissions());
    let lates = prop_oneof![Just(Late::Refund), Just(Late::Retake)];
    let terms = (money(), proptest::option::of(money()), any::<u64>(), lates, settlements());
    ("\\PC{0,40}", times(), times(), goods, terms).prop_map(|(title, opens, closes, goods, terms)| {
        let (stock, takes, limit, admit) = goods;
        let (price, alone, hold, late, settle) = terms;
        let (title, hold) = (title.into(), Millis::new(hold));
        Offer { title, opens, closes, stock, takes, limit, admit, price, alone, hold, late, settle }
    })
}

/// The entry of an offer that was put.
fn put(definition: &Offer) -> Entry<'_> {
    let offer = Text::stored(b"sku");
    Entry {
        stamp: Stamp { id: FIRST, at: UnixMs::new(BASE.get() + 3) },
        event: Event::OfferPut { offer, definition, opens: UnixMs::new(7) },
        names: Names { offer: Some(offer), ..Names::default() },
    }
}

/// Changes these bytes at these places.
fn damaged(body: &[u8], changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    for (place, byte) in changes {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_definition_comes_back(offer in offers()) {
        let entry = put(&offer);
        let mut body = Vec::new();
        encode(&entry, BASE, &mut body);
        let mut entries = Entries::new(&body, FIRST, BASE);
        prop_assert_eq!(entries.next(), Ok(Some(entry)));
        prop_assert_eq!(entries.next(), Ok(None));
    }

    #[test]
    fn no_damage_to_a_definition_is_more_than_an_error(
        offer in offers(),
        changes in proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4),
    ) {
        let mut body = Vec::new();
        encode(&put(&offer), BASE, &mut body);
        let _ = read(&damaged(&body, &changes));
    }

    #[test]
    fn no_bytes_do_more_harm_than_an_error(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&body);
    }

    /// Random bytes seldom get past their kind: here the length and the kind are right.
    #[test]
    fn no_fields_do_more_harm_than_an_error(
        kind in 0..30_u8,
        fields in proptest::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..120),
    ) {
        let mut body = vec![fields.len() as u8 + 1, kind];
        body.extend(fields);
        let _ = read(&body);
    }
}

#[test]
fn a_cut_or_changed_body_ends_in_an_error_or_in_other_entries_never_in_a_panic() {
    let test = "a_cut_or_changed_body_ends_in_an_error_or_in_other_entries_never_in_a_panic";
    for_all(test, 100, |history| {
        let played = play(history, Compare::Nothing)?;
        for (number, body) in played.driver.journal().bodies().enumerate() {
            let whole = read(body).map_err(|error| format!("batch {number}: {error}"))?;
            for end in 0..body.len() {
                // A cut at the end of an entry gives fewer entries; any other cut is seen.
                if let Ok(count) = read(&body[..end])
                    && count >= whole
                {
                    return Err(format!("batch {number} cut to {end} bytes still gives {count} entries"));
                }
                let mut changed = body.to_vec();
                changed[end] ^= 1 << (end % 8);
                let _ = read(&changed);
            }
        }
        Ok(())
    });
}

#[test]
fn skipping_passes_the_entries_that_reading_gives() {
    for_all("skipping_passes_the_entries_that_reading_gives", 100, |history| {
        let played = play(history, Compare::Nothing)?;
        for body in played.driver.journal().bodies() {
            let mut entries = Entries::new(body, FIRST, BASE);
            let mut count = 0;
            while entries.skip().map_err(|error| error.to_string())? {
                count += 1;
            }
            if Ok(count) != read(body) || entries.next_id().seq != Seq(FIRST.seq.0 + count) {
                return Err(format!("{count} entries are skipped, {:?} are read", read(body)));
            }
        }
        Ok(())
    });
}
