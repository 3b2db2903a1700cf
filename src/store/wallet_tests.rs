//! What the constraints of wallets, ledger and stock promise, whoever writes.

use super::*;
use crate::{
    clock::{SystemClock, UnixMs},
    ids::PlayerId,
};
use uuid::Uuid;

async fn open(dir: &tempfile::TempDir) -> Store {
    let config = crate::testkit::test_config(dir.path()).await;
    Store::open(&config, Arc::new(SystemClock)).await.expect("opens")
}

fn transfer(from: Wallet, to: Wallet, amount: i64) -> Transfer {
    Transfer { from, to, amount, reason: "test", reference: Uuid::now_v7(), at: UnixMs(5) }
}

async fn number(store: &Store, sql: &'static str) -> i64 {
    read!(store.db(), pool => sqlx::query_scalar(sql).fetch_one(pool).await.expect("a number"))
}

#[actix::test]
async fn points_move_once_and_only_if_they_are_there() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let (ann, bob) = (PlayerId::new(), PlayerId::new());
    let gift = transfer(Wallet::Rewards, Wallet::Account(ann), 10);
    assert_eq!(store.transfer(&gift).await.expect("moves"), Transferred::Done);
    assert_eq!(store.transfer(&gift).await.expect("moves"), Transferred::Repeated);
    let too_much = transfer(Wallet::Account(ann), Wallet::Account(bob), 11);
    assert_eq!(store.transfer(&too_much).await.expect("moves"), Transferred::Short);
    let of_nobody = transfer(Wallet::Account(bob), Wallet::House, 1);
    assert_eq!(store.transfer(&of_nobody).await.expect("moves"), Transferred::Short);
    let flood = transfer(Wallet::Rewards, Wallet::Account(ann), MOST);
    assert_eq!(store.transfer(&flood).await.expect("moves"), Transferred::Full);
    let back = Transfer { amount: 4, ..too_much };
    assert_eq!(
        store.transfer(&back).await.expect("moves"),
        Transferred::Done,
        "what was refused left no trace"
    );
    assert!(store.transfer(&transfer(Wallet::Account(ann), Wallet::Account(bob), -1)).await.is_err());
    assert!(store.transfer(&transfer(Wallet::House, Wallet::House, 1)).await.is_err());
    let balances = (store.balance(ann).await.expect("reads"), store.balance(bob).await.expect("reads"));
    assert_eq!(balances, (6, 4));
    let entries = store.ledger(ann, None, 10).await.expect("reads");
    assert_eq!(entries.iter().map(|entry| entry.amount).collect::<Vec<_>>(), [-4, 10]);
}

#[actix::test]
async fn a_crowd_of_transfers_loses_and_makes_no_point() {
    const PEOPLE: usize = 5;
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let people: Vec<Wallet> = (0..PEOPLE).map(|_| Wallet::Account(PlayerId::new())).collect();
    for wallet in &people {
        store.transfer(&transfer(Wallet::Rewards, *wallet, 20)).await.expect("moves");
    }
    let moves = (0..300).map(|n: usize| {
        let (from, to) = (people[n % PEOPLE], people[(n * 3 + 1) % PEOPLE]);
        let it = transfer(from, to, 1 + (n % 7) as i64);
        let store = &store;
        async move {
            if from == to { Transferred::Short } else { store.transfer(&it).await.expect("no deadlock") }
        }
    });
    let moved = futures_util::future::join_all(moves).await;
    assert!(moved.contains(&Transferred::Done) && moved.contains(&Transferred::Short));
    let total = number(&store, "SELECT CAST(SUM(balance) AS BIGINT) FROM wallets").await;
    assert_eq!(total, 20 * PEOPLE as i64);
    assert!(number(&store, "SELECT MIN(balance) FROM wallets").await >= 0);
    assert_eq!(number(&store, "SELECT CAST(SUM(amount) AS BIGINT) FROM ledger_entries").await, 0);
    let wrong = "SELECT COUNT(*) FROM wallets w WHERE w.balance <>
        (SELECT CAST(SUM(e.amount) AS BIGINT) FROM ledger_entries e WHERE e.wallet_id = w.account_id)";
    assert_eq!(number(&store, wrong).await, 0);
}

#[actix::test]
async fn the_tables_themselves_refuse_what_must_not_be() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let ann = PlayerId::new();
    store.transfer(&transfer(Wallet::Rewards, Wallet::Account(ann), 10)).await.expect("moves");
    let insert =
        "INSERT INTO rewards (reward_id, event_id, kind, name, amount, stock, taken, per_account_limit,
                  created_at, updated_at) VALUES ($1, $1, 'item', 'x', 1, 1, 1, 1, 0, 0)";
    super::write!(store.db(), pool => {
        sqlx::query(insert).bind(ann.0).execute(pool).await.expect("writes");
    });
    for sql in [
        "UPDATE wallets SET balance = -1",
        "UPDATE ledger SET amount = 0",
        "UPDATE ledger SET credit = debit",
        "UPDATE rewards SET taken = 2",
        "UPDATE rewards SET taken = -1",
        "UPDATE rewards SET stock = 0",
        "INSERT INTO reward_takers (reward_id, account_id, taken, per_account_limit)
         SELECT reward_id, event_id, 2, 1 FROM rewards",
    ] {
        let refused = super::write!(store.db(), pool => sqlx::query(sql).execute(pool).await.err());
        let refused = refused.and_then(|error| error.into_database_error());
        assert!(refused.is_some_and(|error| error.is_check_violation()), "{sql}");
    }
}
