//! Getting a seat: create, join, quick join, and finding one's way back to the seat one has.
//!
//! Run by the session, one at a time. The unique seat row in the room's own commit decides; what is asked here
//! before is only to give the better answer.

use super::Door;
use crate::{
    actors::room::{Caller, DEFAULT_GAME, RoomActor, RoomCommand, RoomMessage, RoomReply},
    cluster::AskError,
    ids::{PlayerId, RoomId, SessionRef},
    protocol::{
        ErrorCode, Rejection,
        messages::{CreateRoom, JoinRoom},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Where a session's player sits, after it was looked up.
pub(super) enum Seat {
    /// In this room, which has been told of the session; or nowhere.
    Found(Option<RoomId>),
    /// In this room, if it could be looked up at all; it could not be told.
    OutOfReach(Option<RoomId>),
    /// In his room, with this later session or this later place of the session.
    Elsewhere(SessionRef),
}

/// Looks the seat up and tells its room of this session. A room that is being put up after a crash takes a moment,
/// and is asked until it answers.
pub(super) async fn attach_to_seat(
    door: &Door,
    player_id: PlayerId,
    session: SessionRef,
    known: Option<RoomId>,
    snapshot: bool,
) -> Seat {
    const PAUSE: Duration = Duration::from_millis(250);
    let deadline = Instant::now() + Duration::from_millis(door.cluster.config().cluster.ask_timeout_ms);
    let mut room = known;
    while Instant::now() < deadline {
        if room.is_none() {
            match door.rooms.seat_of(player_id).await {
                Ok(Some(found)) => room = Some(found),
                Ok(None) => return Seat::Found(None),
                Err(error) => {
                    tracing::warn!(session_id = %session.id, %error, "a seat could not be looked up")
                }
            }
        }
        if let Some(room) = room {
            let command = RoomCommand::Attach { player_id, session, snapshot };
            match door.cluster.ask::<RoomActor>(room.0, command).await {
                Ok(RoomReply::Seated) => return Seat::Found(Some(room)),
                Ok(RoomReply::Elsewhere(known)) => return Seat::Elsewhere(known),
                Ok(RoomReply::NotMember) | Err(AskError::NotFound) => return Seat::Found(None),
                Ok(_) | Err(_) => {} // it reloads or moves, or its node is away
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::warn!(session_id = %session.id, ?room, "the room of a seat is out of reach");
    Seat::OutOfReach(room)
}

pub(super) fn unavailable(error: &dyn std::fmt::Display) -> Rejection {
    tracing::warn!(%error, "the store is away");
    Rejection::try_again(1_000, "the store is away")
}

/// Whether one who was refused so has a seat, or may have one after all.
fn may_be_seated(rejection: &Rejection) -> bool {
    matches!(rejection.code, ErrorCode::AlreadyInRoom | ErrorCode::TryAgain | ErrorCode::Moving)
}

/// One attempt to get a seat: the room he is in then, if any.
pub(super) struct SeatChange {
    pub(super) door: Arc<Door>,
    pub(super) caller: Caller,
    pub(super) address: std::net::IpAddr,
    pub(super) room: Option<RoomId>,
    /// He was looked up, or has left, and nothing was tried since.
    pub(super) seatless: bool,
}

impl SeatChange {
    /// One who has a seat: the answer is the room's, which knows whether this is a repetition.
    /// His seat is looked up where he is believed to have none: an earlier attempt may have been done after all.
    pub(super) async fn already_seated(
        &self,
        message: RoomMessage,
    ) -> Option<Result<Option<RoomId>, Rejection>> {
        let room = match self.room {
            Some(room) => room,
            None if self.seatless => return None, // should another have seated him meanwhile, the commit finds out
            None => match self.door.rooms.seat_of(self.caller.player_id).await {
                Ok(room) => room?,
                Err(error) => return Some(Err(unavailable(&error))),
            },
        };
        let command = RoomCommand::Client { by: self.caller.clone(), message };
        match self.door.cluster.ask::<RoomActor>(room.0, command).await {
            Ok(RoomReply::NotMember) | Err(AskError::NotFound) => None,
            Ok(_) => Some(Ok(Some(room))),
            Err(_) => Some(Err(Rejection::try_again(500, "the room does not answer"))),
        }
    }

    pub(super) async fn create(self, room: CreateRoom) -> Result<Option<RoomId>, Rejection> {
        match self.already_seated(RoomMessage::Repeat).await {
            Some(done) => done,
            None => self.create_anew(room).await,
        }
    }

    async fn create_anew(&self, room: CreateRoom) -> Result<Option<RoomId>, Rejection> {
        let id = RoomId::new();
        let command = RoomCommand::Create { by: self.caller.clone(), room: Box::new(room), showtime: None };
        self.seated(id, self.door.cluster.ask::<RoomActor>(id.0, command).await).await
    }

    pub(super) async fn seated(
        &self,
        room: RoomId,
        reply: Result<RoomReply, AskError>,
    ) -> Result<Option<RoomId>, Rejection> {
        match reply {
            Ok(RoomReply::Seated) => Ok(Some(room)),
            Ok(RoomReply::Refused(rejection)) if may_be_seated(&rejection) => {
                Ok(self.door.rooms.seat_of(self.caller.player_id).await.ok().flatten())
            }
            Ok(RoomReply::Refused(rejection)) => {
                if rejection.code == ErrorCode::RoomNotFound {
                    self.count_failure();
                }
                Ok(None)
            }
            Ok(_) => Ok(None),
            Err(AskError::NotFound) => {
                self.count_failure();
                Err(Rejection::new(ErrorCode::RoomNotFound, "no such room"))
            }
            Err(_) => Err(Rejection::try_again(500, "the room does not answer")),
        }
    }

    pub(super) fn count_failure(&self) {
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

    pub(super) async fn join(self, join: JoinRoom) -> Result<Option<RoomId>, Rejection> {
        self.may_try()?;
        if let Some(showtime) = join.showtime {
            return self.join_showtime(showtime).await;
        }
        let by_code = join.code.is_some();
        let room = match (join.room_id, join.code) {
            (_, Some(code)) => {
                let code = code.trim().to_ascii_uppercase();
                self.door.rooms.room_by_code(code).await.map_err(|e| unavailable(&e))?
            }
            (Some(room), None) => Some(room),
            (None, None) => return Err(Rejection::new(ErrorCode::BadMessage, "room_id or code is needed")),
        };
        let message =
            if room.is_some() && room == self.room { RoomMessage::Return } else { RoomMessage::Repeat };
        if let Some(done) = self.already_seated(message).await {
            return done;
        }
        let Some(room) = room else {
            self.count_failure();
            return Err(Rejection::new(ErrorCode::RoomNotFound, "no such room"));
        };
        let message = RoomMessage::Join {
            spectate: join.spectate.unwrap_or(false),
            quick: false,
            by_code,
            paid: false,
        };
        let command = RoomCommand::Client { by: self.caller.clone(), message };
        self.seated(room, self.door.cluster.ask::<RoomActor>(room.0, command).await).await
    }

    pub(super) async fn quick_join(self) -> Result<Option<RoomId>, Rejection> {
        if let Some(done) = self.already_seated(RoomMessage::Repeat).await {
            return done;
        }
        let rooms = self.door.rooms.fullest_waiting(DEFAULT_GAME.to_owned());
        for room in rooms.await.map_err(|e| unavailable(&e))? {
            let message = RoomMessage::Join { spectate: false, quick: true, by_code: false, paid: false };
            let command = RoomCommand::Client { by: self.caller.clone(), message };
            match self.door.cluster.ask::<RoomActor>(room.0, command).await {
                Ok(RoomReply::Seated) => return Ok(Some(room)),
                Ok(RoomReply::Refused(rejection)) if may_be_seated(&rejection) => {
                    return Err(rejection);
                }
                _ => {} // filled up or closed since: the next one
            }
        }
        self.create_anew(CreateRoom::default()).await
    }
}
