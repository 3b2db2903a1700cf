//! SQL of reservations (spec 3.2). That a seat has one at most is a UNIQUE index, which decides; every other change is a
//! guarded UPDATE, so that of a payment, the expiry of its hold and its return exactly one happens.
//!
//! Order of locks: account, reservation, wallets. Whoever takes several reservations passes over those that are locked.

use super::{
    Db, Sql, StoreError, Transfer, Transferred, Wallet, confirm, fact, read, wallet::transfer, write,
};
use crate::{
    clock::UnixMs,
    ids::{PlayerId, QueueId},
    liveops::{Fact, groups},
};
use serde_json::json;
use uuid::Uuid;

/// A reservation as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct ReservationRow {
    pub reservation_id: Uuid,
    pub account_id: Uuid,
    pub showtime_id: Uuid,
    pub seat_id: Uuid,
    pub status: String,
    pub price_points: i64,
    pub hold_expires_at: i64,
    pub queue: Option<Uuid>,
    pub pass_id: Option<Uuid>,
    pub payment_id: Option<Uuid>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// A hold that is asked for.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct NewHold {
    /// Of the reservation: the same at every attempt.
    pub id: Uuid,
    pub account: PlayerId,
    pub showtime: Uuid,
    pub seat: Uuid,
    /// The queue, and its pass, through which the account came.
    pub pass: Option<(QueueId, Uuid)>,
    pub now: UnixMs,
    pub until: UnixMs,
    /// Holds that an account may have at once.
    pub most: i64,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(clippy::large_enum_variant)] // it lives for a moment, on the stack
pub(crate) enum Held {
    /// The seat is his for a while; or was, at an earlier attempt.
    Done(ReservationRow),
    /// Somebody has it.
    Taken,
    /// The account holds as many as it may.
    TooMany,
    /// There is no such seat.
    Missing,
    /// The account is banned or deleted.
    Closed,
}

/// What became of a payment.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(clippy::large_enum_variant)] // it lives for a moment, on the stack
pub(crate) enum Paid {
    /// The points are the house's, and the seat is his.
    Done(ReservationRow),
    /// That was so before, by this very payment.
    Repeated(ReservationRow),
    /// It was paid by another.
    Before,
    /// The hold is over or was given back.
    Over,
    /// He has not so many points.
    Short,
    /// He has no such reservation.
    Missing,
}

/// What became of a hold that is given back.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(clippy::large_enum_variant)] // it lives for a moment, on the stack
pub(crate) enum GivenBack {
    /// The seat is free.
    Done(ReservationRow),
    /// It was no hold any more, and is not his.
    Before,
    /// It is paid, and stays his.
    Paid,
    /// He has no such reservation.
    Missing,
}

/// Whose reservations are asked for.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct ReservationFilter {
    pub account: Option<Uuid>,
    pub showtime: Option<Uuid>,
    pub status: Option<String>,
    /// Older than this one.
    pub before: Option<Uuid>,
}

/// Keeps other requests of the account, and its ban, waiting until the transaction is over: what is counted then is so.
const LOCK_ACCOUNT: &str = "UPDATE accounts SET nickname = nickname WHERE account_id = $1
                            AND deleted_at IS NULL AND (banned_until IS NULL OR banned_until <= $2)";

const HOLDS: &str = "SELECT COUNT(*) FROM reservations
                     WHERE account_id = $1 AND status = 'held' AND hold_expires_at > $2";

const HOLD: &str = "INSERT INTO reservations (reservation_id, account_id, showtime_id, seat_id, status,
                        price_points, hold_expires_at, queue, pass_id, created_at, updated_at)
                    SELECT $1, $2, s.showtime_id, s.seat_id, 'held', t.price_points, $5, $6, $7, $8, $8
                    FROM showtime_seats s JOIN showtimes t ON t.showtime_id = s.showtime_id
                    WHERE s.seat_id = $3 AND s.showtime_id = $4
                    ON CONFLICT DO NOTHING RETURNING *";

/// A hold whose time is over and which nobody has released yet is in nobody's way.
const RELEASE_SEAT: &str = "UPDATE reservations SET status = 'expired', updated_at = $2
                            WHERE seat_id = $1 AND status = 'held' AND hold_expires_at <= $2";

const PAY: &str = "UPDATE reservations SET status = 'paid', payment_id = $3, updated_at = $4
                   WHERE reservation_id = $1 AND account_id = $2 AND status = 'held' AND hold_expires_at > $4
                   RETURNING *";

const GIVE_BACK: &str = "UPDATE reservations SET status = 'cancelled', updated_at = $3
                         WHERE reservation_id = $1 AND account_id = $2 AND status = 'held' RETURNING *";

const GIVE_BACK_ALL: &str = "UPDATE reservations SET status = 'cancelled', updated_at = $2
                             WHERE account_id = $1 AND status = 'held'";

const EXPIRE: &str = "UPDATE reservations SET status = 'expired', updated_at = $1
                      WHERE status = 'held' AND hold_expires_at <= $1 AND reservation_id IN (
                        SELECT reservation_id FROM reservations WHERE status = 'held' AND hold_expires_at <= $1
                        ORDER BY hold_expires_at LIMIT $2
                      ) RETURNING *";

/// Nodes that look at once take different holds, and nobody waits for one that is being paid.
const EXPIRE_AMONG_NODES: &str = "UPDATE reservations SET status = 'expired', updated_at = $1
     WHERE status = 'held' AND hold_expires_at <= $1 AND reservation_id IN (
       SELECT reservation_id FROM reservations WHERE status = 'held' AND hold_expires_at <= $1
       ORDER BY hold_expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
     ) RETURNING *";

const ONE: &str = "SELECT * FROM reservations WHERE reservation_id = $1";

impl Sql {
    /// Holds a seat for an account. Of all who ask for it at once one gets it.
    pub(crate) async fn hold_seat(&self, hold: &NewHold) -> Result<Held, StoreError> {
        let (queue, pass) = hold.pass.unzip();
        let queue = queue.map(|queue| queue.0);
        let missing = "SELECT seat_id FROM showtime_seats WHERE seat_id = $1 AND showtime_id = $2";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let account = sqlx::query(LOCK_ACCOUNT).bind(hold.account.0).bind(hold.now.0);
            if account.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(Held::Closed);
            }
            let earlier: Option<ReservationRow> =
                sqlx::query_as(ONE).bind(hold.id).fetch_optional(&mut *tx).await?;
            if let Some(earlier) = earlier {
                return Ok(Held::Done(earlier));
            }
            let holds = sqlx::query_scalar(HOLDS).bind(hold.account.0).bind(hold.now.0);
            let holds: i64 = holds.fetch_one(&mut *tx).await?;
            for again in [false, true] {
                let insert = sqlx::query_as(HOLD).bind(hold.id).bind(hold.account.0).bind(hold.seat);
                let insert = insert.bind(hold.showtime).bind(hold.until.0).bind(queue).bind(pass);
                let held: Option<ReservationRow> = insert.bind(hold.now.0).fetch_optional(&mut *tx).await?;
                if let Some(held) = held {
                    if holds >= hold.most {
                        return Ok(Held::TooMany);
                    }
                    tx.commit().await?;
                    return Ok(Held::Done(held));
                }
                let release = sqlx::query(RELEASE_SEAT).bind(hold.seat).bind(hold.now.0);
                if again || release.execute(&mut *tx).await?.rows_affected() == 0 {
                    break;
                }
            }
            let seat = sqlx::query_scalar(missing).bind(hold.seat).bind(hold.showtime);
            let seat: Option<Uuid> = seat.fetch_optional(&mut *tx).await?;
            Ok(if seat.is_some() { Held::Taken } else { Held::Missing })
        })
    }

    /// Takes the points and sells the seat, both or neither. `payment` is the same at every attempt.
    pub(crate) async fn pay_reservation(
        &self,
        id: Uuid,
        account: PlayerId,
        payment: Uuid,
        now: UnixMs,
    ) -> Result<Paid, StoreError> {
        let done = write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let pay = sqlx::query_as(PAY).bind(id).bind(account.0).bind(payment).bind(now.0);
            let paid: Option<ReservationRow> = pay.fetch_optional(&mut *tx).await?;
            let Some(paid) = paid else {
                let row = sqlx::query_as(ONE).bind(id).fetch_optional(&mut *tx).await?;
                return Ok(not_payable(row, account, payment));
            };
            if paid.price_points > 0 {
                let (from, to, amount) = (Wallet::Account(account), Wallet::House, paid.price_points);
                let it = Transfer { from, to, amount, reason: "seat", reference: id, at: now };
                if transfer!(tx, &it) != Transferred::Done {
                    tx.rollback().await?; // now: whoever looks for holds that are over passes by one that is locked
                    return Ok(Paid::Short);
                }
            }
            fact!(&mut *tx, &seat_paid(&paid, now));
            tx.commit().await?;
            paid
        });
        self.outbox_has_more();
        Ok(Paid::Done(done))
    }

    /// Gives a hold back.
    pub(crate) async fn give_back_hold(
        &self,
        id: Uuid,
        account: PlayerId,
        now: UnixMs,
    ) -> Result<GivenBack, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let give = sqlx::query_as(GIVE_BACK).bind(id).bind(account.0).bind(now.0);
            let done: Option<ReservationRow> = give.fetch_optional(&mut *tx).await?;
            if let Some(done) = done {
                tx.commit().await?;
                return Ok(GivenBack::Done(done));
            }
            let row: Option<ReservationRow> = sqlx::query_as(ONE).bind(id).fetch_optional(&mut *tx).await?;
            Ok(match row.filter(|row| row.account_id == account.0) {
                None => GivenBack::Missing,
                Some(row) if row.status == "paid" => GivenBack::Paid,
                Some(_) => GivenBack::Before,
            })
        })
    }

    /// Releases holds whose time is over, `most` of them at most: those that it released.
    pub(crate) async fn expire_holds(
        &self,
        now: UnixMs,
        most: u32,
    ) -> Result<Vec<ReservationRow>, StoreError> {
        let sql = match self.db() {
            Db::Sqlite { .. } => EXPIRE,
            Db::Postgres { .. } => EXPIRE_AMONG_NODES,
        };
        Ok(write!(self.db(), pool => {
            sqlx::query_as(sql).bind(now.0).bind(i64::from(most)).fetch_all(pool).await?
        }))
    }

    /// Whether holds are due. Most of the time there are none: then nothing is written, and no writer waits.
    pub(crate) async fn holds_are_due(&self, now: UnixMs) -> Result<bool, StoreError> {
        let sql =
            "SELECT reservation_id FROM reservations WHERE status = 'held' AND hold_expires_at <= $1 LIMIT 1";
        let any: Option<Uuid> =
            read!(self.db(), pool => sqlx::query_scalar(sql).bind(now.0).fetch_optional(pool).await?);
        Ok(any.is_some())
    }

    /// Confirms facts of closed accounts and gives back what those hold: how many seats.
    pub(crate) async fn release_closed_accounts(
        &self,
        facts: &[(Uuid, Option<PlayerId>)],
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let mut released = 0;
            for (fact, account) in facts {
                if !confirm!(&mut *tx, groups::HOLDS, *fact, now) {
                    continue;
                }
                let Some(account) = account else { continue };
                let give = sqlx::query(GIVE_BACK_ALL).bind(account.0).bind(now.0);
                released += give.execute(&mut *tx).await?.rows_affected();
            }
            tx.commit().await?;
            Ok(released)
        })
    }

    /// Confirms facts whose effect is not in SQL, after it.
    pub(crate) async fn confirm_paid_seats(&self, facts: &[Uuid], now: UnixMs) -> Result<(), StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            for fact in facts {
                let _ = confirm!(&mut *tx, groups::QUEUES, *fact, now); // again or not: its effect is there
            }
            tx.commit().await?;
            Ok(())
        })
    }

    /// A reservation by its id.
    pub(crate) async fn reservation(&self, id: Uuid) -> Result<Option<ReservationRow>, StoreError> {
        Ok(read!(self.db(), pool => sqlx::query_as(ONE).bind(id).fetch_optional(pool).await?))
    }

    /// Reservations, newest first.
    pub(crate) async fn reservations(
        &self,
        filter: &ReservationFilter,
        limit: u32,
    ) -> Result<Vec<ReservationRow>, StoreError> {
        let sql = "SELECT * FROM reservations WHERE ($1 IS NULL OR account_id = $1)
                   AND ($2 IS NULL OR showtime_id = $2) AND ($3 IS NULL OR status = $3)
                   AND ($4 IS NULL OR reservation_id < $4) ORDER BY reservation_id DESC LIMIT $5";
        Ok(read!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(filter.account).bind(filter.showtime).bind(&filter.status);
            query.bind(filter.before).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// Whether the account has paid for a seat of the showtime.
    pub(crate) async fn has_paid_seat(&self, account: PlayerId, showtime: Uuid) -> Result<bool, StoreError> {
        let sql = "SELECT reservation_id FROM reservations
                   WHERE account_id = $1 AND showtime_id = $2 AND status = 'paid' LIMIT 1";
        let any: Option<Uuid> = read!(self.db(), pool => {
            sqlx::query_scalar(sql).bind(account.0).bind(showtime).fetch_optional(pool).await?
        });
        Ok(any.is_some())
    }

    /// Whether the account has a paid seat of the showtime, and is neither banned nor deleted now.
    pub(crate) async fn may_play(
        &self,
        account: PlayerId,
        showtime: Uuid,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT r.reservation_id FROM reservations r JOIN accounts a ON a.account_id = r.account_id
                   WHERE r.account_id = $1 AND r.showtime_id = $2 AND r.status = 'paid'
                   AND a.deleted_at IS NULL AND (a.banned_until IS NULL OR a.banned_until <= $3) LIMIT 1";
        let any: Option<Uuid> = read!(self.db(), pool => {
            let query = sqlx::query_scalar(sql).bind(account.0).bind(showtime).bind(now.0);
            query.fetch_optional(pool).await?
        });
        Ok(any.is_some())
    }
}

/// What stood in the way of a payment that took nothing.
fn not_payable(row: Option<ReservationRow>, account: PlayerId, payment: Uuid) -> Paid {
    match row.filter(|row| row.account_id == account.0) {
        None => Paid::Missing,
        Some(row) if row.payment_id == Some(payment) => Paid::Repeated(row),
        Some(row) if row.status == "paid" => Paid::Before,
        Some(_) => Paid::Over,
    }
}

/// The reservation is its id: it is told once.
fn seat_paid(paid: &ReservationRow, at: UnixMs) -> Fact {
    let body = json!({"showtime": paid.showtime_id, "seat": paid.seat_id, "points": paid.price_points});
    let account = Some(PlayerId(paid.account_id));
    Fact { id: paid.reservation_id, kind: "seat_paid", account, at, body }
}
