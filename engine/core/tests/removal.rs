//! What OFFER REMOVE takes out of memory, counted by the allocator, and what an archive hears before it.
//!
//! A test binary of its own, with one test that counts, so that no other test allocates meanwhile.
#![allow(unsafe_code, reason = "counting bytes takes an allocator, and GlobalAlloc is an unsafe trait")]

use stampede_core::{
    Answer, ArchivedReservation, Entry, Event, Machine, Money, Offer, Record, Request, Restock, Settings,
    Status, Text, UnixMs, Unrecorded,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts, and leaves the work to the system's allocator.
struct Counting;

/// Bytes that are allocated now.
static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes unchanged to the system's allocator, which keeps the contract; counting touches one atomic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as promised by the caller of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as promised by the caller of this function.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        BYTES.fetch_add(new_size.wrapping_sub(layout.size()), Ordering::Relaxed);
        // SAFETY: as promised by the caller of this function.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: UnixMs = UnixMs::new(1_000_000);
const BUYERS: u32 = 20_000;

fn text(text: &str) -> Text<'_> {
    Text::id(text.as_bytes()).expect("a text of the test")
}

fn ask(machine: &mut Machine, request: &Request<Text<'_>>) -> Option<Status> {
    match machine.handle(request, NOW, &mut Unrecorded) {
        Answer::Reservation(reservation) => Some(reservation.status),
        Answer::Done => None,
        other => panic!("{request:?} was answered {other:?}"),
    }
}

fn put(machine: &mut Machine, offer: &str) {
    let definition = Box::new(Offer::with_stock(Money::cash(100), 1_000_000));
    ask(machine, &Request::OfferPut { offer: text(offer), definition });
}

fn sell(machine: &mut Machine, offer: &str, count: u32) {
    let offer = text(offer);
    for n in 0..count {
        let (id, buyer) = (format!("order-{offer}-{n:010}"), format!("buyer-{n:022}"));
        ask(machine, &Request::buy(offer, text(&buyer), text(&id)));
        ask(machine, &Request::Pay { offer, id: text(&id), amount: None, reference: Some(text("paid")) });
    }
}

fn remove(machine: &mut Machine, offer: &str) {
    ask(machine, &Request::OfferClose { offer: text(offer) });
    ask(machine, &Request::OfferRemove { offer: text(offer) });
}

/// Ten sales after each other in a campaign that also has a small offer that stays: the memory of each goes when it
/// is removed, and nothing of ten removed sales adds up but a few sums.
#[test]
fn a_removed_offer_gives_back_its_memory() {
    let mut machine = Machine::new(Settings::default());
    for offer in ["{c}stays", "{c}stays-too"] {
        put(&mut machine, offer);
        sell(&mut machine, offer, 10);
    }
    let before = BYTES.load(Ordering::Relaxed);
    for round in 0..10 {
        let offer = format!("{{c}}sale-{round}");
        put(&mut machine, &offer);
        sell(&mut machine, &offer, BUYERS);
        let sold = BYTES.load(Ordering::Relaxed) - before;
        assert!(sold > 100 * BUYERS as usize, "{BUYERS} reservations take {sold} bytes: too few to be true");
        remove(&mut machine, &offer);
        let left = BYTES.load(Ordering::Relaxed) - before;
        // Beside the sums of the offer and its pool: its demand, with 2 KiB of buyers per answer.
        assert!(left < 32_768 * (round + 1), "round {round}: {left} bytes of {sold} are left");
    }
    let audit = machine.audit();
    assert_eq!(audit.broken, Vec::<String>::new());
    assert_eq!((audit.sold, audit.reservations[Status::Won.number() as usize]), (200_020, 200_020));

    an_archive_hears_every_reservation_before_the_removal();
}

/// Hears what an archive would hear, in a follower that replays.
struct Follower {
    machine: Machine,
    archived: Vec<(String, Status, Money, Money)>,
    sums: (Money, Money),
}

impl Record for Follower {
    fn record(&mut self, entry: &Entry<'_>) {
        if let Event::OfferRemoved { offer } = entry.event {
            let Follower { machine, archived, sums } = self;
            let Ok(()) = machine.archive(offer, |entry: &ArchivedReservation<'_>| {
                archived.push((entry.id.as_str().to_owned(), entry.status, entry.paid, entry.owed));
                sums.0 += entry.paid;
                sums.1 += entry.owed;
                Ok::<(), Infallible>(())
            });
        }
        self.machine.replay(entry.stamp, &entry.event);
    }
}

fn an_archive_hears_every_reservation_before_the_removal() {
    let mut machine = Machine::new(Settings::default());
    let mut follower = Follower {
        machine: Machine::new(Settings::default()),
        archived: Vec::new(),
        sums: (Money::ZERO, Money::ZERO),
    };
    let offer = text("sku");
    let id = text;
    let pay = |name, reference| Request::Pay {
        offer,
        id: id(name),
        amount: None,
        reference: Some(text(reference)),
    };
    let give_back =
        |name, qty, op: Option<_>| Request::Return { offer, id: id(name), qty, restock: Restock::Yes, op };
    let mut requests =
        vec![Request::OfferPut { offer, definition: Box::new(Offer::with_stock(Money::cash(100), 9)) }];
    requests.extend(
        ["won", "parts", "back", "cancelled", "late"].map(|name| Request::buy(offer, text("b"), id(name))),
    );
    if let Request::Buy(buy) = &mut requests[2] {
        buy.qty = 3;
    }
    requests.extend([
        pay("won", "p"),
        pay("won", "twice"),
        pay("parts", "p"),
        give_back("parts", Some(1), Some(text("op"))),
        pay("back", "p"),
        give_back("back", None, None),
        Request::Cancel { offer, id: id("cancelled") },
        Request::Cancel { offer, id: id("late") },
        pay("late", "p"),
        Request::OfferClose { offer },
        Request::OfferRemove { offer },
    ]);
    for request in &requests {
        machine.handle(request, NOW, &mut follower);
    }
    let cash = Money::cash;
    let expected = [
        ("won", Status::Won, cash(200), cash(100)),
        ("parts", Status::Won, cash(300), cash(100)),
        ("back", Status::Refunded, cash(100), cash(100)),
        ("cancelled", Status::Released, cash(0), cash(0)),
        ("late", Status::Released, cash(100), cash(100)),
    ];
    let expected = expected.map(|(id, status, paid, owed)| (id.to_owned(), status, paid, owed));
    assert_eq!(follower.archived, expected);
    let audit = machine.audit();
    assert_eq!((audit.paid, audit.owed), follower.sums, "the archive's sums are the offer's");
    assert_eq!(follower.machine.digest(), machine.digest());
}
