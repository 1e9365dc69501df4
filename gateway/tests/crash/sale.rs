//! A crowd that buys, pays, cancels and returns in pipelines, and remembers what it was answered, until its server dies.
//!
//! Each thread has a connection and ids of its own, so that the order of its requests is the order of what happened to
//! its reservations. What was sent and not answered is remembered too: it may have happened or not.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::wire::{Connection, Reply, put_frame};

/// What is on sale. The ids are spread over two shards.
pub(crate) const OFFERS: &[(&str, &str)] = &[
    ("flash-a", r#"{"price":1990,"stock":10000000}"#),
    ("flash-b", r#"{"price":{"cash":120,"points":7},"stock":10000000}"#),
    ("team-a", r#"{"price":900,"stock":10000000,"settle":{"group":{"size":3,"open":"10m","leave":true}}}"#),
    ("team-b", r#"{"price":800,"stock":10000000,"settle":{"group":{"size":2,"open":"10m","leave":true}}}"#),
    // Groups and holds that end by themselves, under load, while the server is down, and as it comes back.
    ("team-short", r#"{"price":500,"stock":10000000,"settle":{"group":{"size":4,"open":"300ms"}}}"#),
    ("short", r#"{"price":300,"stock":10000000,"hold":"200ms"}"#),
    ("gift", r#"{"price":0,"stock":10000000}"#),
    ("scarce", r#"{"price":100,"stock":1000}"#),
];

/// The offers whose reservations change without a request.
pub(crate) const SHORT_LIVED: [&str; 2] = ["team-short", "short"];

const THREADS: u64 = 4;
const PIPELINE_MAX: usize = 24;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    Put { offer: String },
    Buy { offer: String, id: String, buyer: String, qty: i64, group: Option<String> },
    Pay { offer: String, id: String, reference: String },
    Cancel { offer: String, id: String },
    Return { offer: String, id: String, op: String },
}

impl Ask {
    pub(crate) fn put(&self, frames: &mut Vec<u8>) {
        match self {
            Self::Put { offer } => put_frame(frames, &["OFFER", "PUT", offer, OFFERS[0].1]),
            Self::Buy { offer, id, buyer, qty, group } => {
                let qty = qty.to_string();
                let mut words = vec!["BUY", offer, buyer, id, "QTY", &qty];
                if let Some(group) = group {
                    words.extend(["GROUP", group]);
                }
                put_frame(frames, &words);
            }
            Self::Pay { offer, id, reference } => put_frame(frames, &["PAY", offer, id, "REF", reference]),
            Self::Cancel { offer, id } => put_frame(frames, &["CANCEL", offer, id]),
            Self::Return { offer, id, op } => put_frame(frames, &["RETURN", offer, id, "QTY", "1", "OP", op]),
        }
    }

    /// The reservation that it is about.
    pub(crate) fn order(&self) -> Option<(&str, &str)> {
        match self {
            Self::Put { .. } => None,
            Self::Buy { offer, id, .. }
            | Self::Pay { offer, id, .. }
            | Self::Cancel { offer, id }
            | Self::Return { offer, id, .. } => Some((offer, id)),
        }
    }
}

/// What an answer promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// As sent, or the first word of an error.
    pub(crate) status: String,
    /// `<epoch>-<seq>`, empty where there is none.
    pub(crate) event: String,
    pub(crate) group: String,
    pub(crate) price: i64,
    pub(crate) amount: i64,
    pub(crate) owe: i64,
    pub(crate) is_replay: bool,
}

impl Answer {
    pub(crate) fn of(reply: &Reply) -> Self {
        let status = match reply {
            Reply::Error(message) => message.split(' ').next().unwrap_or_default(),
            map => map.text("status"),
        };
        let map = if matches!(reply, Reply::Error(_)) { &Reply::Null } else { reply };
        Self {
            status: status.to_owned(),
            event: map.text("event").to_owned(),
            group: map.text("group").to_owned(),
            price: map.number("price"),
            amount: map.number("amount"),
            owe: map.number("owe"),
            is_replay: map.number("replayed") == 1,
        }
    }

    /// Whether it speaks of a reservation that there is.
    pub(crate) fn is_reservation(&self) -> bool {
        !self.event.is_empty()
    }
}

/// A request, and the answer if one came.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) ask: Ask,
    pub(crate) answer: Option<Answer>,
}

/// The running crowd.
pub(crate) struct Crowd {
    is_over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<Vec<Deed>>>,
}

impl Crowd {
    /// `namespace` sets its ids apart from those of all other crowds on the same directory.
    pub(crate) fn start(address: &str, namespace: &str, seed: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let threads = (0..THREADS)
            .map(|index| {
                let (address, is_over) = (address.to_owned(), Arc::clone(&is_over));
                let mut shopper = Shopper {
                    namespace: format!("{namespace}-{index}"),
                    random: Xoshiro256PlusPlus::seed_from_u64(seed ^ (index << 32)),
                    count: 0,
                    open: Vec::new(),
                    deeds: Vec::new(),
                };
                thread::spawn(move || {
                    // A server that dies ends this with an error, as it should.
                    let _gone = shopper.shop(&address, &is_over);
                    shopper.deeds
                })
            })
            .collect();
        Self { is_over, threads }
    }

    /// Ends it and gives back all that was sent.
    pub(crate) fn end(self) -> Vec<Deed> {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("a shopper does not panic")).collect()
    }
}

/// Sends requests in one pipeline and takes the answers; those that do not come stay away.
pub(crate) fn perform(connection: &mut Connection, asks: Vec<Ask>, deeds: &mut Vec<Deed>) -> io::Result<()> {
    let mut frames = Vec::new();
    for ask in &asks {
        ask.put(&mut frames);
    }
    let first = deeds.len();
    deeds.extend(asks.into_iter().map(|ask| Deed { ask, answer: None }));
    connection.send(&frames)?;
    for deed in &mut deeds[first..] {
        deed.answer = Some(Answer::of(&connection.receive()?));
    }
    Ok(())
}

struct Shopper {
    namespace: String,
    random: Xoshiro256PlusPlus,
    count: u64,
    /// Reservations of its own that something may still be done to.
    open: Vec<(String, String)>,
    deeds: Vec<Deed>,
}

impl Shopper {
    fn shop(&mut self, address: &str, is_over: &AtomicBool) -> io::Result<()> {
        let mut connection = Connection::open(address)?;
        let own = format!("own-{}", self.namespace);
        if self.namespace.ends_with("-0") {
            perform(&mut connection, vec![Ask::Put { offer: own.clone() }], &mut self.deeds)?;
        }
        while !is_over.load(Ordering::Relaxed) {
            let count = self.random.random_range(1..=PIPELINE_MAX);
            let asks = (0..count).map(|_| self.next_ask()).collect();
            perform(&mut connection, asks, &mut self.deeds)?;
            let excess = self.open.len().saturating_sub(200);
            self.open.drain(..excess);
        }
        Ok(())
    }

    fn next_ask(&mut self) -> Ask {
        if self.open.is_empty() || self.random.random_range(0..100) < 45 {
            return self.buy();
        }
        let at = self.random.random_range(0..self.open.len());
        let (offer, id) = self.open[at].clone();
        match self.random.random_range(0..100) {
            0..60 => Ask::Pay { reference: format!("{id}/1"), offer, id },
            // A second payment of one order: all of it is owed back.
            60..65 => Ask::Pay { reference: format!("{id}/2"), offer, id },
            65..85 => Ask::Cancel { offer, id },
            _ => Ask::Return { op: format!("{id}/back"), offer, id },
        }
    }

    fn buy(&mut self) -> Ask {
        self.count += 1;
        let at = self.random.random_range(0..=OFFERS.len());
        let is_own = at == OFFERS.len() && self.namespace.ends_with("-0");
        let offer =
            if is_own { format!("own-{}", self.namespace) } else { OFFERS[at % OFFERS.len()].0.to_owned() };
        let id = format!("{}-{}", self.namespace, self.count);
        let group = offer.starts_with("team").then(|| {
            let joined = self.open.iter().rev().find(|(other, _)| *other == offer).map(|(_, id)| id.clone());
            match self.random.next_u32() % 4 {
                0 => "NEW".to_owned(),
                // The id of one of its own: a group if that one led it.
                1 => joined.unwrap_or_else(|| "ANY".to_owned()),
                _ => "ANY".to_owned(),
            }
        });
        let qty = if group.is_some() { 1 } else { self.random.random_range(1..=3) };
        self.open.push((offer.clone(), id.clone()));
        Ask::Buy { offer, buyer: format!("b{id}"), id, qty, group }
    }
}
