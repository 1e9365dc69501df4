//! The pure state machine of Stampede.
#![no_std]
