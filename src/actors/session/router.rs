//! What a client message becomes: the table of wire types (spec 1.2–1.4). Pure.

use crate::{
    actors::room::RoomMessage,
    protocol::{
        ClientFrame, ErrorCode, Rejection,
        bracket::OfShowtime,
        matchmaking::EnterMatchmaking,
        media::{Description, Reset, StateReport},
        messages::{CreateRoom, InQueue, JoinRoom, ListRooms, Ping},
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A client's message, read.
#[derive(Debug)]
pub(super) enum Request {
    Ping(Ping),
    Create(CreateRoom),
    Join(JoinRoom),
    QuickJoin,
    List(ListRooms),
    EnterMatchmaking(EnterMatchmaking),
    LeaveMatchmaking,
    JoinBracket(OfShowtime),
    BracketState(OfShowtime),
    EnterQueue(InQueue),
    LeaveQueue(InQueue),
    /// For the room he is in.
    Room(RoomMessage),
    /// Not a client's: the session's own look for its seat, in its turn.
    FindSeat {
        snapshot: bool,
    },
}

/// Every wire type a client may send but `game.*`, which the room's game reads.
pub const CLIENT_TYPES: &[&str] = &[
    "ping",
    "session.resume",
    "room.create",
    "room.join",
    "room.quick_join",
    "room.list",
    "room.leave",
    "room.ready",
    "room.settings",
    "room.kick",
    "room.transfer",
    "room.add_bot",
    "room.remove_bot",
    "room.start",
    "room.rematch",
    "room.state",
    "chat.send",
    "player.mute",
    "player.report",
    "matchmaking.enter",
    "matchmaking.leave",
    "bracket.join",
    "bracket.state",
    "media.offer",
    "media.answer",
    "media.state",
    "media.reset",
    "queue.enter",
    "queue.leave",
];

/// Reads a frame, or says why it cannot be read.
pub(super) fn read(frame: ClientFrame) -> Result<Request, Rejection> {
    let ClientFrame { name, payload, .. } = frame;
    Ok(match name.as_str() {
        "ping" => Request::Ping(typed(payload)?),
        "room.create" => Request::Create(typed(payload)?),
        "room.join" => Request::Join(typed(payload)?),
        "room.quick_join" => Request::QuickJoin,
        "room.list" => Request::List(typed(payload)?),
        "matchmaking.enter" => Request::EnterMatchmaking(typed(payload)?),
        "matchmaking.leave" => Request::LeaveMatchmaking,
        "bracket.join" => Request::JoinBracket(typed(payload)?),
        "bracket.state" => Request::BracketState(typed(payload)?),
        "queue.enter" => Request::EnterQueue(typed(payload)?),
        "queue.leave" => Request::LeaveQueue(typed(payload)?),
        "session.resume" => {
            let why = "session.resume is the first frame of a socket opened with resume=1";
            return Err(Rejection::new(ErrorCode::BadMessage, why));
        }
        _ => Request::Room(room_message(name, payload)?),
    })
}

fn room_message(name: String, payload: Value) -> Result<RoomMessage, Rejection> {
    Ok(match name.as_str() {
        "room.leave" => RoomMessage::Leave,
        "room.ready" => RoomMessage::Ready(typed(payload)?),
        "room.settings" => RoomMessage::Settings(typed(payload)?),
        "room.kick" => RoomMessage::Kick(typed(payload)?),
        "room.transfer" => RoomMessage::Transfer(typed(payload)?),
        "room.add_bot" => RoomMessage::AddBot,
        "room.remove_bot" => RoomMessage::RemoveBot(typed(payload)?),
        "room.start" => RoomMessage::Start,
        "room.rematch" => RoomMessage::Rematch,
        "room.state" => RoomMessage::State,
        "chat.send" => RoomMessage::Chat(typed(payload)?),
        "player.mute" => RoomMessage::Mute(typed(payload)?),
        "player.report" => RoomMessage::Report(typed(payload)?),
        "media.offer" => RoomMessage::Media(typed::<Description>(payload)?.offer()?),
        "media.answer" => RoomMessage::Media(typed::<Description>(payload)?.answer()?),
        "media.state" => RoomMessage::Media(typed::<StateReport>(payload)?.into()),
        "media.reset" => RoomMessage::Media(typed::<Reset>(payload)?.into()),
        name if name.starts_with("game.") => RoomMessage::Game { name: name.to_owned(), payload },
        _ => return Err(Rejection::new(ErrorCode::UnknownType, "no such message type")),
    })
}

fn typed<T: DeserializeOwned>(payload: Value) -> Result<T, Rejection> {
    serde_path_to_error::deserialize(payload)
        .map_err(|e| Rejection::new(ErrorCode::BadMessage, format!("payload.{}: {}", e.path(), e.inner())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn frame(name: &str, payload: Value) -> ClientFrame {
        ClientFrame { id: Some(1), name: name.to_owned(), payload }
    }

    #[test]
    fn every_type_of_the_table_is_known() {
        for name in CLIENT_TYPES {
            let refused = read(frame(name, json!({}))).err().map(|r| r.code);
            assert_ne!(refused, Some(ErrorCode::UnknownType), "{name}");
        }
    }

    #[test]
    fn an_unknown_type_and_a_wrong_payload_are_told_apart() {
        assert_eq!(read(frame("room.fly", json!({}))).expect_err("unknown").code, ErrorCode::UnknownType);
        let wrong = read(frame("room.ready", json!({"ready": "yes"}))).expect_err("wrong");
        assert_eq!(wrong.code, ErrorCode::BadMessage);
        assert!(wrong.message.contains("payload.ready"), "{wrong}");
    }
}
