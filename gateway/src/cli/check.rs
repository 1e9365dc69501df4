//! `stampede check`: whether a file of offers or a configuration would be taken.

use super::offers_file;
use crate::config::RawConfig;
use crate::error_code::ErrorCode;
use crate::offer_text::OFFERS_FILE_BYTES_MAX;
use crate::text_file;
use anyhow::{Context, anyhow, ensure};
use stampede_engine::core::{Misuse, Offer, Text};
use std::path::Path;

/// A line that says what the file holds, and one for the file of offers that a configuration names.
pub(super) fn check(path: &Path) -> anyhow::Result<String> {
    let text = text_file::read(path, OFFERS_FILE_BYTES_MAX)?;
    if holds_offers(&text) {
        return check_offers(path, &offers_file::parse(path, &text)?);
    }
    let place = path.display();
    let config = RawConfig::from_toml(&text)
        .and_then(RawConfig::check)
        .map_err(|error| anyhow!("{place}: {error} (read as a configuration: it holds no [[offer]])"))?;
    let mut told = format!("{place}: a valid configuration\n");
    if let Some(offers) = &config.offers {
        let checked = offers_file::read(offers).and_then(|found| check_offers(offers, &found));
        told.push_str(&checked.with_context(|| format!("{place}: offers"))?);
    }
    Ok(told)
}

/// Whether a server would take each offer, as far as that can be told without knowing its pools and its clock.
fn check_offers(path: &Path, offers: &[(String, Offer)]) -> anyhow::Result<String> {
    let place = path.display();
    for (id, offer) in offers {
        let stays = offer.stays_in_campaign(Text::id(id.as_bytes())?);
        ensure!(stays, "{place}: {id}: {} {}", ErrorCode::CrossSlot.name(), Misuse::CrossSlot);
    }
    Ok(format!("{place}: {} offers, each well defined\n", offers.len()))
}

/// Whether a line opens an offer, or tries to: a file is one kind or the other.
fn holds_offers(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| line.starts_with("[[offer") || line.starts_with("[offer"))
}
