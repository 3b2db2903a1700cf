//! What entities commit: their state under their epoch, and the rows that go with it (spec 6.2).

use super::{AuditEntry, NewPass};
use crate::{
    clock::UnixMs,
    ids::{MatchId, PlayerId, QueueId, RoomId},
    liveops::Fact,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// An entity's state and the right to commit it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Activated {
    /// What its commits are conditional on.
    pub epoch: i64,
    /// How often it was committed.
    pub version: i64,
    /// As last committed.
    #[serde(with = "crate::store::wire::bytes")]
    pub state: Vec<u8>,
}

/// An entity that wants to be woken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Due {
    /// Its key.
    pub key: Uuid,
    /// The number its last commit gave the reminder.
    pub wake_no: i64,
}

/// One entity's commit: all of it or nothing.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Commit {
    /// Kind of the entity.
    #[serde(deserialize_with = "crate::store::wire::name")]
    pub kind: crate::store::wire::Name,
    /// Key of the entity.
    pub key: Uuid,
    /// The right to commit.
    pub fence: Fence,
    /// The new state; `None` ends the entity.
    #[serde(with = "crate::store::wire::bytes_if_any")]
    pub state: Option<Vec<u8>>,
    /// When it wants to be woken if nobody holds it then.
    pub next_wake_at: Option<UnixMs>,
    /// Number of that reminder.
    pub wake_no: i64,
    /// What goes with the state.
    pub rows: Vec<Row>,
}

/// Under which right a commit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Fence {
    /// The entity is new; it begins with epoch 1.
    Create,
    /// The entity's epoch is still this one.
    Epoch(i64),
}

/// A row that is written in an entity's commit.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum Row {
    /// The account's one seat; refused with [`CommitError::SeatTaken`] if it has another.
    TakeSeat {
        /// Whose.
        account: PlayerId,
        /// Where.
        room: RoomId,
    },
    /// The seat is free, if it was in this room.
    FreeSeat {
        /// Whose.
        account: PlayerId,
        /// Where.
        room: RoomId,
    },
    /// What the index shows of a room; refused with [`CommitError::CodeTaken`] if another has its code.
    Listing(Listing),
    /// The room is no more.
    Unlist {
        /// Which.
        room: RoomId,
    },
    /// A match begins.
    MatchStarted {
        /// Which.
        match_id: MatchId,
        /// Where.
        room: RoomId,
        /// Everything of its recording that is known at the start.
        header: Value,
        /// Accounts that may read it.
        participants: Vec<PlayerId>,
        /// When.
        at: UnixMs,
    },
    /// The next entry of a match's log.
    MatchEntry {
        /// Which match.
        match_id: MatchId,
        /// From 0, without gaps.
        n: i64,
        /// When.
        at: UnixMs,
        /// The entry.
        body: Value,
    },
    /// A match has ended.
    MatchEnded {
        /// Which.
        match_id: MatchId,
        /// Who won.
        winner: String,
        /// When.
        at: UnixMs,
        /// Everything of its recording that is known at the end.
        ended: Value,
    },
    /// Something that this commit makes true, for the activity stream.
    Fact(Fact),
    /// A queue lets these in, lowest number first: all of them, or, if one has had a pass, none
    /// ([`CommitError::Failed`]).
    Admitted {
        /// Which.
        queue: QueueId,
        /// When.
        at: UnixMs,
        /// One for each of them.
        passes: Vec<NewPass>,
        /// None of the numbers up to this one waits any more; 0: not known.
        #[serde(default)]
        through: i64,
    },
    /// What a member of the staff has done to the entity.
    Audit(AuditEntry),
    /// A player reports another.
    Report {
        /// Of the report.
        id: Uuid,
        /// Where.
        room: RoomId,
        /// Who reports.
        by: PlayerId,
        /// Whom.
        about: PlayerId,
        /// In his words.
        reason: String,
        /// The server's own log of what happened.
        log: Value,
        /// When.
        at: UnixMs,
    },
}

/// A room in the list (spec 1.2).
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, serde::Deserialize)]
pub struct Listing {
    /// Its id.
    pub room_id: RoomId,
    /// Six letters.
    pub code: String,
    /// As shown.
    pub name: String,
    /// Which game.
    pub game: String,
    /// `public` or `private`.
    pub visibility: String,
    /// `waiting` or `playing`.
    pub status: String,
    /// At the table; spectators are not counted.
    pub members: i64,
    /// Seats.
    pub capacity: i64,
    /// All settings.
    pub settings: Value,
    /// Unix ms.
    pub created_at: UnixMs,
}

/// Why a commit was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum CommitError {
    /// Another owner has activated the entity, or it exists already.
    #[error("fenced by a later owner")]
    Fenced,
    /// This account has a seat elsewhere.
    #[error("{0} has a seat elsewhere")]
    SeatTaken(PlayerId),
    /// Another room has this code.
    #[error("the room code is taken")]
    CodeTaken,
    /// The writer's queue is full; certainly not written.
    #[error("too many commits wait")]
    Busy,
    /// Certainly not written.
    #[error("not written: {0}")]
    Failed(String),
    /// It may have been written: only the store knows.
    #[error("in doubt: {0}")]
    Unknown(String),
}
