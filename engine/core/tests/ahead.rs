//! Looking ahead over a batch changes no answer, no event and no state, whatever the batch names.

use stampede_core::{
    Entry, Keys, Machine, Money, Offer, Record, Request, Settings, Take, Text, UnixMs, encode,
};

const NOW: UnixMs = UnixMs::new(1_700_000_000_000);
/// Offers that sell; one more is removed, and one is never put.
const OFFERS: usize = 40;
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

/// A shop of plain offers, some of which take from several pools of one campaign.
fn shop(journal: &mut Journal) -> Machine {
    let mut machine = Machine::new(Settings::default());
    let pools: Vec<String> = (0..3).map(|pool| format!("{{c}}p{pool}")).collect();
    for pool in &pools {
        let add = Request::PoolAdd { pool: text(pool), units: 300, op: text("first") };
        machine.handle(&add, NOW, journal);
    }
    for number in 0..=OFFERS {
        let (name, mut offer) = (format!("o{number}"), Offer::with_stock(Money::cash(1_990), 150));
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

/// The names of a request: of every offer in turn, of one in a row, or of one that nobody put; ids come again.
fn names(batch: usize, place: usize) -> (String, String, String) {
    let number = match batch % 3 {
        0 => place,
        1 => batch,
        _ => place / 7,
    } % (OFFERS + 2);
    let campaign = if number.is_multiple_of(5) { "{c}" } else { "" };
    let serial = (batch * BATCH + place) * 7 % 15_000;
    (format!("{campaign}o{number}"), format!("b{}", serial % 9_000), format!("r{serial}"))
}

#[test]
fn looking_ahead_changes_no_answer_and_no_event() {
    let (mut plain_journal, mut ahead_journal) = (Journal::default(), Journal::default());
    let (mut plain, mut ahead) = (shop(&mut plain_journal), shop(&mut ahead_journal));
    let mut accepted = 0;
    for batch in 0..BATCHES {
        let named: Vec<_> = (0..BATCH).map(|place| names(batch, place)).collect();
        let requests: Vec<_> = named
            .iter()
            .enumerate()
            .map(|(place, (offer, buyer, id))| match place % 4 {
                3 => Request::Pay { offer: text(offer), id: text(id), amount: None, reference: None },
                _ => Request::buy(text(offer), text(buyer), text(id)),
            })
            .collect();
        let mut keys: Vec<Keys> = Vec::new();
        for request in &requests {
            keys.push(ahead.keys(request, keys.last()));
        }
        ahead.fetch(&mut keys);
        for (request, &keys) in requests.iter().zip(&keys) {
            let expected = format!("{:?}", plain.handle(request, NOW, &mut plain_journal));
            let answer = format!("{:?}", ahead.handle_at(keys, request, NOW, &mut ahead_journal));
            assert_eq!(answer, expected, "{request:?}");
            accepted += usize::from(answer.contains("Held") && answer.contains("replayed: false"));
        }
    }
    assert!(accepted > 3_000, "only {accepted} purchases were accepted: the shop is too small for its test");
    assert!(plain_journal.0 == ahead_journal.0, "the events differ");
    assert_eq!(plain.digest(), ahead.digest());
}
