//! No allocation per intent in the steady state, from the bytes on the socket to the bytes of the reply.
//!
//! Every allocation of the whole process is counted: the connection's task, the runtime, the shard, and the client, which
//! therefore prepares its bytes before and reads into one buffer. A test binary of its own, so that no other test allocates
//! meanwhile.
#![allow(unsafe_code, reason = "counting allocations takes an allocator, and GlobalAlloc is an unsafe trait")]

use stampede_gateway::config::Config;
use stampede_gateway::server::Server;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts, and leaves the work to the system's allocator.
struct Counting;

/// Allocations and growths since the start.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes unchanged to the system's allocator, which keeps the contract; counting touches one atomic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller of this function.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller of this function.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Commands in one write.
const PIPELINE: usize = 64;

/// A client that allocates nothing while it measures.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Sends each write and waits for its replies, each of which holds `mark` once.
    fn run(&mut self, writes: &[Vec<u8>], mark: &[u8]) {
        for bytes in writes {
            self.stream.write_all(bytes).expect("the server reads");
            let (mut replies, mut len) = (0, 0);
            while replies < PIPELINE {
                let count = self.stream.read(&mut self.buffer[len..]).expect("the server answers");
                assert!(count > 0, "the server closed");
                len += count;
                replies = self.buffer[..len].windows(mark.len()).filter(|window| *window == mark).count();
            }
        }
    }

    /// Allocations while the writes are sent and answered.
    fn count(&mut self, writes: &[Vec<u8>], mark: &[u8]) -> u64 {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        self.run(writes, mark);
        ALLOCATIONS.load(Ordering::Relaxed) - before
    }
}

/// BUYs of one unit each, a pipeline per write; `first` numbers the ids.
fn purchases(offer: &str, first: usize, writes: usize) -> Vec<Vec<u8>> {
    let purchase = |index: usize| {
        let args = ["BUY".into(), offer.to_owned(), format!("buyer-{index:08}"), format!("order-{index:08}")];
        let parts = args.map(|arg| format!("${}\r\n{arg}\r\n", arg.len()));
        format!("*4\r\n{}", parts.concat())
    };
    let write = |number: usize| {
        let begin = first + number * PIPELINE;
        (begin..begin + PIPELINE).map(purchase).collect::<String>().into_bytes()
    };
    (0..writes).map(write).collect()
}

#[test]
fn an_intent_allocates_nothing_once_buffers_have_grown() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut config = Config::on_free_ports();
    config.shards = Some(1);
    let server = runtime.block_on(Server::start(config)).expect("the server starts");
    let stream = TcpStream::connect(server.local_addr()).expect("the server takes connections");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let mut client = Client { stream, buffer: vec![0; 1 << 20] };
    for (offer, stock) in [("plenty", 10_000_000), ("scarce", 64)] {
        let json = format!(r#"{{"price":1990,"stock":{stock}}}"#);
        let put = format!("*4\r\n$5\r\nOFFER\r\n$3\r\nPUT\r\n$6\r\n{offer}\r\n${}\r\n{json}\r\n", json.len());
        client.stream.write_all(put.as_bytes()).expect("the server reads");
        let count = client.stream.read(&mut client.buffer).expect("the server answers");
        assert!(client.buffer[..count].ends_with(b"status\r\n$2\r\nOK\r\n"));
    }
    let mark = b"status\r\n";
    client.run(&purchases("plenty", 0, 500), mark);
    client.run(&purchases("scarce", 0, 10), mark);

    let repeats = client.count(&purchases("plenty", 0, 400), b"replayed\r\n");
    let refused = client.count(&purchases("scarce", 1_000_000, 400), b"SOLD_OUT\r\n");
    let writes = 400;
    let accepted = client.count(&purchases("plenty", 2_000_000, writes), b"HELD\r\n");
    println!(
        "allocations in {} intents each: repeats {repeats}, refused {refused}, accepted {accepted}",
        writes * PIPELINE
    );
    runtime.block_on(server.shutdown());

    // Not one per intent, and not one per write either: demand is told once a second, by a few, its timeline grows by the
    // second, and tables and arenas double as reservations come. A slow machine has more seconds.
    for (what, count) in [("repeats", repeats), ("refused", refused), ("accepted", accepted)] {
        assert!(count <= writes as u64 / 4, "{count} allocations in {} intents: {what}", writes * PIPELINE);
    }
}
