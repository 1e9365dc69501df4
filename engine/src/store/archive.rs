//! The archive: what a removed offer's reservations were, in a file beside the journal.
//!
//! The follower writes it from the state before the removal, so that it exists before the events that it sums up may
//! go. One JSON object a line, the offer's own first; the file is complete or not there. Nothing reads it back.

use super::new_file::NewFile;
use super::{ShardStore, StoreError};
use crate::journal::segment::archive_path;
use serde::Serialize;
use stampede_core::{ArchivedReservation, Entry, Machine, OfferIndex};
use std::io::{self, Write};
use std::path::PathBuf;

/// The first line: which offer, and the event that removed it.
#[derive(Serialize)]
struct OfferLine<'a> {
    offer: &'a str,
    removed_by: String,
    removed_at: u64,
}

/// One reservation. Parts that are zero, and names that there are not, are left out.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    buyer: &'a str,
    qty: u32,
    #[serde(skip_serializing_if = "is_zero")]
    returned: u64,
    price: u64,
    #[serde(skip_serializing_if = "is_zero")]
    price_points: u64,
    status: &'static str,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer: Option<&'a str>,
    paid: u64,
    #[serde(skip_serializing_if = "is_zero")]
    paid_points: u64,
    owed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    owed_points: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Writes the reservations of the offer that `removal` is about to remove; gives the file.
pub(crate) fn write(
    store: &ShardStore,
    machine: &Machine,
    offer: OfferIndex,
    removal: &Entry<'_>,
) -> Result<PathBuf, StoreError> {
    let path = archive_path(&store.dir, removal.stamp.id.seq);
    let temporary = path.with_extension("tmp");
    let folder = path.parent().unwrap_or(&store.dir);
    let write = || -> io::Result<u64> {
        store.disk.create_dir(folder)?;
        let mut out = NewFile::begin(store.disk.as_ref(), &temporary)?;
        let first = OfferLine {
            offer: removal.names.offer.as_ref().map_or("", |offer| offer.as_str()),
            removed_by: removal.stamp.id.to_string(),
            removed_at: removal.stamp.at.get(),
        };
        write_line(&mut out, &first)?;
        machine.archive(offer, |reservation| write_line(&mut out, &Line::of(reservation)))?;
        out.finish(&path)
    };
    write().map_err(ShardStore::io("writing", &temporary))?;
    Ok(path)
}

impl<'a> Line<'a> {
    fn of(reservation: &'a ArchivedReservation<'_>) -> Self {
        let ArchivedReservation { price, paid, owed, .. } = *reservation;
        Line {
            id: reservation.id.as_str(),
            buyer: reservation.buyer.as_str(),
            qty: reservation.qty,
            returned: u64::from(reservation.returned),
            price: price.cash,
            price_points: price.points,
            status: reservation.status.name(),
            event: reservation.event.to_string(),
            group: reservation.group.as_ref().map(|group| group.as_str()),
            referrer: reservation.referrer.as_ref().map(|buyer| buyer.as_str()),
            paid: paid.cash,
            paid_points: paid.points,
            owed: owed.cash,
            owed_points: owed.points,
        }
    }
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
