//! COMMAND and its subcommands, written from the table in Redis 7's shapes.
//!
//! The connection calls these while it answers; nothing here changes anything.

use crate::command::args::Args;
use crate::command::find;
use crate::command::spec::{Effect, Group, Keys, Spec};
use crate::command::table::TABLE;
use crate::error_code::ErrorCode;
use crate::resp::decode::Frame;
use crate::resp::encode::{Encoder, key};

/// The version in which every command of the table appeared.
const SINCE: &str = env!("CARGO_PKG_VERSION");

/// `COMMAND`: every command in ten fields.
pub fn all(out: &mut Encoder<'_>) {
    out.array(TABLE.len());
    for spec in TABLE {
        ten_fields(out, spec);
    }
}

/// `COMMAND COUNT`
pub fn count(out: &mut Encoder<'_>) {
    out.integer(TABLE.len() as u64);
}

/// `COMMAND LIST`
pub fn list(out: &mut Encoder<'_>) {
    out.array(TABLE.len());
    for spec in TABLE {
        out.bulk(wire_name(spec).as_bytes());
    }
}

/// `COMMAND INFO [command …]`: null for a name that is no command.
pub fn info(out: &mut Encoder<'_>, names: &mut Args<'_>) {
    if names.left() == 0 {
        return all(out);
    }
    out.array(names.left());
    while let Some(name) = names.rest() {
        match by_wire_name(name) {
            Some(spec) => ten_fields(out, spec),
            None => out.null(),
        }
    }
}

/// `COMMAND DOCS [command …]`: unknown names are left out.
pub fn docs(out: &mut Encoder<'_>, names: &mut Args<'_>) {
    if names.left() == 0 {
        out.map(TABLE.len());
        for spec in TABLE {
            doc(out, spec);
        }
        return;
    }
    let known: Vec<&Spec> = std::iter::from_fn(|| names.rest()).filter_map(by_wire_name).collect();
    out.map(known.len());
    for spec in known {
        doc(out, spec);
    }
}

/// `COMMAND GETKEYS command [arg …]`
pub fn get_keys(out: &mut Encoder<'_>, command: Frame<'_>) {
    let Ok(spec) = find(command) else {
        return out.error(ErrorCode::Err.name(), "Invalid command specified");
    };
    if spec.check_arity(command).is_err() {
        return out.error(ErrorCode::Err.name(), "Invalid number of arguments specified for command");
    }
    let keys = spec.keys_of(command);
    if keys.is_empty() {
        return out.error(ErrorCode::Err.name(), "The command has no key arguments");
    }
    out.array(keys.len());
    for key in keys {
        out.bulk(key);
    }
}

/// The name as COMMAND gives it: in small letters, a subcommand as `offer|put`.
fn wire_name(spec: &Spec) -> String {
    spec.full_name.to_ascii_lowercase().replace(' ', "|")
}

fn by_wire_name(name: &[u8]) -> Option<&'static Spec> {
    let mut words = name.splitn(2, |byte| *byte == b'|');
    let command = words.next()?;
    let spec = TABLE.iter().find(|spec| spec.is_named(command))?;
    match words.next() {
        None => Some(spec),
        Some(sub) => spec.subcommands.iter().find(|spec| spec.is_named(sub)),
    }
}

fn ten_fields(out: &mut Encoder<'_>, spec: &Spec) {
    let key = u64::from(spec.keys.place());
    out.array(10);
    out.bulk(wire_name(spec).as_bytes());
    out.signed(i64::from(spec.arity));
    let flags = flags(spec);
    out.set(flags.len());
    for flag in flags {
        out.simple(flag);
    }
    out.integer(key);
    out.integer(key);
    out.integer(u64::from(key != 0));
    let categories = categories(spec);
    out.set(categories.len());
    for category in categories {
        out.simple(category);
    }
    out.array(0);
    key_specification(out, spec);
    out.array(spec.subcommands.len());
    for sub in spec.subcommands {
        ten_fields(out, sub);
    }
}

/// How a client finds the keys: where to begin, and how many to take.
fn key_specification(out: &mut Encoder<'_>, spec: &Spec) {
    let place = match spec.keys {
        Keys::None => return out.array(0),
        Keys::At(place) => Some(place),
        Keys::Streams => None,
    };
    out.array(1);
    out.map(3);
    out.key(key!(5 "flags"));
    out.set(2);
    let (access, purpose) = match spec.effect {
        Effect::Write => ("RW", "update"),
        Effect::Read | Effect::None => ("RO", "access"),
    };
    out.simple(access);
    out.simple(purpose);
    out.key(key!(12 "begin_search"));
    out.map(2);
    if let Some(place) = place {
        out.pair_bulk(key!(4 "type"), b"index");
        out.key(key!(4 "spec"));
        out.map(1);
        out.pair_integer(key!(5 "index"), u64::from(place));
    } else {
        out.pair_bulk(key!(4 "type"), b"keyword");
        out.key(key!(4 "spec"));
        out.map(2);
        out.pair_bulk(key!(7 "keyword"), b"STREAMS");
        out.pair_integer(key!(9 "startfrom"), 1);
    }
    // Without a place: half of what stands behind the word, up to the last argument.
    let (last, part) = if place.is_some() { (0, 0) } else { (-1, 2) };
    out.key(key!(9 "find_keys"));
    out.map(2);
    out.pair_bulk(key!(4 "type"), b"range");
    out.key(key!(4 "spec"));
    out.map(3);
    out.key(key!(7 "lastkey"));
    out.signed(last);
    out.pair_integer(key!(7 "keystep"), 1);
    out.pair_integer(key!(5 "limit"), part);
}

fn flags(spec: &Spec) -> &'static [&'static str] {
    match (spec.effect, spec.group) {
        (Effect::Read, Group::Feed) if spec.keys == Keys::Streams => {
            &["readonly", "noscript", "blocking", "movablekeys"]
        }
        (Effect::Write, Group::Operator) => &["write", "admin", "noscript"],
        (Effect::Write, _) => &["write", "denyoom", "noscript", "fast"],
        (Effect::Read, _) => &["readonly", "noscript"],
        (Effect::None, Group::Connection) => &["noscript", "loading", "stale", "fast"],
        (Effect::None, _) => &["noscript", "loading", "stale"],
    }
}

fn categories(spec: &Spec) -> &'static [&'static str] {
    match (spec.effect, spec.group) {
        (Effect::Read, Group::Feed) if spec.keys == Keys::Streams => {
            &["@read", "@stream", "@slow", "@blocking"]
        }
        (Effect::Read, Group::Feed) => &["@read", "@stream", "@slow"],
        (Effect::Write, Group::Operator) => &["@write", "@admin", "@slow"],
        (Effect::Write, _) => &["@write", "@fast"],
        (Effect::Read, _) => &["@read", "@slow"],
        (Effect::None, Group::Connection) => &["@fast", "@connection"],
        (Effect::None, Group::Transactions) => &["@fast", "@transaction"],
        (Effect::None, _) => &["@slow"],
    }
}

fn doc(out: &mut Encoder<'_>, spec: &Spec) {
    out.bulk(wire_name(spec).as_bytes());
    let arguments = arguments(spec.syntax);
    let has_arguments = !arguments.is_empty() && spec.subcommands.is_empty();
    out.map(3 + usize::from(has_arguments) + usize::from(!spec.subcommands.is_empty()));
    out.pair_bulk(key!(7 "summary"), spec.summary.as_bytes());
    out.pair_bulk(key!(5 "since"), SINCE.as_bytes());
    out.pair_bulk(key!(5 "group"), spec.group.name().as_bytes());
    if has_arguments {
        out.key(key!(9 "arguments"));
        out.array(arguments.len());
        for argument in &arguments {
            argument.write(out);
        }
    }
    if !spec.subcommands.is_empty() {
        out.key(key!(11 "subcommands"));
        out.map(spec.subcommands.len());
        for sub in spec.subcommands {
            doc(out, sub);
        }
    }
}

/// One argument, read off the syntax: `name`, `TOKEN name`, either in brackets.
struct Argument {
    token: Option<&'static str>,
    name: &'static str,
    is_optional: bool,
}

impl Argument {
    fn write(&self, out: &mut Encoder<'_>) {
        let is_flag = self.name.is_empty();
        out.map(2 + usize::from(self.token.is_some()) + usize::from(self.is_optional));
        out.pair_bulk(
            key!(4 "name"),
            if is_flag { self.token.unwrap_or_default() } else { self.name }.as_bytes(),
        );
        out.pair_bulk(key!(4 "type"), if is_flag { b"pure-token" } else { b"string" });
        if let Some(token) = self.token {
            out.pair_bulk(key!(5 "token"), token.as_bytes());
        }
        if self.is_optional {
            out.key(key!(5 "flags"));
            out.set(1);
            out.simple("optional");
        }
    }
}

/// The arguments of a syntax such as `offer id [QTY n] [NORESTOCK]`, in order. Brackets within brackets are one argument.
fn arguments(syntax: &'static str) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut rest = syntax.trim();
    while !rest.is_empty() {
        let is_optional = rest.starts_with('[');
        let (inside, after) = if is_optional { bracketed(rest) } else { plain(rest) };
        let (word, value) = inside.split_once(' ').unwrap_or((inside, ""));
        let is_token = word.chars().all(|char| char.is_ascii_uppercase() || char == '-') && !word.is_empty();
        arguments.push(if is_token {
            Argument { token: Some(word), name: value, is_optional }
        } else {
            Argument { token: None, name: inside, is_optional }
        });
        rest = after.trim_start();
    }
    arguments
}

/// What stands in the brackets that `text` begins with, and what follows them.
fn bracketed(text: &'static str) -> (&'static str, &'static str) {
    let mut depth = 0usize;
    for (index, char) in text.char_indices() {
        match char {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&text[1..index], &text[index + 1..]);
        }
    }
    (text, "")
}

/// The word that `text` begins with, with the next one where it is a token, and what follows.
fn plain(text: &'static str) -> (&'static str, &'static str) {
    let end = |from: usize| text[from..].find(' ').map_or(text.len(), |space| from + space);
    let first = end(0);
    let is_token = first > 1 && text[..first].chars().all(|char| char.is_ascii_uppercase());
    let last = if is_token && first < text.len() { end(first + 1) } else { first };
    (&text[..last], &text[last..])
}
