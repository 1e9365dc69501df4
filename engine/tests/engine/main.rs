//! The engine through its public face: who gets the last unit, what is bounded, what comes back and when, what a
//! stopped shard does to the others, and that time never goes back.

mod bounds;
mod clock;
mod deadlines;
mod down;
mod durable;
mod order;
mod race;
mod replay;
mod slots;
mod stand_in;
mod stop;
mod support;
mod wakeups;
mod watermark;
