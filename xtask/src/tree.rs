//! Where things are in the source tree and in the build directory.
//!
//! All other modules ask here for a path, so that a chore works from any directory inside the repository.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// One checkout of the repository and its build directory.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
    target: PathBuf,
}

impl Tree {
    /// The checkout that this program was built from.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask stands in a folder of the repository")?
            .to_path_buf();
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        Ok(Self { root, target })
    }

    /// The folder with the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the chores install and write; `cargo clean` removes it.
    pub fn workshop(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// The scripts that drive the Redis clients of other languages.
    pub fn client_scripts(&self) -> PathBuf {
        self.root.join("gateway/tests/clients")
    }

    /// A program that `cargo build --profile test` made.
    pub fn built(&self, program: &str) -> PathBuf {
        self.target.join("debug").join(program)
    }
}
