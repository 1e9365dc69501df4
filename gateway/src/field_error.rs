//! Says which field of a JSON or TOML text is wrong, what was expected there, and what stood there.
//!
//! Turns serde's messages into sentences for the person who wrote the text. Knows no field of its own: offers and the
//! configuration bring theirs. Every sentence fits one line, so that it can travel in a RESP error.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// The longest piece of the caller's text that an error repeats.
const FOUND_CHARS_MAX: usize = 60;

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    path: String,
    problem: String,
}

impl FieldError {
    /// An error at `path` (`settle.group.size`); the empty path is the whole text.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        FieldError { path: one_line(&path.into()), problem: one_line(&problem.into()) }
    }

    /// "expected …, found …" at `path`.
    pub fn expected(path: impl Into<String>, expected: &str, found: Option<&str>) -> Self {
        let problem = match found {
            Some(found) => format!("expected {expected}, found {}", shorten(found)),
            None => format!("expected {expected}"),
        };
        FieldError::new(path, problem)
    }

    /// The same error in a larger text, where the field stands under `prefix`.
    pub fn under(self, prefix: &str) -> Self {
        let path = if self.path.is_empty() { prefix.to_owned() } else { format!("{prefix}.{}", self.path) };
        FieldError::new(path, self.problem)
    }

    /// The field's path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong with it.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.path, self.problem)
        }
    }
}

impl std::error::Error for FieldError {}

/// Fields by name. A derived reader would take a list too, field after field, and a list says nothing of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct Table<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Table<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of fields")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Table<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Table)
            }
        }
        deserializer.deserialize_any(Read(PhantomData))
    }
}

/// Reads one JSON value and nothing after it.
pub(crate) fn from_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, FieldError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| explain(&error))?;
    reader.end().map_err(|error| FieldError::new("", format!("not JSON: {error}")))?;
    Ok(value)
}

/// Reads a value that was JSON or TOML text before.
pub(crate) fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(value).map_err(|error| explain(&error))
}

/// Reads TOML into the value that the same text as JSON would give; instants become their RFC 3339 text.
pub(crate) fn toml_value(text: &str) -> Result<serde_json::Value, FieldError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
        let place = line.map_or(String::new(), |line| format!(" in line {line}"));
        FieldError::new("", format!("not TOML{place}: {}", error.message()))
    })?;
    to_json(toml::Value::Table(table), "")
}

fn to_json(value: toml::Value, path: &str) -> Result<serde_json::Value, FieldError> {
    use serde_json::Value;
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| FieldError::new(path, "infinite or not a number"))?,
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(instant) => Value::String(instant.to_string()),
        toml::Value::Array(list) => {
            let list = list.into_iter().enumerate();
            let list = list.map(|(index, value)| to_json(value, &format!("{path}[{index}]")));
            Value::Array(list.collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => {
            let table = table.into_iter().map(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                Ok((key, to_json(value, &path)?))
            });
            Value::Object(table.collect::<Result<_, FieldError>>()?)
        }
    })
}

fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldError {
    let path = error.path().to_string();
    let path = if path == "." { String::new() } else { path };
    let inner = error.inner();
    let message = inner.to_string();
    if !inner.is_data() {
        return FieldError::new("", format!("not JSON: {message}"));
    }
    let place = format!(" at line {} column {}", inner.line(), inner.column());
    sentence(path, message.strip_suffix(&place).unwrap_or(&message))
}

/// Serde's own messages are one of six sentences; what our readers say themselves is passed on as it stands.
fn sentence(path: String, message: &str) -> FieldError {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return unknown_field(path, rest);
    }
    if let Some(name) = quoted(message, "missing field `") {
        return FieldError::new(child(path, name), "missing, but required");
    }
    if let Some(name) = quoted(message, "duplicate field `") {
        return FieldError::new(child(path, name), "given twice");
    }
    for kind in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, expected)) = message.strip_prefix(kind).and_then(|m| m.rsplit_once(", expected "))
        {
            let found =
                if kind == "invalid length " { format!("{found} of them") } else { plain_value(found) };
            return FieldError::expected(path, plain_kind(expected), Some(&found));
        }
    }
    FieldError::new(path, message)
}

fn unknown_field(path: String, rest: &str) -> FieldError {
    let (name, known) = rest.rsplit_once("`, expected ").unwrap_or((rest, ""));
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let near = known.iter().map(|known| (strsim::osa_distance(name, known), *known)).min();
    let problem = match near {
        Some((distance, near)) if distance <= 1 + near.len() / 4 => {
            format!("unknown field; did you mean {near}?")
        }
        _ if known.is_empty() => "unknown field; none is expected here".to_owned(),
        _ => format!("unknown field; expected one of {}", known.join(", ")),
    };
    FieldError::new(child(path, name), problem)
}

/// The path of `name` inside `path`, unless the path ends with it already.
fn child(path: String, name: &str) -> String {
    let last = path.rsplit('.').next().unwrap_or_default();
    match path.as_str() {
        "" => name.to_owned(),
        _ if last == name => path,
        _ => format!("{path}.{name}"),
    }
}

fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    message.strip_prefix(before)?.strip_suffix('`')
}

/// Serde's description of a value in a reader's words: a string becomes "the text …", a number stands alone.
fn plain_value(found: &str) -> String {
    match found {
        "null" => "null".to_owned(),
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        "Option value" | "unit value" => "nothing".to_owned(),
        _ => {
            if let Some(text) = found.strip_prefix("string ") {
                return format!("the text {text}");
            }
            found.split('`').nth(1).unwrap_or(found).to_owned()
        }
    }
}

/// Rust's name of a kind in a reader's words.
fn plain_kind(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u32" => "a whole number from 0 to 4,294,967,295",
        "u64" => "a whole number from 0",
        "a string" | "path string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other => other,
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(FOUND_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Control characters would break the line that the error travels in.
fn one_line(text: &str) -> String {
    let text = if text.chars().count() > 4 * FOUND_CHARS_MAX { shorten(text) } else { text.to_owned() };
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
