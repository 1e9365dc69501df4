//! An offer as text: JSON on the wire, TOML in a file, one definition of the fields for both.
//!
//! The text is read into `raw`, which knows the names and kinds of the fields, and turned once into
//! [`stampede_engine::core::Offer`], whose own check knows the ranges. Fields of ways to sell that this version does not have
//! are refused by name, never ignored. Called for OFFER PUT and OFFER GET, for the file of `--offers`, and for
//! `stampede schema`, `check` and `docs`.

mod convert;
mod fields;
mod raw;
mod values;

pub use crate::field_error::FieldError as OfferTextError;
pub use fields::{FieldRow, field_rows};
pub use values::parse_duration;

use crate::field_error::{self, Table};
use raw::RawOffer;
use serde_json::Value;
use stampede_engine::core::{Offer, Text};

/// The longest JSON text of one offer, in bytes. The longest definition that the rules allow fits.
pub const OFFER_BYTES_MAX: usize = 64 * 1_024;
/// The longest file of offers, in bytes.
pub const OFFERS_FILE_BYTES_MAX: u64 = 16 << 20;

/// Reads the JSON of one offer.
///
/// # Errors
/// The path of the first wrong field, what was expected there and what stood there.
pub fn parse_json(text: &[u8]) -> Result<Offer, OfferTextError> {
    if text.len() > OFFER_BYTES_MAX {
        return Err(OfferTextError::expected(
            "offer",
            &format!("at most {OFFER_BYTES_MAX} bytes"),
            Some(&format!("{} bytes", text.len())),
        ));
    }
    let raw: Table<RawOffer> = field_error::from_json(text)?;
    convert::to_offer(raw.0)
}

/// The JSON of one offer; [`parse_json`] reads the same offer from it.
pub fn to_json(offer: &Offer) -> String {
    let raw = convert::to_raw(offer);
    serde_json::to_string(&raw)
        .unwrap_or_else(|error| unreachable!("no field of an offer resists JSON: {error}"))
}

/// Reads a TOML file of offers: one `[[offer]]` table each, with its `id` beside the fields of an offer. The order of
/// the file is kept, so that an offer can take from a pool that an earlier one makes.
///
/// # Errors
/// As [`parse_json`], with the offer's id in front of the path.
pub fn parse_toml_file(text: &str) -> Result<Vec<(String, Offer)>, OfferTextError> {
    let Value::Object(mut file) = field_error::toml_value(text)? else {
        unreachable!("a TOML document is a table")
    };
    let tables = match file.remove("offer") {
        Some(Value::Array(tables)) => tables,
        Some(_) => return Err(OfferTextError::expected("offer", "[[offer]] tables", Some("something else"))),
        None => Vec::new(),
    };
    if let Some(other) = file.keys().next() {
        return Err(OfferTextError::new(
            other,
            "unknown; a file of offers holds [[offer]] tables and nothing else",
        ));
    }
    let mut offers: Vec<(String, Offer)> = Vec::with_capacity(tables.len());
    let mut ids = std::collections::HashSet::new();
    for (index, table) in tables.into_iter().enumerate() {
        let (id, offer) = parse_table(table, index)?;
        if !ids.insert(id.clone()) {
            return Err(OfferTextError::new(
                format!("offer[{index}].id"),
                format!("{id} stands twice in the file"),
            ));
        }
        offers.push((id, offer));
    }
    Ok(offers)
}

/// The JSON schema of an offer, for editors and validators.
pub fn schema() -> Value {
    schemars::schema_for!(RawOffer).to_value()
}

fn parse_table(table: Value, index: usize) -> Result<(String, Offer), OfferTextError> {
    let place = format!("offer[{index}]");
    let id_path = format!("{place}.id");
    let expected = "1 to 64 bytes of printable ASCII without space or comma";
    let Value::Object(mut fields) = table else {
        return Err(OfferTextError::expected(place, "a table", Some("something else")));
    };
    let id = match fields.remove("id") {
        Some(Value::String(id)) => id,
        Some(other) => return Err(OfferTextError::expected(id_path, expected, Some(&other.to_string()))),
        None => return Err(OfferTextError::new(id_path, "missing, but required")),
    };
    if Text::id(id.as_bytes()).is_err() {
        return Err(OfferTextError::expected(id_path, expected, Some(&format!("{id:?}"))));
    }
    let read = field_error::from_value(Value::Object(fields))
        .and_then(|raw: Table<RawOffer>| convert::to_offer(raw.0));
    read.map(|offer| (id.clone(), offer)).map_err(|error| error.under(&id))
}
