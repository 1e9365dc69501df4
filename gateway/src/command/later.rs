//! Commands, subcommands and options of later versions: known by name, so that they are refused by name and never ignored.

use crate::command::spec::Spec;

/// Commands of later versions.
pub(super) static LATER: &[&str] = &["BARGAIN", "CUT", "GIFT", "REPRICE", "REFERRERS"];

/// Subcommands of later versions, by their full names.
pub(super) static LATER_SUBCOMMANDS: &[&str] = &["OFFER DRAW", "OFFER PRODUCE", "OFFER DROP", "OFFER RERUN"];

/// Options of later versions: the command, the option.
pub(super) static LATER_OPTIONS: &[(&str, &str)] =
    &[("BUY", "OPTION"), ("BUY", "COUPON"), ("BUY", "BARGAIN"), ("BUY", "WAIT")];

/// The later command of this name.
pub(super) fn later(name: &[u8]) -> Option<&'static str> {
    LATER.iter().copied().find(|later| later.as_bytes().eq_ignore_ascii_case(name))
}

/// The later subcommand of this command and word.
pub(super) fn later_subcommand(spec: &Spec, word: &[u8]) -> Option<&'static str> {
    LATER_SUBCOMMANDS.iter().copied().find(|later| {
        later
            .split_once(' ')
            .is_some_and(|(command, sub)| command == spec.name && sub.as_bytes().eq_ignore_ascii_case(word))
    })
}

/// The later option of this command and word.
pub(super) fn later_option(spec: &Spec, word: &[u8]) -> Option<&'static str> {
    LATER_OPTIONS
        .iter()
        .find(|(command, option)| *command == spec.full_name && option.as_bytes().eq_ignore_ascii_case(word))
        .map(|(_, option)| *option)
}
