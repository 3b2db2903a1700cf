//! The room index: seats, codes and lists, as the rooms' own commits wrote them.

use super::{Listing, Sql, StoreError, browse, look_ups::found, read};
use crate::{
    clock::UnixMs,
    ids::{PlayerId, RoomId},
};
use serde_json::Value;
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

#[derive(FromRow)]
struct ListingRow {
    room_id: Uuid,
    code: String,
    name: String,
    game: String,
    visibility: String,
    status: String,
    members: i64,
    capacity: i64,
    settings: Json<Value>,
    created_at: i64,
}

impl From<ListingRow> for Listing {
    fn from(row: ListingRow) -> Self {
        Self {
            room_id: RoomId(row.room_id),
            code: row.code,
            name: row.name,
            game: row.game,
            visibility: row.visibility,
            status: row.status,
            members: row.members,
            capacity: row.capacity,
            settings: row.settings.0,
            created_at: UnixMs(row.created_at),
        }
    }
}

/// How many rooms a quick join tries.
const QUICK_JOIN_ROOMS: i64 = 5;

/// Which rooms staff ask for.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct RoomFilter {
    /// `waiting` or `playing`.
    pub status: Option<String>,
    /// Of this game.
    pub game: Option<String>,
    /// Id, code, or a part of the name.
    pub search: Option<String>,
    /// Older than this one.
    pub before: Option<Uuid>,
}

/// For staff.
impl Sql {
    /// Rooms, private ones too, newest first.
    pub(crate) async fn all_rooms(
        &self,
        filter: &RoomFilter,
        limit: u32,
    ) -> Result<Vec<Listing>, StoreError> {
        let sql =
            "SELECT * FROM rooms WHERE room_id < $1 AND ($2 = '' OR status = $2) AND ($3 = '' OR game = $3)
                   AND ($4 = '' OR code = UPPER($4) OR LOWER(name) LIKE $5 ESCAPE '!' OR room_id = $6)
                   ORDER BY room_id DESC LIMIT $7";
        let search = filter.search.as_deref().unwrap_or_default().trim();
        let (like, id) = (super::moderation::like(search), Uuid::parse_str(search).ok());
        let rows: Vec<ListingRow> = browse!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(filter.before.unwrap_or(Uuid::max()));
            let query = query.bind(filter.status.as_deref().unwrap_or_default());
            let query = query.bind(filter.game.as_deref().unwrap_or_default()).bind(search);
            query.bind(&like).bind(id).bind(i64::from(limit)).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(Listing::from).collect())
    }

    /// Rooms that wait, rooms that play, and players at their tables.
    pub(crate) async fn room_figures(&self) -> Result<(i64, i64, i64), StoreError> {
        let sql = "SELECT COUNT(CASE WHEN status = 'waiting' THEN 1 END), COUNT(CASE WHEN status = 'playing' THEN 1 END),
                   CAST(COALESCE(SUM(members), 0) AS BIGINT) FROM rooms";
        Ok(browse!(self.db(), pool => sqlx::query_as(sql).fetch_one(pool).await?))
    }
}

impl Sql {
    /// The room in which this account has its seat.
    pub async fn seat_of(&self, account: PlayerId) -> Result<Option<RoomId>, StoreError> {
        let db = self.db().clone();
        let look_up = move |accounts: Vec<PlayerId>| {
            let db = db.clone();
            async move {
                let accounts: Vec<Uuid> = accounts.into_iter().map(|account| account.0).collect();
                let sql = "SELECT account_id, room_id FROM seats WHERE account_id IN (";
                let seats: Vec<(Uuid, Uuid)> = found!(&db, sql, accounts);
                Ok(seats.into_iter().map(|(account, room)| (PlayerId(account), RoomId(room))).collect())
            }
        };
        self.seats.ask(account, look_up).await
    }

    /// The room with this code.
    pub async fn room_by_code(&self, code: &str) -> Result<Option<RoomId>, StoreError> {
        let db = self.db().clone();
        let look_up = move |codes: Vec<String>| {
            let db = db.clone();
            async move {
                let rooms: Vec<(String, Uuid)> =
                    found!(&db, "SELECT code, room_id FROM rooms WHERE code IN (", codes);
                Ok(rooms.into_iter().map(|(code, room)| (code, RoomId(room))).collect())
            }
        };
        self.codes.ask(code.to_owned(), look_up).await
    }

    /// Public rooms, newest first, and the cursor of the next page. A cursor of no page begins anew.
    pub async fn list_rooms(
        &self,
        status: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<Listing>, Option<String>), StoreError> {
        let before = cursor.and_then(|cursor| Uuid::parse_str(cursor).ok()).unwrap_or(Uuid::max());
        let sql = "SELECT * FROM rooms WHERE visibility = 'public' AND room_id < $1
                   AND ($2 = '' OR status = $2) ORDER BY room_id DESC LIMIT $3";
        let (status, limit) = (status.unwrap_or_default(), i64::from(limit));
        let rows: Vec<ListingRow> = browse!(self.db(), pool => {
            sqlx::query_as(sql).bind(before).bind(status).bind(limit).fetch_all(pool).await?
        });
        let full = rows.len() as i64 == limit;
        let rooms: Vec<Listing> = rows.into_iter().map(Listing::from).collect();
        let next = rooms.last().filter(|_| full).map(|room| room.room_id.to_string());
        Ok((rooms, next))
    }

    /// Public waiting rooms with a free seat, fullest first.
    pub async fn fullest_waiting(&self, game: &str) -> Result<Vec<RoomId>, StoreError> {
        let sql = "SELECT room_id FROM rooms WHERE visibility = 'public' AND status = 'waiting' AND game = $1
                   AND members < capacity ORDER BY members DESC, room_id LIMIT $2";
        let rooms: Vec<Uuid> = read!(self.db(), pool => {
            sqlx::query_scalar(sql).bind(game).bind(QUICK_JOIN_ROOMS).fetch_all(pool).await?
        });
        Ok(rooms.into_iter().map(RoomId).collect())
    }
}
