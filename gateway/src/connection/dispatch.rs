//! One frame → its command carried out: sent to a shard, answered here, queued for EXEC.
//!
//! Holds what a connection remembers between commands (protocol, open batch). Reads no socket. The connection calls
//! `take_plain_buys` for BUYs in a row as clients write them, and [`Desk::take`] for every other frame, in order.

use crate::command::error::CommandError;
use crate::command::feed::FeedKey;
use crate::command::session::{HelloProtocol, Local, Session};
use crate::command::storefront::plain_buy;
use crate::command::{Command, describe, parse};
use crate::connection::batch::{Batch, BatchFull};
use crate::connection::byte_queue::ByteQueue;
use crate::connection::feed_read::{FeedRead, MayBlock};
use crate::connection::lane::NoRoom;
use crate::connection::pipeline::Pipeline;
use crate::error_code::ErrorCode;
use crate::info;
use crate::reply::Detail;
use crate::resp::decode::{Decoder, Frame};
use crate::resp::encode::{Encoder, Protocol, key};
use crate::shared::{PeerId, Shared};
use bytes::BytesMut;
use stampede_engine::core::{Request, Text};
use std::sync::Arc;

const NO_PASSWORD: &str = "AUTH <password> called without any password configured for the default user. \
                           Are you sure your configuration is correct?";

/// What the connection does after a frame.
#[derive(Debug)]
pub(super) enum Next {
    /// Reads on.
    Frame,
    /// Goes through these frames first: the batch of an EXEC.
    Batch(BytesMut),
    /// Closes once everything is answered.
    Close,
}

/// Where a frame comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The peer.
    Socket,
    /// The batch that EXEC is going through.
    Batch,
}

/// What a connection remembers between commands.
#[derive(Debug)]
pub(super) struct Desk {
    id: PeerId,
    shared: Arc<Shared>,
    protocol: Protocol,
    batch: Option<Batch>,
}

impl Desk {
    pub(super) fn new(id: PeerId, shared: Arc<Shared>) -> Self {
        Desk { id, shared, protocol: Protocol::default(), batch: None }
    }

    /// The protocol in use.
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Carries out the BUYs without options that `bytes` begin with, as many as there are and have room: nearly all that
    /// comes while a sale runs. Tells how many, and how many bytes they take.
    pub(super) fn take_plain_buys(
        &self,
        decoder: &mut Decoder,
        bytes: &[u8],
        pipeline: &mut Pipeline,
    ) -> (u64, usize) {
        if self.batch.is_some() {
            return (0, 0);
        }
        let (mut count, mut at) = (0, 0);
        while pipeline.has_room()
            && let Some((buy, len)) = plain_buy(decoder, &bytes[at..])
            && pipeline.push_plain_buy(&buy, self.protocol).is_ok()
        {
            count += 1;
            at += len;
        }
        (count, at)
    }

    /// Carries out one frame. On `NoRoom` nothing has happened; the same frame comes again later.
    pub(super) fn take(
        &mut self,
        frame: Frame<'_>,
        origin: Origin,
        pipeline: &mut Pipeline,
        out: &mut ByteQueue,
    ) -> Result<Next, NoRoom> {
        let parsed = parse(frame);
        if let (Ok(Command::Shard(request)), None) = (&parsed, &self.batch) {
            // By reference, since a request is large.
            return self.send(request, pipeline);
        }
        let command = match parsed.and_then(|command| self.check_feeds(command)) {
            Ok(command) => command,
            Err(error) => return Ok(self.refuse(&error, frame, pipeline, out)),
        };
        if self.batch.is_some() && !ends_batch(&command) {
            self.queue(&command, frame, pipeline, out);
            return Ok(Next::Frame);
        }
        match command {
            Command::Shard(request) => self.send(&request, pipeline),
            Command::EveryShard(asked) => {
                pipeline.push_every_shard(asked, self.protocol)?;
                Ok(Next::Frame)
            }
            Command::Feed(ask) => {
                let may_block = if origin == Origin::Batch { MayBlock::No } else { MayBlock::Yes };
                let (shared, protocol) = (&self.shared, self.protocol);
                pipeline.push_feed(protocol, || FeedRead::new(shared, ask, protocol, may_block))?;
                Ok(Next::Frame)
            }
            Command::Local(local) => {
                let shared = &self.shared;
                pipeline.push_local(self.protocol, out, |out| answer_local(out, shared, local));
                Ok(Next::Frame)
            }
            Command::Session(session) => Ok(self.carry_out(session, pipeline, out)),
        }
    }

    fn send(&self, request: &Request<Text<'_>>, pipeline: &mut Pipeline) -> Result<Next, NoRoom> {
        let detail = if matches!(request, Request::Show { .. }) { Detail::Full } else { Detail::Brief };
        let key = *request.key().expect("a request for one shard has a key");
        pipeline.push(key, request, detail, self.protocol)?;
        Ok(Next::Frame)
    }

    /// Refuses the feed of a shard that there is not.
    fn check_feeds<'a>(&self, command: Command<'a>) -> Result<Command<'a>, CommandError> {
        let Command::Feed(ask) = &command else { return Ok(command) };
        let last = self.shared.engine.shard_count() - 1;
        let unknown = ask.keys().find(|key| key.0 > last);
        match unknown {
            Some(FeedKey(feed)) => Err(CommandError::NoFeed { feed, last }),
            None => Ok(command),
        }
    }

    fn refuse(
        &mut self,
        error: &CommandError,
        frame: Frame<'_>,
        pipeline: &mut Pipeline,
        out: &mut ByteQueue,
    ) -> Next {
        self.shared.counts.add_error();
        if let Some(batch) = &mut self.batch {
            batch.spoil();
        }
        pipeline.push_local(self.protocol, out, |out| out.error(ErrorCode::Err.name(), &error.to_string()));
        // A browser that was led here by a web page speaks HTTP: nothing of its body may be taken for a command.
        let is_http = [&b"POST"[..], b"Host:"].iter().any(|word| word.eq_ignore_ascii_case(frame.name()));
        if is_http { Next::Close } else { Next::Frame }
    }

    fn queue(
        &mut self,
        command: &Command<'_>,
        frame: Frame<'_>,
        pipeline: &mut Pipeline,
        out: &mut ByteQueue,
    ) {
        let Some(batch) = &mut self.batch else { return };
        if matches!(command, Command::Session(Session::Multi)) {
            batch.spoil();
            return pipeline.push_local(self.protocol, out, |out| {
                out.error(ErrorCode::Err.name(), "MULTI calls can not be nested");
            });
        }
        let queued = batch.add(frame, self.shared.limits.queued);
        pipeline.push_local(self.protocol, out, |out| match queued {
            Ok(()) => out.simple("QUEUED"),
            Err(BatchFull) => out.error(
                ErrorCode::Err.name(),
                "MULTI holds too many commands or bytes; EXEC will discard them",
            ),
        });
    }

    fn carry_out(&mut self, session: Session<'_>, pipeline: &mut Pipeline, out: &mut ByteQueue) -> Next {
        match session {
            Session::Exec => return self.exec(pipeline, out),
            Session::Quit => {
                pipeline.push_local(self.protocol, out, |out| out.simple("OK"));
                return Next::Close;
            }
            Session::Hello { protocol, auth, name } => {
                let refusal = self.hello(protocol, auth, name);
                let id = self.id;
                pipeline.push_local(self.protocol, out, |out| match refusal {
                    Some((code, message)) => out.error(code, message),
                    None => introduce(out, id),
                });
                return Next::Frame;
            }
            _ => {}
        }
        let answer = self.change(&session);
        let (id, shared) = (self.id, &self.shared);
        pipeline.push_local(self.protocol, out, |out| match answer {
            Said::Ok => out.simple("OK"),
            Said::Reset => out.simple("RESET"),
            Said::Error(message) => out.error(ErrorCode::Err.name(), message),
            Said::Id => out.integer(id.0),
            Said::Own => out.bulk(shared.peers.line(id).as_bytes()),
            Said::All => out.bulk(shared.peers.lines().as_bytes()),
            Said::Name => match shared.peers.name(id) {
                Some(name) => out.bulk(name.as_bytes()),
                None => out.null(),
            },
        });
        Next::Frame
    }

    /// What has no reply of its own shape.
    fn change(&mut self, session: &Session<'_>) -> Said {
        let peers = &self.shared.peers;
        match session {
            Session::Auth => Said::Error(NO_PASSWORD),
            Session::Select { exists: false } => Said::Error("DB index is out of range; 0 is the only one"),
            Session::ClientId => Said::Id,
            Session::ClientInfo => Said::Own,
            Session::ClientList => Said::All,
            Session::ClientGetName => Said::Name,
            Session::ClientSetName(name) => {
                peers.describe(self.id, |peer| peer.name = text(name));
                Said::Ok
            }
            Session::ClientLibName(name) => {
                peers.describe(self.id, |peer| peer.lib_name = text(name));
                Said::Ok
            }
            Session::ClientLibVersion(version) => {
                peers.describe(self.id, |peer| peer.lib_version = text(version));
                Said::Ok
            }
            Session::Multi => {
                self.batch = Some(Batch::default());
                Said::Ok
            }
            Session::Discard => match self.batch.take() {
                Some(_) => Said::Ok,
                None => Said::Error("DISCARD without MULTI"),
            },
            Session::Reset => {
                self.batch = None;
                self.protocol = Protocol::default();
                peers.describe(self.id, |peer| peer.name.clear());
                Said::Reset
            }
            Session::Select { exists: true } | Session::Exec | Session::Quit | Session::Hello { .. } => {
                Said::Ok
            }
        }
    }

    fn exec(&mut self, pipeline: &mut Pipeline, out: &mut ByteQueue) -> Next {
        let Some(batch) = self.batch.take() else {
            pipeline
                .push_local(self.protocol, out, |out| out.error(ErrorCode::Err.name(), "EXEC without MULTI"));
            return Next::Frame;
        };
        let Some((frames, count)) = batch.into_frames() else {
            pipeline.push_local(self.protocol, out, |out| {
                out.error(ErrorCode::ExecAbort.name(), "Transaction discarded because of previous errors.");
            });
            return Next::Frame;
        };
        pipeline.push_local(self.protocol, out, |out| out.array(count));
        Next::Batch(frames)
    }

    /// Takes what HELLO asks for, or says why not; then nothing has changed.
    fn hello(
        &mut self,
        protocol: Option<HelloProtocol>,
        auth: bool,
        name: Option<&[u8]>,
    ) -> Option<(&'static str, &'static str)> {
        let protocol = match protocol {
            Some(HelloProtocol::Unknown) => {
                return Some((ErrorCode::NoProto.name(), "unsupported protocol version; 2 and 3 are spoken"));
            }
            Some(HelloProtocol::Known(protocol)) => protocol,
            None => self.protocol,
        };
        if auth {
            return Some((ErrorCode::Err.name(), NO_PASSWORD));
        }
        self.protocol = protocol;
        if let Some(name) = name {
            self.shared.peers.describe(self.id, |peer| peer.name = text(name));
        }
        None
    }
}

/// What a command about the connection is answered with.
enum Said {
    Ok,
    Reset,
    Error(&'static str),
    Id,
    Own,
    All,
    Name,
}

/// Whether a command is carried out at once although a batch is open.
fn ends_batch(command: &Command<'_>) -> bool {
    matches!(command, Command::Session(Session::Exec | Session::Discard | Session::Quit | Session::Reset))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// HELLO's answer.
fn introduce(out: &mut Encoder<'_>, id: PeerId) {
    out.map(7);
    out.pair_bulk(key!(6 "server"), b"stampede");
    out.pair_bulk(key!(7 "version"), info::REDIS_VERSION.as_bytes());
    out.pair_integer(key!(5 "proto"), out.protocol().number());
    out.pair_integer(key!(2 "id"), id.0);
    out.pair_bulk(key!(4 "mode"), b"standalone");
    out.pair_bulk(key!(4 "role"), b"master");
    out.key(key!(7 "modules"));
    out.array(0);
}

fn answer_local(out: &mut Encoder<'_>, shared: &Shared, local: Local<'_>) {
    match local {
        Local::Ping(None) => out.simple("PONG"),
        Local::Ping(Some(message)) | Local::Echo(message) => out.bulk(message),
        Local::Info(mut names) => info::write(out, shared, &mut names),
        Local::CommandAll => describe::all(out),
        Local::CommandCount => describe::count(out),
        Local::CommandList => describe::list(out),
        Local::CommandInfo(mut names) => describe::info(out, &mut names),
        Local::CommandDocs(mut names) => describe::docs(out, &mut names),
        Local::CommandGetKeys(args) => describe::get_keys(out, args.as_frame()),
        Local::ConfigGet(mut names) => info::write_settings(out, shared, &mut names),
        Local::Save => match shared.snapshots.begin(&shared.engine, shared.stopping.clone()) {
            Ok(()) => out.simple("Background saving started"),
            Err(reason) => out.error(ErrorCode::Err.name(), &reason.to_string()),
        },
        Local::LastSave => out.integer(info::last_save(shared)),
        Local::Cluster => out.error(ErrorCode::Err.name(), "This instance has cluster support disabled"),
    }
}
