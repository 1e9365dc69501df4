//! The codes of RESP errors: what went wrong that is no business answer, and whether to try again.
//!
//! A business no is a refusal and an ordinary answer; these are misuse, overload and faults. The numbers go on where the
//! refusals' end and never change meaning. Whoever writes an error takes its code here, and so does the documentation.

/// The first word of a RESP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// A request that cannot be understood or cannot be right.
    Err,
    /// A pool of another campaign.
    CrossSlot,
    /// A protocol version that the server does not speak.
    NoProto,
    /// A batch with a mistake in it.
    ExecAbort,
    /// No room to queue the request.
    Busy,
    /// A shard that has stopped.
    ShardDown,
    /// No room on the disk to keep what the request would do.
    DiskFull,
    /// A place in a feed that is no longer kept.
    Gone,
}

impl ErrorCode {
    /// Every code, in the order of their numbers.
    pub const ALL: [ErrorCode; 8] = [
        ErrorCode::Err,
        ErrorCode::CrossSlot,
        ErrorCode::NoProto,
        ErrorCode::ExecAbort,
        ErrorCode::Busy,
        ErrorCode::ShardDown,
        ErrorCode::DiskFull,
        ErrorCode::Gone,
    ];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            ErrorCode::Err => "ERR",
            ErrorCode::CrossSlot => "CROSSSLOT",
            ErrorCode::NoProto => "NOPROTO",
            ErrorCode::ExecAbort => "EXECABORT",
            ErrorCode::Busy => "BUSY",
            ErrorCode::ShardDown => "SHARDDOWN",
            ErrorCode::DiskFull => "DISKFULL",
            ErrorCode::Gone => "GONE",
        }
    }

    /// The stable number.
    pub const fn number(self) -> u16 {
        match self {
            ErrorCode::Err => 201,
            ErrorCode::CrossSlot => 202,
            ErrorCode::NoProto => 203,
            ErrorCode::ExecAbort => 204,
            ErrorCode::Busy => 205,
            ErrorCode::ShardDown => 206,
            ErrorCode::DiskFull => 207,
            ErrorCode::Gone => 208,
        }
    }

    /// What happened, what it cost, and what to do.
    pub const fn message(self) -> &'static str {
        match self {
            ErrorCode::Err => {
                "The request is mistaken; the text names the argument or field. Nothing was done. Correct the caller."
            }
            ErrorCode::CrossSlot => {
                "The offer names a pool of another campaign. Nothing was done. Put both under one `{campaign}`."
            }
            ErrorCode::NoProto => "HELLO asked for a protocol other than 2 and 3. Nothing changed.",
            ErrorCode::ExecAbort => {
                "A command of the batch was mistaken when it was queued. None of the batch was done."
            }
            ErrorCode::Busy => {
                "There was no room to queue the request, or too much was due at once. Nothing was taken. Try again after a pause."
            }
            ErrorCode::ShardDown => {
                "The offer's shard has stopped. Whether the request was decided is not known; asking with the same id tells once the shard is back."
            }
            ErrorCode::DiskFull => {
                "The disk of the journal has too little room left. Nothing was taken; reads are answered as before. Make room; then the same request goes through."
            }
            ErrorCode::Gone => {
                "The feed no longer keeps the entries that were asked for; the text names the first one that it has. Take stock by other means, then read on from there."
            }
        }
    }

    /// Whether the same request may succeed later.
    pub const fn retryable(self) -> bool {
        match self {
            ErrorCode::Busy | ErrorCode::ShardDown | ErrorCode::DiskFull => true,
            ErrorCode::Err
            | ErrorCode::CrossSlot
            | ErrorCode::NoProto
            | ErrorCode::ExecAbort
            | ErrorCode::Gone => false,
        }
    }
}
