//! SQL of grants: what a claim gives happens once, or is given up once. The row of `grants` decides which: whoever
//! inserts it first, the worker or the compensation, wins, and the other does as it says.

use super::{
    ClaimRow, Sql, StoreError, Transfer, Transferred, Wallet, claims::columns, confirm, fact, read,
    wallet::transfer, write,
};
use crate::{
    clock::UnixMs,
    ids::PlayerId,
    liveops::{
        claims::state::{Reason, Status},
        groups,
    },
};
use uuid::Uuid;

/// Inserts the row that decides: 1, or 0 if there is one already. One that another transaction is inserting is waited
/// for: then that one is seen.
macro_rules! grant_row {
    ($tx:expr, $command:expr, $outcome:expr, $reason:expr, $code:expr, $now:expr) => {{
        let command = $command;
        let row = sqlx::query(ADD_GRANT).bind(command.claim_id).bind(command.account.0).bind($outcome);
        let row = row.bind($reason).bind(&command.kind).bind(&command.name).bind(command.amount);
        row.bind($code).bind($now.0).execute(&mut *$tx).await?.rows_affected()
    }};
}
/// What is to be granted: what goes to the worker behind the stream.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct GrantRewardCommand {
    pub claim_id: Uuid,
    pub account: PlayerId,
    /// `points`, `item`, `badge`, `coupon`.
    pub kind: String,
    pub name: String,
    pub amount: i64,
}

/// What comes back. The same for every repetition of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum GrantResult {
    /// The player has it.
    Granted,
    /// He will not get it.
    Refused(Reason),
}

/// What became of a compensation.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(clippy::large_enum_variant)] // it lives for a moment, on the stack
pub(crate) enum Undone {
    /// The stock is back.
    Done(ClaimRow),
    /// Too late: the player has it.
    WasGranted,
    /// The claim is not where it was.
    Moved,
}

impl Sql {
    /// Grants, or hears what became of it before; confirms the command and sends the result with it, and what the
    /// player owns now as a fact of his. A command that was confirmed has no second effect. `code` is a coupon's.
    pub(crate) async fn grant(
        &self,
        command: &GrantRewardCommand,
        code: &str,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let coupon = (command.kind == "coupon").then_some(code);
        let (claim, account) = (command.claim_id, command.account);
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if !confirm!(&mut *tx, groups::GRANTS, claim, now) {
                return Ok(());
            }
            if grant_row!(tx, command, "granted", None::<&str>, coupon, now) == 0 {
                let before = sqlx::query_as(OUTCOME).bind(claim).fetch_one(&mut *tx).await?;
                fact!(&mut *tx, &result(before).fact(claim, account, now));
                tx.commit().await?;
                return Ok(());
            }
            let fits = if command.kind == "points" {
                let (from, to) = (Wallet::Rewards, Wallet::Account(command.account));
                let (amount, reference) = (command.amount, command.claim_id);
                let it = Transfer { from, to, amount, reason: "reward", reference, at: now };
                transfer!(tx, &it) == Transferred::Done
            } else {
                let sql = if command.kind == "badge" { KEEP_ONE } else { ADD_TO_PILE };
                let amount = if command.kind == "item" { command.amount } else { 1 };
                let put = sqlx::query(sql).bind(command.account.0).bind(&command.kind).bind(&command.name);
                let put = put.bind(coupon.unwrap_or_default()).bind(amount).bind(now.0);
                put.execute(&mut *tx).await?.rows_affected() == 1
            };
            if fits {
                fact!(&mut *tx, &GrantResult::Granted.fact(claim, account, now));
                if command.kind != "points" {
                    fact!(&mut *tx, &command.item_granted(now));
                }
                tx.commit().await?;
            } else {
                tx.rollback().await?;
                self.cannot_hold(command, now).await?;
            }
        });
        self.outbox_has_more();
        Ok(())
    }

    /// The player can hold no more. Another worker may have found room meanwhile: its row counts.
    async fn cannot_hold(&self, command: &GrantRewardCommand, now: UnixMs) -> Result<(), StoreError> {
        let (claim, account) = (command.claim_id, command.account);
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if !confirm!(&mut *tx, groups::GRANTS, claim, now) {
                return Ok(());
            }
            let why = Some(Reason::WalletFull.as_str());
            grant_row!(tx, command, "refused", why, None::<&str>, now);
            let outcome = sqlx::query_as(OUTCOME).bind(claim).fetch_one(&mut *tx).await?;
            fact!(&mut *tx, &result(outcome).fact(claim, account, now));
            tx.commit().await?;
        });
        Ok(())
    }

    /// What became of a claim's grant. `None`: nothing yet. If it is `late`, a command that nobody has handled is sent
    /// again, and one that is a dead letter is given up.
    pub(crate) async fn grant_outcome(
        &self,
        claim: Uuid,
        late: bool,
        now: UnixMs,
    ) -> Result<Option<GrantResult>, StoreError> {
        let outcome = read!(self.db(), pool => {
            sqlx::query_as(OUTCOME).bind(claim).fetch_optional(pool).await?
        });
        if outcome.is_some() || !late {
            return Ok(outcome.map(result));
        }
        let (dead, lost): (Option<Uuid>, Option<Uuid>) = read!(self.db(), pool => {
            let dead = sqlx::query_scalar(BURIED).bind(claim).bind(groups::GRANTS).fetch_optional(pool).await?;
            let lost = sqlx::query_scalar(LOST).bind(claim).bind(groups::GRANTS).bind(now.0);
            (dead, lost.fetch_optional(pool).await?)
        });
        if dead.is_some() {
            return Ok(Some(GrantResult::Refused(Reason::GrantFailed)));
        }
        if lost.is_some() {
            let again = "UPDATE outbox SET due_at = $3 WHERE fact_id = $1 AND consumer = $2 AND tries = 0";
            write!(self.db(), pool => {
                sqlx::query(again).bind(claim).bind(groups::GRANTS).bind(now.0).execute(pool).await?;
            });
            self.outbox_has_more();
        }
        Ok(None)
    }

    /// Gives back what a claim has taken, unless it was granted meanwhile.
    pub(crate) async fn compensate_claim(
        &self,
        claim: &ClaimRow,
        reason: Reason,
        now: UnixMs,
    ) -> Result<Undone, StoreError> {
        let moving = concat!(
            "UPDATE claims SET status = 'compensated', reason = $2, due_at = NULL, updated_at = $3
             WHERE claim_id = $1 AND status IN ('reserved', 'granting') RETURNING ",
            columns!()
        );
        let command = &GrantRewardCommand::of(claim);
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            grant_row!(tx, command, "refused", Some(reason.as_str()), None::<&str>, now);
            let outcome = sqlx::query_as(OUTCOME).bind(claim.claim_id).fetch_one(&mut *tx).await?;
            if result(outcome) == GrantResult::Granted {
                return Ok(Undone::WasGranted);
            }
            let moved = sqlx::query_as(moving).bind(claim.claim_id).bind(reason.as_str()).bind(now.0);
            let Some(moved) = moved.fetch_optional(&mut *tx).await? else { return Ok(Undone::Moved) };
            let taker = sqlx::query(GIVE_BACK_LIMIT).bind(claim.reward_id).bind(claim.account_id);
            taker.execute(&mut *tx).await?;
            sqlx::query(GIVE_BACK_STOCK).bind(claim.reward_id).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(Undone::Done(moved))
        })
    }
}

impl GrantRewardCommand {
    /// What this claim is to give.
    pub(crate) fn of(claim: &ClaimRow) -> Self {
        Self {
            claim_id: claim.claim_id,
            account: PlayerId(claim.account_id),
            kind: claim.kind.clone(),
            name: claim.name.clone(),
            amount: claim.amount,
        }
    }
}

fn result((outcome, reason): (String, Option<String>)) -> GrantResult {
    if outcome == Status::Granted.as_str() {
        return GrantResult::Granted;
    }
    GrantResult::Refused(reason.as_deref().and_then(Reason::named).unwrap_or(Reason::GrantFailed))
}

const ADD_GRANT: &str =
    "INSERT INTO grants (claim_id, account_id, outcome, reason, kind, name, amount, code, at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (claim_id) DO NOTHING";

const OUTCOME: &str = "SELECT outcome, reason FROM grants WHERE claim_id = $1";

const BURIED: &str = "SELECT id FROM dead_letters WHERE fact_id = $1 AND consumer = $2 LIMIT 1";

/// A command on its way, so it seems, for a long time. One that failed has its own pauses.
const LOST: &str = "SELECT fact_id FROM outbox
                    WHERE fact_id = $1 AND consumer = $2 AND tries = 0 AND due_at > $3";

const ADD_TO_PILE: &str =
    "INSERT INTO inventory (account_id, kind, name, code, amount, first_at) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (account_id, kind, name, code) DO UPDATE SET amount = inventory.amount + excluded.amount
     WHERE inventory.amount <= 9007199254740991 - excluded.amount";

/// A badge one has or has not.
const KEEP_ONE: &str =
    "INSERT INTO inventory (account_id, kind, name, code, amount, first_at) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (account_id, kind, name, code) DO UPDATE SET amount = 1";

const GIVE_BACK_LIMIT: &str =
    "UPDATE reward_takers SET taken = taken - 1 WHERE reward_id = $1 AND account_id = $2";

const GIVE_BACK_STOCK: &str = "UPDATE rewards SET taken = taken - 1 WHERE reward_id = $1";
