//! The `stampede-load` binary.
fn main() {}
