//! The table of commands: the one definition from which parsing, COMMAND, the docs and the tests derive.
//!
//! A line's `parse` is what reads it, so that a command cannot be documented and missing, or the other way round.

pub use crate::command::spec::Spec;
use crate::command::spec::{Effect, Group, Parse};
use crate::command::{operator, session, storefront};

/// A line without subcommands.
const fn line(
    group: Group,
    effect: Effect,
    name: (&'static str, &'static str),
    place: (i16, u8),
    parse: Parse,
    about: (&'static str, &'static str, &'static [&'static str]),
) -> Spec {
    Spec {
        name: name.0,
        full_name: name.1,
        arity: place.0,
        key: place.1,
        effect,
        group,
        syntax: about.0,
        summary: about.1,
        statuses: about.2,
        parse,
        subcommands: &[],
    }
}

const fn shop(
    name: &'static str,
    effect: Effect,
    place: (i16, u8),
    parse: Parse,
    about: (&'static str, &'static str, &'static [&'static str]),
) -> Spec {
    line(Group::Storefront, effect, (name, name), place, parse, about)
}

const fn own(
    group: Group,
    name: (&'static str, &'static str),
    arity: i16,
    parse: Parse,
    about: (&'static str, &'static str),
) -> Spec {
    line(group, Effect::None, name, (arity, 0), parse, (about.0, about.1, &[]))
}

const fn container(spec: Spec, subcommands: &'static [Spec]) -> Spec {
    Spec { subcommands, ..spec }
}

/// Every command, the most frequent first.
pub static TABLE: &[Spec] = &[
    shop(
        "BUY",
        Effect::Write,
        (-4, 1),
        storefront::buy,
        (
            "offer buyer id [QTY n] [GROUP NEW|ANY|group] [TAGS a,b] [REFERRER buyer] [CODE text]",
            "Decides an intent: units, a seat, a price and a deadline at once, or a refusal that took nothing. The same id and intent again is a replay.",
            &[
                "HELD",
                "PAID",
                "WON",
                "OFFER_UNKNOWN",
                "ID_CONFLICT",
                "NOT_OPEN",
                "PAUSED",
                "CLOSED",
                "NOT_ADMITTED",
                "LIMIT",
                "GROUP_UNKNOWN",
                "GROUP_OVER",
                "GROUP_FULL",
                "GROUP_MEMBER",
                "SOLD_OUT",
                "RELEASED",
                "REFUNDED",
            ],
        ),
    ),
    shop(
        "PAY",
        Effect::Write,
        (-3, 1),
        storefront::pay,
        (
            "offer id [AMOUNT n] [REF text]",
            "Records a payment. Before the deadline it wins; later the money is owed back, or the units are taken again if the offer says so. The same REF again is a replay.",
            &["PAID", "WON", "RELEASED", "REFUNDED", "UNKNOWN", "AMOUNT"],
        ),
    ),
    shop(
        "CANCEL",
        Effect::Write,
        (3, 1),
        storefront::cancel,
        (
            "offer id",
            "Gives up an unpaid reservation, or leaves an unformed group where the offer allows it. Answers the state after it.",
            &["HELD", "PAID", "WON", "RELEASED", "REFUNDED", "UNKNOWN"],
        ),
    ),
    shop(
        "SHOW",
        Effect::Read,
        (3, 1),
        storefront::show,
        (
            "offer id",
            "Shows a reservation as it stands.",
            &["HELD", "PAID", "WON", "RELEASED", "REFUNDED", "UNKNOWN"],
        ),
    ),
    shop(
        "RETURN",
        Effect::Write,
        (-3, 1),
        storefront::give_back,
        (
            "offer id [QTY n] [NORESTOCK] [OP op]",
            "Takes won units back, all or QTY of them, and says what is owed. QTY needs an OP; the same OP counts once.",
            &["HELD", "PAID", "WON", "RELEASED", "REFUNDED", "UNKNOWN"],
        ),
    ),
    shop(
        "BUYER",
        Effect::Read,
        (3, 1),
        storefront::buyer,
        (
            "offer buyer",
            "Counts a buyer's units on an offer and in its campaign, and lists the newest reservations.",
            &["OK", "OFFER_UNKNOWN", "UNKNOWN"],
        ),
    ),
    shop(
        "GROUP",
        Effect::Read,
        (3, 1),
        storefront::group,
        (
            "offer group",
            "Shows a group with its members.",
            &["OPEN", "FORMED", "FAILED", "ABSORBED", "OFFER_UNKNOWN", "UNKNOWN"],
        ),
    ),
    shop(
        "GROUPS",
        Effect::Read,
        (-2, 1),
        storefront::groups,
        ("offer [COUNT n]", "Lists open groups, nearest to full first.", &["OK", "OFFER_UNKNOWN"]),
    ),
    container(
        line(
            Group::Operator,
            Effect::None,
            ("OFFER", "OFFER"),
            (-2, 0),
            operator::no_subcommand,
            ("PUT|GET|PAUSE|RESUME|CLOSE|LIST|EXTEND …", "Commands about offers.", &[]),
        ),
        OFFER,
    ),
    container(
        line(
            Group::Operator,
            Effect::None,
            ("POOL", "POOL"),
            (-2, 0),
            operator::no_subcommand,
            ("ADD|GET …", "Commands about pools, the counted stock.", &[]),
        ),
        POOL,
    ),
    line(
        Group::Operator,
        Effect::Write,
        ("REVOKE", "REVOKE"),
        (4, 1),
        operator::revoke,
        (
            "offer id reason",
            "Ends any live reservation, for a reason that is kept. What was paid is owed.",
            &["RELEASED", "REFUNDED", "UNKNOWN"],
        ),
    ),
    line(
        Group::Operator,
        Effect::Read,
        ("RESERVATIONS", "RESERVATIONS"),
        (-2, 1),
        operator::reservations,
        (
            "offer [STATE s] [CURSOR c] [COUNT n]",
            "Lists an offer's reservations in order of acceptance, page by page.",
            &["OK", "OFFER_UNKNOWN"],
        ),
    ),
    line(
        Group::Operator,
        Effect::Read,
        ("DEMAND", "DEMAND"),
        (2, 1),
        operator::demand,
        (
            "offer",
            "Tells how many wanted the offer, what they were answered, and when.",
            &["OK", "OFFER_UNKNOWN"],
        ),
    ),
    line(
        Group::Operator,
        Effect::Read,
        ("AUDIT", "AUDIT"),
        (-1, 1),
        operator::audit,
        (
            "[offer]",
            "Checks every invariant of the offer's campaign, or of everything, and gives the sums and the event it speaks of.",
            &["OK", "BROKEN", "OFFER_UNKNOWN"],
        ),
    ),
    own(
        Group::Server,
        ("INFO", "INFO"),
        -1,
        session::info,
        ("[section …]", "Tells the server's version, limits and counters."),
    ),
    own(
        Group::Connection,
        ("PING", "PING"),
        -1,
        session::ping,
        ("[message]", "Answers PONG, or the message."),
    ),
    own(Group::Connection, ("ECHO", "ECHO"), 2, session::echo, ("message", "Answers the message.")),
    own(
        Group::Connection,
        ("HELLO", "HELLO"),
        -1,
        session::hello,
        (
            "[protocol [AUTH user password] [SETNAME name]]",
            "Chooses RESP2 or RESP3 and introduces the server.",
        ),
    ),
    own(
        Group::Connection,
        ("AUTH", "AUTH"),
        -2,
        session::auth,
        ("[user] password", "Logs in. No password is configured, so that this is always an error."),
    ),
    own(
        Group::Connection,
        ("SELECT", "SELECT"),
        2,
        session::select,
        ("0", "Chooses database 0, the only one."),
    ),
    container(
        own(
            Group::Connection,
            ("CLIENT", "CLIENT"),
            -2,
            operator::no_subcommand,
            ("ID|INFO|LIST|GETNAME|SETNAME|SETINFO …", "Commands about connections."),
        ),
        CLIENT,
    ),
    own(
        Group::Connection,
        ("QUIT", "QUIT"),
        -1,
        session::quit,
        ("", "Answers OK and closes the connection."),
    ),
    own(
        Group::Connection,
        ("RESET", "RESET"),
        1,
        session::reset,
        ("", "Brings the connection back to how it began."),
    ),
    own(
        Group::Transactions,
        ("MULTI", "MULTI"),
        1,
        session::multi,
        ("", "Begins a batch: commands are queued until EXEC. A batch is not atomic across its commands."),
    ),
    own(
        Group::Transactions,
        ("EXEC", "EXEC"),
        1,
        session::exec,
        ("", "Runs the queued commands in order and answers all of them in one array."),
    ),
    own(
        Group::Transactions,
        ("DISCARD", "DISCARD"),
        1,
        session::discard,
        ("", "Forgets the queued commands."),
    ),
    container(
        own(
            Group::Server,
            ("COMMAND", "COMMAND"),
            -1,
            session::command_all,
            ("[COUNT|INFO|DOCS|LIST|GETKEYS …]", "Describes every command."),
        ),
        COMMAND,
    ),
    container(
        own(
            Group::Server,
            ("CONFIG", "CONFIG"),
            -2,
            operator::no_subcommand,
            ("GET …", "Commands about settings."),
        ),
        CONFIG,
    ),
    own(
        Group::Server,
        ("CLUSTER", "CLUSTER"),
        -2,
        session::cluster,
        ("subcommand …", "Answers that cluster support is disabled."),
    ),
];

static OFFER: &[Spec] = &[
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
            &["SCHEDULED", "OPEN", "PAUSED", "CLOSED", "OFFER_UNKNOWN"],
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

static POOL: &[Spec] = &[
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

static CLIENT: &[Spec] = &[
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

static COMMAND: &[Spec] = &[
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

static CONFIG: &[Spec] = &[own(
    Group::Server,
    ("GET", "CONFIG GET"),
    -3,
    session::config_get,
    ("name …", "Answers settings under the names that Redis tools ask for."),
)];

#[cfg(test)]
mod tests {
    use super::{Spec, TABLE};
    use crate::command::later::{LATER, LATER_OPTIONS, LATER_SUBCOMMANDS};
    use stampede_engine::core::{GroupState, OfferWindow, Refusal, Status};
    use std::collections::HashSet;

    fn every_line() -> Vec<&'static Spec> {
        TABLE.iter().flat_map(|spec| std::iter::once(spec).chain(spec.subcommands)).collect()
    }

    #[test]
    fn every_name_stands_once_and_every_status_is_one_that_exists() {
        let mut names = HashSet::new();
        let windows = [OfferWindow::Scheduled, OfferWindow::Open, OfferWindow::Paused, OfferWindow::Closed];
        let groups = [GroupState::Open, GroupState::Formed, GroupState::Failed, GroupState::Absorbed];
        let known: HashSet<&str> = ["OK", "BROKEN"]
            .into_iter()
            .chain(Status::ALL.map(Status::name))
            .chain(Refusal::ALL.map(Refusal::name))
            .chain(windows.map(OfferWindow::name))
            .chain(groups.map(GroupState::name))
            .collect();
        for spec in every_line() {
            assert!(names.insert(spec.full_name), "{} stands twice", spec.full_name);
            assert!(spec.full_name.ends_with(spec.name));
            for status in spec.statuses {
                assert!(known.contains(status), "{status} of {}", spec.full_name);
            }
            let given: HashSet<&&str> = spec.statuses.iter().collect();
            assert_eq!(given.len(), spec.statuses.len(), "a status of {} stands twice", spec.full_name);
        }
        for later in LATER.iter().chain(LATER_SUBCOMMANDS) {
            assert!(!names.contains(later), "{later} is here already");
        }
        assert!(LATER_OPTIONS.iter().all(|(command, _)| names.contains(command)));
    }

    #[test]
    fn arity_agrees_with_the_syntax() {
        for spec in every_line().into_iter().filter(|spec| spec.subcommands.is_empty()) {
            let optional = spec.syntax.contains('[') || spec.syntax.contains('…');
            let mut depth = 0_i32;
            let outside: String = spec
                .syntax
                .chars()
                .filter(|char| {
                    depth += i32::from(*char == '[') - i32::from(*char == ']');
                    depth == 0 && !matches!(char, ']' | '…')
                })
                .collect();
            let words = spec.words() + outside.split_whitespace().count();
            assert_eq!(usize::from(spec.arity.unsigned_abs()), words, "{} {}", spec.full_name, spec.syntax);
            assert_eq!(spec.arity < 0, optional || spec.name == "QUIT", "{} {}", spec.full_name, spec.syntax);
        }
    }
}
