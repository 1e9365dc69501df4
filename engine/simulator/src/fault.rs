//! The kinds of fault, one name each: for arming, for counts and for the table.

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The power goes with nothing under way; what was not synced is drawn.
    PowerLost,
    /// The process is killed; the page cache stays.
    ProcessKilled,
    /// The power goes in the middle of a call to the disk, at any byte of a write.
    PowerLostInCall,
    /// A write of which a part survived.
    TornWrite,
    /// A write that was not synced and is gone.
    LostWrite,
    /// A write that was not synced and came back as other bytes.
    GarbledWrite,
    /// A creation, rename or removal whose directory was not synced and that is undone.
    LostName,
    /// A synced bit turns while the machine is off.
    BitFlip,
    /// A write that took less than it was given.
    ShortWrite,
    /// A write that failed.
    WriteError,
    /// A sync that failed, after it took effect or before.
    SyncError,
    /// A read that failed.
    ReadError,
    /// A write for which there was no room.
    NoSpace,
    /// The free space falls below what the engine keeps free.
    LowSpace,
    /// The wall is set ahead.
    WallAhead,
    /// The wall is set back.
    WallBack,
    /// The machine sleeps, and time goes on.
    Suspended,
    /// A crash while a settlement or mass expiry is under way.
    CrashInSettlement,
    /// A crash while a snapshot is written.
    CrashInSnapshot,
    /// A crash while the engine starts.
    CrashInRecovery,
    /// A deposed writer's batch stands behind the end.
    StaleBatch,
    /// A second server on the directory.
    SecondServer,
    /// A start with another number of shards.
    OtherShards,
}

impl Fault {
    /// Every kind, in the order of the table.
    pub const ALL: [Fault; 23] = [
        Fault::PowerLost,
        Fault::ProcessKilled,
        Fault::PowerLostInCall,
        Fault::TornWrite,
        Fault::LostWrite,
        Fault::GarbledWrite,
        Fault::LostName,
        Fault::BitFlip,
        Fault::ShortWrite,
        Fault::WriteError,
        Fault::SyncError,
        Fault::ReadError,
        Fault::NoSpace,
        Fault::LowSpace,
        Fault::WallAhead,
        Fault::WallBack,
        Fault::Suspended,
        Fault::CrashInSettlement,
        Fault::CrashInSnapshot,
        Fault::CrashInRecovery,
        Fault::StaleBatch,
        Fault::SecondServer,
        Fault::OtherShards,
    ];

    /// The words of the table.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::PowerLost => "power lost between calls",
            Fault::ProcessKilled => "process killed",
            Fault::PowerLostInCall => "power lost inside a call",
            Fault::TornWrite => "torn write",
            Fault::LostWrite => "lost write",
            Fault::GarbledWrite => "garbled write",
            Fault::LostName => "lost create, rename or removal",
            Fault::BitFlip => "flipped bit",
            Fault::ShortWrite => "short write",
            Fault::WriteError => "write error",
            Fault::SyncError => "sync error",
            Fault::ReadError => "read error",
            Fault::NoSpace => "no space at a write",
            Fault::LowSpace => "low space",
            Fault::WallAhead => "wall set ahead",
            Fault::WallBack => "wall set back",
            Fault::Suspended => "machine suspended",
            Fault::CrashInSettlement => "crash inside a settlement",
            Fault::CrashInSnapshot => "crash inside a snapshot",
            Fault::CrashInRecovery => "crash inside recovery",
            Fault::StaleBatch => "stale batch of a deposed writer",
            Fault::SecondServer => "second server",
            Fault::OtherShards => "another number of shards",
        }
    }
}
