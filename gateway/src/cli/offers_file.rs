//! A file of offers, as `stampede serve` puts it and `stampede check` looks at it.
//!
//! What an offer may say is decided in `offer_text`; here every mistake gets the file's name.

use crate::offer_text::{OFFERS_FILE_BYTES_MAX, parse_toml_file};
use crate::text_file;
use anyhow::anyhow;
use stampede_engine::core::Offer;
use std::path::Path;

/// The offers of the file at `path`, each with its id.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<(String, Offer)>> {
    parse(path, &text_file::read(path, OFFERS_FILE_BYTES_MAX)?)
}

/// The offers of a text that was read from `path`.
pub(super) fn parse(path: &Path, text: &str) -> anyhow::Result<Vec<(String, Offer)>> {
    parse_toml_file(text).map_err(|error| anyhow!("{}: {error}", path.display()))
}
