//! Getting a seat: create, join, quick join, and finding one's way back to the seat one has.
//!
//! Run by the session, one at a time. The unique seat row in the room's own commit decides; what is asked here
//! before is only to give the better answer.

use super::Door;
use crate::{
    actors::room::{Caller, DEFAULT_GAME, RoomActor, RoomCommand, RoomMessage, RoomReply},
    cluster::AskError,
    ids::{PlayerId, RoomId, SessionId},
    protocol::{
        ErrorCode, Rejection,
        messages::{CreateRoom, JoinRoom},
    },
};
use std::{sync::Arc, time::Duration};

/// How a change of seat ended.
pub(super) enum Outcome {
    /// He is in this room now, or in none.
    Room(Option<RoomId>),
    /// As before.
    Unchanged,
}

/// The room he has his seat in, told of this session. The room is asked until it answers: a room that is
/// being put up after a crash takes a moment.
pub(super) async fn attach_to_seat(
    door: &Door,
    player_id: PlayerId,
    session: SessionId,
    known: Option<RoomId>,
    snapshot: bool,
) -> Option<RoomId> {
    const TRIES: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(250);
    for _ in 0..TRIES {
        let room = match known {
            Some(room) => Some(room),
            None => match door.rooms.seat_of(player_id).await {
                Ok(room) => room,
                Err(error) => {
                    tracing::warn!(session_id = %session, %error, "a seat could not be looked up");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        }?;
        let command = RoomCommand::Attach { player_id, session: door.cluster.here(session), snapshot };
        match door.cluster.ask::<RoomActor>(room.0, command).await {
            Ok(RoomReply::Seated) => return Some(room),
            Ok(RoomReply::NotMember) | Err(AskError::NotFound) => return None,
            Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await, // it reloads or moves
        }
    }
    tracing::error!(session_id = %session, "gave up reaching the room of a seat");
    known
}

pub(super) fn unavailable(error: &dyn std::fmt::Display) -> Rejection {
    tracing::warn!(%error, "the store is away");
    Rejection::try_again(1_000, "the store is away")
}

/// One attempt to get a seat.
pub(super) struct SeatChange {
    pub(super) door: Arc<Door>,
    pub(super) caller: Caller,
    pub(super) address: std::net::IpAddr,
    pub(super) room: Option<RoomId>,
}

impl SeatChange {
    /// One who has a seat: the answer is the room's, which knows whether this is a repetition.
    async fn already_seated(&self) -> Option<Result<Outcome, Rejection>> {
        let room = self.room?;
        let command = RoomCommand::Client { by: self.caller.clone(), message: RoomMessage::Repeat };
        match self.door.cluster.ask::<RoomActor>(room.0, command).await {
            Ok(RoomReply::NotMember) | Err(AskError::NotFound) => None,
            Ok(_) => Some(Ok(Outcome::Unchanged)),
            Err(_) => Some(Err(Rejection::try_again(500, "the room does not answer"))),
        }
    }

    pub(super) async fn create(self, room: CreateRoom) -> Result<Outcome, Rejection> {
        match self.already_seated().await {
            Some(done) => done,
            None => self.create_anew(room).await,
        }
    }

    async fn create_anew(&self, room: CreateRoom) -> Result<Outcome, Rejection> {
        let id = RoomId::new();
        let command = RoomCommand::Create { by: self.caller.clone(), room };
        self.seated(id, self.door.cluster.ask::<RoomActor>(id.0, command).await)
    }

    fn seated(&self, room: RoomId, reply: Result<RoomReply, AskError>) -> Result<Outcome, Rejection> {
        match reply {
            Ok(RoomReply::Seated) => Ok(Outcome::Room(Some(room))),
            Ok(RoomReply::Refused(rejection)) => {
                if rejection.code == ErrorCode::RoomNotFound {
                    self.count_failure();
                }
                Ok(Outcome::Room(None))
            }
            Ok(_) => Ok(Outcome::Room(None)),
            Err(AskError::NotFound) => {
                self.count_failure();
                Err(Rejection::new(ErrorCode::RoomNotFound, "no such room"))
            }
            Err(_) => Err(Rejection::try_again(500, "the room does not answer")),
        }
    }

    fn count_failure(&self) {
        let failed = &self.door.failed_joins;
        let _ = failed.accounts.take(self.caller.player_id); // checked before the next try
        let _ = failed.addresses.take(self.address);
    }

    fn may_try(&self) -> Result<(), Rejection> {
        let failed = &self.door.failed_joins;
        let account = failed.accounts.check(self.caller.player_id);
        account.and_then(|()| failed.addresses.check(self.address)).map_err(|wait_ms| Rejection {
            code: ErrorCode::RateLimited,
            message: "too many failed joins".to_owned(),
            retry_after_ms: Some(wait_ms),
        })
    }

    pub(super) async fn join(self, join: JoinRoom) -> Result<Outcome, Rejection> {
        if let Some(done) = self.already_seated().await {
            return done;
        }
        self.may_try()?;
        let by_code = join.code.is_some();
        let room = match (join.room_id, join.code) {
            (_, Some(code)) => {
                let code = code.trim().to_ascii_uppercase();
                self.door.rooms.room_by_code(code).await.map_err(|e| unavailable(&e))?
            }
            (Some(room), None) => Some(room),
            (None, None) => return Err(Rejection::new(ErrorCode::BadMessage, "room_id or code is needed")),
        };
        let Some(room) = room else {
            self.count_failure();
            return Err(Rejection::new(ErrorCode::RoomNotFound, "no such room"));
        };
        let message = RoomMessage::Join { spectate: join.spectate.unwrap_or(false), quick: false, by_code };
        let command = RoomCommand::Client { by: self.caller.clone(), message };
        self.seated(room, self.door.cluster.ask::<RoomActor>(room.0, command).await)
    }

    pub(super) async fn quick_join(self) -> Result<Outcome, Rejection> {
        if let Some(done) = self.already_seated().await {
            return done;
        }
        let rooms = self.door.rooms.fullest_waiting(DEFAULT_GAME.to_owned());
        for room in rooms.await.map_err(|e| unavailable(&e))? {
            let message = RoomMessage::Join { spectate: false, quick: true, by_code: false };
            let command = RoomCommand::Client { by: self.caller.clone(), message };
            match self.door.cluster.ask::<RoomActor>(room.0, command).await {
                Ok(RoomReply::Seated) => return Ok(Outcome::Room(Some(room))),
                Ok(RoomReply::Refused(rejection)) if rejection.code == ErrorCode::AlreadyInRoom => {
                    return Err(rejection);
                }
                _ => {} // filled up or closed since: the next one
            }
        }
        self.create_anew(CreateRoom::default()).await
    }
}
