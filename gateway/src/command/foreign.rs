//! Commands of Redis that have no place here, known by name so that the answer says why.

/// Why groups of readers have no place here.
const OWN_PLACE: &str = "is not offered: a reader of a feed keeps its own place, the id of the last entry that it has dealt with; use XREAD";
/// Why nobody writes to a feed.
const SALE_WRITES: &str = "is not offered: only decisions of the sale are written to a feed, and it drops its oldest entries by itself";

static FOREIGN: &[(&str, &str)] = &[
    ("XREADGROUP", OWN_PLACE),
    ("XGROUP", OWN_PLACE),
    ("XACK", OWN_PLACE),
    ("XPENDING", OWN_PLACE),
    ("XCLAIM", OWN_PLACE),
    ("XAUTOCLAIM", OWN_PLACE),
    ("XADD", SALE_WRITES),
    ("XDEL", SALE_WRITES),
    ("XTRIM", SALE_WRITES),
    ("XSETID", SALE_WRITES),
];

static FOREIGN_SUBCOMMANDS: &[(&str, &str, &str)] = &[("XINFO", "XINFO CONSUMERS", OWN_PLACE)];

/// The name and the reason of a command that has no place here.
pub(super) fn foreign(name: &[u8]) -> Option<(&'static str, &'static str)> {
    FOREIGN.iter().copied().find(|(foreign, _)| foreign.as_bytes().eq_ignore_ascii_case(name))
}

/// Likewise for a subcommand of `command`.
pub(super) fn foreign_subcommand(command: &str, word: &[u8]) -> Option<(&'static str, &'static str)> {
    FOREIGN_SUBCOMMANDS
        .iter()
        .find(|(container, sub, _)| {
            let sub = sub.strip_prefix(container).unwrap_or(sub).trim_start();
            *container == command && sub.as_bytes().eq_ignore_ascii_case(word)
        })
        .map(|(_, sub, why)| (*sub, *why))
}
