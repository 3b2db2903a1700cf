//! The Avro schemas of facts: `schemas/<kind>.avsc` is how a fact is written now, `schemas/history/<kind>/` holds every
//! form it ever had, by fingerprint. What was written in an earlier form is read as the present one.
//!
//! Called by [`super::facts`]. A schema that breaks with its history does not pass the tests.

use apache_avro::{
    Schema, rabin::Rabin, reader::datum::GenericDatumReader, schema::RecordSchema, types::Value as Avro,
    writer::datum::GenericDatumWriter,
};
use rust_embed::Embed;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

/// The marker of single-object encoding.
const MARK: [u8; 2] = [0xC3, 0x01];
/// It and the fingerprint.
const HEADER: usize = MARK.len() + size_of::<u64>();
/// An attribute of ours: on a record, that its facts are counted; on a field, that they are counted by it.
const COUNTED: &str = "counted";
/// An attribute of ours: on a record, that services outside may tell of such facts.
const POSTED: &str = "posted";

/// Why a fact cannot be written or read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FactError {
    /// There is no such kind.
    #[error("there is no fact {0}")]
    UnknownKind(String),
    /// Not of its schema.
    #[error("not of its schema: {0}")]
    Shape(String),
    /// Written by a schema that is not known here.
    #[error("no schema has the fingerprint {0:016x}")]
    UnknownSchema(u64),
}

#[derive(Embed)]
#[folder = "schemas/"]
#[include = "*.avsc"]
struct Files;

/// A kind of facts.
pub(super) struct Kind {
    pub name: String,
    pub schema: Schema,
    pub fingerprint: u64,
    /// What its facts are counted by; `None` if they are not counted.
    dimensions: Option<Vec<String>>,
    posted: bool,
}

/// All that there are.
pub(super) struct Registry {
    pub kinds: BTreeMap<String, Kind>,
    /// Every form of every kind, by fingerprint.
    pub forms: HashMap<u64, (String, Schema)>,
    /// Files that are no schemas: a bug that the tests find.
    pub broken: Vec<String>,
}

pub(super) static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::load);

impl Registry {
    fn load() -> Self {
        let mut registry = Self { kinds: BTreeMap::new(), forms: HashMap::new(), broken: Vec::new() };
        for path in Files::iter() {
            let Some(file) = Files::get(&path) else { continue };
            if let Err(error) = registry.add(&path, &String::from_utf8_lossy(&file.data)) {
                tracing::error!(%path, error, "a schema of the activity stream cannot be used");
                registry.broken.push(format!("{path}: {error}"));
            }
        }
        registry
    }

    /// `kind.avsc` or `history/kind/fingerprint.avsc`.
    fn add(&mut self, path: &str, text: &str) -> Result<(), String> {
        let schema = Schema::parse_str(text).map_err(|error| error.to_string())?;
        let fingerprint = fingerprint(&schema);
        let parts: Vec<&str> = path.trim_end_matches(".avsc").split('/').collect();
        let kind = match parts[..] {
            [kind] => {
                let Schema::Record(record) = &schema else { return Err("not a record".to_owned()) };
                let (dimensions, posted) = (counted(record), is_so(&record.attributes, POSTED));
                let (name, schema) = (kind.to_owned(), schema.clone());
                self.kinds.insert(name.clone(), Kind { name, schema, fingerprint, dimensions, posted });
                kind
            }
            ["history", kind, name] if name == format!("{fingerprint:016x}") => kind,
            ["history", ..] => {
                return Err(format!("its fingerprint is {fingerprint:016x}: history does not change"));
            }
            _ => return Err("not the place of a schema".to_owned()),
        };
        self.forms.insert(fingerprint, (kind.to_owned(), schema));
        Ok(())
    }
}

/// CRC-64-AVRO of the canonical form.
pub(super) fn fingerprint(schema: &Schema) -> u64 {
    let bytes = schema.fingerprint::<Rabin>().bytes;
    bytes.try_into().map(u64::from_le_bytes).unwrap_or_default()
}

fn counted(record: &RecordSchema) -> Option<Vec<String>> {
    let fields = record.fields.iter().filter(|field| is_so(&field.custom_attributes, COUNTED));
    is_so(&record.attributes, COUNTED).then(|| fields.map(|field| field.name.clone()).collect())
}

fn is_so(attributes: &BTreeMap<String, Value>, name: &str) -> bool {
    attributes.get(name) == Some(&Value::Bool(true))
}

/// The fields that facts of this kind are counted by; `None` if there is no such kind, or it is not counted.
pub(crate) fn dimensions(kind: &str) -> Option<&'static [String]> {
    REGISTRY.kinds.get(kind)?.dimensions.as_deref()
}

/// The kind of this name, if services outside may tell of it.
pub(crate) fn posted_kind(name: &str) -> Option<&'static str> {
    REGISTRY.kinds.get(name).filter(|kind| kind.posted).map(|kind| kind.name.as_str())
}

/// A record of this kind, all its fields given, as Avro.
pub(super) fn encode(kind: &str, fields: Map<String, Value>) -> Result<Vec<u8>, FactError> {
    let known = REGISTRY.kinds.get(kind).ok_or_else(|| FactError::UnknownKind(kind.to_owned()))?;
    if let Schema::Record(record) = &known.schema
        && let Some(stranger) = fields.keys().find(|name| !record.lookup.contains_key(*name))
    {
        return Err(FactError::Shape(format!("{kind} has no field {stranger}")));
    }
    let shape = |error: apache_avro::Error| FactError::Shape(error.to_string());
    let value = Avro::try_from(Value::Object(fields)).and_then(|value| value.resolve(&known.schema));
    let writer = GenericDatumWriter::builder(&known.schema).build().map_err(shape)?;
    let datum = writer.write_value_to_vec(value.map_err(shape)?).map_err(shape)?;
    let mut bytes = Vec::with_capacity(HEADER + datum.len());
    bytes.extend(MARK);
    bytes.extend(known.fingerprint.to_le_bytes());
    bytes.extend(datum);
    Ok(bytes)
}

/// A record in any form it ever had: its kind, and its fields in the present form.
pub(super) fn decode(bytes: &[u8]) -> Result<(&'static str, Map<String, Value>), FactError> {
    let (fingerprint, mut datum) = split(bytes)?;
    let (kind, form) = REGISTRY.forms.get(&fingerprint).ok_or(FactError::UnknownSchema(fingerprint))?;
    let kind = REGISTRY.kinds.get(kind).ok_or_else(|| FactError::UnknownKind(kind.clone()))?;
    let value = read(form, &kind.schema, &mut datum)?;
    match Value::try_from(value) {
        Ok(Value::Object(fields)) => Ok((&kind.name, fields)),
        Ok(_) => Err(FactError::Shape("not a record".to_owned())),
        Err(error) => Err(FactError::Shape(error.to_string())),
    }
}

fn split(bytes: &[u8]) -> Result<(u64, &[u8]), FactError> {
    let header = bytes.strip_prefix(&MARK).and_then(|rest| rest.split_first_chunk());
    let (fingerprint, datum) =
        header.ok_or_else(|| FactError::Shape("no single-object encoding".to_owned()))?;
    Ok((u64::from_le_bytes(*fingerprint), datum))
}

/// A datum of one form as a value of another.
pub(super) fn read(written: &Schema, wanted: &Schema, datum: &mut &[u8]) -> Result<Avro, FactError> {
    let reader = GenericDatumReader::builder(written).reader_schema(wanted).build();
    let value = reader.and_then(|reader| reader.read_value(datum));
    value.map_err(|error| FactError::Shape(error.to_string()))
}
