//! Facts that were written once can be read for ever.

use super::super::{
    facts::Fact,
    schemas::{FactError, REGISTRY, fingerprint, read},
};
use crate::{clock::UnixMs, ids::PlayerId};
use apache_avro::{Schema, schema_compatibility::SchemaCompatibility, types::Value as Avro};
use serde_json::{Map, Value, json};
use std::{fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

/// Why facts that were written by `before` cannot be read by `now`.
fn breaks(before: &Schema, now: &Schema) -> Option<String> {
    SchemaCompatibility::can_read(before, now).err().map(|error| error.to_string())
}

#[test]
fn every_schema_is_one_and_is_named_as_its_file() {
    assert_eq!(REGISTRY.broken, [""; 0]);
    assert!(REGISTRY.kinds.len() >= 11);
    for (name, kind) in &REGISTRY.kinds {
        let fullname = kind.schema.name().map(ToString::to_string);
        assert_eq!(fullname, Some(format!("playhouse.activity.{name}")));
    }
}

#[test]
fn every_form_of_a_schema_is_in_its_history() {
    let mut missing = Vec::new();
    for (name, kind) in &REGISTRY.kinds {
        let copy = format!("history/{name}/{:016x}.avsc", kind.fingerprint);
        if !folder().join(&copy).is_file() {
            missing.push(format!("mkdir -p schemas/history/{name} && cp schemas/{name}.avsc schemas/{copy}"));
        }
    }
    assert!(missing.is_empty(), "a new form is kept for ever:\n{}", missing.join("\n"));
}

#[test]
fn every_form_that_ever_was_can_be_read() {
    let mut seen = 0;
    for (kind, form) in REGISTRY.forms.values() {
        let Some(now) = REGISTRY.kinds.get(kind) else {
            panic!("{kind} is gone: facts of it may wait somewhere")
        };
        if let Some(why) = breaks(form, &now.schema) {
            panic!("schemas/{kind}.avsc breaks with {:016x}: {why}", fingerprint(form));
        }
        seen += 1;
    }
    let files = fs::read_dir(folder().join("history")).expect("history").flat_map(|kind| {
        fs::read_dir(kind.expect("a folder").path()).expect("a kind").map(|file| file.expect("a file").path())
    });
    assert_eq!(files.count(), seen, "every file of the history is known by its fingerprint");
}

#[test]
fn a_change_that_breaks_is_noticed() {
    let now = fs::read_to_string(folder().join("game_won.avsc")).expect("a schema");
    let now: Value = serde_json::from_str(&now).expect("JSON");
    let before = Schema::parse(&now).expect("a schema");
    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut schema = now.clone();
        change(schema["fields"].as_array_mut().expect("fields"));
        breaks(&before, &Schema::parse(&schema).expect("a schema"))
    };
    let more = |field: Value| move |fields: &mut Vec<Value>| fields.push(field.clone());
    assert!(changed(&more(json!({"name": "team", "type": "string"}))).is_some(), "old facts have no team");
    assert!(changed(&|fields| fields[3]["type"] = json!("long")).is_some(), "a game is a text");
    assert!(changed(&|fields| fields[3]["name"] = json!("title")).is_some(), "a renamed field is a new one");
    assert_eq!(changed(&more(json!({"name": "team", "type": "string", "default": ""}))), None);
    assert_eq!(changed(&|fields| drop(fields.remove(4))), None, "what is not wanted is passed over");
}

#[test]
fn an_old_form_is_read_as_the_present_one() {
    let old = json!({"type": "record", "name": "game_won", "namespace": "playhouse.activity", "fields": [
        {"name": "game", "type": "string"}, {"name": "gone", "type": "long"}]});
    let new = json!({"type": "record", "name": "game_won", "namespace": "playhouse.activity", "fields": [
        {"name": "game", "type": "string"}, {"name": "role", "type": ["null", "string"], "default": null}]});
    let [old, new] = [old, new].map(|schema| Schema::parse(&schema).expect("a schema"));
    assert_eq!(breaks(&old, &new), None);
    let datum = b"\x0amafia\x06".to_vec();
    let value = read(&old, &new, &mut datum.as_slice()).expect("read");
    let null = Avro::Union(0, Box::new(Avro::Null));
    let fields = vec![("game".to_owned(), Avro::String("mafia".into())), ("role".to_owned(), null)];
    assert_eq!(value, Avro::Record(fields));
}

#[test]
fn every_fact_is_read_as_it_was_written() {
    for (name, kind) in &REGISTRY.kinds {
        let Schema::Record(record) = &kind.schema else { panic!("{name} is no record") };
        let mut body = Map::new();
        for field in &record.fields {
            let value = match &field.schema {
                Schema::String => json!("text"),
                Schema::Boolean => json!(true),
                Schema::Long => json!(5_000_000_000_i64),
                Schema::Union(_) => json!(null),
                Schema::Array(_) => json!([]),
                _ => continue,
            };
            body.insert(field.name.clone(), value);
        }
        let kind = REGISTRY.kinds.get_key_value(name).map_or("", |(name, _)| name.as_str());
        let account = record.lookup.contains_key("account").then(PlayerId::new);
        let fact = Fact::new(kind, account, UnixMs(1_700_000_000_123), Value::Object(body));
        let bytes = fact.seal().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(bytes[..2], [0xC3, 1], "single-object encoding");
        assert_eq!(bytes[2..10], REGISTRY.kinds[name].fingerprint.to_le_bytes());
        assert_eq!(Fact::open(&bytes), Ok(fact));
    }
}

/// The known CRC-64-AVRO of the schema "null", as others compute it.
#[test]
fn fingerprints_are_those_of_the_avro_specification() {
    let null = Schema::parse_str("\"null\"").expect("a schema");
    assert_eq!(fingerprint(&null), 7_195_948_357_588_979_594);
}

#[test]
fn what_is_no_fact_is_refused() {
    let won = |body| Fact::new("game_won", Some(PlayerId::new()), UnixMs(1), body).seal();
    let good = json!({"game": "mafia", "room_id": "r", "match_id": "m"});
    assert!(won(good.clone()).is_ok(), "role has a default");
    for (field, value) in [("game", json!(7)), ("team", json!("red")), ("role", json!([]))] {
        let mut body = good.clone();
        body[field] = value;
        assert!(matches!(won(body), Err(FactError::Shape(_))), "{field}");
    }
    assert!(matches!(won(json!({"game": "mafia"})), Err(FactError::Shape(_))), "fields are missing");
    let unknown = Fact::new("game_lost", None, UnixMs(1), json!({})).seal();
    assert_eq!(unknown, Err(FactError::UnknownKind("game_lost".to_owned())));
    assert_eq!(Fact::open(&[0xC3, 1, 1, 0, 0, 0, 0, 0, 0, 0]), Err(FactError::UnknownSchema(1)));
    for bytes in [&[][..], &[0xC3], &[0xC3, 1, 2], b"{\"kind\": 1, \"much\": 2}"] {
        assert!(matches!(Fact::open(bytes), Err(FactError::Shape(_))));
    }
    let cut = won(good).expect("good");
    assert!(matches!(Fact::open(&cut[..cut.len() - 2]), Err(FactError::Shape(_))));
}
