//! The subcommands of the table of commands.

use crate::command::spec::{Effect, Group, Spec};
use crate::command::table::lines::{line, own, reading};
use crate::command::{feed, operator, session};

pub(super) static OFFER: &[Spec] = &[
    line(
        Group::Operator,
        Effect::Write,
        ("PUT", "OFFER PUT"),
        (4, 2),
        operator::offer_put,
        (
            "offer json",
            "Defines an offer, or changes what may change. The same definition again is OK.",
            &["OK"],
        ),
    ),
    line(
        Group::Operator,
        Effect::Read,
        ("GET", "OFFER GET"),
        (3, 2),
        operator::offer_get,
        (
            "offer",
            "Shows an offer with its definition and sums.",
            &["SCHEDULED", "OPEN", "PAUSED", "CLOSED", "REMOVED", "OFFER_UNKNOWN"],
        ),
    ),
    line(
        Group::Operator,
        Effect::Write,
        ("PAUSE", "OFFER PAUSE"),
        (3, 2),
        operator::offer_pause,
        ("offer", "Refuses purchases until RESUME. Payments go on.", &["OK", "OFFER_UNKNOWN"]),
    ),
    line(
        Group::Operator,
        Effect::Write,
        ("RESUME", "OFFER RESUME"),
        (3, 2),
        operator::offer_resume,
        ("offer", "Ends a pause.", &["OK", "OFFER_UNKNOWN"]),
    ),
    line(
        Group::Operator,
        Effect::Write,
        ("CLOSE", "OFFER CLOSE"),
        (3, 2),
        operator::offer_close,
        (
            "offer",
            "Ends selling, for good. Holds and open groups run on to their deadlines.",
            &["OK", "OFFER_UNKNOWN"],
        ),
    ),
    line(
        Group::Operator,
        Effect::Write,
        ("REMOVE", "OFFER REMOVE"),
        (3, 2),
        operator::offer_remove,
        (
            "offer",
            "Takes a closed and settled offer out of memory; its sums stay, its reservations answer UNKNOWN.",
            &["OK", "OFFER_UNKNOWN"],
        ),
    ),
    line(
        Group::Operator,
        Effect::Read,
        ("LIST", "OFFER LIST"),
        (-2, 0),
        operator::offer_list,
        ("[CURSOR c] [COUNT n]", "Lists the offers of all shards, page by page.", &["OK"]),
    ),
    line(
        Group::Operator,
        Effect::Write,
        ("EXTEND", "OFFER EXTEND"),
        (6, 2),
        operator::offer_extend,
        (
            "offer duration ID op",
            "Moves the deadlines of live holds and open groups. The same op counts once.",
            &["OK", "OFFER_UNKNOWN"],
        ),
    ),
];

pub(super) static POOL: &[Spec] = &[
    line(
        Group::Operator,
        Effect::Write,
        ("ADD", "POOL ADD"),
        (6, 2),
        operator::pool_add,
        (
            "pool n ID op",
            "Adds units to a pool, or takes available ones out where n is negative; creates an unknown pool. The same op counts once.",
            &["OK"],
        ),
    ),
    line(
        Group::Operator,
        Effect::Read,
        ("GET", "POOL GET"),
        (3, 2),
        operator::pool_get,
        ("pool", "Shows a pool's counts.", &["OK", "UNKNOWN"]),
    ),
];

pub(super) static CLIENT: &[Spec] = &[
    own(
        Group::Connection,
        ("ID", "CLIENT ID"),
        2,
        session::client_id,
        ("", "Answers the connection's number."),
    ),
    own(
        Group::Connection,
        ("INFO", "CLIENT INFO"),
        2,
        session::client_info,
        ("", "Describes this connection."),
    ),
    own(
        Group::Connection,
        ("LIST", "CLIENT LIST"),
        2,
        session::client_list,
        ("", "Describes every connection."),
    ),
    own(
        Group::Connection,
        ("GETNAME", "CLIENT GETNAME"),
        2,
        session::client_get_name,
        ("", "Answers the connection's name."),
    ),
    own(
        Group::Connection,
        ("SETNAME", "CLIENT SETNAME"),
        3,
        session::client_set_name,
        ("name", "Names the connection."),
    ),
    own(
        Group::Connection,
        ("SETINFO", "CLIENT SETINFO"),
        4,
        session::client_set_info,
        ("LIB-NAME|LIB-VER text", "Notes the client library's name or version."),
    ),
];

pub(super) static COMMAND: &[Spec] = &[
    own(Group::Server, ("COUNT", "COMMAND COUNT"), 2, session::command_count, ("", "Counts the commands.")),
    own(
        Group::Server,
        ("INFO", "COMMAND INFO"),
        -2,
        session::command_info,
        ("[command …]", "Describes some commands."),
    ),
    own(
        Group::Server,
        ("DOCS", "COMMAND DOCS"),
        -2,
        session::command_docs,
        ("[command …]", "Documents some or all commands."),
    ),
    own(Group::Server, ("LIST", "COMMAND LIST"), 2, session::command_list, ("", "Names the commands.")),
    own(
        Group::Server,
        ("GETKEYS", "COMMAND GETKEYS"),
        -3,
        session::command_get_keys,
        ("command [arg …]", "Answers the keys of a command."),
    ),
];

pub(super) static CONFIG: &[Spec] = &[own(
    Group::Server,
    ("GET", "CONFIG GET"),
    -3,
    session::config_get,
    ("name …", "Answers settings under the names that Redis tools ask for."),
)];

pub(super) static XINFO: &[Spec] = &[
    reading(
        ("STREAM", "XINFO STREAM"),
        (-3, 2),
        feed::info_stream,
        ("key [FULL]", "Tells how much of a feed is kept, and its first and last entry. FULL is refused."),
    ),
    reading(
        ("GROUPS", "XINFO GROUPS"),
        (3, 2),
        feed::info_groups,
        ("key", "Answers an empty list: a reader of a feed keeps its own place."),
    ),
];
