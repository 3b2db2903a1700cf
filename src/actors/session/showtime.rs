//! A seat in the room of a showtime (spec 3.2): a paid seat is what lets in, and the first who comes opens the room.
//!
//! Run by the session, as every change of its seat. That he has paid is looked up here, in SQL; the room itself refuses
//! whoever comes any other way.

use super::seat::{SeatChange, unavailable};
use crate::{
    actors::room::{RoomActor, RoomCommand, RoomMessage, RoomReply},
    clock::UnixMs,
    cluster::{AskError, Cluster, ShowtimeDoor},
    ids::RoomId,
    protocol::{
        ErrorCode, Rejection,
        messages::{CreateRoom, Visibility},
    },
};
use uuid::Uuid;

/// Characters of a room's name at most.
const NAME_CHARS: usize = 40;

impl SeatChange {
    /// `room.join {showtime}`.
    pub(super) async fn join_showtime(&self, showtime: Uuid) -> Result<Option<RoomId>, Rejection> {
        let found = self.door.rooms.showtime_door(showtime, self.caller.player_id).await;
        let Some(door) = found.map_err(|error| unavailable(&error))? else {
            self.count_failure();
            return Err(Rejection::new(ErrorCode::RoomNotFound, "no such showtime, or it has no room"));
        };
        let room = door.room_id;
        let message = if self.room == Some(room) { RoomMessage::Return } else { RoomMessage::Repeat };
        if let Some(done) = self.already_seated(message).await {
            return done;
        }
        self.may_enter(&door)?;
        match self.ask_in(room).await {
            Err(AskError::NotFound) => {}
            reply => return self.seated(room, reply).await,
        }
        let wish = CreateRoom {
            name: Some(door.title.trim().chars().take(NAME_CHARS).collect()),
            visibility: Some(Visibility::Private),
            ..serde_json::from_value(door.room).unwrap_or_default()
        };
        let by = self.caller.clone();
        let create = RoomCommand::Create { by, room: Box::new(wish), showtime: Some(showtime) };
        // If another holder is faster the room lets this one in all the same, or has him try again.
        self.seated(room, self.door.cluster.ask::<RoomActor>(room.0, create).await).await
    }

    fn may_enter(&self, door: &ShowtimeDoor) -> Result<(), Rejection> {
        if !door.paid {
            return Err(Rejection::new(ErrorCode::SeatRequired, "a paid seat of the showtime lets one in"));
        }
        too_early(&self.door.cluster, door.starts_at)
    }

    async fn ask_in(&self, room: RoomId) -> Result<RoomReply, AskError> {
        let message = RoomMessage::Join { spectate: false, quick: false, by_code: true, paid: true };
        let command = RoomCommand::Client { by: self.caller.clone(), message };
        self.door.cluster.ask::<RoomActor>(room.0, command).await
    }
}

/// The doors of a showtime open a while before it starts, those of its bracket too.
pub(super) fn too_early(cluster: &Cluster, starts_at: UnixMs) -> Result<(), Rejection> {
    let early_ms = i64::try_from(cluster.config().showtimes.doors_ms).unwrap_or(i64::MAX);
    let wait_ms = starts_at - cluster.clock().now() - early_ms;
    if wait_ms <= 0 {
        return Ok(());
    }
    let message = "the doors open shortly before the showtime starts".to_owned();
    let retry_after_ms = u64::try_from(wait_ms).ok();
    Err(Rejection { code: ErrorCode::DoorsClosed, message, retry_after_ms })
}
