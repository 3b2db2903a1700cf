//! A fact: something that has happened, by the name of its schema.

use super::schemas::{self, FactError};
use crate::{clock::UnixMs, ids::PlayerId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Something that has happened. Nothing changes it any more.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Fact {
    /// The same for every delivery.
    pub id: Uuid,
    /// Name of its schema: `game_won` …
    #[serde(deserialize_with = "crate::store::wire::name")]
    pub kind: crate::store::wire::Name,
    /// Whose it is.
    pub account: Option<PlayerId>,
    /// When it happened.
    pub at: UnixMs,
    /// The other fields of its schema.
    pub body: Value,
}

impl Fact {
    /// Something that happens now.
    pub fn new(kind: &'static str, account: Option<PlayerId>, at: UnixMs, body: Value) -> Self {
        Self { id: crate::chance::uuid(), kind, account, at, body }
    }

    /// As Avro, single-object encoding: two bytes of a mark, eight of the schema's fingerprint, then the fields.
    ///
    /// # Errors
    /// There is no such schema, or the body is not of it.
    pub fn seal(&self) -> Result<Vec<u8>, FactError> {
        let mut fields = match &self.body {
            Value::Object(fields) => fields.clone(),
            Value::Null => Map::new(),
            _ => return Err(FactError::Shape("the body is no object".to_owned())),
        };
        fields.insert(FACT_ID.to_owned(), self.id.to_string().into());
        fields.insert(AT.to_owned(), self.at.0.into());
        if let Some(account) = self.account {
            fields.insert(ACCOUNT.to_owned(), account.0.to_string().into());
        }
        schemas::encode(self.kind, fields)
    }

    /// What [`Fact::seal`] wrote, by this version or an earlier one.
    ///
    /// # Errors
    /// It is no fact, or of a schema that this version does not know.
    pub fn open(bytes: &[u8]) -> Result<Self, FactError> {
        let (kind, mut fields) = schemas::decode(bytes)?;
        let mut uuid = |name: &str| {
            let text = fields.remove(name)?;
            text.as_str()?.parse::<Uuid>().ok()
        };
        let (id, account) = (uuid(FACT_ID), uuid(ACCOUNT).map(PlayerId));
        let at = fields.remove(AT).and_then(|at| at.as_i64());
        match (id, at) {
            (Some(id), Some(at)) => Ok(Self { id, kind, account, at: UnixMs(at), body: fields.into() }),
            _ => Err(FactError::Shape("no id or no time".to_owned())),
        }
    }

    /// What it is counted by: the fields that its schema calls counted, as text.
    pub fn dimensions(&self) -> BTreeMap<String, String> {
        let names = schemas::dimensions(self.kind).unwrap_or_default();
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let pairs = names.iter().filter_map(|name| Some((name.clone(), text(self.body.get(name)?)?)));
        pairs.collect()
    }
}

/// Fields that every schema has; `account` only where there is one.
pub(super) const FACT_ID: &str = "fact_id";
pub(super) const AT: &str = "at";
pub(super) const ACCOUNT: &str = "account";
