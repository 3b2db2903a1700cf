//! What goes to clients, encoded once: a [`Push`] is shared by all its receivers (design rule 13).
//!
//! The session adds its own `{"seq":n,` in front when it writes; the rest of the frame is the same for all.

use super::{Encoding, Rejection, proto};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

/// What most pushes fit in.
const TYPICAL_BYTES: usize = 256;

/// One event: `{"seq": 41, "type": "game.phase", "payload": {…}}` without its `seq`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Push {
    name: Cow<'static, str>,
    /// `"type":"…","payload":…}`.
    json_tail: Bytes,
    /// The same two entries of a three-entry map; made when first asked for.
    #[serde(skip)]
    msgpack_tail: OnceLock<Bytes>,
    droppable: bool,
}

impl Push {
    /// An event every receiver gets.
    pub fn new(name: impl Into<Cow<'static, str>>, payload: &impl Serialize) -> Arc<Self> {
        Self::build(name.into(), payload, false)
    }

    /// An event of which only the latest of its name matters.
    pub fn droppable(name: impl Into<Cow<'static, str>>, payload: &impl Serialize) -> Arc<Self> {
        Self::build(name.into(), payload, true)
    }

    fn build(name: Cow<'static, str>, payload: &impl Serialize, droppable: bool) -> Arc<Self> {
        let mut json = Vec::with_capacity(TYPICAL_BYTES);
        for piece in ["\"type\":\"", &name, "\",\"payload\":"] {
            json.extend_from_slice(piece.as_bytes());
        }
        let prefix = json.len();
        if let Err(error) = serde_json::to_writer(&mut json, payload) {
            tracing::error!(%name, %error, "a push could not be encoded");
            json.truncate(prefix);
            json.extend_from_slice(b"null");
        }
        json.push(b'}');
        json.shrink_to_fit(); // resume rings keep it
        Arc::new(Self { name, json_tail: json.into(), msgpack_tail: OnceLock::new(), droppable })
    }

    /// Wire type.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a later push of the same name makes this one worthless.
    pub fn is_droppable(&self) -> bool {
        self.droppable
    }

    /// Size in memory and, near enough, on the wire.
    pub fn len(&self) -> usize {
        self.json_tail.len()
    }

    /// Never: a push has a type at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The frame's bytes without the `seq` in front; in Protocol Buffers the payload alone.
    fn tail(&self, encoding: Encoding) -> &[u8] {
        match encoding {
            Encoding::Json => &self.json_tail,
            Encoding::MsgPack => self.msgpack_tail.get_or_init(|| self.encode_msgpack()),
            Encoding::Proto => self.payload(),
        }
    }

    /// The payload as JSON.
    fn payload(&self) -> &[u8] {
        let prefix = "\"type\":\"".len() + self.name.len() + "\",\"payload\":".len();
        &self.json_tail[prefix..self.json_tail.len() - 1]
    }

    fn encode_msgpack(&self) -> Bytes {
        let payload: Value = serde_json::from_slice(self.payload()).unwrap_or_default();
        let mut out = Vec::with_capacity(self.json_tail.len());
        write_str(&mut out, "type");
        write_str(&mut out, &self.name);
        write_str(&mut out, "payload");
        append_msgpack(&mut out, &payload);
        out.into()
    }

    /// Hands the whole message with this session's `seq` to `write`, as a head and a shared tail.
    pub fn with_seq<T>(&self, seq: u64, encoding: Encoding, write: impl FnOnce(&[u8], &[u8]) -> T) -> T {
        match encoding {
            Encoding::Json => {
                let mut head = [0u8; 32];
                let n = json_head(&mut head, seq);
                write(&head[..n], self.tail(encoding))
            }
            Encoding::MsgPack => {
                let mut head = vec![0x83];
                write_str(&mut head, "seq");
                let _ = rmp::encode::write_uint(&mut head, seq);
                write(&head, self.tail(encoding))
            }
            Encoding::Proto => {
                let payload = self.tail(encoding);
                write(&proto::push_head(Some(seq), &self.name, payload.len()), payload)
            }
        }
    }

    /// The same without a `seq`: `{"type": …, "payload": …}`.
    pub fn without_seq<T>(&self, encoding: Encoding, write: impl FnOnce(&[u8], &[u8]) -> T) -> T {
        let payload = self.tail(encoding);
        match encoding {
            Encoding::Json => write(b"{", payload),
            Encoding::MsgPack => write(&[0x82], payload),
            Encoding::Proto => write(&proto::push_head(None, &self.name, payload.len()), payload),
        }
    }
}

/// `{"seq":n,` without an allocation: it is written for every receiver of every push.
fn json_head(out: &mut [u8; 32], seq: u64) -> usize {
    use std::io::Write;
    let mut rest = &mut out[..];
    let before = rest.len();
    let _ = write!(rest, "{{\"seq\":{seq},");
    before - rest.len()
}

fn write_str(out: &mut Vec<u8>, text: &str) {
    let _ = rmp::encode::write_str(out, text); // a Vec never refuses
}

fn append_msgpack(out: &mut Vec<u8>, value: &impl Serialize) {
    if let Err(error) = value.serialize(&mut rmp_serde::Serializer::new(&mut *out).with_struct_map()) {
        tracing::error!(%error, "an answer could not be encoded");
    }
}

/// An answer to a request: `{"re": 7, "type": "ok"|"error", "payload": {…}}`. Not numbered, not replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The request's `id`; `None` where it had none or it could not be read.
    pub re: Option<u32>,
    /// `ok`, `error` or `pong`.
    pub name: Cow<'static, str>,
    /// JSON.
    pub payload: Box<str>,
}

impl Answer {
    /// `ok` with this payload.
    pub fn ok(re: Option<u32>, payload: &impl Serialize) -> Self {
        Self::named(re, "ok", payload)
    }
    /// `error`.
    pub fn error(re: Option<u32>, rejection: &Rejection) -> Self {
        Self::named(re, "error", rejection)
    }
    /// An answer with a type of its own (`pong`).
    pub fn named(re: Option<u32>, name: &'static str, payload: &impl Serialize) -> Self {
        let payload = serde_json::to_string(payload).unwrap_or_else(|_| "{}".to_owned());
        Self { re, name: name.into(), payload: payload.into() }
    }

    /// The message's bytes.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let quiet = self.re.is_none() && self.name == "pong";
        match encoding {
            Encoding::Proto => proto::encode_answer(self),
            Encoding::Json if quiet => {
                format!("{{\"type\":\"pong\",\"payload\":{}}}", self.payload).into_bytes()
            }
            Encoding::Json => {
                let re = self.re.map_or_else(|| "null".to_owned(), |n| n.to_string());
                format!("{{\"re\":{re},\"type\":\"{}\",\"payload\":{}}}", self.name, self.payload)
                    .into_bytes()
            }
            Encoding::MsgPack => {
                let payload: Value = serde_json::from_str(&self.payload).unwrap_or_default();
                let mut out = Vec::with_capacity(self.payload.len() + 24);
                out.push(if quiet { 0x82 } else { 0x83 });
                if !quiet {
                    write_str(&mut out, "re");
                    append_msgpack(&mut out, &self.re);
                }
                write_str(&mut out, "type");
                write_str(&mut out, &self.name);
                write_str(&mut out, "payload");
                append_msgpack(&mut out, &payload);
                out
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn frame(push: &Push, seq: u64, encoding: Encoding) -> Vec<u8> {
        push.with_seq(seq, encoding, |head, tail| [head, tail].concat())
    }

    #[test]
    fn a_push_says_the_same_in_both_encodings() {
        let push = Push::new("game.votes", &json!({"tally": {"a": ["b"]}, "abstained": [], "n": 70_000}));
        let json: Value = serde_json::from_slice(&frame(&push, 41, Encoding::Json)).expect("json");
        let packed: Value = rmp_serde::from_slice(&frame(&push, 41, Encoding::MsgPack)).expect("msgpack");
        assert_eq!(json, packed);
        assert_eq!(json["seq"], 41);
        assert_eq!(json["type"], "game.votes");
    }

    #[test]
    fn an_answer_says_the_same_in_both_encodings() {
        let rejection = Rejection::try_again(250, "later");
        for answer in [Answer::error(Some(9), &rejection), Answer::error(None, &rejection)] {
            let json: Value = serde_json::from_slice(&answer.encode(Encoding::Json)).expect("json");
            let packed: Value = rmp_serde::from_slice(&answer.encode(Encoding::MsgPack)).expect("msgpack");
            assert_eq!(json, packed);
            assert_eq!(json["payload"]["code"], "try_again");
        }
    }
}
