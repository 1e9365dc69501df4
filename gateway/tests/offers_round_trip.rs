//! An offer written as JSON and read again is the same offer, whatever the rules allow.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use stampede_engine::core::{
    Admission, Cohort, GroupRule, Late, Limits, Millis, Money, Offer, PRICE_MAX, Reserve, Settle, Take,
    UnixMs,
};
use stampede_gateway::offer_text::{OFFER_BYTES_MAX, parse_json, to_json};

fn id() -> impl Strategy<Value = Box<str>> {
    "[!-+\\--~]{1,64}".prop_map(Into::into)
}

/// Every instant that a text may hold: all but those that look like seconds.
fn instant() -> impl Strategy<Value = UnixMs> {
    prop_oneof![0..1_000_000_000_u64, 100_000_000_000..253_402_207_200_000_u64].prop_map(UnixMs::new)
}

fn length() -> impl Strategy<Value = Millis> {
    prop_oneof![1..100_000_u64, (1..366_u64).prop_map(|days| days * 86_400_000)].prop_map(Millis::new)
}

fn price() -> impl Strategy<Value = Money> {
    (0..=PRICE_MAX, prop_oneof![Just(0), 0..=PRICE_MAX]).prop_map(|(cash, points)| Money { cash, points })
}

fn admission() -> impl Strategy<Value = Admission> {
    let tags = || vec(id(), 0..4);
    let code = option::of("[^\\p{C}]{1,64}".prop_map(Into::into));
    let cohort = option::of(
        (0..100_u8, 1..=100_u8)
            .prop_map(|(from, width)| Cohort { from, to: from.saturating_add(width).min(100) }),
    );
    (tags(), tags(), tags(), code, cohort).prop_map(|(all, any, none, code, cohort)| Admission {
        all,
        any,
        none,
        code,
        cohort,
    })
}

prop_compose! {
    fn group(order_is_one: bool)(
        size in 2..=1_000_u32,
        open in length(),
        min in option::of(1..=2_u32),
        join in option::of(admission()),
        merge in any::<bool>(),
        leave in any::<bool>(),
        reserved in any::<bool>(),
        any_min_left in option::of(1..=1_u64),
    ) -> GroupRule {
        let reserve = if reserved && order_is_one { Reserve::Group } else { Reserve::Seat };
        GroupRule { size, open, min, join, merge, leave, reserve, any_min_left: any_min_left.map(Millis::new) }
    }
}

fn takes() -> impl Strategy<Value = (Option<u64>, Vec<Take>)> {
    let pools = proptest::collection::hash_set(id(), 1..8);
    prop_oneof![
        (0..1_u64 << 40).prop_map(|stock| (Some(stock), Vec::new())),
        (pools, 1..=1_000_000_u32).prop_map(|(pools, units)| {
            (None, pools.into_iter().map(|pool| Take { pool, units }).collect())
        }),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = || option::of(1..=u32::MAX);
    (prop_oneof![Just(Some(1)), limit()], limit(), limit()).prop_map(|(order, buyer, campaign)| Limits {
        order,
        buyer,
        campaign,
    })
}

fn settle() -> impl Strategy<Value = (Limits, Settle)> {
    limits().prop_flat_map(|limit| {
        let settle = prop_oneof![Just(Settle::Now), group(limit.order == Some(1)).prop_map(Settle::Group)];
        (Just(limit), settle)
    })
}

prop_compose! {
    fn offer()(
        title in "\\PC{0,80}|[\\x00-\\x1f\"\\\\]{0,20}",
        opens in option::of(instant()),
        closes in option::of(instant()),
        (stock, takes) in takes(),
        (limit, settle) in settle(),
        admit in admission(),
        price in price(),
        alone in option::of(price()),
        hold in length(),
        late in prop_oneof![Just(Late::Refund), Just(Late::Retake)],
    ) -> Offer {
        let closes = closes.filter(|closes| opens.is_none_or(|opens| opens < *closes));
        let alone = alone.filter(|_| settle != Settle::Now);
        Offer { title: title.into(), opens, closes, stock, takes, limit, admit, price, alone, hold, late, settle }
    }
}

proptest! {
    #[test]
    fn an_offer_written_and_read_is_the_same(offer in offer()) {
        prop_assert_eq!(offer.check(), Ok(()));
        let json = to_json(&offer);
        let read = parse_json(json.as_bytes());
        prop_assert_eq!(read.as_ref(), Ok(&offer), "{}", json);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]{}:,\"a-z0-9.e\\\\ -]{0,200}") {
        let _ = parse_json(text.as_bytes());
    }
}

#[test]
fn the_longest_offer_fits_the_limit_of_its_text() {
    let tags = || (0..64).map(|n| format!("\\{n:\"<62}").into()).collect::<Vec<Box<str>>>();
    let admission = || Admission {
        all: tags(),
        any: tags(),
        none: tags(),
        code: Some("\"".repeat(256).into()),
        cohort: Some(Cohort { from: 0, to: 100 }),
    };
    let pool = |n: usize| Take { pool: format!("\\{n:\"<62}").into(), units: 1_000_000 };
    let offer = Offer {
        title: "\u{1}".repeat(1_024).into(),
        stock: None,
        takes: (0..8).map(pool).collect(),
        admit: admission(),
        settle: Settle::Group(GroupRule {
            size: 1_000,
            open: Millis::new(86_400_001),
            min: Some(999),
            join: Some(admission()),
            merge: true,
            leave: true,
            reserve: Reserve::Seat,
            any_min_left: Some(Millis::new(86_400_001)),
        }),
        ..Offer::with_stock(Money { cash: PRICE_MAX, points: PRICE_MAX }, 0)
    };
    assert_eq!(offer.check(), Ok(()));
    let json = to_json(&offer);
    assert!(json.len() <= OFFER_BYTES_MAX, "{} bytes", json.len());
    assert_eq!(parse_json(json.as_bytes()), Ok(offer));
}
