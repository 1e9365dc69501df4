//! What the connections of one runtime share, so that a round of theirs costs one wake-up and not one for each of them.
//!
//! When a sync has made the answers of many connections durable, those are listed here and one task is woken, which wakes
//! them from inside the runtime: no system call for each, and whoever lists is not pushed off the processor by the first.
//! The same task begins a writer that sleeps over events that connections have brought, once the others that were ready
//! with them have been heard, so that they share one sync. While each look finds more, it may look a few times; nobody
//! waits for what has not arrived.
//!
//! Called by shards (which list) and by one task of the server (which polls). Invariants: what was listed before a call
//! is seen by the poll that the call causes; whoever begins a list calls, and those who join it rely on that.

use atomic_waker::AtomicWaker;
use parking_lot::Mutex;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// A writer that sleeps although there is something to write.
pub(crate) trait Begin: Send + Sync {
    /// Wakes it.
    fn begin(&self);
}

/// What the connections of one runtime share. A task of that runtime calls [`Round::poll`] for as long as it lives.
#[derive(Default)]
pub struct Round {
    listed: Mutex<Listed>,
    /// Whether it was called since the last poll: then there is nobody to wake.
    is_called: AtomicBool,
    /// Whether events were brought since somebody asked.
    has_grown: AtomicBool,
    /// The task.
    task: AtomicWaker,
}

#[derive(Default)]
struct Listed {
    /// Connections to which runs came back.
    connections: Vec<Waker>,
    /// `connections` of the poll before, empty, for its memory.
    spare: Vec<Waker>,
    /// Writers to begin at the end of the round.
    writers: Vec<Arc<dyn Begin>>,
    /// Whether the end was announced, which begins them all.
    is_ending: bool,
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Round").field("is_called", &self.is_called).finish_non_exhaustive()
    }
}

impl Round {
    /// A round of connections that nobody polls yet.
    pub fn new() -> Arc<Round> {
        Arc::default()
    }

    /// Wakes the connections to which runs came back. Ready, once for each round, when a writer is to be begun: let the
    /// tasks that are ready run once, then call [`Round::end`]; go on polling meanwhile.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        self.task.register(context.waker());
        // Before the look at the lists: whoever lists later calls again. Acquire pairs with the Release in `call`.
        self.is_called.swap(false, Ordering::Acquire);
        let mut listed = self.listed.lock();
        let spare = mem::take(&mut listed.spare);
        let mut connections = mem::replace(&mut listed.connections, spare);
        let begins = !listed.writers.is_empty() && !listed.is_ending;
        listed.is_ending |= begins;
        drop(listed);
        if begins {
            self.has_grown();
        }
        connections.drain(..).for_each(Waker::wake);
        self.listed.lock().spare = connections;
        if begins { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether connections have brought more since the round was to end, or since this was last asked: then another look
    /// at those that are ready may let more of them share the sync.
    pub fn has_grown(&self) -> bool {
        // Relaxed: whoever brought something unseen begins a writer a look earlier or later.
        self.has_grown.swap(false, Ordering::Relaxed)
    }

    /// Lets the writers begin. What is listed from here on has a round of its own.
    pub fn end(&self) {
        self.listed.lock().is_ending = false;
        loop {
            let writer = self.listed.lock().writers.pop();
            let Some(writer) = writer else { return };
            writer.begin();
        }
    }

    /// Lists a connection. True for the first of a list: [`Round::call`] has to follow soon, once for all that join it.
    pub(crate) fn list(&self, connection: Waker) -> bool {
        let connections = &mut self.listed.lock().connections;
        connections.push(connection);
        connections.len() == 1
    }

    /// Has a writer begin at the end of this round.
    pub(crate) fn gather<W: Begin + 'static>(&self, writer: &Arc<W>) {
        self.has_grown.store(true, Ordering::Relaxed);
        let mut listed = self.listed.lock();
        if listed.writers.iter().any(|listed| Arc::as_ptr(listed).addr() == Arc::as_ptr(writer).addr()) {
            return;
        }
        listed.writers.push(Arc::<W>::clone(writer));
        drop(listed);
        self.call();
    }

    /// Sees to it that the task polls.
    pub(crate) fn call(&self) {
        if !self.is_called.swap(true, Ordering::Release) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Begin, Round};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Begin for Count {
        fn begin(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_round_knows_whether_it_grew_and_begins_its_writer_once() {
        let (round, task, writer) = (Round::new(), Arc::<Count>::default(), Arc::<Count>::default());
        let waker = Waker::from(task);
        let poll = || round.poll(&mut Context::from_waker(&waker));
        round.gather(&writer);
        assert_eq!(poll(), Poll::Ready(()), "a writer waits for its end");
        assert!(!round.has_grown(), "what began it is nothing more");
        round.gather(&writer);
        assert_eq!(poll(), Poll::Pending, "its end was announced already");
        assert!(round.has_grown());
        assert!(!round.has_grown(), "asked once for each look");
        round.end();
        assert_eq!(writer.get(), 1);
        round.gather(&writer);
        assert_eq!(poll(), Poll::Ready(()), "what comes behind has a round of its own");
    }

    #[test]
    fn who_begins_a_list_calls_once_for_all_who_join_it() {
        let (round, task, connection) = (Round::new(), Arc::<Count>::default(), Arc::<Count>::default());
        let (poll, waker) = (Waker::from(Arc::clone(&task)), Waker::from(Arc::clone(&connection)));
        assert_eq!(round.poll(&mut Context::from_waker(&poll)), Poll::Pending);
        assert!(round.list(waker.clone()), "the first calls");
        assert!(!round.list(waker.clone()), "the second relies on it");
        round.call();
        round.call();
        assert_eq!(task.get(), 1, "the task is woken once");
        assert_eq!(round.poll(&mut Context::from_waker(&poll)), Poll::Pending);
        assert_eq!(connection.get(), 2, "and wakes both");
        assert!(round.list(waker), "what comes after the poll begins a list of its own");
    }

    #[test]
    fn a_poll_between_listing_and_calling_loses_nobody() {
        let (round, task, connection) = (Round::new(), Arc::<Count>::default(), Arc::<Count>::default());
        let (poll, waker) = (Waker::from(Arc::clone(&task)), Waker::from(Arc::clone(&connection)));
        assert!(round.list(waker.clone()));
        assert_eq!(round.poll(&mut Context::from_waker(&poll)), Poll::Pending);
        assert_eq!(connection.get(), 1);
        assert!(round.list(waker), "the list is empty again: another call follows");
        round.call();
        round.call();
        assert_eq!(task.get(), 1);
        assert_eq!(round.poll(&mut Context::from_waker(&poll)), Poll::Pending);
        assert_eq!(connection.get(), 2);
    }
}
