//! contract
use crate::{clock::UnixMs, ids::{MatchId, PlayerId, RoomId}};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
#[derive(Clone)] pub struct Store;
impl Store {
  pub async fn activate(&self, _kind: &'static str, _key: Uuid) -> Result<Option<Activated>, StoreError> { unreachable!() }
  pub fn commit(&self, _c: Commit) -> impl Future<Output = Result<(), CommitError>> + Send + 'static + use<> { async { unreachable!() } }
  pub async fn due(&self, _kind: &'static str, _now: UnixMs, _limit: u32) -> Result<Vec<Due>, StoreError> { unreachable!() }
  pub async fn seat_of(&self, _a: PlayerId) -> Result<Option<RoomId>, StoreError> { unreachable!() }
  pub async fn room_by_code(&self, _c: &str) -> Result<Option<RoomId>, StoreError>{ unreachable!() }
  pub async fn list_rooms(&self, _s: Option<&str>, _c: Option<&str>, _l: u32) -> Result<(Vec<Listing>, Option<String>), StoreError>{ unreachable!() }
  pub async fn fullest_waiting(&self, _g: &str) -> Result<Vec<RoomId>, StoreError>{ unreachable!() }
}
#[derive(Clone, Debug)] pub struct Activated { pub epoch: i64, pub version: i64, pub state: Vec<u8> }
#[derive(Clone, Debug)] pub struct Due { pub key: Uuid, pub wake_no: i64 }
#[derive(Clone, Debug)] pub struct Commit { pub kind: &'static str, pub key: Uuid, pub fence: Fence, pub state: Option<Vec<u8>>, pub next_wake_at: Option<UnixMs>, pub wake_no: i64, pub rows: Vec<Row> }
#[derive(Clone, Copy, Debug)] pub enum Fence { Create, Epoch(i64) }
#[derive(Clone, Debug)] pub enum Row { TakeSeat{account: PlayerId, room: RoomId}, FreeSeat{account: PlayerId, room: RoomId}, Listing(Listing), Unlist{room: RoomId}, MatchStarted{match_id: MatchId, room: RoomId, header: Value, participants: Vec<PlayerId>, at: UnixMs}, MatchEntry{match_id: MatchId, n: i64, at: UnixMs, body: Value}, MatchEnded{match_id: MatchId, winner: String, at: UnixMs, ended: Value}, Report{id: Uuid, room: RoomId, by: PlayerId, about: PlayerId, reason: String, log: Value, at: UnixMs} }
#[derive(Clone, Debug, PartialEq, Serialize)] pub struct Listing { pub room_id: RoomId, pub code: String, pub name: String, pub game: String, pub visibility: String, pub status: String, pub members: i64, pub capacity: i64, pub settings: Value, pub created_at: UnixMs }
#[derive(Clone, Debug)] pub enum CommitError { Fenced, SeatTaken(PlayerId), CodeTaken, Busy, Failed(String), Unknown(String) }
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct StoreError;
