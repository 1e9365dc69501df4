//! The stub as a child process: this binary again, in its other role.
//!
//! A process of its own, as every server that is measured, so that it shares no thread and no
//! cache of the client. Owns its command line.

use crate::peers::stampede::Sample;
use crate::process::{self, Server};
use crate::stub::answer::to_hex;
use anyhow::{Context, Result};
use std::process::Command;

/// Starts the stub with `sample` as its answer to every BUY.
pub(crate) async fn start(sample: &Sample) -> Result<Server> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let address = process::free_address()?;
    let mut command = Command::new(program);
    command
        .args(["stub", "--listen", &address.to_string()])
        .args(["--answer", &to_hex(&sample.answer)])
        .args(["--id", &sample.id]);
    Server::start("the stub", command, address, process::data_directory()?).await
}
