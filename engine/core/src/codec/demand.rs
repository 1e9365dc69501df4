//! A checkpoint of demand as bytes.

use super::{CodecError, Reader, Writer};
use crate::event::{DemandMoved, DemandSecond, OfferIndex, TallyMoved};
use alloc::vec::Vec;

/// More than the machine's form of an estimate takes.
const BUYERS_BYTES_MAX: usize = 1 << 16;

/// Appends a checkpoint.
pub(crate) fn write_demand(out: &mut Writer<'_>, moved: &DemandMoved<'_>) {
    let DemandMoved { offer, units_wanted, sold_out_at, tallies, seconds } = *moved;
    out.small(offer.0);
    out.number(units_wanted);
    out.maybe(sold_out_at, Writer::time);
    out.number(tallies.len() as u64);
    for tally in tallies {
        out.small(u32::from(tally.answer));
        out.number(tally.intents);
        out.bytes(tally.buyers);
    }
    out.number(seconds.len() as u64);
    for second in seconds {
        out.time(second.at);
        out.small(second.accepted);
        out.small(second.refused);
    }
}

/// The lists of the checkpoint that was read last, kept for the next one.
#[derive(Debug, Default)]
pub(crate) struct DemandRead<'a> {
    tallies: Vec<TallyMoved<'a>>,
    seconds: Vec<DemandSecond>,
}

impl<'a> DemandRead<'a> {
    /// Reads a checkpoint back.
    pub(crate) fn read(&mut self, read: &mut Reader<'a>) -> Result<DemandMoved<'_>, CodecError> {
        let offer = OfferIndex(read.small()?);
        let units_wanted = read.number()?;
        let sold_out_at = read.maybe(Reader::time)?;
        read.list_into(&mut self.tallies, |read| {
            let answer = u16::try_from(read.small()?);
            let answer = answer.map_err(|_| read.expected("a number of an answer before this byte"))?;
            Ok(TallyMoved { answer, intents: read.number()?, buyers: read.bytes(BUYERS_BYTES_MAX)? })
        })?;
        read.list_into(&mut self.seconds, |read| {
            Ok(DemandSecond { at: read.time()?, accepted: read.small()?, refused: read.small()? })
        })?;
        let DemandRead { tallies, seconds } = self;
        Ok(DemandMoved { offer, units_wanted, sold_out_at, tallies, seconds })
    }
}
