//! Claims against a real database: crashes between any two steps, lost answers, workers that meet, crowds.

use super::{
    ports::{GrantPort, Steps},
    saga::Terms,
    state::Reason,
    *,
};
use crate::{
    auth::{Role, tests::SetClock},
    clock::Clock as _,
    liveops::{
        Fact,
        consumers::Consumer as _,
        counters::{Count, Counters},
    },
    store::{
        AuditEntry, EventRow, GrantResult, GrantRewardCommand, Reserved, RewardRow, Saved, Undone, Wallet,
        read,
    },
    testkit::test_config,
};
use serde_json::json;
use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

#[cfg(feature = "testkit")]
mod crowd;
mod faults;
mod kit;
mod stream;

use faults::{Broken, Fault, Faults, Faulty};
use kit::Kit;

/// Calls that a claim makes from its request to its grant.
const CALLS: usize = 7;

#[actix::test]
async fn each_kind_is_granted_once() {
    for (kind, points, things) in [("points", 10, 0), ("item", 0, 10), ("badge", 0, 1), ("coupon", 0, 1)] {
        let kit = Kit::new(kind, None, 1).await;
        let account = PlayerId::new();
        let (id, faults) = (kit.claim(account).await, Faults::default());
        kit.work(&faults).await;
        assert_eq!(kit.status(id).await.0, "granted", "{kind}");
        assert_eq!(faults.calls.get(), CALLS, "{kind}");
        assert_eq!(kit.store.balance(account).await.expect("reads"), points, "{kind}");
        let inventory = kit.store.inventory(account, None, 10).await.expect("reads");
        assert_eq!(inventory.iter().map(|thing| thing.amount).sum::<i64>(), things, "{kind}");
        assert_eq!(inventory.iter().any(|thing| thing.code.len() == 19), kind == "coupon");
        kit.assert_item_granted(account, (kind, id)).await;
        kit.assert_sound().await;
    }
}

#[actix::test]
async fn a_crash_anywhere_is_resumed_and_nothing_is_granted_twice_or_lost() {
    for n in 0..CALLS {
        for at in [Fault::Before(n), Fault::After(n)] {
            let kit = Kit::new("points", Some(1), 1).await;
            let account = PlayerId::new();
            let id = kit.claim(account).await;
            kit.work(&Faults { at: Some(at), ..Faults::default() }).await;
            kit.work(&Faults::default()).await; // its lease has not run out: nobody else takes it
            if at != Fault::After(CALLS - 1) {
                assert_ne!(kit.status(id).await.0, "granted", "{at:?}");
            }
            kit.clock.advance_s(6);
            kit.work(&Faults::default()).await;
            assert_eq!(kit.status(id).await, ("granted".to_owned(), None), "{at:?}");
            assert_eq!(kit.store.balance(account).await.expect("reads"), 10, "{at:?}");
            kit.assert_sound().await;
        }
    }
}

#[actix::test]
async fn an_account_that_is_closed_at_any_moment_gets_all_or_gives_all_back() {
    let mut ends = std::collections::BTreeSet::new();
    for cancel_at in 0..CALLS {
        for at in [None, Some(Fault::Before(cancel_at + 1)), Some(Fault::After(cancel_at + 1))] {
            let kit = Kit::new("points", Some(1), 1).await;
            let account = PlayerId::new();
            let id = kit.claim(account).await;
            let cancel_at = Some(cancel_at);
            kit.work(&Faults { at, cancel_at, ..Faults::default() }).await;
            for _ in 0..2 {
                kit.clock.advance_s(6);
                kit.work(&Faults::default()).await;
            }
            let (status, reason) = kit.status(id).await;
            let granted = status == "granted";
            let expected = (!granted).then(|| "account_closed".to_owned());
            assert_eq!(reason, expected, "{cancel_at:?} {at:?}: {status}");
            let balance = kit.store.balance(account).await.expect("reads");
            assert_eq!(balance, if granted { 10 } else { 0 }, "{cancel_at:?} {at:?}: {status}");
            kit.assert_sound().await;
            ends.insert(status);
        }
    }
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), ["compensated", "granted", "rejected"]);
}

#[actix::test]
async fn a_compensation_that_crashes_gives_back_once() {
    for at in [Fault::Before(0), Fault::After(0)] {
        let kit = Kit::new("points", Some(1), 1).await;
        let (account, other) = (PlayerId::new(), PlayerId::new());
        let id = kit.claim(account).await;
        kit.work(&Faults { at: Some(Fault::Before(4)), ..Faults::default() }).await;
        assert_eq!(kit.status(id).await.0, "reserved");
        kit.store.cancel_claims(account, Reason::AccountClosed, kit.clock.now()).await.expect("cancels");
        kit.work(&Faults { at: Some(at), ..Faults::default() }).await;
        kit.clock.advance_s(6);
        kit.work(&Faults::default()).await;
        assert_eq!(kit.status(id).await.0, "compensated", "{at:?}");
        let next = kit.claim(other).await; // the stock is there again
        kit.work(&Faults::default()).await;
        assert_eq!(kit.status(next).await.0, "granted", "{at:?}");
        kit.assert_sound().await;
    }
}

#[actix::test]
async fn a_banned_account_s_claim_is_compensated_once_and_its_next_one_is_not() {
    let kit = Kit::new("points", Some(1), 1).await;
    let account = PlayerId::new();
    let id = kit.claim(account).await;
    kit.work(&Faults { at: Some(Fault::Before(4)), ..Faults::default() }).await;
    assert_eq!(kit.status(id).await.0, "reserved");
    let banned =
        Fact::new("user_status_changed", Some(account), kit.clock.now(), json!({"status": "banned"}));
    kit.store.add_facts(std::slice::from_ref(&banned)).await.expect("written");
    let claims = Claims::new(kit.store.clone(), &kit.config, kit.clock.clone());
    let closing = super::closing::CloseAccounts(claims);
    closing.handle(vec![banned.clone()]).await.expect("handled");
    kit.clock.advance_s(6);
    kit.work(&Faults::default()).await;
    assert_eq!(kit.status(id).await.0, "compensated");
    let next = kit.claim(account).await; // he is back
    closing.handle(vec![banned]).await.expect("the fact comes again");
    kit.work(&Faults::default()).await;
    assert_eq!(kit.status(next).await.0, "granted");
    kit.assert_sound().await;
}

#[actix::test]
async fn workers_who_meet_on_one_claim_grant_once() {
    let kit = Kit::new("points", Some(1), 1).await;
    let account = PlayerId::new();
    let id = kit.claim(account).await;
    let claim = kit.store.claim(id).await.expect("reads").expect("exists");
    let faults = Faults::default();
    let sagas: Vec<_> = (0..8).map(|_| kit.saga(&faults)).collect();
    let runs = sagas.iter().map(|saga| saga.run(claim.clone(), &|_| ()));
    for end in futures_util::future::join_all(runs).await {
        assert_eq!(end.expect("runs").status, "granted");
    }
    assert_eq!(kit.store.balance(account).await.expect("reads"), 10);
    kit.assert_sound().await;
}

#[actix::test]
async fn refusals_say_why_and_take_nothing() {
    let kit = Kit::new("points", Some(2), 1).await;
    let (ann, bob, eve) = (PlayerId::new(), PlayerId::new(), PlayerId::new());
    let mut ids = Vec::new();
    for account in [ann, ann, bob, eve] {
        ids.push(kit.claim(account).await);
        kit.work(&Faults::default()).await;
    }
    let mut ends = Vec::new();
    for id in ids {
        ends.push(kit.status(id).await);
    }
    let end = |status: &str, reason: Option<&str>| (status.to_owned(), reason.map(str::to_owned));
    let rejected = |reason| end("rejected", Some(reason));
    let granted = end("granted", None);
    assert_eq!(ends, [granted.clone(), rejected("limit_reached"), granted, rejected("out_of_stock")]);
    kit.assert_sound().await;
}

#[actix::test]
async fn a_condition_that_is_not_met_refuses_until_it_is() {
    let kit = Kit::new("points", None, 1).await;
    let sql = "UPDATE events SET condition = $1";
    let condition = sqlx::types::Json(json!({"count": "game_won", "where": {"game": "mafia"}, "gte": 3}));
    crate::store::write!(kit.store.db(), pool => {
        sqlx::query(sql).bind(&condition).execute(pool).await.expect("writes");
    });
    let ann = PlayerId::new();
    let early = kit.claim(ann).await;
    kit.work(&Faults::default()).await;
    assert_eq!(kit.status(early).await.1.as_deref(), Some("condition_not_met"));
    let sql = "INSERT INTO activity_counters (account_id, minute, kind, dims, n) VALUES ($1, $2, 'game_won', $3, 3)";
    let (minute, dims) = (kit.clock.now().0 / 60_000, r#"{"game":"mafia","role":"doctor"}"#);
    crate::store::write!(kit.store.db(), pool => {
        sqlx::query(sql).bind(ann.0).bind(minute).bind(dims).execute(pool).await.expect("writes");
    });
    let later = kit.claim(ann).await;
    kit.work(&Faults::default()).await;
    assert_eq!(kit.status(later).await.0, "granted");
    kit.assert_sound().await;
}

#[actix::test]
async fn a_full_wallet_gives_the_stock_back() {
    let kit = Kit::new("points", Some(1), 1).await;
    let ann = PlayerId::new();
    let gift = crate::store::Transfer {
        from: Wallet::Rewards,
        to: Wallet::Account(ann),
        amount: crate::store::MOST - 5,
        reason: "gift",
        reference: Uuid::now_v7(),
        at: kit.clock.now(),
    };
    kit.store.transfer(&gift).await.expect("moves");
    let id = kit.claim(ann).await;
    kit.work(&Faults::default()).await;
    assert_eq!(kit.status(id).await, ("compensated".to_owned(), Some("wallet_full".to_owned())));
    assert_eq!(kit.number("SELECT taken FROM rewards").await, 0);
    assert_eq!(kit.store.balance(ann).await.expect("reads"), crate::store::MOST - 5);
}

#[actix::test]
async fn a_claim_that_takes_too_long_is_over_and_its_stock_back() {
    let kit = Kit::new("points", Some(1), 1).await;
    let id = kit.claim(PlayerId::new()).await;
    kit.work(&Faults { at: Some(Fault::Before(5)), ..Faults::default() }).await;
    assert_eq!(kit.status(id).await.0, "granting");
    kit.clock.advance_s(26);
    kit.work(&Faults::default()).await;
    assert_eq!(kit.status(id).await, ("compensated".to_owned(), Some("timed_out".to_owned())));
    kit.assert_sound().await;
}

#[actix::test]
async fn a_grant_that_fails_again_and_again_is_given_up_and_its_stock_back() {
    let kit = Kit::new("points", Some(1), 1).await;
    let id = kit.claim(PlayerId::new()).await;
    let (clock, settings) = (kit.clock.clone(), Arc::new(kit.config.rewards.clone()));
    let saga = Saga { steps: kit.store.clone(), grants: Broken, clock, settings };
    for _ in 0..6 {
        let now = kit.clock.now();
        for claim in kit.store.lease_claims(now, now + 5_000, 10).await.expect("leases") {
            saga.run(claim, &|_| ()).await.expect("it is known what happened");
        }
        assert_eq!(
            kit.number("SELECT taken FROM rewards").await,
            i64::from(kit.status(id).await.0 == "granting")
        );
        kit.clock.advance_s(4);
    }
    assert_eq!(kit.status(id).await, ("compensated".to_owned(), Some("grant_failed".to_owned())));
    kit.assert_sound().await;
}

/// Counts what is told.
#[derive(Default)]
struct Told(AtomicUsize);

impl Announce for Told {
    fn tell(&self, _: PlayerId, push: Arc<Push>) {
        assert_eq!(push.name(), "claim.changed");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[actix::test]
async fn a_request_waits_for_its_claim_and_the_player_is_told_of_each_status() {
    let kit = Kit::new("points", None, 1).await;
    let claims = Claims::new(kit.store.clone(), &kit.config, kit.clock.clone());
    let told = Arc::new(Told::default());
    claims.work(told.clone());
    let _stream = stream::tasks(&claims, &kit, kit.clock.clone());
    let (id, ann, of) = (Uuid::now_v7(), PlayerId::new(), (kit.event, kit.reward));
    let claim = claims.request(id, ann, of).await.expect("runs").expect("exists");
    assert_eq!(claim.status, "granted");
    assert_eq!(told.0.load(Ordering::Relaxed), 4, "checked, reserved, granting, granted");
    let again = claims.request(id, ann, of).await.expect("runs").expect("exists");
    assert_eq!(again, claim, "once for its id");
    assert_eq!(claims.request(Uuid::now_v7(), ann, (kit.reward, kit.event)).await.expect("runs"), None);
    let stranger = claims.request(id, PlayerId::new(), of).await.expect("runs");
    assert_eq!(stranger, None, "another's claim is not shown");
    kit.assert_sound().await;
}
