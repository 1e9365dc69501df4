//! A server on a free port, and a client that speaks just enough RESP to see what comes back.
//!
//! The client parses replies by itself, so that a mistake in the server's encoder cannot hide behind the same mistake here.

use stampede_engine::Engine;
use stampede_gateway::config::Config;
use stampede_gateway::server::Server;
use std::future::Future;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;
use tokio::runtime::Runtime;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(String),
    Null,
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
}

impl Value {
    /// The value of a pair, in a RESP3 map or the flat array that stands for it.
    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        let wanted = Value::Bulk(key.to_owned());
        match self {
            Value::Map(pairs) => pairs.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.clone()),
            Value::Array(flat) => flat.chunks(2).find(|pair| pair[0] == wanted).map(|pair| pair[1].clone()),
            _ => None,
        }
    }

    /// The value of a pair as text; panics with the whole reply where there is none.
    pub(crate) fn text(&self, key: &str) -> String {
        match self.get(key) {
            Some(Value::Bulk(text) | Value::Simple(text)) => text,
            Some(Value::Integer(number)) => number.to_string(),
            other => panic!("{key} is {other:?} in {self:?}"),
        }
    }

    /// The value of a pair as a number.
    pub(crate) fn number(&self, key: &str) -> i64 {
        match self.get(key) {
            Some(Value::Integer(number)) => number,
            other => panic!("{key} is {other:?} in {self:?}"),
        }
    }

    /// The `status` of an answer, which must be its first pair.
    pub(crate) fn status(&self) -> String {
        let first = match self {
            Value::Map(pairs) => pairs.first().map(|(key, _)| key),
            Value::Array(flat) => flat.first(),
            _ => None,
        };
        assert_eq!(first, Some(&Value::Bulk("status".to_owned())), "the first pair is not status: {self:?}");
        self.text("status")
    }

    /// The names of the pairs, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let name =
            |value: &Value| if let Value::Bulk(text) = value { text.clone() } else { format!("{value:?}") };
        match self {
            Value::Map(pairs) => pairs.iter().map(|(key, _)| name(key)).collect(),
            Value::Array(flat) => flat.chunks(2).map(|pair| name(&pair[0])).collect(),
            _ => Vec::new(),
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Vec<Value> {
        match self {
            Value::Array(items) | Value::Set(items) => items.clone(),
            other => panic!("a list is expected, not {other:?}"),
        }
    }

    /// The message of an error.
    pub(crate) fn error(&self) -> &str {
        match self {
            Value::Error(message) => message,
            other => panic!("an error is expected, not {other:?}"),
        }
    }
}

/// A server in this process. Ends when it is dropped.
pub(crate) struct TestServer {
    runtime: Runtime,
    server: Option<Server>,
    address: SocketAddr,
}

impl TestServer {
    /// A server with the defaults and two shards.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// A server with a changed configuration.
    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::on_free_ports();
        config.shards = Some(2);
        change(&mut config);
        Self::run(Server::start(config))
    }

    /// A server in front of a given engine.
    pub(crate) fn start_on(engine: Engine) -> Self {
        Self::run(async { Server::start_with(&Config::on_free_ports(), engine) })
    }

    fn run(start: impl Future<Output = anyhow::Result<Server>>) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
        let server = runtime.block_on(start).expect("the server starts");
        let address = server.local_addr();
        TestServer { runtime, server: Some(server), address }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shuts down and waits for the end.
    pub(crate) fn shutdown(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shutdown());
        }
    }

    /// Fails unless every invariant holds.
    pub(crate) fn audit(&self) {
        let audit = self.connect().call(&["AUDIT"]);
        assert_eq!(audit.status(), "OK", "{audit:?}");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// One connection.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server takes connections");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream.set_write_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        Client { reader: BufReader::new(stream) }
    }

    /// Says HELLO 3.
    pub(crate) fn resp3(mut self) -> Self {
        let hello = self.call(&["HELLO", "3"]);
        assert_eq!(hello.number("proto"), 3);
        self
    }

    /// The sending side, for a thread of its own.
    pub(crate) fn writer(&self) -> TcpStream {
        self.reader.get_ref().try_clone().expect("a second handle")
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).expect("the server reads");
    }

    /// Sends bytes as long as the server takes them; a server that has closed is no failure here.
    pub(crate) fn offer_bytes(&mut self, bytes: &[u8]) {
        let _closed = self.reader.get_mut().write_all(bytes);
    }

    pub(crate) fn send(&mut self, args: &[&str]) {
        self.send_bytes(&frame(args));
    }

    /// Sends a command and waits for its reply.
    pub(crate) fn call(&mut self, args: &[&str]) -> Value {
        self.send(args);
        self.receive()
    }

    pub(crate) fn receive(&mut self) -> Value {
        self.try_receive().expect("a reply before the end")
    }

    /// The next reply; `None` when the server has closed.
    pub(crate) fn try_receive(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("no reply: {error}"),
        }
        let rest = line[1..].strip_suffix("\r\n").unwrap_or_else(|| panic!("a line ends in CRLF: {line:?}"));
        let count = || rest.parse::<usize>().unwrap_or_else(|_| panic!("a count in {line:?}"));
        Some(match line.as_bytes()[0] {
            b'+' => Value::Simple(rest.to_owned()),
            b'-' => Value::Error(rest.to_owned()),
            b':' => Value::Integer(rest.parse().expect("an integer")),
            b'_' => Value::Null,
            b'$' | b'*' if rest == "-1" => Value::Null,
            b'$' => self.bulk(count()),
            b'*' => Value::Array((0..count()).map(|_| self.receive()).collect()),
            b'~' => Value::Set((0..count()).map(|_| self.receive()).collect()),
            b'%' => Value::Map((0..count()).map(|_| (self.receive(), self.receive())).collect()),
            _ => panic!("no reply begins with {line:?}"),
        })
    }

    /// So many bytes of what comes next.
    pub(crate) fn receive_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).expect("so many bytes");
        bytes
    }

    fn bulk(&mut self, len: usize) -> Value {
        let mut bytes = vec![0; len + 2];
        self.reader.read_exact(&mut bytes).expect("the bytes that were announced");
        assert_eq!(&bytes[len..], b"\r\n");
        bytes.truncate(len);
        Value::Bulk(String::from_utf8(bytes).expect("text"))
    }

    /// Ends the sending side; the server still answers.
    pub(crate) fn finish_sending(&mut self) {
        self.reader.get_mut().shutdown(Shutdown::Write).expect("a half-close");
    }

    /// Fails unless the server has closed the connection.
    pub(crate) fn expect_closed(&mut self) {
        assert_eq!(self.try_receive(), None, "the connection is closed");
    }
}

/// A command as an array of bulk strings.
pub(crate) fn frame(args: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n{arg}\r\n", arg.len()).as_bytes());
    }
    bytes
}
