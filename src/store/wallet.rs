//! Wallets and their double-entry ledger: a [`Transfer`] takes from one wallet what it gives to another, so the two
//! entries of every transaction sum to zero by their form (spec 2.2).
//!
//! People's wallets carry a balance that a constraint keeps from falling below zero. The house's own may fall below:
//! they are where points come from; their balance is the sum of their entries, for a row that every grant updates would
//! be a queue.

use super::{AuditEntry, Sql, StoreError, audit, read, write};
use crate::{clock::UnixMs, ids::PlayerId};
use uuid::Uuid;

/// The most that a wallet or a pile of items holds: 2^53 - 1, which every client of JSON reads exactly.
pub(crate) const MOST: i64 = 9_007_199_254_740_991;

/// Whose points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Wallet {
    /// A person's.
    Account(PlayerId),
    /// The house's, from which rewards are paid.
    Rewards,
    /// The house's, to which what is bought and lost goes.
    House,
    /// The house's, from which staff give points to people.
    TopUps,
}

impl Wallet {
    /// Its id in the ledger.
    pub fn id(self) -> Uuid {
        match self {
            Self::Account(account) => account.0,
            Self::Rewards => Uuid::from_u128(1),
            Self::House => Uuid::from_u128(2),
            Self::TopUps => Uuid::from_u128(3),
        }
    }

    /// Whether it has a balance that cannot fall below zero.
    pub(super) fn is_bounded(self) -> bool {
        matches!(self, Self::Account(_))
    }
}

/// Points from one wallet to another, once for its reason and reference.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    /// Gives.
    pub from: Wallet,
    /// Gets.
    pub to: Wallet,
    /// From 1.
    pub amount: i64,
    /// `reward` …
    #[serde(deserialize_with = "crate::store::wire::name")]
    pub reason: crate::store::wire::Name,
    /// The claim, the seat … that it is for: under one reason a reference is paid once.
    pub reference: Uuid,
    /// When.
    pub at: UnixMs,
}

/// What became of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Transferred {
    /// It happened.
    Done,
    /// It had happened before; nothing was changed.
    Repeated,
    /// The giver has not so much.
    Short,
    /// The receiver can hold no more.
    Full,
}

/// One entry of the ledger, as its wallet sees it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct LedgerRow {
    pub transaction_id: Uuid,
    pub amount: i64,
    pub reason: String,
    #[sqlx(rename = "ref")]
    pub reference: Uuid,
    pub at: i64,
}

/// Something that an account owns.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct InventoryRow {
    pub kind: String,
    pub name: String,
    pub code: String,
    pub amount: i64,
    pub first_at: i64,
}

/// A transfer within a transaction, which is to be rolled back unless it is `Done` or `Repeated`. Wallets are locked
/// in the order of their ids: two transfers that cross do not wait for each other.
macro_rules! transfer {
    ($tx:expr, $it:expr) => {{
        use $crate::store::wallet::{ADD_ENTRY, PUT, TAKE, Transferred};
        let it: &$crate::store::Transfer = $it;
        let entry = sqlx::query(ADD_ENTRY).bind($crate::chance::uuid()).bind(it.from.id()).bind(it.to.id());
        let entry = entry.bind(it.amount).bind(it.reason).bind(it.reference).bind(it.at.0);
        if entry.execute(&mut *$tx).await?.rows_affected() == 0 {
            Transferred::Repeated
        } else {
            let mut done = Transferred::Done;
            let take_first = it.from.id() < it.to.id();
            for take in [take_first, !take_first] {
                let (wallet, sql, else_) = match take {
                    true => (it.from, TAKE, Transferred::Short),
                    false => (it.to, PUT, Transferred::Full),
                };
                if done == Transferred::Done && wallet.is_bounded() {
                    let moved = sqlx::query(sql).bind(wallet.id()).bind(it.amount).execute(&mut *$tx).await?;
                    if moved.rows_affected() == 0 {
                        done = else_;
                    }
                }
            }
            done
        }
    }};
}
pub(super) use transfer;

pub(super) const ADD_ENTRY: &str =
    "INSERT INTO ledger (transaction_id, debit, credit, amount, reason, ref, at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (reason, ref) DO NOTHING";

pub(super) const TAKE: &str =
    "UPDATE wallets SET balance = balance - $2 WHERE account_id = $1 AND balance >= $2";

pub(super) const PUT: &str = "INSERT INTO wallets (account_id, balance) VALUES ($1, $2)
     ON CONFLICT (account_id) DO UPDATE SET balance = wallets.balance + excluded.balance
     WHERE wallets.balance <= 9007199254740991 - excluded.balance";

impl Sql {
    /// Moves points. Nothing happens unless it is [`Transferred::Done`].
    ///
    /// # Errors
    /// The database is away; if its answer to the COMMIT is what was lost, a repetition says `Repeated`.
    pub async fn transfer(&self, it: &Transfer) -> Result<Transferred, StoreError> {
        if it.amount < 1 || it.amount > MOST || it.from == it.to {
            return Err(StoreError::Bug(format!("no transfer: {it:?}")));
        }
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let done = transfer!(tx, it);
            match done {
                Transferred::Done => tx.commit().await?,
                _ => tx.rollback().await?,
            }
            Ok(done)
        })
    }

    /// Points from staff to an account, with the audit entry in the same transaction. `reference` is the same at every
    /// attempt: it is done once.
    pub(crate) async fn top_up(
        &self,
        account: PlayerId,
        amount: i64,
        reference: Uuid,
        entry: &AuditEntry,
    ) -> Result<Transferred, StoreError> {
        let (from, to, at) = (Wallet::TopUps, Wallet::Account(account), UnixMs(entry.at));
        let it = Transfer { from, to, amount, reason: "top_up", reference, at };
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let done = transfer!(tx, &it);
            if done == Transferred::Done {
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(done)
        })
    }

    /// Points of an account.
    pub async fn balance(&self, account: PlayerId) -> Result<i64, StoreError> {
        let sql = "SELECT balance FROM wallets WHERE account_id = $1";
        let balance: Option<i64> =
            read!(self.db(), pool => sqlx::query_scalar(sql).bind(account.0).fetch_optional(pool).await?);
        Ok(balance.unwrap_or(0))
    }

    /// Entries of an account, newest first.
    pub(crate) async fn ledger(
        &self,
        account: PlayerId,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let sql = "SELECT transaction_id, amount, reason, ref, at FROM ledger_entries
                   WHERE wallet_id = $1 AND ($2 IS NULL OR transaction_id < $2)
                   ORDER BY transaction_id DESC LIMIT $3";
        Ok(read!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(account.0).bind(before).bind(i64::from(limit));
            query.fetch_all(pool).await?
        }))
    }

    /// What an account owns, by kind, name and code.
    pub(crate) async fn inventory(
        &self,
        account: PlayerId,
        after: Option<(String, String, String)>,
        limit: u32,
    ) -> Result<Vec<InventoryRow>, StoreError> {
        let sql =
            "SELECT kind, name, code, amount, first_at FROM inventory WHERE account_id = $1 AND amount > 0
                   AND ($2 IS NULL OR (kind, name, code) > ($2, $3, $4)) ORDER BY kind, name, code LIMIT $5";
        let (kind, name, code) = after.map_or((None, None, None), |(k, n, c)| (Some(k), Some(n), Some(c)));
        Ok(read!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(account.0).bind(kind).bind(name).bind(code);
            query.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }
}
