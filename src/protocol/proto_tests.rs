//! That Protocol Buffers say what JSON says, and that `proto/playhouse.proto` is what is spoken.

use super::*;
use crate::protocol::{Encoding, ErrorCode, Push, Rejection};

const NESTING: usize = 16;

fn read(request: &ProtoRequest) -> Result<ClientFrame, BadFrame> {
    ClientFrame::parse(&request.encode_to_vec(), Encoding::Proto, NESTING)
}

#[test]
fn a_request_reads_as_in_json() {
    let payload = json!({"code": "ABCDEF"});
    let request = ProtoRequest {
        id: Some(7),
        r#type: "room.join".into(),
        payload_json: payload.to_string(),
        ping: None,
    };
    let frame = read(&request).expect("reads");
    assert_eq!((frame.id, frame.name.as_str(), &frame.payload), (Some(7), "room.join", &payload));
    let bare = ProtoRequest { r#type: "room.leave".into(), ..Default::default() };
    assert_eq!(read(&bare).expect("reads").payload, json!({}));
}

#[test]
fn a_ping_has_a_type_and_so_has_its_pong() {
    let ping = ProtoRequest { id: Some(1), ping: Some(Ping { client_time: 99 }), ..Default::default() };
    let frame = read(&ping).expect("reads");
    assert_eq!((frame.name.as_str(), frame.payload), ("ping", json!({"client_time": 99})));
    let pong = Answer::named(Some(1), "pong", &json!({"client_time": 99, "server_time": 100}));
    let message = ProtoMessage::decode(&pong.encode(Encoding::Proto)[..]).expect("decodes");
    assert_eq!(message.pong, Some(Pong { client_time: 99, server_time: 100 }));
    assert_eq!((message.re, message.payload_json.as_str()), (Some(1), ""));
    let odd = Answer::named(Some(1), "pong", &json!({"client_time": "noon", "server_time": 100}));
    let message = ProtoMessage::decode(&odd.encode(Encoding::Proto)[..]).expect("decodes");
    assert!(message.pong.is_none() && message.payload_json.contains("noon"));
}

#[test]
fn bad_requests_are_answered_to_their_id() {
    let of = |name: &str, payload: &str| ProtoRequest {
        id: Some(3),
        r#type: name.into(),
        payload_json: payload.into(),
        ping: None,
    };
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(30), "]".repeat(30));
    let ping = ProtoRequest { ping: Some(Ping::default()), ..of("room.join", "") };
    for request in [of("", ""), of("x", "[]"), of("x", "{"), of("x", &deep), ping] {
        let bad = read(&request).expect_err("bad");
        assert_eq!((bad.id, bad.rejection.code), (Some(3), ErrorCode::BadMessage), "{request:?}");
    }
    assert!(ClientFrame::parse(&[0xff; 40], Encoding::Proto, NESTING).is_err());
}

#[test]
fn pushes_and_answers_say_the_same_as_in_json() {
    let push = Push::new("game.votes", &json!({"tally": {"a": ["나"]}, "n": 1}));
    let bytes = push.with_seq(300, Encoding::Proto, |head, tail| [head, tail].concat());
    let message = ProtoMessage::decode(&bytes[..]).expect("decodes");
    let payload: Value = serde_json::from_str(&message.payload_json).expect("JSON");
    assert_eq!((message.seq, message.re, message.r#type.as_str()), (Some(300), None, "game.votes"));
    assert_eq!(payload, json!({"tally": {"a": ["나"]}, "n": 1}));
    let answer = Answer::error(None, &Rejection::try_again(5, "later"));
    let message = ProtoMessage::decode(&answer.encode(Encoding::Proto)[..]).expect("decodes");
    assert_eq!((message.re, message.seq, message.r#type.as_str()), (None, None, "error"));
    assert!(message.payload_json.contains("try_again"));
}

/// `message.name = tag: type` of each field, from either text.
fn fields_of_proto(text: &str) -> Vec<String> {
    let (mut message, mut found) = (String::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("message ") {
            message = name.trim_end_matches(" {").to_owned();
        } else if let Some((field, tag)) = line.trim_end_matches(';').split_once(" = ")
            && !line.starts_with("//")
            && !line.starts_with("syntax")
        {
            let optional = field.starts_with("optional ");
            let (kind, name) = field.trim_start_matches("optional ").split_once(' ').expect("type and name");
            let kind = if ["string", "uint32", "uint64"].contains(&kind) { kind } else { "message" };
            found.push(format!("{message}.{name} = {tag}: {kind} {optional}"));
        }
    }
    found
}

fn fields_of_rust(text: &str) -> Vec<String> {
    let (mut message, mut about, mut found) = (String::new(), String::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("pub struct ") {
            message = name.trim_end_matches(" {").to_owned();
        } else if let Some(attribute) = line.strip_prefix("#[prost(") {
            about = attribute.trim_end_matches(")]").to_owned();
        } else if let Some(field) = line.strip_prefix("pub ").filter(|_| !about.is_empty()) {
            let name = field.split(':').next().expect("a name").trim_start_matches("r#");
            let kind = about.split(',').next().expect("a type");
            let tag = about.split('"').nth(1).expect("a tag");
            found.push(format!("{message}.{name} = {tag}: {kind} {}", about.contains("optional")));
            about.clear();
        }
    }
    found
}

#[test]
fn the_proto_file_is_what_is_spoken() {
    let file = fields_of_proto(include_str!("../../proto/playhouse.proto"));
    assert_eq!(file, fields_of_rust(include_str!("proto.rs")));
    assert_eq!(file.len(), 12);
}
