//! SQL of the line of a node without Redis: who waits, and how many are ahead of whom (spec 3.1).
//!
//! How many wait is counted by blocks of numbers on three levels, so that nobody's place is found by counting the line.
//! Whatever changes a line first takes the row of its queue: changes of one queue are one after the other. Called by
//! `queue::line` alone.

use super::{Place, Sql, StoreError, read, write};
use crate::{
    clock::UnixMs,
    ids::{PlayerId, QueueId},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A block of each level has 2 to the power of this many numbers.
const LEVELS: [(i64, u32); 3] = [(1, 6), (2, 12), (3, 18)];

/// A place as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct LineRow {
    pub number: i64,
    pub account_id: Uuid,
    pub inside: bool,
}

impl LineRow {
    pub fn place(&self) -> Place {
        Place { number: self.number, account: PlayerId(self.account_id) }
    }
}

/// A place in the line, and how many wait before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct Stood {
    pub number: i64,
    pub inside: bool,
    pub ahead: i64,
}

/// What a take found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct LineTaken {
    pub places: Vec<Place>,
    pub waiting: i64,
    pub inside: i64,
    /// The first who waits still.
    #[serde(default)]
    pub first: Option<i64>,
    /// The highest number that was given out.
    #[serde(default)]
    pub given: i64,
}

const LOCK: &str = "UPDATE queues SET line_epoch = line_epoch WHERE queue_id = $1 RETURNING line_epoch";
const NEXT: &str = "UPDATE queues SET numbers_to = numbers_to + 1 WHERE queue_id = $1 RETURNING numbers_to";
const ADD: &str = "INSERT INTO queue_line (queue_id, account_id, number, inside) VALUES ($1, $2, $3, FALSE)";
const OF_ACCOUNT: &str =
    "SELECT number, account_id, inside FROM queue_line WHERE queue_id = $1 AND account_id = $2";
const DROP: &str = "DELETE FROM queue_line WHERE queue_id = $1 AND account_id = $2 AND number = $3";
const COUNT: &str = "INSERT INTO queue_counts (queue_id, level, block, waiting) VALUES ($1, $2, $3, $4)
     ON CONFLICT (queue_id, level, block) DO UPDATE SET waiting = queue_counts.waiting + excluded.waiting";
const WAITING: &str =
    "SELECT CAST(COALESCE(SUM(waiting), 0) AS BIGINT) FROM queue_counts WHERE queue_id = $1 AND level = 3";
const INSIDE: &str = "SELECT COUNT(*) FROM queue_line WHERE queue_id = $1 AND inside";
const FIRST: &str =
    "SELECT number FROM queue_line WHERE queue_id = $1 AND NOT inside ORDER BY number LIMIT 1";
const GIVEN: &str = "SELECT numbers_to FROM queues WHERE queue_id = $1";
const STOOD: &str = "SELECT l.number, l.inside, CAST(
    (SELECT COALESCE(SUM(c.waiting), 0) FROM queue_counts c
      WHERE c.queue_id = l.queue_id AND c.level = 3 AND c.block < (l.number >> 18))
  + (SELECT COALESCE(SUM(c.waiting), 0) FROM queue_counts c
      WHERE c.queue_id = l.queue_id AND c.level = 2 AND c.block >= ((l.number >> 18) << 6) AND c.block < (l.number >> 12))
  + (SELECT COALESCE(SUM(c.waiting), 0) FROM queue_counts c
      WHERE c.queue_id = l.queue_id AND c.level = 1 AND c.block >= ((l.number >> 12) << 6) AND c.block < (l.number >> 6))
  + (SELECT COUNT(*) FROM queue_line o WHERE o.queue_id = l.queue_id AND o.number >= ((l.number >> 6) << 6)
      AND o.number < l.number AND NOT o.inside) AS BIGINT) AS ahead
    FROM queue_line l WHERE l.queue_id = $1 AND l.account_id = $2";

/// By level and block, how many more or fewer wait.
fn by_block(numbers: impl Iterator<Item = i64>, each: i64) -> BTreeMap<(i64, i64), i64> {
    let mut blocks = BTreeMap::new();
    for number in numbers {
        for (level, bits) in LEVELS {
            *blocks.entry((level, number >> bits)).or_default() += each;
        }
    }
    blocks
}

/// Counts in the transaction of the change.
macro_rules! count {
    ($tx:expr, $queue:expr, $numbers:expr, $each:expr) => {
        for ((level, block), by) in by_block($numbers, $each) {
            sqlx::query(COUNT).bind($queue.0).bind(level).bind(block).bind(by).execute(&mut *$tx).await?;
        }
    };
}

impl Sql {
    /// The account's place, a new one at the end if it has none, and whether it is new. `None`: there is no such queue.
    pub(crate) async fn line_enter(
        &self,
        queue: QueueId,
        account: PlayerId,
    ) -> Result<Option<(LineRow, bool)>, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let locked: Option<i64> = sqlx::query_scalar(LOCK).bind(queue.0).fetch_optional(&mut *tx).await?;
            if locked.is_none() {
                return Ok(None);
            }
            let of = sqlx::query_as(OF_ACCOUNT).bind(queue.0).bind(account.0);
            if let Some(row) = of.fetch_optional(&mut *tx).await? {
                return Ok(Some((row, false)));
            }
            let number: i64 = sqlx::query_scalar(NEXT).bind(queue.0).fetch_one(&mut *tx).await?;
            sqlx::query(ADD).bind(queue.0).bind(account.0).bind(number).execute(&mut *tx).await?;
            count!(tx, queue, std::iter::once(number), 1);
            tx.commit().await?;
            Ok(Some((LineRow { number, account_id: account.0, inside: false }, true)))
        })
    }

    /// Where an account stands, if it is in the line.
    pub(crate) async fn line_place(
        &self,
        queue: QueueId,
        account: PlayerId,
    ) -> Result<Option<Stood>, StoreError> {
        Ok(read!(self.db(), pool => {
            sqlx::query_as(STOOD).bind(queue.0).bind(account.0).fetch_optional(pool).await?
        }))
    }

    /// Whether whoever had this number has left.
    pub(crate) async fn line_left(&self, queue: QueueId, number: i64) -> Result<bool, StoreError> {
        let sql = "SELECT at FROM queue_left WHERE queue_id = $1 AND number = $2";
        let at: Option<i64> = read!(self.db(), pool => {
            sqlx::query_scalar(sql).bind(queue.0).bind(number).fetch_optional(pool).await?
        });
        Ok(at.is_some())
    }

    /// Takes one who waits out of the line. What he was there, `None` if he was not.
    pub(crate) async fn line_leave(
        &self,
        queue: QueueId,
        place: Place,
        now: UnixMs,
    ) -> Result<Option<LineRow>, StoreError> {
        let note = "INSERT INTO queue_left (queue_id, number, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            sqlx::query(LOCK).bind(queue.0).execute(&mut *tx).await?;
            let of = sqlx::query_as(OF_ACCOUNT).bind(queue.0).bind(place.account.0);
            let row: Option<LineRow> = of.fetch_optional(&mut *tx).await?;
            let Some(row) = row.filter(|row| row.number == place.number) else { return Ok(None) };
            if row.inside {
                return Ok(Some(row));
            }
            sqlx::query(DROP).bind(queue.0).bind(place.account.0).bind(place.number).execute(&mut *tx).await?;
            sqlx::query(note).bind(queue.0).bind(place.number).bind(now.0).execute(&mut *tx).await?;
            count!(tx, queue, std::iter::once(place.number), -1);
            tx.commit().await?;
            Ok(Some(row))
        })
    }

    /// This actor has the line, unless a later one has it. Who is inside. `None`: a later one.
    pub(crate) async fn line_hold(
        &self,
        queue: QueueId,
        epoch: i64,
    ) -> Result<Option<Vec<LineRow>>, StoreError> {
        let hold = "UPDATE queues SET line_epoch = $2 WHERE queue_id = $1 AND line_epoch <= $2";
        let inside = "SELECT number, account_id, inside FROM queue_line WHERE queue_id = $1 AND inside
                      ORDER BY number";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let held = sqlx::query(hold).bind(queue.0).bind(epoch).execute(&mut *tx).await?;
            if held.rows_affected() == 0 {
                return Ok(None);
            }
            let rows = sqlx::query_as(inside).bind(queue.0).fetch_all(&mut *tx).await?;
            tx.commit().await?;
            Ok(Some(rows))
        })
    }

    /// The first who wait are inside from now on. `None`: a later actor has the line.
    pub(crate) async fn line_take(
        &self,
        queue: QueueId,
        epoch: i64,
        most: i64,
    ) -> Result<Option<LineTaken>, StoreError> {
        let first = "UPDATE queue_line SET inside = TRUE WHERE queue_id = $1 AND number IN
                     (SELECT number FROM queue_line WHERE queue_id = $1 AND NOT inside ORDER BY number LIMIT $2)
                     RETURNING number, account_id, inside";
        if most == 0 {
            return self.line_lengths(queue, epoch).await; // each second, of each queue: no reason to write
        }
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let holds: Option<i64> = sqlx::query_scalar(LOCK).bind(queue.0).fetch_optional(&mut *tx).await?;
            if holds.is_none_or(|holds| holds > epoch) {
                return Ok(None);
            }
            let mut rows: Vec<LineRow> =
                sqlx::query_as(first).bind(queue.0).bind(most).fetch_all(&mut *tx).await?;
            rows.sort_by_key(|row| row.number);
            count!(tx, queue, rows.iter().map(|row| row.number), -1);
            let waiting = sqlx::query_scalar(WAITING).bind(queue.0).fetch_one(&mut *tx).await?;
            let inside = sqlx::query_scalar(INSIDE).bind(queue.0).fetch_one(&mut *tx).await?;
            let first = sqlx::query_scalar(FIRST).bind(queue.0).fetch_optional(&mut *tx).await?;
            let given = sqlx::query_scalar(GIVEN).bind(queue.0).fetch_one(&mut *tx).await?;
            tx.commit().await?;
            let places = rows.iter().map(LineRow::place).collect();
            Ok(Some(LineTaken { places, waiting, inside, first, given }))
        })
    }

    async fn line_lengths(&self, queue: QueueId, epoch: i64) -> Result<Option<LineTaken>, StoreError> {
        let holds = "SELECT line_epoch FROM queues WHERE queue_id = $1";
        read!(self.db(), pool => {
            let holds: Option<i64> = sqlx::query_scalar(holds).bind(queue.0).fetch_optional(pool).await?;
            if holds.is_none_or(|holds| holds > epoch) {
                return Ok(None);
            }
            let waiting = sqlx::query_scalar(WAITING).bind(queue.0).fetch_one(pool).await?;
            let inside = sqlx::query_scalar(INSIDE).bind(queue.0).fetch_one(pool).await?;
            let first = sqlx::query_scalar(FIRST).bind(queue.0).fetch_optional(pool).await?;
            let given = sqlx::query_scalar(GIVEN).bind(queue.0).fetch_one(pool).await?;
            Ok(Some(LineTaken { places: Vec::new(), waiting, inside, first, given }))
        })
    }

    /// These wait again where they were. `false`: a later actor has the line.
    pub(crate) async fn line_put_back(
        &self,
        queue: QueueId,
        epoch: i64,
        places: &[Place],
    ) -> Result<bool, StoreError> {
        let back =
            "UPDATE queue_line SET inside = FALSE WHERE queue_id = $1 AND account_id = $2 AND number = $3
                    AND inside";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let holds: Option<i64> = sqlx::query_scalar(LOCK).bind(queue.0).fetch_optional(&mut *tx).await?;
            if holds.is_none_or(|holds| holds > epoch) {
                return Ok(false);
            }
            for place in places {
                let done = sqlx::query(back).bind(queue.0).bind(place.account.0).bind(place.number);
                if done.execute(&mut *tx).await?.rows_affected() == 1 {
                    count!(tx, queue, std::iter::once(place.number), 1);
                }
            }
            tx.commit().await?;
            Ok(true)
        })
    }

    /// These are inside, under these numbers.
    pub(crate) async fn line_seat(&self, queue: QueueId, places: &[Place]) -> Result<(), StoreError> {
        let seat = "INSERT INTO queue_line (queue_id, account_id, number, inside) VALUES ($1, $2, $3, TRUE)
                    ON CONFLICT (queue_id, account_id) DO UPDATE SET number = excluded.number, inside = TRUE";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            sqlx::query(LOCK).bind(queue.0).execute(&mut *tx).await?;
            for place in places {
                let of = sqlx::query_as(OF_ACCOUNT).bind(queue.0).bind(place.account.0);
                let row: Option<LineRow> = of.fetch_optional(&mut *tx).await?;
                if row.is_some_and(|row| row.inside && row.number == place.number) {
                    continue;
                }
                if let Some(row) = row.filter(|row| !row.inside) {
                    count!(tx, queue, std::iter::once(row.number), -1);
                }
                let seat = sqlx::query(seat).bind(queue.0).bind(place.account.0).bind(place.number);
                seat.execute(&mut *tx).await?;
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// These are no longer inside.
    pub(crate) async fn line_release(&self, queue: QueueId, places: &[Place]) -> Result<(), StoreError> {
        let gone =
            "DELETE FROM queue_line WHERE queue_id = $1 AND account_id = $2 AND number = $3 AND inside";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            for place in places {
                let gone = sqlx::query(gone).bind(queue.0).bind(place.account.0).bind(place.number);
                gone.execute(&mut *tx).await?;
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// Takes these out of the line, if they wait. How many did.
    pub(crate) async fn line_drop(&self, queue: QueueId, places: &[Place]) -> Result<u64, StoreError> {
        let gone =
            "DELETE FROM queue_line WHERE queue_id = $1 AND account_id = $2 AND number = $3 AND NOT inside";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            sqlx::query(LOCK).bind(queue.0).execute(&mut *tx).await?;
            let mut dropped = Vec::new();
            for place in places {
                let gone = sqlx::query(gone).bind(queue.0).bind(place.account.0).bind(place.number);
                if gone.execute(&mut *tx).await?.rows_affected() == 1 {
                    dropped.push(place.number);
                }
            }
            count!(tx, queue, dropped.iter().copied(), -1);
            tx.commit().await?;
            Ok(dropped.len() as u64)
        })
    }

    /// Nobody waits any more. How many did.
    pub(crate) async fn line_dismiss(&self, queue: QueueId) -> Result<u64, StoreError> {
        let gone = "DELETE FROM queue_line WHERE queue_id = $1 AND NOT inside";
        let counts = "DELETE FROM queue_counts WHERE queue_id = $1";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            sqlx::query(LOCK).bind(queue.0).execute(&mut *tx).await?;
            let gone = sqlx::query(gone).bind(queue.0).execute(&mut *tx).await?.rows_affected();
            sqlx::query(counts).bind(queue.0).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(gone)
        })
    }

    /// Everybody who waits, for a run that begins.
    pub(crate) async fn line_waiting(&self, queue: QueueId) -> Result<Vec<LineRow>, StoreError> {
        let sql = "SELECT number, account_id, inside FROM queue_line WHERE queue_id = $1 AND NOT inside
                   ORDER BY number";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(queue.0).fetch_all(pool).await?))
    }

    /// How many wait.
    pub(crate) async fn line_length(&self, queue: QueueId) -> Result<i64, StoreError> {
        Ok(read!(self.db(), pool => sqlx::query_scalar(WAITING).bind(queue.0).fetch_one(pool).await?))
    }
}
