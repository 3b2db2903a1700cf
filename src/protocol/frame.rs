//! Bytes of one client frame to a [`ClientFrame`], in all encodings, with bounds on depth (spec 1.1).

use super::{ErrorCode, Rejection};
use serde_json::Value;

/// JSON in text frames, MessagePack with named fields in binary frames; over TCP MessagePack or Protocol Buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// `playhouse.v1.json`.
    #[default]
    Json,
    /// `playhouse.v1.msgpack`.
    MsgPack,
    /// `proto/playhouse.proto`; over TCP alone.
    Proto,
}

impl Encoding {
    /// The WebSocket subprotocols, in order of preference.
    pub const SUBPROTOCOLS: [&'static str; 2] = ["playhouse.v1.json", "playhouse.v1.msgpack"];
}

/// `{"id": 7, "type": "room.join", "payload": {…}}`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientFrame {
    /// Absent where no answer is wanted.
    pub id: Option<u32>,
    /// Wire type.
    pub name: String,
    /// An object; `{}` if left out.
    pub payload: Value,
}

/// A frame that could not be read: the answer's `re`, if it could be told, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct BadFrame {
    /// `id` of the frame, where readable.
    pub id: Option<u32>,
    /// `bad_message`.
    pub rejection: Rejection,
}

impl ClientFrame {
    /// Reads one frame. `nesting` is the deepest nesting allowed, the envelope included.
    pub fn parse(bytes: &[u8], encoding: Encoding, nesting: usize) -> Result<Self, BadFrame> {
        let value = match encoding {
            Encoding::Proto => return super::proto::parse(bytes)?.within(nesting),
            Encoding::Json => serde_json::from_slice::<Value>(bytes).map_err(|e| bad(None, e.to_string()))?,
            Encoding::MsgPack => from_msgpack(bytes, nesting)?,
        };
        let Value::Object(mut fields) = value else { return Err(bad(None, "a frame is an object")) };
        let id = match fields.remove("id") {
            None | Some(Value::Null) => None,
            Some(id) => match id.as_u64().and_then(|n| u32::try_from(n).ok()) {
                Some(id) => Some(id),
                None => return Err(bad(None, "id must be an integer of 32 bits")),
            },
        };
        let Some(Value::String(name)) = fields.remove("type") else {
            return Err(bad(id, "type must be a string"));
        };
        let payload = match fields.remove("payload") {
            None | Some(Value::Null) => Value::Object(Default::default()),
            Some(payload @ Value::Object(_)) => payload,
            Some(_) => return Err(bad(id, "payload must be an object")),
        };
        Self { id, name, payload }.within(nesting)
    }

    fn within(self, nesting: usize) -> Result<Self, BadFrame> {
        if shallow(&self.payload, nesting.saturating_sub(1)) {
            return Ok(self);
        }
        Err(bad(self.id, format!("nested deeper than {nesting}")))
    }
}

fn from_msgpack(bytes: &[u8], nesting: usize) -> Result<Value, BadFrame> {
    let mut rest = bytes;
    let mut reader = rmp_serde::Deserializer::new(&mut rest);
    reader.set_max_depth(nesting + 2);
    let value = serde::Deserialize::deserialize(&mut reader).map_err(|e| bad(None, e.to_string()))?;
    if rest.is_empty() { Ok(value) } else { Err(bad(None, "bytes after the frame")) }
}

fn shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|v| shallow(v, levels - 1)),
        Value::Object(fields) => levels > 0 && fields.values().all(|v| shallow(v, levels - 1)),
        _ => true,
    }
}

pub(super) fn bad(id: Option<u32>, message: impl Into<String>) -> BadFrame {
    BadFrame { id, rejection: Rejection::new(ErrorCode::BadMessage, message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn json_frame(text: &str) -> Result<ClientFrame, BadFrame> {
        ClientFrame::parse(text.as_bytes(), Encoding::Json, 16)
    }

    #[test]
    fn a_frame_reads_alike_in_both_encodings() {
        let value = json!({"id": 7, "type": "room.join", "payload": {"code": "ABCDEF"}});
        let packed = rmp_serde::to_vec_named(&value).expect("encodes");
        let from_json = json_frame(&value.to_string()).expect("json");
        assert_eq!(from_json, ClientFrame::parse(&packed, Encoding::MsgPack, 16).expect("msgpack"));
        assert_eq!(from_json.id, Some(7));
    }

    #[test]
    fn id_and_payload_may_be_left_out() {
        let frame = json_frame(r#"{"type":"room.leave"}"#).expect("reads");
        assert_eq!((frame.id, frame.payload), (None, json!({})));
    }

    #[test]
    fn a_bad_payload_is_answered_to_its_id() {
        assert_eq!(json_frame(r#"{"id":3,"type":"x","payload":4}"#).expect_err("bad").id, Some(3));
    }

    #[test]
    fn malformed_frames_are_bad_messages() {
        for text in
            ["", "{", "[]", "7", r#"{"id":-1,"type":"x"}"#, r#"{"id":4294967296,"type":"x"}"#, r#"{"id":1}"#]
        {
            assert_eq!(json_frame(text).expect_err(text).rejection.code, ErrorCode::BadMessage, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_in_both_encodings() {
        let deep = format!(r#"{{"type":"x","payload":{{"a":{}1{}}}}}"#, "[".repeat(20), "]".repeat(20));
        assert!(json_frame(&deep).is_err());
        let very_deep = format!(r#"{{"type":"x","payload":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        assert!(json_frame(&very_deep).is_err());
        let packed = [vec![0x91; 60_000], vec![0xc0]].concat();
        assert!(ClientFrame::parse(&packed, Encoding::MsgPack, 16).is_err());
    }
}
