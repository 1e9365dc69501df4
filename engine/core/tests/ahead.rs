//! Looking ahead over a batch changes no answer, no event and no state, whatever the batch names.

use stampede_core::{
    Entry, GroupChoice, GroupRule, Keys, Machine, Millis, Money, Offer, Record, Request, Restock, Settings,
    Settle, Take, Text, UnixMs, encode,
};

const NOW: UnixMs = UnixMs::new(1_700_000_000_000);
/// Offers that sell; one more is removed, and one is put in the middle of a batch, late.
const OFFERS: usize = 40;
/// The offer that is put late.
const LAST: &str = "o41";
/// The batch in the middle of which it is put.
const BATCH_OF_PUT: usize = 200;
/// Every so many offers sell to groups, from the first of them on.
const GROUPS_EVERY: usize = 4;
const GROUPS_FROM: usize = 2;
const BATCHES: usize = 300;
const BATCH: usize = 64;

#[derive(Default)]
struct Journal(Vec<u8>);

impl Record for Journal {
    fn record(&mut self, entry: &Entry<'_>) {
        encode(entry, NOW, &mut self.0);
    }
}

fn text(name: &str) -> Text<'_> {
    Text::id(name.as_bytes()).expect("a name of this test is an id")
}

fn in_threes() -> GroupRule {
    GroupRule::new(3, Millis::new(60_000))
}

/// A shop of offers, some of which sell to groups, and some of which take from several pools of one campaign.
fn shop(journal: &mut Journal) -> Machine {
    let mut machine = Machine::new(Settings::default());
    let pools: Vec<String> = (0..3).map(|pool| format!("{{c}}p{pool}")).collect();
    for pool in &pools {
        let add = Request::PoolAdd { pool: text(pool), units: 300, op: text("first") };
        machine.handle(&add, NOW, journal);
    }
    for number in 0..=OFFERS {
        let (name, mut offer) = (format!("o{number}"), Offer::with_stock(Money::cash(1_990), 150));
        if number % GROUPS_EVERY == GROUPS_FROM {
            offer.settle = Settle::Group(in_threes());
        }
        let name = if number.is_multiple_of(5) {
            offer.stock = None;
            offer.takes = pools.iter().map(|pool| Take { pool: pool.as_str().into(), units: 1 }).collect();
            format!("{{c}}{name}")
        } else {
            name
        };
        let put = Request::OfferPut { offer: text(&name), definition: Box::new(offer) };
        machine.handle(&put, NOW, journal);
    }
    let gone = format!("o{}", OFFERS - 1);
    machine.handle(&Request::OfferClose { offer: text(&gone) }, NOW, journal);
    machine.handle(&Request::OfferRemove { offer: text(&gone) }, NOW, journal);
    machine
}

/// What a request names: every offer in turn, or one in a row; ids come again.
struct Named {
    offer: String,
    buyer: String,
    id: String,
    /// The opener of the group that it joins, where the offer sells to groups.
    leader: String,
    is_in_group: bool,
}

fn named(batch: usize, place: usize) -> Named {
    let number = match batch % 3 {
        0 => place,
        1 => batch,
        _ => place / 7,
    } % (OFFERS + 2);
    let campaign = if number.is_multiple_of(5) { "{c}" } else { "" };
    let serial = (batch * BATCH + place) * 7 % 15_000;
    Named {
        offer: format!("{campaign}o{number}"),
        buyer: format!("b{}", serial % 9_000),
        id: format!("r{serial}"),
        leader: format!("r{}", (batch * BATCH + place / 8 * 8) * 7 % 15_000),
        is_in_group: number % GROUPS_EVERY == GROUPS_FROM && number <= OFFERS,
    }
}

/// The requests of a batch, of which some join a group that an earlier one of the batch opens.
fn requests(batch: usize, named: &[Named]) -> Vec<Request<Text<'_>>> {
    let mut requests: Vec<_> = Vec::with_capacity(BATCH + 1);
    for (place, named) in named.iter().enumerate() {
        let (offer, id) = (text(&named.offer), text(&named.id));
        let mut request = match place % 8 {
            3 | 6 => Request::Pay { offer, id, amount: None, reference: None },
            5 => match batch % 6 {
                1 => Request::Return { offer, id, qty: None, restock: Restock::Yes, op: None },
                3 => Request::Revoke { offer, id, reason: text("fraud") },
                5 => Request::Show { offer, id },
                _ => Request::Cancel { offer, id },
            },
            _ => Request::buy(offer, text(&named.buyer), id),
        };
        if let Request::Buy(buy) = &mut request
            && named.is_in_group
        {
            buy.group = match place % 8 {
                0 => GroupChoice::New,
                1 => GroupChoice::Any,
                _ => GroupChoice::Join(text(&named.leader)),
            };
        }
        requests.push(request);
    }
    if batch == BATCH_OF_PUT {
        let definition = Box::new(Offer::with_stock(Money::cash(1_990), 150));
        requests.insert(BATCH / 2, Request::OfferPut { offer: text(LAST), definition });
    }
    requests
}

#[test]
fn looking_ahead_changes_no_answer_and_no_event() {
    let (mut plain_journal, mut ahead_journal) = (Journal::default(), Journal::default());
    let (mut plain, mut ahead) = (shop(&mut plain_journal), shop(&mut ahead_journal));
    let (mut accepted, mut seated, mut of_last) = (0, 0, 0);
    for batch in 0..BATCHES {
        let named: Vec<_> = (0..BATCH).map(|place| named(batch, place)).collect();
        let requests = requests(batch, &named);
        let mut keys: Vec<Keys> = Vec::new();
        for request in &requests {
            keys.push(ahead.keys(request, |text| text, keys.last()));
        }
        ahead.fetch(&mut keys);
        for (request, keys) in requests.iter().zip(&keys) {
            let expected = format!("{:?}", plain.handle(request, NOW, &mut plain_journal));
            let answer = format!("{:?}", ahead.handle_at(keys, request, NOW, &mut ahead_journal));
            assert_eq!(answer, expected, "{request:?}");
            let is_new = answer.contains("Held") && answer.contains("replayed: false");
            accepted += usize::from(is_new);
            seated += usize::from(is_new && answer.contains("group: Some"));
            of_last += usize::from(is_new && request.key() == Some(&text(LAST)));
        }
    }
    assert!(accepted > 3_000, "only {accepted} purchases were accepted: the shop is too small for its test");
    assert!(seated > 300, "only {seated} seats were taken");
    assert!(
        of_last > 10,
        "only {of_last} units were sold of the offer that was put in the middle of a batch"
    );
    assert!(plain_journal.0 == ahead_journal.0, "the events differ");
    assert_eq!(plain.digest(), ahead.digest());
}
