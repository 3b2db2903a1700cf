//! The envelopes in Protocol Buffers (spec 5.1): `proto/playhouse.proto`, written by hand for prost, so that nobody needs
//! protoc. Ping and pong have types; every other payload is JSON in a string.
//!
//! Used by [`super::frame`] and `push`. A push is written without being built: its fields in front, then the
//! payload's bytes as all receivers share them.

use super::{Answer, ClientFrame, frame::BadFrame};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};
use serde_json::{Value, json};

/// Packet 0x0020.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoRequest {
    /// Rises within a session; without it no answer is wanted.
    #[prost(uint32, optional, tag = "1")]
    pub id: Option<u32>,
    /// Wire type; may be left out where `ping` is set.
    #[prost(string, tag = "2")]
    pub r#type: String,
    /// The payload as a JSON object; empty is `{}`.
    #[prost(string, tag = "3")]
    pub payload_json: String,
    /// The payload of `ping`.
    #[prost(message, optional, tag = "4")]
    pub ping: Option<Ping>,
}

/// Packet 0x0021.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoMessage {
    /// Of an answer.
    #[prost(uint32, optional, tag = "1")]
    pub re: Option<u32>,
    /// Of a push.
    #[prost(uint64, optional, tag = "2")]
    pub seq: Option<u64>,
    /// Wire type.
    #[prost(string, tag = "3")]
    pub r#type: String,
    /// The payload as JSON; empty where `pong` is set.
    #[prost(string, tag = "4")]
    pub payload_json: String,
    /// The payload of `pong`.
    #[prost(message, optional, tag = "5")]
    pub pong: Option<Pong>,
}

/// Payload of `ping`.
#[derive(Clone, PartialEq, Message)]
pub struct Ping {
    /// Unix ms by the client's clock.
    #[prost(uint64, tag = "1")]
    pub client_time: u64,
}

/// Payload of `pong`.
#[derive(Clone, PartialEq, Message)]
pub struct Pong {
    /// As it was sent.
    #[prost(uint64, tag = "1")]
    pub client_time: u64,
    /// Unix ms.
    #[prost(uint64, tag = "2")]
    pub server_time: u64,
}

/// Reads one request. How deep its payload may be nested is for the caller to check.
pub(super) fn parse(bytes: &[u8]) -> Result<ClientFrame, BadFrame> {
    let request = ProtoRequest::decode(bytes).map_err(|error| super::frame::bad(None, error.to_string()))?;
    let id = request.id;
    if let Some(ping) = request.ping {
        if !matches!(request.r#type.as_str(), "" | "ping") {
            return Err(super::frame::bad(id, "ping is the payload of type ping"));
        }
        return Ok(ClientFrame {
            id,
            name: "ping".into(),
            payload: json!({"client_time": ping.client_time}),
        });
    }
    if request.r#type.is_empty() {
        return Err(super::frame::bad(id, "type must not be empty"));
    }
    let payload = match request.payload_json.as_str() {
        "" => Value::Object(Default::default()),
        text => serde_json::from_str(text).map_err(|error| super::frame::bad(id, error.to_string()))?,
    };
    if !payload.is_object() {
        return Err(super::frame::bad(id, "payload_json must be an object"));
    }
    Ok(ClientFrame { id, name: request.r#type, payload })
}

/// An answer.
pub(super) fn encode_answer(answer: &Answer) -> Vec<u8> {
    let pong = if answer.name == "pong" { as_pong(&answer.payload) } else { None };
    let payload_json = if pong.is_some() { String::new() } else { answer.payload.to_string() };
    let message =
        ProtoMessage { re: answer.re, seq: None, r#type: answer.name.to_string(), payload_json, pong };
    message.encode_to_vec()
}

/// Only a time that is a number has a place in the message; another goes as JSON.
fn as_pong(payload: &str) -> Option<Pong> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    let (client_time, server_time) = (payload["client_time"].as_u64()?, payload["server_time"].as_u64()?);
    Some(Pong { client_time, server_time })
}

/// What stands before a push's payload.
pub(super) fn push_head(seq: Option<u64>, name: &str, payload_bytes: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(24 + name.len());
    if let Some(seq) = seq {
        prost::encoding::uint64::encode(2, &seq, &mut head);
    }
    encode_key(3, WireType::LengthDelimited, &mut head);
    encode_varint(name.len() as u64, &mut head);
    head.extend_from_slice(name.as_bytes());
    encode_key(4, WireType::LengthDelimited, &mut head);
    encode_varint(payload_bytes as u64, &mut head);
    head
}

#[cfg(test)]
#[path = "proto_tests.rs"]
mod tests;
