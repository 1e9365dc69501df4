//! The shop on a socket: one thread per connection, answers in RESP3.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use stampede_loadgen::wire::frame::{Frame, frame_len};

use super::{Field, HANG_UP, Lie, Pairs, Shop};

/// Opens a shop on a free port and answers its address. It stays until the process ends.
pub(crate) fn open(lie: Lie) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let shop = Arc::new(Mutex::new(Shop::new(lie)));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shop = Arc::clone(&shop);
            std::thread::spawn(move || serve(stream, &shop));
        }
    });
    addr
}

fn serve(mut stream: TcpStream, shop: &Mutex<Shop>) {
    let (mut inbound, mut chunk) = (Vec::new(), [0; 16 << 10]);
    while let Ok(len @ 1..) = stream.read(&mut chunk) {
        inbound.extend_from_slice(&chunk[..len]);
        let (mut at, mut out) = (0, Vec::new());
        while let Ok(Some(len)) = frame_len(&inbound[at..]) {
            let words = words(Frame::new(&inbound[at..at + len]));
            if !answer(&words, &mut shop.lock().expect("no thread panicked"), &mut out) {
                let _ = stream.write_all(&out);
                return;
            }
            at += len;
        }
        inbound.drain(..at);
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}

fn words(frame: Frame<'_>) -> Vec<String> {
    frame.items().map(|item| String::from_utf8_lossy(item.text().unwrap_or_default()).into_owned()).collect()
}

/// Whether the connection goes on.
fn answer(words: &[String], shop: &mut Shop, out: &mut Vec<u8>) -> bool {
    match words.first().map(String::as_str) {
        Some("HELLO") => write_pairs(&vec![("proto".into(), Field::Number(3))], out),
        Some("INFO") => {
            let text = "stampede_version:test\r\ndurability:sync\r\nshards:1\r\n";
            out.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
        }
        Some("XINFO" | "XREAD") => {
            out.extend_from_slice(shop.feed_answer(words).expect("a feed's question").as_bytes());
        }
        _ => match shop.answer(words) {
            Ok(pairs) => write_pairs(&pairs, out),
            Err(error) if error == HANG_UP => return false,
            Err(error) => out.extend_from_slice(format!("-{error}\r\n").as_bytes()),
        },
    }
    true
}

fn write_pairs(pairs: &Pairs, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("%{}\r\n", pairs.len()).as_bytes());
    for (key, value) in pairs {
        out.extend_from_slice(format!("${}\r\n{key}\r\n", key.len()).as_bytes());
        match value {
            Field::Number(number) => out.extend_from_slice(format!(":{number}\r\n").as_bytes()),
            Field::Text(text) => out.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes()),
            Field::Maps(maps) => {
                out.extend_from_slice(format!("*{}\r\n", maps.len()).as_bytes());
                for map in maps {
                    write_pairs(map, out);
                }
            }
        }
    }
}
