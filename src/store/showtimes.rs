//! SQL of showtimes and their seats (spec 3.2). Every change by staff is written with its audit entry, in one
//! transaction. Who has a seat is in [`super::reservations`]; a seat's status follows from it.

use super::{
    AuditEntry, Sql, StoreError, audit,
    events::{Saved, saved},
    read, write,
};
use crate::clock::UnixMs;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// A showtime as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct ShowtimeRow {
    pub showtime_id: Uuid,
    pub title: String,
    pub starts_at: i64,
    pub queue: Option<Uuid>,
    pub price_points: i64,
    pub on_queue_down: String,
    #[sqlx(json(nullable))]
    pub room: Option<Value>,
    pub room_id: Option<Uuid>,
    #[sqlx(json(nullable))]
    pub bracket: Option<Value>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// What of a showtime is changed; `None` stays as it is.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct ShowtimeChange {
    pub title: Option<String>,
    pub starts_at: Option<i64>,
    #[serde(with = "crate::store::wire::twice")]
    pub queue: Option<Option<Uuid>>,
    pub price_points: Option<i64>,
    pub on_queue_down: Option<String>,
    #[serde(with = "crate::store::wire::twice")]
    pub room: Option<Option<Value>>,
    #[serde(default, with = "crate::store::wire::twice")]
    pub bracket: Option<Option<Value>>,
}

/// A seat and what has become of it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct SeatRow {
    pub seat_id: Uuid,
    pub showtime_id: Uuid,
    pub label: String,
    /// Of the reservation that has it: `held` or `paid`; `None` is free.
    pub taken: Option<String>,
}

/// What became of new seats.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum SeatsAdded {
    /// All are there.
    Done,
    /// There is no such showtime.
    Missing,
    /// One of the labels is there already.
    LabelTaken,
    /// There would be more than that.
    TooMany,
}

impl Sql {
    /// Writes a new showtime. `Refused`: it has a room and a bracket.
    pub(crate) async fn create_showtime(
        &self,
        row: &ShowtimeRow,
        entry: &AuditEntry,
    ) -> Result<Saved<ShowtimeRow>, StoreError> {
        let sql = "INSERT INTO showtimes (showtime_id, title, starts_at, queue, price_points, on_queue_down,
                   room, room_id, created_at, updated_at, bracket)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)
                   RETURNING *";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let insert = sqlx::query_as(sql).bind(row.showtime_id).bind(&row.title).bind(row.starts_at);
            let insert = insert.bind(row.queue).bind(row.price_points).bind(&row.on_queue_down);
            let insert = insert.bind(row.room.as_ref().map(Json)).bind(row.room_id).bind(row.created_at);
            let insert = insert.bind(row.bracket.as_ref().map(Json));
            let made = saved(insert.fetch_optional(&mut *tx).await)?;
            if matches!(made, Saved::Done(_)) {
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(made)
        })
    }

    /// Changes a showtime. The id of its room, once it has one, stays. `Refused`: it would have a room and a bracket.
    pub(crate) async fn change_showtime(
        &self,
        id: Uuid,
        change: &ShowtimeChange,
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<Saved<ShowtimeRow>, StoreError> {
        let sql = "UPDATE showtimes SET title = COALESCE($2, title), starts_at = COALESCE($3, starts_at),
                   queue = CASE WHEN $4 THEN $5 ELSE queue END, price_points = COALESCE($6, price_points),
                   on_queue_down = COALESCE($7, on_queue_down), room = CASE WHEN $8 THEN $9 ELSE room END,
                   room_id = COALESCE(room_id, $10), updated_at = $11,
                   bracket = CASE WHEN $12 THEN $13 ELSE bracket END
                   WHERE showtime_id = $1 RETURNING *";
        let room_id = change.room.as_ref().and_then(Option::as_ref).map(|_| crate::chance::uuid());
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let update = sqlx::query_as(sql).bind(id).bind(&change.title).bind(change.starts_at);
            let update = update.bind(change.queue.is_some()).bind(change.queue.flatten());
            let update = update.bind(change.price_points).bind(&change.on_queue_down);
            let update = update.bind(change.room.is_some());
            let update = update.bind(change.room.as_ref().and_then(Option::as_ref).map(Json));
            let update = update.bind(room_id).bind(now.0).bind(change.bracket.is_some());
            let update = update.bind(change.bracket.as_ref().and_then(Option::as_ref).map(Json));
            let made = saved(update.fetch_optional(&mut *tx).await)?;
            if matches!(made, Saved::Done(_)) {
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(made)
        })
    }

    /// A showtime by its id.
    pub(crate) async fn showtime(&self, id: Uuid) -> Result<Option<ShowtimeRow>, StoreError> {
        let sql = "SELECT * FROM showtimes WHERE showtime_id = $1";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(id).fetch_optional(pool).await?))
    }

    /// Showtimes that start at this time or later, the soonest first; behind `after`, a start and an id.
    pub(crate) async fn showtimes(
        &self,
        from: Option<i64>,
        after: Option<(i64, Uuid)>,
        limit: u32,
    ) -> Result<Vec<ShowtimeRow>, StoreError> {
        let sql = "SELECT * FROM showtimes WHERE ($1 IS NULL OR starts_at >= $1)
                   AND ($2 IS NULL OR (starts_at, showtime_id) > ($2, $3))
                   ORDER BY starts_at, showtime_id LIMIT $4";
        let (start, id) = after.unzip();
        Ok(read!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(from).bind(start).bind(id);
            query.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// Adds seats, all of them or none, to a showtime that has `most` at most.
    pub(crate) async fn add_seats(
        &self,
        showtime: Uuid,
        seats: &[(Uuid, String)],
        most: i64,
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<SeatsAdded, StoreError> {
        // The update keeps others who add seats to it waiting: their seats are counted.
        let lock = "UPDATE showtimes SET updated_at = $2 WHERE showtime_id = $1";
        let count = "SELECT COUNT(*) FROM showtime_seats WHERE showtime_id = $1";
        let insert =
            "INSERT INTO showtime_seats (seat_id, showtime_id, label, created_at) VALUES ($1, $2, $3, $4)
                      ON CONFLICT (showtime_id, label) DO NOTHING";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if sqlx::query(lock).bind(showtime).bind(now.0).execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(SeatsAdded::Missing);
            }
            let there: i64 = sqlx::query_scalar(count).bind(showtime).fetch_one(&mut *tx).await?;
            if there + i64::try_from(seats.len()).unwrap_or(i64::MAX) > most {
                return Ok(SeatsAdded::TooMany);
            }
            for (id, label) in seats {
                let seat = sqlx::query(insert).bind(id).bind(showtime).bind(label).bind(now.0);
                if seat.execute(&mut *tx).await?.rows_affected() == 0 {
                    return Ok(SeatsAdded::LabelTaken);
                }
            }
            audit!(&mut *tx, entry);
            tx.commit().await?;
            Ok(SeatsAdded::Done)
        })
    }

    /// Seats of a showtime in order; with `since` those alone that somebody has taken or given back from then on.
    pub(crate) async fn seats(
        &self,
        showtime: Uuid,
        since: Option<UnixMs>,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<SeatRow>, StoreError> {
        let sql = "SELECT s.seat_id, s.showtime_id, s.label, r.status AS taken FROM showtime_seats s
                   LEFT JOIN reservations r ON r.seat_id = s.seat_id AND r.status IN ('held', 'paid')
                   WHERE s.showtime_id = $1 AND ($2 IS NULL OR s.seat_id > $2)
                   AND ($3 IS NULL OR s.created_at >= $3 OR s.seat_id IN
                        (SELECT seat_id FROM reservations WHERE showtime_id = $1 AND updated_at >= $3))
                   ORDER BY s.seat_id LIMIT $4";
        Ok(read!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(showtime).bind(after).bind(since.map(|at| at.0));
            query.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// The showtime's queue, if it stands before nothing any more: the showtime has seats, each of them is paid, and so it is
    /// with each other showtime of the queue that has not started. One that has no seats yet will have some.
    pub(crate) async fn queue_without_seats(
        &self,
        showtime: Uuid,
        now: UnixMs,
    ) -> Result<Option<Uuid>, StoreError> {
        let sql = "SELECT t.queue FROM showtimes t WHERE t.showtime_id = $1 AND t.queue IS NOT NULL
                   AND NOT EXISTS (
                     SELECT 1 FROM showtimes o
                     WHERE (o.showtime_id = t.showtime_id OR (o.queue = t.queue AND o.starts_at > $2))
                     AND (NOT EXISTS (SELECT 1 FROM showtime_seats s WHERE s.showtime_id = o.showtime_id)
                       OR EXISTS (SELECT 1 FROM showtime_seats s WHERE s.showtime_id = o.showtime_id AND NOT EXISTS
                         (SELECT 1 FROM reservations r WHERE r.seat_id = s.seat_id AND r.status = 'paid'))))";
        Ok(read!(self.db(), pool => {
            sqlx::query_scalar(sql).bind(showtime).bind(now.0).fetch_optional(pool).await?
        }))
    }
}
