//! One newtype for every id, so that a room's id is never taken for a player's.
//!
//! Every id is a UUID and is written as its hyphenated string in JSON *and* MessagePack (spec 1.1).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh, time-ordered id (UUID v7).
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(crate::chance::uuid())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(schemas: &mut schemars::SchemaGenerator) -> schemars::Schema {
                Uuid::json_schema(schemas)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Uuid::parse_str(&text).map(Self).map_err(D::Error::custom)
            }
        }
    };
}

id! {
    /// An account, which in a room is a player. A bot has one too, but no account.
    PlayerId
}
id! {
    /// A room: the key of its entity.
    RoomId
}
id! {
    /// One connection's worth of conversation, which outlives its socket for the resume window.
    SessionId
}
id! {
    /// One game played to its end in a room; the key of its stored event log.
    MatchId
}

id! {
    /// One duel from its request to its end, `sessionId` on the wire: the key of its match's entity.
    DuelId
}

id! {
    /// One run of a node: a restarted node is another.
    NodeId
}

/// A session, and the node that holds its socket.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SessionRef {
    /// Which session.
    pub id: SessionId,
    /// Where it is.
    pub node: NodeId,
    /// How often it had gone to another node by then, where that is known. It is the same session without it.
    #[serde(default)]
    pub moves: u32,
}

impl SessionRef {
    /// Whether this is what `other` was before it went to another node, or an earlier session.
    pub fn is_older_than(self, other: Self) -> bool {
        (self.id, self.moves) < (other.id, other.moves)
    }
}

impl PartialEq for SessionRef {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.node) == (other.id, other.node)
    }
}

impl Eq for SessionRef {}
