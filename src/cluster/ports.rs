//! Ports of the cluster: small traits, each with its guarantee. Adapters: [`crate::store::Store`] on SQL, and
//! the test kit's `MemoryStore`; both pass one conformance suite.

use crate::{
    clock::UnixMs,
    ids::{PlayerId, RoomId},
    store::{Activated, Commit, CommitError, Due, Listing, StoreError},
};
use futures_util::future::BoxFuture;

/// One page of rooms, and the cursor of the next.
pub type RoomPage = (Vec<Listing>, Option<String>);
use uuid::Uuid;

/// Where entities live when nobody holds them.
///
/// Guarantees: `activate` raises the epoch and reads the state in one step, which fences every earlier owner
/// for good. A `commit` is applied wholly or not at all, only under its own epoch, and is durable once its
/// future is `Ok`; commits of one caller are applied in the order in which `commit` was called.
/// `CommitError::Unknown` alone means that it may have been applied.
pub trait EntityStore: Send + Sync + 'static {
    /// Takes ownership and reads the state; `None` if there is no such entity.
    fn activate(
        &self,
        kind: &'static str,
        key: Uuid,
    ) -> BoxFuture<'static, Result<Option<Activated>, StoreError>>;
    /// Queues at once, resolves when durable.
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<(), CommitError>>;
    /// Entities whose `next_wake_at` has passed, oldest first.
    fn due(
        &self,
        kind: &'static str,
        now: UnixMs,
        limit: u32,
    ) -> BoxFuture<'static, Result<Vec<Due>, StoreError>>;
}

/// A showtime's room, as one account finds it.
#[derive(Clone, Debug)]
pub struct ShowtimeDoor {
    /// The key of its room, whether it is open or not.
    pub room_id: RoomId,
    /// Of the showtime.
    pub title: String,
    /// When it starts.
    pub starts_at: UnixMs,
    /// What its room is like: `{game?, capacity?, settings?}`.
    pub room: serde_json::Value,
    /// Whether the account has paid for a seat of it.
    pub paid: bool,
}

/// A showtime's bracket, as one account finds it.
#[derive(Clone, Debug)]
pub struct BracketDoor {
    /// Of the showtime.
    pub title: String,
    /// When it starts.
    pub starts_at: UnixMs,
    /// Whether the account has paid for a seat of it, and is neither banned nor deleted.
    pub paid: bool,
}

/// What is known of rooms without asking one: written in the rooms' own commits, so it is never ahead of them.
pub trait RoomIndex: Send + Sync + 'static {
    /// The room in which this account has its seat.
    fn seat_of(&self, account: PlayerId) -> BoxFuture<'static, Result<Option<RoomId>, StoreError>>;
    /// The room with this code.
    fn room_by_code(&self, code: String) -> BoxFuture<'static, Result<Option<RoomId>, StoreError>>;
    /// Public rooms, newest first, and the cursor of the next page.
    fn list_rooms(
        &self,
        status: Option<&'static str>,
        cursor: Option<String>,
        limit: u32,
    ) -> BoxFuture<'static, Result<RoomPage, StoreError>>;
    /// Public waiting rooms with a free seat, fullest first.
    fn fullest_waiting(&self, game: String) -> BoxFuture<'static, Result<Vec<RoomId>, StoreError>>;
    /// The room of a showtime, for this account. `None`: there is no such showtime, or it has no room.
    fn showtime_door(
        &self,
        showtime: Uuid,
        account: PlayerId,
    ) -> BoxFuture<'static, Result<Option<ShowtimeDoor>, StoreError>>;
    /// The bracket of a showtime, for this account. `None`: there is no such showtime, or it has no bracket.
    fn bracket_door(
        &self,
        showtime: Uuid,
        account: PlayerId,
    ) -> BoxFuture<'static, Result<Option<BracketDoor>, StoreError>>;
}

impl EntityStore for crate::store::Store {
    fn activate(
        &self,
        kind: &'static str,
        key: Uuid,
    ) -> BoxFuture<'static, Result<Option<Activated>, StoreError>> {
        let store = self.clone();
        Box::pin(async move { store.activate(kind, key).await })
    }
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<(), CommitError>> {
        Box::pin(crate::store::Store::commit(self, commit))
    }
    fn due(
        &self,
        kind: &'static str,
        now: UnixMs,
        limit: u32,
    ) -> BoxFuture<'static, Result<Vec<Due>, StoreError>> {
        let store = self.clone();
        Box::pin(async move { store.due(kind, now, limit).await })
    }
}

impl RoomIndex for crate::store::Store {
    fn seat_of(&self, account: PlayerId) -> BoxFuture<'static, Result<Option<RoomId>, StoreError>> {
        let store = self.clone();
        Box::pin(async move { store.seat_of(account).await })
    }
    fn room_by_code(&self, code: String) -> BoxFuture<'static, Result<Option<RoomId>, StoreError>> {
        let store = self.clone();
        Box::pin(async move { store.room_by_code(&code).await })
    }
    fn list_rooms(
        &self,
        status: Option<&'static str>,
        cursor: Option<String>,
        limit: u32,
    ) -> BoxFuture<'static, Result<RoomPage, StoreError>> {
        let store = self.clone();
        Box::pin(async move { store.list_rooms(status, cursor.as_deref(), limit).await })
    }
    fn fullest_waiting(&self, game: String) -> BoxFuture<'static, Result<Vec<RoomId>, StoreError>> {
        let store = self.clone();
        Box::pin(async move { store.fullest_waiting(&game).await })
    }
    fn showtime_door(
        &self,
        showtime: Uuid,
        account: PlayerId,
    ) -> BoxFuture<'static, Result<Option<ShowtimeDoor>, StoreError>> {
        let store = self.clone();
        Box::pin(async move {
            let Some(row) = store.showtime(showtime).await? else { return Ok(None) };
            let (Some(room), Some(room_id)) = (row.room, row.room_id) else { return Ok(None) };
            let paid = store.has_paid_seat(account, showtime).await?;
            let (title, starts_at) = (row.title, UnixMs(row.starts_at));
            Ok(Some(ShowtimeDoor { room_id: RoomId(room_id), title, starts_at, room, paid }))
        })
    }
    fn bracket_door(
        &self,
        showtime: Uuid,
        account: PlayerId,
    ) -> BoxFuture<'static, Result<Option<BracketDoor>, StoreError>> {
        let store = self.clone();
        Box::pin(async move {
            let Some(row) = store.showtime(showtime).await? else { return Ok(None) };
            if row.bracket.is_none() {
                return Ok(None);
            }
            let paid = store.may_play(account, showtime, store.now()).await?;
            Ok(Some(BracketDoor { title: row.title, starts_at: UnixMs(row.starts_at), paid }))
        })
    }
}
