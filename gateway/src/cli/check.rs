//! `stampede check`: whether a file of offers or a configuration would be taken.

use crate::config::RawConfig;
use crate::offer_text::{OFFERS_FILE_BYTES_MAX, parse_toml_file};
use crate::text_file;
use anyhow::anyhow;
use std::path::Path;

/// One line that says what the file holds.
pub(super) fn check(path: &Path) -> anyhow::Result<String> {
    let text = text_file::read(path, OFFERS_FILE_BYTES_MAX)?;
    let place = path.display();
    if holds_offers(&text) {
        let offers = parse_toml_file(&text).map_err(|error| anyhow!("{place}: {error}"))?;
        return Ok(format!("{place}: {} offers, each well defined\n", offers.len()));
    }
    RawConfig::from_toml(&text)
        .and_then(RawConfig::check)
        .map_err(|error| anyhow!("{place}: {error} (read as a configuration: it holds no [[offer]])"))?;
    Ok(format!("{place}: a valid configuration\n"))
}

/// Whether a line opens an offer, or tries to: a file is one kind or the other.
fn holds_offers(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| line.starts_with("[[offer") || line.starts_with("[offer"))
}
