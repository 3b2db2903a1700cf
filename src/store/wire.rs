//! How what the store takes and gives is written between nodes, where serde's own way would lose something.
//!
//! MessagePack has one nil: an option in an option needs two. Bytes are bytes, not numbers one after the other. JSON goes as its
//! text, and a name that is `&'static str` here is looked up. Used by `serde(with = …)` on rows; knows no node.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// A question that was not understood, and so not answered: why.
pub(crate) struct Unread(pub String);

/// A name that this process knows for ever. (serde would borrow a `&'static str` from what it reads.)
pub(crate) type Name = &'static str;

/// Names of kinds, facts and reasons are a few dozen; a peer that sends ever new ones fills no memory.
const MOST_NAMES: usize = 1_024;
const LONGEST_NAME: usize = 64;

/// A name that lives as long as the process. Each is kept once.
pub(crate) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Name, D::Error> {
    static NAMES: Mutex<Option<HashSet<Name>>> = Mutex::new(None);
    let text = Cow::<'de, str>::deserialize(from)?;
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    match names.get(&*text) {
        Some(name) => Ok(name),
        None if names.len() < MOST_NAMES && text.len() <= LONGEST_NAME => {
            let name: Name = Box::leak(text.into_owned().into_boxed_str());
            names.insert(name);
            Ok(name)
        }
        None => Err(D::Error::custom("a name that nobody knows")),
    }
}

/// `Vec<u8>` as bytes.
pub(crate) mod bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        ::bytes::Bytes::deserialize(from).map(Vec::from)
    }
}

/// `Option<Vec<u8>>` as bytes.
pub(crate) mod bytes_if_any {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => to.serialize_bytes(bytes),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<::bytes::Bytes>::deserialize(from)?.map(Vec::from))
    }
}

/// `Option<Option<T>>` as a list of none or one.
pub(crate) mod twice {
    use super::*;

    pub(crate) fn serialize<S: Serializer, T: Serialize>(
        it: &Option<Option<T>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(it)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        from: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Ok(Vec::<Option<T>>::deserialize(from)?.pop())
    }
}

/// What is JSON already, as its text.
pub(crate) mod json {
    use super::*;
    use serde::{de::DeserializeOwned, ser::Error as _};

    pub(crate) fn serialize<S: Serializer, T: Serialize>(it: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&serde_json::to_string(it).map_err(S::Error::custom)?)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: DeserializeOwned>(
        from: D,
    ) -> Result<T, D::Error> {
        serde_json::from_str(&Cow::<'de, str>::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{pack, unpack};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        #[serde(deserialize_with = "name")]
        name: Name,
        #[serde(with = "bytes")]
        bytes: Vec<u8>,
        #[serde(with = "bytes_if_any")]
        none: Option<Vec<u8>>,
        #[serde(with = "twice")]
        keep: Option<Option<i64>>,
        #[serde(with = "twice")]
        clear: Option<Option<i64>>,
        #[serde(with = "twice")]
        set: Option<Option<i64>>,
        #[serde(with = "json")]
        json: serde_json::Value,
    }

    #[test]
    fn nothing_is_lost_between_nodes() {
        let all = All {
            name: "room",
            bytes: vec![0, 200, 255],
            none: None,
            keep: None,
            clear: Some(None),
            set: Some(Some(7)),
            json: serde_json::json!({"a": [1, null, 0.5]}),
        };
        let read: All = unpack(&pack(&all).expect("packed")).expect("read");
        assert_eq!(read, all);
        let again: All = unpack(&pack(&all).expect("packed")).expect("read");
        assert!(std::ptr::eq(read.name, again.name), "a name is kept once");
    }

    #[test]
    fn a_name_that_is_a_book_is_refused() {
        let book = "x".repeat(LONGEST_NAME + 1);
        let mut text = rmp_serde::Deserializer::from_read_ref(&[0xC0]); // nil
        assert!(name(&mut text).is_err());
        let packed = pack(&book).expect("packed");
        assert!(name(&mut rmp_serde::Deserializer::from_read_ref(&packed)).is_err());
    }
}
