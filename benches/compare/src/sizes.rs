//! How much each probe and curve does: in earnest, and to try the harness out.
//!
//! Figures only; nothing here measures. Rows have their own counts, by `--requests`.

/// How far each thing grows, and how much is sold in a timed window.
#[derive(Clone, Debug)]
pub(crate) struct GrowthSizes {
    pub(crate) reservations: Vec<u64>,
    /// Offers, as powers of ten.
    pub(crate) offer_digits: Vec<usize>,
    pub(crate) connections: Vec<usize>,
    pub(crate) shards: Vec<u16>,
    /// Purchases of one timed window.
    pub(crate) window: u64,
}

/// What one run does.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    /// BUYs on the core alone.
    pub(crate) core: u64,
    pub(crate) core_refused: u64,
    /// BUYs on the core alone, of which each batch is timed.
    pub(crate) core_growing: u64,
    /// BUYs through the core and its journal.
    pub(crate) core_journal: u64,
    /// Requests of the closed loop that finds a maximum.
    pub(crate) calibration: u64,
    /// Seconds of one latency run, beside a sweep and as a point of a curve too: short, since a run of which too little
    /// counts is made again.
    pub(crate) latency_s: f64,
    /// Reservations, and groups, that fall due in one instant.
    pub(crate) swept_holds: u64,
    pub(crate) swept_groups: u64,
    /// Requests of the closed loop against the stub, and seconds of one rate of the open loop.
    pub(crate) ceiling: u64,
    pub(crate) ceiling_s: f64,
    /// Reservations whose memory is weighed.
    pub(crate) memory: u64,
    /// Reservations that are there after a start.
    pub(crate) recovery: u64,
    pub(crate) growth: GrowthSizes,
}

impl Sizes {
    /// The sizes of a run that is to be quoted, or of a quick one.
    pub(crate) fn of(is_quick: bool) -> Self {
        if is_quick { Self::quick() } else { Self::full() }
    }

    fn full() -> Self {
        Self {
            core: 10_000_000,
            core_refused: 5_000_000,
            core_growing: 50_000_000,
            core_journal: 4_000_000,
            calibration: 200_000,
            latency_s: 2.0,
            swept_holds: 1_000_000,
            swept_groups: 100_000,
            ceiling: 2_000_000,
            ceiling_s: 2.0,
            memory: 10_000_000,
            recovery: 10_000_000,
            growth: GrowthSizes {
                reservations: vec![1_000_000, 5_000_000, 10_000_000, 20_000_000, 50_000_000],
                offer_digits: vec![0, 1, 2, 3, 4],
                connections: vec![1, 10, 100, 1_000, 10_000],
                shards: vec![1, 2],
                window: 1_000_000,
            },
        }
    }

    fn quick() -> Self {
        Self {
            core: 500_000,
            core_refused: 500_000,
            core_growing: 1_500_000,
            core_journal: 200_000,
            calibration: 50_000,
            latency_s: 2.0,
            swept_holds: 50_000,
            swept_groups: 5_000,
            ceiling: 100_000,
            ceiling_s: 0.5,
            memory: 200_000,
            recovery: 200_000,
            growth: GrowthSizes {
                reservations: vec![100_000, 300_000],
                offer_digits: vec![0, 2],
                connections: vec![1, 100, 1_000],
                shards: vec![1, 2],
                window: 100_000,
            },
        }
    }
}
