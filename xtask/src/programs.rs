//! Builds the workspace's own programs for the chores that run them.
//!
//! One command line for all of them: the profile of the tests and the whole workspace, so that what `cargo test` built
//! is used again and no chore builds the dependencies anew with other features. `docs`, `clients` and `suite` call it.

use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::tree::Tree;

/// Builds every binary and example; `Tree::built` says where they are.
pub fn build(tree: &Tree) -> Result<()> {
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--workspace", "--bins", "--examples", "--profile", "test"]);
    process::run(build.current_dir(tree.root()))
}
