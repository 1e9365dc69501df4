//! How long a connection waits for a peer that owes it something: the rest of a frame, or the reading of replies.
//!
//! One timer per connection. It is not set anew when the peer does what it owed, only when it runs out or something is due
//! before it, so that a busy connection pays for no more than a look at the clock when it stops at half a frame or a full
//! socket.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// What the peer has owed for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// The rest of a frame.
    Frame,
    /// The reading of its replies.
    Replies,
}

/// Since when the peer owes what.
#[derive(Debug)]
pub(super) struct Patience {
    frame_max: Duration,
    replies_max: Duration,
    frame_since: Option<Instant>,
    replies_since: Option<Instant>,
    /// Made when it is first needed; kept for good.
    timer: Option<Pin<Box<Sleep>>>,
    /// When the timer ends; `None`: it has ended.
    set_to: Option<Instant>,
}

/// What the peer owes now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owes {
    /// The rest of a frame.
    pub(super) frame: bool,
    /// The reading of its replies.
    pub(super) replies: bool,
}

impl Patience {
    pub(super) fn new(frame_max: Duration, replies_max: Duration) -> Self {
        Patience { frame_max, replies_max, frame_since: None, replies_since: None, timer: None, set_to: None }
    }

    /// A frame was completed.
    pub(super) fn frames_taken(&mut self) {
        self.frame_since = None;
    }

    /// The peer took some of its replies.
    pub(super) fn bytes_written(&mut self) {
        self.replies_since = None;
    }

    /// Ready once the peer has owed the rest of a frame, or the reading of replies, for too long.
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>, owes: Owes) -> Poll<Waits> {
        note(&mut self.frame_since, owes.frame);
        note(&mut self.replies_since, owes.replies);
        let ends = [
            self.frame_since.map(|since| (since + self.frame_max, Waits::Frame)),
            self.replies_since.map(|since| (since + self.replies_max, Waits::Replies)),
        ];
        let Some((end, waits)) = ends.into_iter().flatten().min_by_key(|(end, _)| *end) else {
            return Poll::Pending;
        };
        loop {
            if self.set_to.is_none_or(|set_to| end < set_to) {
                self.set(end);
            }
            let Some(timer) = &mut self.timer else { return Poll::Pending };
            ready!(timer.as_mut().poll(context));
            self.set_to = None;
            if Instant::now() >= end {
                return Poll::Ready(waits);
            }
        }
    }

    fn set(&mut self, end: Instant) {
        self.set_to = Some(end);
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(end),
            None => self.timer = Some(Box::pin(sleep_until(end))),
        }
    }
}

/// Remembers since when something is owed; forgets it when it is not.
fn note(since: &mut Option<Instant>, is_owed: bool) {
    if !is_owed {
        *since = None;
    } else if since.is_none() {
        *since = Some(Instant::now());
    }
}
