//! One connection: bytes in, replies out, in order.
//!
//! One task per connection and no lock per command. A wake goes: take back what the shards have answered, write the
//! replies that are due, read what is there, decode as many frames as have room, submit one run per shard, one write.
//! Everything is bounded: while replies wait (for a shard, or for the peer to read) at a limit, nothing is decoded, and
//! while something is left to decode, nothing is read. A peer that takes no reply, or leaves a frame half sent, for
//! longer than the configuration allows is closed. The server makes connections and tells them to stop.

mod batch;
mod byte_queue;
mod dispatch;
mod feed_read;
mod lane;
mod patience;
mod pipeline;

use crate::error_code::ErrorCode;
use crate::resp::decode::{DecodeError, Decoder, Limits};
use crate::shared::{PeerId, Shared};
use byte_queue::ByteQueue;
use bytes::{Buf, BytesMut};
use dispatch::{Desk, Next, Origin};
use patience::{Owes, Patience, Waits};
use pipeline::Pipeline;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// Bytes of one argument: the largest definition of an offer is about 50 KiB.
const ARG_BYTES_MAX: usize = 64 * 1_024;
/// What a connection first reads into. Most send a few commands at a time.
const READ_BYTES_MIN: usize = 4 * 1_024;
/// What a connection reads into at most at once: as much as a run carries.
const READ_BYTES_MAX: usize = 64 * 1_024;
/// What an idle connection keeps of a read buffer that had grown.
const KEPT_BYTES_MAX: usize = 128 * 1_024;
/// How long the peer's last bytes are thrown away before a connection closes on an error: closing on unread bytes would
/// reset the connection, and the peer might never see why.
const LINGER: Duration = Duration::from_secs(1);
/// How many bytes are thrown away meanwhile.
const LINGER_BYTES_MAX: usize = 16 << 20;

/// How a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Reads, decodes and answers.
    Serving,
    /// Decodes what has been read, and answers.
    Draining,
    /// Only answers what is under way, then closes.
    Closing,
    /// Like closing, and the peer may still be sending.
    Failing,
}

/// Why no more frames of a buffer are carried out now.
enum Halt {
    /// Too much waits.
    NoRoom,
    /// What is left is no whole frame. Of a batch nothing is left then: only whole frames are queued.
    NoFrame(Origin),
    /// The batch of an EXEC comes first.
    Batch(BytesMut),
    /// The peer asked to close, or is no client.
    Close,
    /// It is no frame and never will be.
    Broken(DecodeError),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
    read: BytesMut,
    /// How much to read at once; grows while reads fill it.
    read_bytes: usize,
    out: ByteQueue,
    decoder: Decoder,
    /// Decodes the frames of a batch, which are not in the read buffer.
    batch_decoder: Decoder,
    /// The batch that EXEC is going through.
    batch: BytesMut,
    desk: Desk,
    pipeline: Pipeline,
    patience: Patience,
    phase: Phase,
    /// Whether what is left in the read buffer is known to be no whole frame.
    rest_is_half: bool,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, id: PeerId, shared: Arc<Shared>) -> Self {
        let limits = &shared.limits;
        let frames = Limits {
            args: limits.args,
            arg_bytes: ARG_BYTES_MAX,
            frame_bytes: limits.frame_bytes,
            inline_bytes: ARG_BYTES_MAX,
        };
        let pipeline = Pipeline::new(
            shared.engine.clone(),
            Arc::clone(&shared.round),
            limits.pipeline,
            limits.reply_bytes,
        );
        let patience = Patience::new(
            Duration::from_millis(limits.frame_wait_ms),
            Duration::from_millis(limits.reply_wait_ms),
        );
        Connection {
            stream,
            read: BytesMut::new(),
            read_bytes: READ_BYTES_MIN,
            out: ByteQueue::default(),
            decoder: Decoder::new(frames),
            batch_decoder: Decoder::new(frames),
            batch: BytesMut::new(),
            desk: Desk::new(id, Arc::clone(&shared)),
            pipeline,
            patience,
            phase: Phase::Serving,
            rest_is_half: true,
            shared,
        }
    }

    /// Serves until the peer leaves, an error ends it, or `stop` says so; then what was read is answered first.
    pub(crate) async fn serve(mut self, mut stop: watch::Receiver<bool>) {
        let ended = {
            let serving = poll_fn(|context| self.poll(context));
            tokio::select! {
                biased;
                ended = serving => Some(ended),
                _ = stop.wait_for(|stop| *stop) => None,
            }
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            self.drain();
            poll_fn(|context| self.poll(context)).await
        };
        match ended {
            Ok(()) if matches!(self.phase, Phase::Failing | Phase::Draining) => self.linger().await,
            Ok(()) => {
                // The peer may be gone already; then there is nobody to tell.
                let _gone = self.stream.shutdown().await;
            }
            Err(error) => tracing::debug!(%error, "a connection ended"),
        }
    }

    /// No more is read; what has been read is answered.
    fn drain(&mut self) {
        if self.phase == Phase::Serving {
            self.phase = Phase::Draining;
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.pipeline.poll_back(context);
            // What was submitted now has to be asked for once more, or nobody would be woken for it.
            let mut moved = self.pump(context);
            if !self.out.is_empty() {
                moved |= self.poll_write(context)?.is_ready();
            }
            if self.is_done() {
                return Poll::Ready(Ok(()));
            }
            if self.wants_read() {
                moved |= self.poll_read(context)?.is_ready();
            }
            if !moved {
                ready!(self.poll_patience(context))?;
            }
        }
    }

    /// Writes the replies that are due and carries out the frames that have room; tells whether there were any.
    fn pump(&mut self, context: &mut Context<'_>) -> bool {
        self.pipeline.poll_write(context, &mut self.out);
        let taken = self.take_frames();
        if taken > 0 {
            self.pipeline.submit();
            self.shared.counts.add_commands(taken);
        }
        taken > 0
    }

    /// Carries out the frames that are there and have room; tells how many.
    fn take_frames(&mut self) -> u64 {
        let mut taken = 0;
        while matches!(self.phase, Phase::Serving | Phase::Draining) {
            let (count, halt) = self.take_frames_of_one_buffer();
            taken += count;
            match halt {
                Halt::NoRoom => break,
                Halt::NoFrame(Origin::Batch) => self.batch.clear(),
                Halt::NoFrame(Origin::Socket) => {
                    self.rest_is_half = true;
                    break;
                }
                Halt::Batch(frames) => self.batch = frames,
                Halt::Close => self.phase = Phase::Failing,
                Halt::Broken(error) => {
                    self.batch.clear();
                    self.shared.counts.add_error();
                    let message = format!("Protocol error: {error}");
                    let protocol = self.desk.protocol();
                    self.pipeline.push_local(protocol, &mut self.out, |out| {
                        out.error(ErrorCode::Err.name(), &message);
                    });
                    self.phase = Phase::Failing;
                }
            }
        }
        if taken > 0 {
            self.patience.frames_taken();
        }
        taken
    }

    /// Carries out the frames of the batch of an EXEC, if there is one, or else of the read buffer; tells how many, and why
    /// not more. The buffer is advanced once for all.
    fn take_frames_of_one_buffer(&mut self) -> (u64, Halt) {
        let (buffer, decoder, origin) = if self.batch.is_empty() {
            (&mut self.read, &mut self.decoder, Origin::Socket)
        } else {
            (&mut self.batch, &mut self.batch_decoder, Origin::Batch)
        };
        let (mut taken, mut at) = (0, 0);
        let halt = loop {
            if !has_room(&self.pipeline, &self.out, &self.shared) {
                break Halt::NoRoom;
            }
            let (count, bytes) = self.desk.take_plain_buys(decoder, &buffer[at..], &mut self.pipeline);
            if count > 0 {
                taken += count;
                at += bytes;
                continue;
            }
            let frame = match decoder.decode(&buffer[at..]) {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    at += decoder.skip_empty();
                    break Halt::NoFrame(origin);
                }
                Err(error) => break Halt::Broken(error),
            };
            let len = frame.bytes().len();
            let Ok(next) = self.desk.take(frame, origin, &mut self.pipeline, &mut self.out) else {
                break Halt::NoRoom;
            };
            at += len;
            taken += 1;
            match next {
                Next::Frame => {}
                Next::Batch(frames) => break Halt::Batch(frames),
                Next::Close => break Halt::Close,
            }
        };
        buffer.advance(at);
        (taken, halt)
    }

    /// Whether everything that will be answered has been.
    fn is_done(&self) -> bool {
        let takes_no_more = match self.phase {
            Phase::Serving => false,
            Phase::Draining => self.batch.is_empty() && (self.read.is_empty() || self.rest_is_half),
            Phase::Closing | Phase::Failing => true,
        };
        takes_no_more && self.pipeline.is_empty() && self.out.is_empty()
    }

    /// Reading waits until what has been read is decoded: then at most half a frame is left.
    fn wants_read(&self) -> bool {
        self.phase == Phase::Serving
            && has_room(&self.pipeline, &self.out, &self.shared)
            && self.batch.is_empty()
            && self.decoder.wants_more()
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.read.capacity() - self.read.len() < self.read_bytes / 2 {
            self.read.reserve(self.read_bytes);
        }
        let space = self.read.capacity() - self.read.len();
        let count = ready!(pin!(self.stream.read_buf(&mut self.read)).poll(context))?;
        if count == 0 {
            self.drain();
        } else {
            self.rest_is_half = false;
        }
        if count == space {
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(context, self.out.waiting()))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.out.take(count);
        self.patience.bytes_written();
        Poll::Ready(Ok(()))
    }

    /// Waits for the peer, as long as it may take.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let half_frame = self.wants_read() && self.pipeline.is_empty() && !self.read.is_empty();
        if self.read.is_empty() && self.read.capacity() > KEPT_BYTES_MAX {
            self.read = BytesMut::new();
        }
        match ready!(
            self.patience.poll_over(context, Owes { frame: half_frame, replies: !self.out.is_empty() })
        ) {
            Waits::Frame => {
                self.shared.counts.add_error();
                let protocol = self.desk.protocol();
                let message = "Protocol error: the rest of a command did not come in time";
                self.pipeline
                    .push_local(protocol, &mut self.out, |out| out.error(ErrorCode::Err.name(), message));
                self.phase = Phase::Closing;
                Poll::Ready(Ok(()))
            }
            Waits::Replies => {
                self.shared.counts.add_slow_reader();
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the peer does not read its replies",
                )))
            }
        }
    }

    /// Says that no more comes, and reads off what the peer is still sending.
    async fn linger(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let stream = &mut self.stream;
        let rest = &mut self.read;
        let reading = async {
            let mut thrown = 0;
            while thrown < LINGER_BYTES_MAX {
                rest.clear();
                rest.reserve(READ_BYTES_MIN);
                match stream.read_buf(rest).await {
                    Ok(count) if count > 0 => thrown += count,
                    _ => break,
                }
            }
        };
        // Whether the peer closed or the time ran out, the connection ends here.
        let _ended = timeout(LINGER, reading).await;
    }
}

/// Whether another frame may be carried out.
fn has_room(pipeline: &Pipeline, out: &ByteQueue, shared: &Shared) -> bool {
    pipeline.has_room() && out.len() < shared.limits.reply_bytes
}
