//! JSON schemas and doc comments as short text.

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

/// A field of a shape.
pub(super) struct Field {
    pub name: String,
    pub kind: String,
    pub optional: bool,
    pub meaning: String,
}

pub(super) type Fields = Vec<Field>;

/// The fields of a type, by name.
pub(super) fn fields_of<T: JsonSchema>() -> Fields {
    let schema = schema_for!(T).to_value();
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|all| all.iter().any(|required| required == name))
    };
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    let mut fields: Fields = properties
        .iter()
        .map(|(name, field)| Field {
            name: name.clone(),
            kind: kind_of(field, &schema),
            optional: !required(name),
            meaning: field["description"].as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    fields
}

/// `{player_id: string, ban?: boolean}`
pub(super) fn shape_of<T: JsonSchema>() -> String {
    let field = |f: &Field| format!("{}{}: {}", f.name, if f.optional { "?" } else { "" }, f.kind);
    let fields: Vec<String> = fields_of::<T>().iter().map(field).collect();
    format!("{{{}}}", fields.join(", "))
}

/// A schema in a few words.
fn kind_of(schema: &Value, root: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return match name {
            "MemberView" => "MEMBER".to_owned(),
            "LogEntry" => "LOG".to_owned(),
            "LobbyPlayer" => "player".to_owned(),
            _ => kind_of(&root["$defs"][name], root),
        };
    }
    for choices in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[choices].as_array() {
            let kinds = choices.iter().map(|choice| kind_of(choice, root));
            return kinds.filter(|kind| kind != "null").collect::<Vec<_>>().join(" | ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    if !schema["const"].is_null() {
        return schema["const"].to_string();
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("[{}]", kind_of(&schema["items"], root)),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            kinds.collect::<Vec<_>>().join(" | ")
        }
        _ => "any".to_owned(),
    }
}

const TABLE: &str = include_str!("../error.rs");

/// The doc comment in front of the line that begins like this, in the table of codes.
pub(super) fn doc_before(line: &str) -> String {
    doc_in(TABLE, line)
}

/// What a type says of itself.
pub(super) fn about<T: JsonSchema>() -> String {
    let about = schema_for!(T).to_value()["description"].as_str().unwrap_or_default().to_owned();
    about.replace("[`", "`").replace("`]", "`")
}

/// The doc comment in front of the line that begins like this, in this table.
pub(super) fn doc_in(table: &str, line: &str) -> String {
    let mut doc = Vec::new();
    for text in table.lines().map(str::trim) {
        if text.starts_with(line) {
            return doc.join(" ");
        }
        match text.strip_prefix("/// ") {
            Some(words) => doc.push(words),
            None => doc.clear(),
        }
    }
    panic!("{line} has no line of its own in the table of codes")
}

/// Number and meaning of every close code.
pub(super) fn close_codes() -> Vec<(u16, String)> {
    let variants = TABLE.split_once("pub enum CloseCode {").and_then(|(_, rest)| rest.split_once("\n}"));
    let (variants, _) = variants.expect("the close codes");
    let code = |line: &str| {
        let (name, number) = line.trim().trim_end_matches(',').split_once(" = ")?;
        Some((number.parse().ok()?, doc_before(&format!("{name} = {number}"))))
    };
    variants.lines().filter_map(code).collect()
}
