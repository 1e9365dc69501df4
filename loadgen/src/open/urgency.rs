//! Lets a client thread run as soon as it has something to do, also where the server keeps every core busy.
//!
//! Buyers do not wait for the server's processor: they have their own. On a machine that client and server share, an
//! ordinary thread whose timer runs out waits until a busy thread of the server has used up its turn, which takes
//! milliseconds, and those would be counted as the server's. A thread of the first-in-first-out class does not
//! wait. It takes no more of the processor for that: it sends as much and sleeps as much. Systems grant the class to
//! root, or where a limit for it is set; elsewhere the thread stays as it is, and the lag tells what that costs.

/// What a buyer's thread asks for; who asks for more goes first.
pub const BUYER: u8 = 1;

/// Asks for the class, and answers whether it was granted.
#[cfg(target_os = "linux")]
pub fn raise(priority: u8) -> bool {
    use thread_priority::{
        RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let Ok(priority) = ThreadPriorityValue::try_from(priority) else { return false };
    let class = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(priority), class).is_ok()
}

/// Other systems are left as they are.
#[cfg(not(target_os = "linux"))]
pub fn raise(_: u8) -> bool {
    false
}
