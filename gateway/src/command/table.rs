//! The table of commands: the one definition from which parsing, COMMAND, the docs and the tests derive.
//!
//! A line's `parse` is what reads it, so that a command cannot be documented and missing, or the other way round. The
//! lines of subcommands are in `subcommands`, the form of a line in `spec`.

mod lines;
mod subcommands;

pub use crate::command::spec::Spec;
use crate::command::spec::{Effect, Group, Keys};
use crate::command::{feed, operator, session, storefront};
use lines::{container, line, own, reading, shop};
use subcommands::{CLIENT, COMMAND, CONFIG, OFFER, POOL, XINFO};

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
            ("PUT|GET|PAUSE|RESUME|CLOSE|REMOVE|LIST|EXTEND …", "Commands about offers.", &[]),
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
    Spec {
        keys: Keys::Streams,
        ..reading(
            ("XREAD", "XREAD"),
            (-4, 0),
            feed::read,
            (
                "[COUNT n] [BLOCK ms] STREAMS key [key …] id [id …]",
                "Reads what comes behind an entry of each feed; waits for it with BLOCK, at most four seconds.",
            ),
        )
    },
    reading(
        ("XRANGE", "XRANGE"),
        (-4, 1),
        feed::range,
        (
            "key start end [COUNT n]",
            "Reads the entries of a feed from one place to another, the oldest first.",
        ),
    ),
    reading(
        ("XREVRANGE", "XREVRANGE"),
        (-4, 1),
        feed::range_backward,
        (
            "key end start [COUNT n]",
            "Reads the entries of a feed from one place back to another, the newest first.",
        ),
    ),
    reading(("XLEN", "XLEN"), (2, 1), feed::len, ("key", "Counts the entries that a feed keeps.")),
    container(
        reading(
            ("XINFO", "XINFO"),
            (-2, 0),
            operator::no_subcommand,
            ("STREAM|GROUPS …", "Commands about feeds."),
        ),
        XINFO,
    ),
    own(
        Group::Server,
        ("INFO", "INFO"),
        -1,
        session::info,
        ("[section …]", "Tells the server's version, limits and counters."),
    ),
    own(
        Group::Server,
        ("BGSAVE", "BGSAVE"),
        -1,
        session::save,
        ("[SCHEDULE]", "Begins a snapshot of every shard, beside the sale, so that the next start is quick."),
    ),
    own(
        Group::Server,
        ("LASTSAVE", "LASTSAVE"),
        1,
        session::last_save,
        ("", "Answers when every shard was last saved, in Unix seconds."),
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
        let windows = [
            OfferWindow::Scheduled,
            OfferWindow::Open,
            OfferWindow::Paused,
            OfferWindow::Closed,
            OfferWindow::Removed,
        ];
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
    fn the_syntax_of_a_container_names_its_subcommands_in_their_order() {
        for spec in TABLE.iter().filter(|spec| !spec.subcommands.is_empty()) {
            let named = spec.syntax.trim_matches(['[', ']']).trim_end_matches(" …").split('|');
            let known = spec.subcommands.iter().map(|sub| sub.name);
            assert_eq!(named.collect::<Vec<_>>(), known.collect::<Vec<_>>(), "{}", spec.full_name);
        }
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
