//! An estimate of how many distinct buyers came, in 2 KiB whatever their number.
//!
//! `HyperLogLog` (Flajolet, Fusy, Gandouet, Meunier, 2007) with 2^11 registers: a standard error of 1.04 / √2048, about
//! 2.3 %. Small counts use linear counting, as the paper advises.
//!
//! A checkpoint takes only the registers that rose since the last one. Their bytes are a form, 1 or 2, and then
//! - 1: the registers that rose, each as its place (two bytes, little-endian) and its rank (one byte);
//! - 2: all registers' ranks, in six bits each, the lower bits first.

use crate::store::fetch;
use alloc::boxed::Box;
use alloc::vec::Vec;

const REGISTERS_LOG: u32 = 11;
const REGISTERS: usize = 1 << REGISTERS_LOG;
/// The highest rank: every bit behind the place is zero.
const RANK_MAX: u8 = (64 - REGISTERS_LOG) as u8 + 1;
const RANK_BITS: u32 = 6;
const SOME: u8 = 1;
const ALL: u8 = 2;
const PLACED_BYTES: usize = 3;
/// The most bytes that a sketch takes in a checkpoint.
pub(super) const BYTES_MAX: usize = 1 + REGISTERS * RANK_BITS as usize / 8;

const _: () = assert!(RANK_MAX < 1 << RANK_BITS, "a rank fits its bits");

#[derive(Debug)]
pub(super) struct Sketch {
    registers: Box<[u8; REGISTERS]>,
    /// A bit for each register that rose since the last checkpoint.
    risen: [u64; REGISTERS / 64],
}

impl Default for Sketch {
    fn default() -> Self {
        Sketch { registers: Box::new([0; REGISTERS]), risen: [0; REGISTERS / 64] }
    }
}

impl Sketch {
    /// Asks memory for what leads to the registers.
    #[inline]
    pub(super) fn fetch_way(&self) {
        fetch(&self.registers);
    }

    /// Asks memory for where a buyer is counted.
    #[inline]
    pub(super) fn fetch_place(&self, hash: u64) {
        fetch(&self.registers[place(hash)]);
    }

    /// Adds one buyer by a well-mixed hash.
    #[inline]
    pub(super) fn add(&mut self, hash: u64) {
        let at = place(hash);
        // Behind the bits that are left stands a one, which ends the zeros of a hash that has no other.
        let rest = hash << REGISTERS_LOG | 1 << (REGISTERS_LOG - 1);
        let rank = rest.leading_zeros() as u8 + 1;
        if rank > self.registers[at] {
            self.registers[at] = rank;
            self.risen[at / 64] |= 1 << (at % 64);
        }
    }

    /// The bytes that [`Sketch::write_risen`] would write.
    pub(super) fn risen_bytes(&self) -> usize {
        let count: u32 = self.risen.iter().map(|bits| bits.count_ones()).sum();
        if count == 0 { 0 } else { BYTES_MAX.min(1 + PLACED_BYTES * count as usize) }
    }

    /// Writes what rose since the last time; nothing if nothing did.
    pub(super) fn write_risen(&mut self, out: &mut Vec<u8>) {
        match self.risen_bytes() {
            0 => {}
            BYTES_MAX => self.write_all(out),
            _ => {
                out.push(SOME);
                for (at, &rank) in self.registers.iter().enumerate() {
                    if self.risen[at / 64] >> (at % 64) & 1 == 1 {
                        out.extend_from_slice(&(at as u16).to_le_bytes());
                        out.push(rank);
                    }
                }
            }
        }
        self.risen = [0; REGISTERS / 64];
    }

    /// Writes every register.
    pub(super) fn write_all(&self, out: &mut Vec<u8>) {
        out.push(ALL);
        for four in self.registers.chunks_exact(4) {
            let bits = four.iter().rev().fold(0_u32, |bits, &rank| bits << RANK_BITS | u32::from(rank));
            out.extend_from_slice(&bits.to_le_bytes()[..3]);
        }
    }

    /// Hears what another sketch wrote. Registers only rise, so it may be heard twice, and bytes that no sketch writes
    /// change nothing that matters.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        match bytes.split_first() {
            Some((&SOME, placed)) => {
                for one in placed.chunks_exact(PLACED_BYTES) {
                    self.rise(usize::from(u16::from_le_bytes([one[0], one[1]])), one[2]);
                }
            }
            Some((&ALL, packed)) => {
                for (at, three) in packed.chunks_exact(3).enumerate() {
                    let bits = u32::from_le_bytes([three[0], three[1], three[2], 0]);
                    for within in 0..4 {
                        let rank = bits >> (RANK_BITS * within as u32) & ((1 << RANK_BITS) - 1);
                        self.rise(at * 4 + within, rank as u8);
                    }
                }
            }
            _ => {}
        }
    }

    fn rise(&mut self, at: usize, rank: u8) {
        if let Some(register) = self.registers.get_mut(at) {
            *register = rank.min(RANK_MAX).max(*register);
        }
    }

    #[expect(clippy::cast_sign_loss, reason = "an estimate is a sum of positive terms")]
    #[expect(clippy::naive_bytecount, reason = "runs when somebody looks, not per intent")]
    pub(super) fn estimate(&self) -> u64 {
        let count = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|&rank| libm::exp2(-f64::from(rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / count) * count * count / sum;
        let empty = self.registers.iter().filter(|&&rank| rank == 0).count();
        let estimate =
            if raw <= 2.5 * count && empty > 0 { count * libm::log(count / empty as f64) } else { raw };
        libm::round(estimate) as u64
    }
}

/// The register that a hash belongs to: its first bits.
#[inline]
fn place(hash: u64) -> usize {
    (hash >> (64 - REGISTERS_LOG)) as usize
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, RANK_MAX, Sketch};
    use alloc::vec;
    use alloc::vec::Vec;
    use xxhash_rust::xxh3::xxh3_64;

    fn add(sketch: &mut Sketch, buyers: core::ops::Range<u64>) {
        buyers.for_each(|buyer| sketch.add(xxh3_64(&buyer.to_le_bytes())));
    }

    #[test]
    fn the_estimate_stays_within_four_standard_errors() {
        for buyers in [1_u64, 10, 1_000, 5_000, 100_000, 1_000_000] {
            let mut sketch = Sketch::default();
            add(&mut sketch, 0..buyers);
            let error = (sketch.estimate() as f64 - buyers as f64).abs() / buyers as f64;
            assert!(error < 0.092, "{buyers} buyers estimated as {}", sketch.estimate());
        }
    }

    /// Few and many at once, so that both forms are written; what did not move is not written again.
    #[test]
    fn a_sketch_that_heard_every_change_is_the_same() {
        let (mut first, mut second) = (Sketch::default(), Sketch::default());
        let mut forms = Vec::new();
        for (from, to) in [(0, 1), (1, 20), (20, 9_000), (9_000, 9_100), (9_100, 2_000_000), (0, 9_000)] {
            add(&mut first, from..to);
            let mut bytes = Vec::new();
            let promised = first.risen_bytes();
            first.write_risen(&mut bytes);
            assert_eq!(bytes.len(), promised);
            assert!(bytes.len() <= BYTES_MAX);
            second.hear(&bytes);
            assert_eq!(first.registers, second.registers, "after {to} buyers");
            forms.push(bytes.first().copied());
        }
        assert_eq!(forms, [Some(1), Some(1), Some(2), Some(1), Some(2), None]);
        let (mut whole, mut third) = (Vec::new(), Sketch::default());
        first.write_all(&mut whole);
        assert_eq!(whole.len(), BYTES_MAX);
        third.hear(&whole);
        assert_eq!(first.registers, third.registers);
    }

    /// A hash without a one behind its place has the highest rank, and the next without any but the last the one below.
    #[test]
    fn the_rank_counts_the_zeros_behind_the_place() {
        let mut sketch = Sketch::default();
        for (place, rest, rank) in [(7, 0, RANK_MAX), (8, 1, RANK_MAX - 1), (9, 1 << 52, 1), (10, 1 << 51, 2)]
        {
            sketch.add(place << 53 | rest);
            assert_eq!(sketch.registers[place as usize], rank);
        }
    }

    #[test]
    fn bytes_that_no_sketch_writes_break_nothing() {
        let mut sketch = Sketch::default();
        for bytes in [vec![], vec![0], vec![1, 255, 255, 9], vec![1, 0], vec![2; 9_000], vec![7; 64]] {
            sketch.hear(&bytes);
        }
        sketch.estimate();
    }
}
