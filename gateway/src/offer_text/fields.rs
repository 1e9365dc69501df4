//! The fields of an offer as rows of a table, read from the JSON schema.

use serde_json::Value;

/// One field of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRow {
    /// Its path in the definition.
    pub path: String,
    /// What may stand there, in words.
    pub value: String,
    /// Without a word from anybody; `—` where that is nothing, `required` where it must be given.
    pub default: String,
    /// What it means.
    pub meaning: String,
}

/// Every field, tables before their own fields.
pub fn field_rows() -> Vec<FieldRow> {
    let schema = super::schema();
    let mut rows = Vec::new();
    walk(&schema, &schema, "", &mut rows);
    rows
}

fn walk(root: &Value, table: &Value, path: &str, rows: &mut Vec<FieldRow>) {
    let Some(fields) = table["properties"].as_object() else { return };
    for (name, field) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let target = resolve(root, field);
        let meaning =
            [field, target].iter().find_map(|schema| schema["description"].as_str()).unwrap_or_default();
        let required =
            table["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name));
        let default = match &field["default"] {
            _ if required => "required".to_owned(),
            Value::Null => "—".to_owned(),
            value => format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        };
        rows.push(FieldRow {
            path: path.clone(),
            value: words(root, field),
            default,
            meaning: meaning.to_owned(),
        });
        // A price is one value in two forms; its parts need no rows of their own under each price.
        if target["properties"].is_object() {
            walk(root, target, &path, rows);
        } else if target["items"].is_object() {
            walk(root, resolve(root, &target["items"]), &path, rows);
        } else if let Some(form) = forms(target).iter().find(|form| form["required"].is_array()) {
            walk(root, form, &path, rows);
        }
    }
}

/// The definition that a field refers to, past the null that stands beside it.
fn resolve<'a>(root: &'a Value, field: &'a Value) -> &'a Value {
    if let Some(pointer) = field["$ref"].as_str() {
        return root.pointer(pointer.trim_start_matches('#')).unwrap_or(field);
    }
    if !field["type"].is_null() {
        return field;
    }
    let other = field["anyOf"].as_array().and_then(|forms| forms.iter().find(|form| form["type"] != "null"));
    other.map_or(field, |form| resolve(root, form))
}

fn forms(schema: &Value) -> &[Value] {
    schema["oneOf"].as_array().map_or(&[], Vec::as_slice)
}

/// The name of the definition that a field refers to, past the null that stands beside it.
fn named(field: &Value) -> Option<&str> {
    let own = field["$ref"].as_str();
    let beside = || field["anyOf"].as_array()?.iter().find_map(|form| form["$ref"].as_str());
    own.or_else(beside)?.rsplit('/').next()
}

/// What may stand in a field, in words.
fn words(root: &Value, field: &Value) -> String {
    if let Some(name @ ("Instant" | "Duration" | "Id")) = named(field) {
        return name.to_lowercase();
    }
    let schema = resolve(root, field);
    if !forms(schema).is_empty() {
        let forms: Vec<String> = forms(schema).iter().map(|form| words(root, form)).collect();
        return forms.join(" or ");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<String> =
            choices.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        return choices.join(" or ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("integer") => number(schema),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("array") => format!("list of {}", words(root, &schema["items"])),
        Some("object") => "table".to_owned(),
        _ => "text".to_owned(),
    }
}

fn number(schema: &Value) -> String {
    let bound = |name: &str| schema[name].as_u64().map(grouped);
    match (bound("minimum"), bound("maximum")) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("from {min}"),
        _ => "number".to_owned(),
    }
}

/// A number with a comma between each three digits, as people read it.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
