//! Makes the lines of the table: what most lines have in common stands here once.

use crate::command::spec::{Effect, Group, Keys, Parse, Spec};

/// A line without subcommands.
pub(super) const fn line(
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
        keys: if place.1 == 0 { Keys::None } else { Keys::At(place.1) },
        effect,
        group,
        syntax: about.0,
        summary: about.1,
        statuses: about.2,
        parse,
        subcommands: &[],
    }
}

pub(super) const fn shop(
    name: &'static str,
    effect: Effect,
    place: (i16, u8),
    parse: Parse,
    about: (&'static str, &'static str, &'static [&'static str]),
) -> Spec {
    line(Group::Storefront, effect, (name, name), place, parse, about)
}

pub(super) const fn own(
    group: Group,
    name: (&'static str, &'static str),
    arity: i16,
    parse: Parse,
    about: (&'static str, &'static str),
) -> Spec {
    line(group, Effect::None, name, (arity, 0), parse, (about.0, about.1, &[]))
}

pub(super) const fn reading(
    name: (&'static str, &'static str),
    place: (i16, u8),
    parse: Parse,
    about: (&'static str, &'static str),
) -> Spec {
    line(Group::Feed, Effect::Read, name, place, parse, (about.0, about.1, &[]))
}

pub(super) const fn container(spec: Spec, subcommands: &'static [Spec]) -> Spec {
    Spec { subcommands, ..spec }
}
