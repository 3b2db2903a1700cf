//! Another server takes over: claims and parcels go on by themselves, and the node is told of the gap.

use super::tests::{Member, member, parcels_arrive_in_order};
use crate::{
    cluster::Incoming,
    testkit::{PrivateCluster, PrivateSentinel},
};
use bytes::Bytes;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Within this all must be well again (spec 6.3: ten seconds for a lost node; sentinels need one to three before).
const SOON: Duration = Duration::from_secs(15);

fn inbox(of: &Member) -> String {
    format!("playhouse:inbox:{}", of.me.id)
}

async fn both_work(a: &Member, b: &mut Member) {
    a.beat().await;
    a.bus.send(b.me.id, Bytes::from_static(b"before")).expect("queued");
    assert_eq!(b.parcel().await, "before");
}

async fn claims_are_answered(a: &Member, keys: &[Uuid]) -> bool {
    for key in keys {
        if a.placement.claim("room", *key, a.me.id, None).await.is_err() {
            return false;
        }
    }
    a.placement.beat(a.me.clone()).await.is_ok()
}

/// Claims are answered, `b` was told of the gap and hears from `a`, in order.
async fn soon_all_is_well(a: Member, mut b: Member) {
    let began = Instant::now();
    let keys: Vec<Uuid> = (0..64).map(|_| Uuid::new_v4()).collect(); // on all shards, if there are shards
    let claims = async {
        while !claims_are_answered(&a, &keys).await {
            sleep(Duration::from_millis(50)).await;
        }
        began.elapsed()
    };
    let claims = timeout(SOON, claims).await.expect("claims are answered");
    let parcels = async {
        let mut gap = false;
        loop {
            let _ = a.bus.send(b.me.id, Bytes::from_static(b"after")); // refused or lost, until it is not
            match timeout(Duration::from_millis(50), b.incoming.recv()).await {
                Ok(Some(Incoming::Gap)) => gap = true,
                Ok(Some(Incoming::Parcel(parcel))) if parcel == "after" && gap => return began.elapsed(),
                _ => {}
            }
        }
    };
    let parcels = timeout(SOON, parcels).await.expect("parcels arrive, and the gap was told");
    println!("claims after {claims:?}, parcels after {parcels:?}");
    while timeout(Duration::from_millis(200), b.incoming.recv()).await.is_ok() {} // what was still on its way
    parcels_arrive_in_order(a, b).await;
}

#[actix::test]
async fn a_master_is_killed_and_the_sentinels_name_another() {
    let mut group = PrivateSentinel::start().expect("sentinels");
    let (a, mut b) = (member(&group.url()).await, member(&group.url()).await);
    both_work(&a, &mut b).await;
    group.kill_master();
    soon_all_is_well(a, b).await;
}

#[actix::test]
async fn a_master_that_holds_its_connections_and_answers_nobody_is_left() {
    let group = PrivateSentinel::start().expect("sentinels");
    let (a, mut b) = (member(&group.url()).await, member(&group.url()).await);
    both_work(&a, &mut b).await;
    group.pause_master();
    soon_all_is_well(a, b).await;
}

#[actix::test]
async fn a_master_that_is_demoted_and_disconnects_nobody_is_left() {
    let group = PrivateSentinel::start().expect("sentinels");
    let (a, mut b) = (member(&group.url()).await, member(&group.url()).await);
    both_work(&a, &mut b).await;
    group.swap().expect("swapped");
    let refused = a.placement.claim("room", Uuid::new_v4(), a.me.id, None).await;
    let refused = refused.expect_err("a replica takes no claims").to_string();
    assert!(refused.contains("ReadOnly"), "{refused}");
    soon_all_is_well(a, b).await;
}

#[actix::test]
async fn a_node_of_a_redis_cluster_is_killed_and_its_replica_takes_over() {
    let mut group = PrivateCluster::start(1).expect("a Redis Cluster");
    let (a, mut b) = (member(&group.url()).await, member(&group.url()).await);
    both_work(&a, &mut b).await;
    group.kill(group.master_of(&inbox(&b)).expect("it has a node"));
    soon_all_is_well(a, b).await;
}

#[actix::test]
async fn a_node_of_a_redis_cluster_that_answers_nobody_is_left() {
    let group = PrivateCluster::start(1).expect("a Redis Cluster");
    let (a, mut b) = (member(&group.url()).await, member(&group.url()).await);
    both_work(&a, &mut b).await;
    group.pause(group.master_of(&inbox(&b)).expect("it has a node"));
    soon_all_is_well(a, b).await;
}

#[actix::test]
async fn while_a_slot_moves_to_another_node_its_keys_are_claimed_there() {
    let group = PrivateCluster::start(0).expect("a Redis Cluster");
    let (a, b) = (member(&group.url()).await, member(&group.url()).await);
    let key = Uuid::new_v4();
    // The scripts are known to every node before: to load them is no command of the slot.
    a.placement.claim("room", Uuid::new_v4(), a.me.id, None).await.expect("claimed");
    group.begin_to_move(&format!("playhouse:at:room:{key}")).expect("it moves");
    let claimed = a.placement.claim("room", key, a.me.id, None).await;
    assert_eq!(claimed.expect("claimed"), a.me.id);
    assert_eq!(b.placement.claim("room", key, b.me.id, None).await.expect("answered"), a.me.id);
}
