//! SQL of claims: every change is conditional on the status before it, so that of two workers on one claim one wins
//! and the other reads anew (spec 2.2).
//!
//! PostgreSQL runs these at READ COMMITTED: a conditional UPDATE that waited for a lock looks at its condition again.
//! Rows are locked in one order: grant, claim, taker, reward. Called by [`crate::liveops::claims`] alone, which
//! decides; a COMMIT whose answer is lost is an error to it, after which it reads what is there.

use super::{Db, GrantRewardCommand, Sql, StoreError, browse, confirm, fact, read, write};
use crate::{
    clock::UnixMs,
    ids::PlayerId,
    liveops::{
        claims::state::{Reason, Status},
        groups,
    },
};
use uuid::Uuid;

/// A claim as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct ClaimRow {
    pub claim_id: Uuid,
    pub event_id: Uuid,
    pub reward_id: Uuid,
    pub account_id: Uuid,
    pub kind: String,
    pub name: String,
    pub amount: i64,
    pub status: String,
    pub reason: Option<String>,
    pub cancel: Option<String>,
    pub tries: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

/// Every running claim of an account is to end.
const CANCEL: &str =
    "UPDATE claims SET cancel = $2, due_at = $3 WHERE account_id = $1 AND due_at IS NOT NULL";

/// The columns of [`ClaimRow`].
macro_rules! columns {
    () => {
        "claim_id, event_id, reward_id, account_id, kind, name, amount, status, reason, cancel, tries,
         created_at, updated_at"
    };
}
pub(super) use columns;

/// What became of a reservation.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(clippy::large_enum_variant)] // it lives for a moment, on the stack
pub(crate) enum Reserved {
    /// It has one of the stock and of the limit.
    Done(ClaimRow),
    /// It can have none; nothing was taken.
    Refused(Reason),
    /// The claim is not where it was.
    Moved,
}

/// Which claims are asked for.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct ClaimFilter {
    pub account: Option<Uuid>,
    pub event: Option<Uuid>,
    pub reward: Option<Uuid>,
    pub status: Option<String>,
    /// Made at this time or later, in Unix ms.
    pub from: Option<i64>,
    /// Made before.
    pub to: Option<i64>,
    /// Older than this one.
    pub before: Option<Uuid>,
}

#[cfg(test)]
impl super::Store {
    /// All running claims of an account are to end; workers see to it at once. How many they are.
    pub(crate) async fn cancel_claims(
        &self,
        account: PlayerId,
        reason: Reason,
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        let done = write!(self.db(), pool => {
            sqlx::query(CANCEL).bind(account.0).bind(reason.as_str()).bind(now.0).execute(pool).await?.rows_affected()
        });
        Ok(done)
    }
}

impl Sql {
    /// Writes a claim on a reward of an event that players can see; at once due. Repeated under the same id it finds
    /// what is there. `None`: there is no such reward.
    pub(crate) async fn create_claim(
        &self,
        id: Uuid,
        account: PlayerId,
        (event, reward): (Uuid, Uuid),
        now: UnixMs,
    ) -> Result<Option<ClaimRow>, StoreError> {
        let sql = "INSERT INTO claims (claim_id, event_id, reward_id, account_id, kind, name, amount, status,
                   tries, due_at, created_at, updated_at)
                   SELECT $1, r.event_id, r.reward_id, $2, r.kind, r.name, r.amount, 'requested', 0, $5, $5, $5
                   FROM rewards r JOIN events e ON e.event_id = r.event_id
                   WHERE r.reward_id = $4 AND r.event_id = $3 AND e.status <> 'draft'
                   ON CONFLICT (claim_id) DO NOTHING";
        write!(self.db(), pool => {
            let insert = sqlx::query(sql).bind(id).bind(account.0).bind(event).bind(reward).bind(now.0);
            insert.execute(pool).await?;
        });
        Ok(self.claim(id).await?.filter(|claim| claim.account_id == account.0))
    }

    /// How many claims run, and when the oldest of them was made.
    pub(crate) async fn claims_running(&self) -> Result<(i64, Option<i64>), StoreError> {
        let sql = "SELECT count(*), min(created_at) FROM claims WHERE due_at IS NOT NULL";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).fetch_one(pool).await?))
    }

    /// How many claims were made in each `step_ms` since `from`, by their status now: `(step, status, count)`.
    pub(crate) async fn claims_by_time(
        &self,
        from: i64,
        step_ms: i64,
        event: Option<Uuid>,
    ) -> Result<Vec<(i64, String, i64)>, StoreError> {
        // Ids are ordered by time: the key finds the newest without a walk through the rest. A request that is
        // repeated keeps its id, a day at most.
        const TWO_DAYS_MS: i64 = 172_800_000;
        const BITS_BELOW_MS: u32 = 80;
        let oldest = u128::try_from(from.saturating_sub(TWO_DAYS_MS)).unwrap_or(0) << BITS_BELOW_MS;
        let sql = "SELECT (created_at - $1) / $2, status, count(*) FROM claims
                   WHERE claim_id >= $3 AND created_at >= $1 AND ($4 IS NULL OR event_id = $4) GROUP BY 1, 2";
        Ok(browse!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(from).bind(step_ms).bind(Uuid::from_u128(oldest)).bind(event);
            query.fetch_all(pool).await?
        }))
    }

    /// A claim by its id.
    pub(crate) async fn claim(&self, id: Uuid) -> Result<Option<ClaimRow>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM claims WHERE claim_id = $1");
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(id).fetch_optional(pool).await?))
    }

    /// Takes claims that are due, longest overdue first; until then no other worker does.
    pub(crate) async fn lease_claims(
        &self,
        now: UnixMs,
        until: UnixMs,
        batch: u32,
    ) -> Result<Vec<ClaimRow>, StoreError> {
        const SQLITE: &str = concat!(
            "UPDATE claims SET due_at = $2 WHERE claim_id IN
             (SELECT claim_id FROM claims WHERE due_at <= $1 ORDER BY due_at LIMIT $3) RETURNING ",
            columns!()
        );
        const POSTGRES: &str = concat!(
            "UPDATE claims SET due_at = $2 WHERE claim_id IN
             (SELECT claim_id FROM claims WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
             RETURNING ",
            columns!()
        );
        let sql = if matches!(self.db(), Db::Sqlite { .. }) { SQLITE } else { POSTGRES };
        Ok(write!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(now.0).bind(until.0).bind(i64::from(batch));
            query.fetch_all(pool).await?
        }))
    }

    /// The grant begins: the command goes out in the transaction of the status. `None`: the claim is not where it was, or
    /// is to end.
    pub(crate) async fn send_grant(
        &self,
        id: Uuid,
        due: UnixMs,
        now: UnixMs,
    ) -> Result<Option<ClaimRow>, StoreError> {
        let sql = concat!(
            "UPDATE claims SET status = 'granting', due_at = $2, updated_at = $3
             WHERE claim_id = $1 AND status = 'reserved' AND cancel IS NULL RETURNING ",
            columns!()
        );
        let sent = write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let moved = sqlx::query_as(sql).bind(id).bind(due.0).bind(now.0);
            let moved: Option<ClaimRow> = moved.fetch_optional(&mut *tx).await?;
            if let Some(claim) = &moved {
                fact!(&mut *tx, &GrantRewardCommand::of(claim).fact(now));
            }
            tx.commit().await?;
            moved
        });
        self.outbox_has_more();
        Ok(sent)
    }

    /// These grants have a result: their claims are due at once. Each fact is confirmed.
    pub(crate) async fn grants_have_results(
        &self,
        facts: &[(Uuid, Option<Uuid>)],
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let due = "UPDATE claims SET due_at = $2 WHERE claim_id = $1 AND status = 'granting'";
        // One after the other, for a transaction that held several claims could wait for one that does so too.
        for (fact, claim) in facts {
            write!(self.db(), pool => {
                let mut tx = pool.begin().await?;
                if confirm!(&mut *tx, groups::SAGAS, *fact, now) {
                    sqlx::query(due).bind(claim).bind(now.0).execute(&mut *tx).await?;
                }
                tx.commit().await?;
            });
        }
        Ok(())
    }

    /// A step that changes nothing but the claim; `due` is `None` for a final status. `None`: it is not where it was,
    /// or it goes on and is to end.
    pub(crate) async fn advance_claim(
        &self,
        id: Uuid,
        (from, to): (Status, Status),
        reason: Option<Reason>,
        due: Option<UnixMs>,
        now: UnixMs,
    ) -> Result<Option<ClaimRow>, StoreError> {
        let sql = concat!(
            "UPDATE claims SET status = $3, reason = $4, due_at = $5, updated_at = $6
             WHERE claim_id = $1 AND status = $2 AND (cancel IS NULL OR $5 IS NULL) RETURNING ",
            columns!()
        );
        Ok(write!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(id).bind(from.as_str()).bind(to.as_str());
            let query = query.bind(reason.map(Reason::as_str)).bind(due.map(|due| due.0)).bind(now.0);
            query.fetch_optional(pool).await?
        }))
    }

    /// Takes one of the reward's stock and one of the account's limit, or nothing.
    pub(crate) async fn reserve_claim(
        &self,
        claim: &ClaimRow,
        due: UnixMs,
        now: UnixMs,
    ) -> Result<Reserved, StoreError> {
        let moving = concat!(
            "UPDATE claims SET status = 'reserved', due_at = $2, updated_at = $3
             WHERE claim_id = $1 AND status = 'checked' AND cancel IS NULL RETURNING ",
            columns!()
        );
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let moved = sqlx::query_as(moving).bind(claim.claim_id).bind(due.0).bind(now.0);
            let Some(moved) = moved.fetch_optional(&mut *tx).await? else { return Ok(Reserved::Moved) };
            let taker = sqlx::query(TAKE_OF_LIMIT).bind(claim.reward_id).bind(claim.account_id);
            if taker.execute(&mut *tx).await?.rows_affected() == 0 {
                tx.rollback().await?;
                return Ok(Reserved::Refused(Reason::LimitReached));
            }
            // Last, and so locked the shortest: all claims on a reward meet here.
            let stock = sqlx::query(TAKE_OF_STOCK).bind(claim.reward_id);
            if stock.execute(&mut *tx).await?.rows_affected() == 0 {
                tx.rollback().await?;
                return Ok(Reserved::Refused(Reason::OutOfStock));
            }
            tx.commit().await?;
            Ok(Reserved::Done(moved))
        })
    }

    /// A grant failed: it is tried again at `due`.
    pub(crate) async fn claim_failed(&self, id: Uuid, due: UnixMs, now: UnixMs) -> Result<(), StoreError> {
        let sql = "UPDATE claims SET tries = tries + 1, due_at = $2, updated_at = $3
                   WHERE claim_id = $1 AND status = 'granting'";
        write!(self.db(), pool => { sqlx::query(sql).bind(id).bind(due.0).bind(now.0).execute(pool).await?; });
        Ok(())
    }

    /// All running claims of the accounts of these facts are to end; workers see to it at once. Confirms the facts: all or none.
    /// What was handled before has no second effect: the account may be back. How many claims will end.
    pub(crate) async fn close_accounts(
        &self,
        facts: &[(Uuid, Option<PlayerId>)],
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let mut ended = 0;
            for (fact, account) in facts {
                if !confirm!(&mut *tx, groups::CLAIMS, *fact, now) {
                    continue;
                }
                let Some(account) = account else { continue };
                let cancel = sqlx::query(CANCEL).bind(account.0).bind(Reason::AccountClosed.as_str());
                ended += cancel.bind(now.0).execute(&mut *tx).await?.rows_affected();
            }
            tx.commit().await?;
            Ok(ended)
        })
    }

    /// Claims, newest first.
    pub(crate) async fn claims(&self, filter: &ClaimFilter, limit: u32) -> Result<Vec<ClaimRow>, StoreError> {
        self.claims_behind(filter, 0, limit).await
    }

    /// Whether more than so many claims match.
    pub(crate) async fn more_claims_than(&self, filter: &ClaimFilter, rows: u32) -> Result<bool, StoreError> {
        Ok(!self.claims_behind(filter, rows, 1).await?.is_empty())
    }

    /// Claims behind the first `skip`, newest first.
    async fn claims_behind(
        &self,
        filter: &ClaimFilter,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<ClaimRow>, StoreError> {
        macro_rules! select {
            ($account:literal) => {
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM claims WHERE ",
                    $account,
                    " AND ($2 IS NULL OR event_id = $2) AND ($3 IS NULL OR reward_id = $3)
                     AND ($4 IS NULL OR status = $4) AND ($5 IS NULL OR created_at >= $5)
                     AND ($6 IS NULL OR created_at < $6) AND ($7 IS NULL OR claim_id < $7)
                     ORDER BY claim_id DESC LIMIT $8 OFFSET $9"
                )
            };
        }
        // An account's own history is asked for all the time: it goes by its index.
        let sql = if filter.account.is_some() { select!("account_id = $1") } else { select!("$1 IS NULL") };
        Ok(read!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(filter.account).bind(filter.event).bind(filter.reward);
            let query = query.bind(&filter.status).bind(filter.from).bind(filter.to).bind(filter.before);
            query.bind(i64::from(limit)).bind(i64::from(skip)).fetch_all(pool).await?
        }))
    }
}

/// The limit is the reward's of this moment; who is over a lowered one gets no more and keeps what he has.
const TAKE_OF_LIMIT: &str = "INSERT INTO reward_takers (reward_id, account_id, taken, per_account_limit)
     SELECT reward_id, $2, 1, per_account_limit FROM rewards WHERE reward_id = $1
     ON CONFLICT (reward_id, account_id) DO UPDATE
     SET taken = reward_takers.taken + 1, per_account_limit = excluded.per_account_limit
     WHERE reward_takers.taken < excluded.per_account_limit";

const TAKE_OF_STOCK: &str = "UPDATE rewards SET taken = taken + 1
     WHERE reward_id = $1 AND (stock IS NULL OR taken < stock)";
