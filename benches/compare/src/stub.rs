//! The stub: a server that reads the same frames and answers the same bytes as Stampede, and
//! decides and stores nothing. What it reaches is the limit that the wire, the kernel and the
//! client set on this machine; Stampede is measured against it.
//!
//! Owns its sockets and one fixed buffer per connection. It runs as a child process of the
//! harness, as every other server that is measured. It knows BUY, PING and what clients ask at
//! their start; anything else is an error reply, never silence.

pub(crate) mod answer;
mod frame;

use crate::stub::answer::Answer;
use crate::stub::frame::{Found, Frame};
use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Bytes read at most before they are answered; also the longest request.
const INPUT_BYTES_MAX: usize = 64 * 1024;
/// Replies are written out above this, so that a peer that sends and never reads holds no more.
const OUTPUT_BYTES_HIGH: usize = 256 * 1024;
/// Connections served at once; the next waits in the kernel's queue.
const CONNECTION_COUNT_MAX: usize = 1024;

/// Listens, prints `ready <address>` on standard output and serves until the process ends.
pub(crate) async fn serve(listen: SocketAddr, answer: Answer) -> Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    println!("ready {}", listener.local_addr()?);
    accept(listener, Arc::new(answer)).await
}

async fn accept(listener: TcpListener, answer: Arc<Answer>) -> Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTION_COUNT_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await?;
        let (stream, _) = listener.accept().await.context("cannot accept a connection")?;
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            // A connection that breaks is the peer's affair: the harness counts answers itself.
            let _closed = converse(stream, &answer).await;
            drop(place);
        });
    }
}

/// What follows a reply on its connection.
#[derive(PartialEq, Eq)]
enum Next {
    Request,
    Close,
}

async fn converse(mut stream: TcpStream, answer: &Answer) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = vec![0_u8; INPUT_BYTES_MAX];
    let mut output = Vec::with_capacity(OUTPUT_BYTES_HIGH);
    let mut filled = 0;
    loop {
        let read = stream.read(&mut input[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut taken = 0;
        let mut next = Next::Request;
        while next == Next::Request {
            let rest = &input[taken..filled];
            match frame::find(rest) {
                Found::Frame(found) => {
                    next = reply(&found, rest, answer, &mut output);
                    taken += found.bytes();
                }
                Found::Partial => break,
                Found::Malformed(why) => {
                    output.extend_from_slice(format!("-ERR {why}\r\n").as_bytes());
                    next = Next::Close;
                }
            }
            if output.len() >= OUTPUT_BYTES_HIGH {
                stream.write_all(&output).await?;
                output.clear();
            }
        }
        stream.write_all(&output).await?;
        output.clear();
        if next == Next::Close {
            return Ok(());
        }
        input.copy_within(taken..filled, 0);
        filled -= taken;
        if filled == input.len() {
            stream.write_all(b"-ERR a request is longer than 65536 bytes\r\n").await?;
            return Ok(());
        }
    }
}

/// Appends the reply to one request.
fn reply(found: &Frame, buffer: &[u8], answer: &Answer, output: &mut Vec<u8>) -> Next {
    let Some(name) = found.word(buffer, 0) else { return Next::Close };
    if name.eq_ignore_ascii_case(b"BUY") {
        match found.bulk(buffer, 3) {
            Some(id) => answer.write(id, output),
            None => output.extend_from_slice(b"-ERR wrong number of arguments for 'buy'\r\n"),
        }
    } else if name.eq_ignore_ascii_case(b"PING") {
        output.extend_from_slice(b"+PONG\r\n");
    } else if name.eq_ignore_ascii_case(b"CONFIG") || name.eq_ignore_ascii_case(b"COMMAND") {
        output.extend_from_slice(b"*0\r\n");
    } else if name.eq_ignore_ascii_case(b"CLIENT") {
        output.extend_from_slice(b"+OK\r\n");
    } else if name.eq_ignore_ascii_case(b"QUIT") {
        output.extend_from_slice(b"+OK\r\n");
        return Next::Close;
    } else {
        output.extend_from_slice(b"-ERR unknown command; the stub answers BUY and PING\r\n");
    }
    Next::Request
}

#[cfg(test)]
mod tests {
    use super::{Answer, INPUT_BYTES_MAX, accept};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn exchange(sent: &[u8]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer =
            Answer::from_sample(b"*2\r\n$6\r\nstatus\r\n$4\r\nHELD\r\n$2\r\nid\r\n$1\r\nr\r\n", "r").unwrap();
        let server = tokio::spawn(accept(listener, Arc::new(answer)));
        let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
        let sent = sent.to_vec();
        let sender = tokio::spawn(async move {
            // The stub closes first where the bytes are no request, and the rest is not taken.
            let _refused = to.write_all(&sent).await;
            let _closed = to.shutdown().await;
        });
        let mut received = Vec::new();
        let _reset = from.read_to_end(&mut received).await;
        sender.await.unwrap();
        server.abort();
        received
    }

    fn buy(id: &str) -> String {
        format!("*4\r\n$3\r\nBUY\r\n$3\r\nsku\r\n$1\r\nb\r\n${}\r\n{id}\r\n", id.len())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn replies_come_in_the_order_of_a_pipeline_longer_than_the_buffers() {
        let held =
            |id: &str| format!("*2\r\n$6\r\nstatus\r\n$4\r\nHELD\r\n$2\r\nid\r\n${}\r\n{id}\r\n", id.len());
        let (mut sent, mut expected) = (String::new(), String::new());
        for number in 0..20_000 {
            let id = format!("r{number}");
            sent.push_str(&buy(&id));
            expected.push_str(&held(&id));
        }
        assert!(sent.len() > 8 * INPUT_BYTES_MAX);
        assert!(exchange(sent.as_bytes()).await == expected.as_bytes(), "replies differ or are out of order");
    }

    #[tokio::test]
    async fn clients_that_ask_at_their_start_are_answered() {
        let sent =
            b"*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$4\r\nsave\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nWHAT\r\n\
            *1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n";
        let received = exchange(sent).await;
        let expected: &[u8] =
            b"*0\r\n+PONG\r\n-ERR unknown command; the stub answers BUY and PING\r\n+OK\r\n";
        assert_eq!(received.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[tokio::test]
    async fn what_is_no_request_gets_one_error_and_the_connection_ends() {
        let received = exchange(b"*1\r\n$4\r\nPING\r\n*100000000\r\n").await;
        let text = String::from_utf8(received).unwrap();
        assert_eq!(text, "+PONG\r\n-ERR expected an array of 1 to 24 bulk strings\r\n");
    }
}
