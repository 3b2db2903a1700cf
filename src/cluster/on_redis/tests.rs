//! The registry and the bus promise the same in memory and on Redis.

use super::super::{Bus, Incoming, NodeInfo, Placement, placement::Beat};
use crate::{
    config::{Config, Redis},
    ids::{NodeId, PlayerId, SessionId, SessionRef},
    testkit::{Network, PrivateCluster, PrivateRedis, PrivateSentinel},
};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(1);

/// One node's ports.
pub(super) struct Member {
    pub(super) me: NodeInfo,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) placement: Arc<dyn Placement>,
    pub(super) incoming: mpsc::Receiver<Incoming>,
}

impl Member {
    pub(super) async fn beat(&self) -> Beat {
        self.placement.beat(self.me.clone()).await.expect("the registry is there")
    }

    pub(super) async fn parcel(&mut self) -> Bytes {
        match tokio::time::timeout(Duration::from_secs(5), self.incoming.recv()).await {
            Ok(Some(Incoming::Parcel(bytes))) => bytes,
            other => panic!("no parcel but {other:?}"),
        }
    }
}

fn node(load: u64) -> NodeInfo {
    NodeInfo { load, ..NodeInfo::of(NodeId::new(), &Config::default()) }
}

fn listed(beat: &Beat) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = beat.nodes.iter().map(|node| node.id).collect();
    ids.sort();
    ids
}

async fn nodes_are_listed_while_their_lease_lives(a: Member, b: Member) {
    let first = a.beat().await;
    assert!(first.unknown && first.age_ms < 900, "{first:?}");
    assert!(b.beat().await.unknown);
    let mut both = vec![a.me.id, b.me.id];
    both.sort();
    let again = a.beat().await;
    assert_eq!((listed(&again), again.unknown), (both, false));
    tokio::time::sleep(LEASE / 2).await;
    a.beat().await;
    tokio::time::sleep(LEASE * 2 / 3).await;
    let later = a.beat().await;
    assert_eq!(listed(&later), [a.me.id]);
    assert!(later.age_ms >= 1_000, "{later:?}");
    b.beat().await;
    b.placement.leave(b.me.id).await.expect("left");
    assert_eq!(listed(&a.beat().await), [a.me.id]);
}

async fn of_all_who_claim_one_wins(a: Member, b: Member) {
    let key = Uuid::new_v4();
    let claim = |who: &Member, dead| who.placement.claim("room", key, who.me.id, dead);
    assert_eq!(claim(&a, None).await.expect("claimed"), a.me.id);
    assert_eq!(claim(&b, None).await.expect("answered"), a.me.id);
    assert_eq!(claim(&b, Some(b.me.id)).await.expect("answered"), a.me.id, "another is dead");
    assert_eq!(claim(&b, Some(a.me.id)).await.expect("taken over"), b.me.id);
    assert_eq!(claim(&a, Some(a.me.id)).await.expect("answered"), b.me.id, "too late");
    a.placement.release("room", key, a.me.id).await.expect("answered");
    assert_eq!(claim(&a, None).await.expect("answered"), b.me.id, "it was not a's to release");
    b.placement.release("room", key, b.me.id).await.expect("released");
    assert_eq!(claim(&a, None).await.expect("claimed"), a.me.id);
}

async fn a_player_has_one_session(a: Member, b: Member) {
    let player = PlayerId::new();
    let at = |member: &Member| SessionRef { id: SessionId::new(), node: member.me.id, moves: 0 };
    let (first, second) = (at(&a), at(&b));
    assert_eq!(a.placement.arrive(player, first).await.expect("answered"), None);
    assert_eq!(b.placement.arrive(player, second).await.expect("answered"), Some(first));
    a.placement.depart(player, first).await.expect("answered");
    assert_eq!(
        a.placement.arrive(player, first).await.expect("answered"),
        Some(second),
        "only its own end counts"
    );
}

async fn whoever_asks_learns_where_a_player_is_now(a: Member, b: Member) {
    let (player, other) = (PlayerId::new(), PlayerId::new());
    let at = |member: &Member| SessionRef { id: SessionId::new(), node: member.me.id, moves: 0 };
    let (first, second) = (at(&a), at(&b));
    let seen = async |player| {
        let (here, there) = tokio::join!(a.placement.whereabouts(player), b.placement.whereabouts(player));
        let (here, there) = (here.expect("answered"), there.expect("answered"));
        assert_eq!(here, there, "the same for all who ask");
        here
    };
    assert_eq!(seen(player).await, None, "nobody has come");
    a.placement.arrive(player, first).await.expect("answered");
    assert_eq!(seen(player).await, Some(first));
    b.placement.arrive(player, second).await.expect("answered");
    a.placement.depart(player, first).await.expect("answered");
    assert_eq!(seen(player).await, Some(second), "the one before has no say any more");
    assert_eq!(b.placement.arrive(player, second).await.expect("answered"), None, "it is the same");
    assert_eq!((seen(player).await, seen(other).await), (Some(second), None));
    let moved = SessionRef { moves: 3, node: a.me.id, ..second };
    a.placement.arrive(player, moved).await.expect("answered");
    assert_eq!(seen(player).await.map(|at| (at.id, at.node)), Some((second.id, a.me.id)), "on another node");
    b.placement.depart(player, second).await.expect("answered");
    assert_eq!(seen(player).await, Some(moved), "who handed it over does not end it");
    a.placement.depart(player, SessionRef { moves: 0, ..moved }).await.expect("answered");
    assert_eq!(seen(player).await, None, "however often it had moved");
}

pub(super) async fn parcels_arrive_in_order(a: Member, mut b: Member) {
    for n in 0..1_000_u32 {
        a.bus.send(b.me.id, Bytes::copy_from_slice(&n.to_be_bytes())).expect("queued");
    }
    for n in 0..1_000_u32 {
        assert_eq!(b.parcel().await[..], n.to_be_bytes());
    }
}

macro_rules! conformance {
    ($($test:ident),* $(,)?) => {
        mod in_memory {
            use super::*;
            $(#[actix::test]
            async fn $test() {
                let network = Network::new(LEASE);
                let member = || {
                    let me = node(0);
                    let (ports, incoming) = network.join(me.id);
                    Member { me, bus: Arc::new(ports.clone()), placement: Arc::new(ports), incoming }
                };
                super::$test(member(), member()).await;
            })*
        }
        mod redis {
            use super::*;
            $(#[actix::test]
            async fn $test() {
                let redis = PrivateRedis::start().expect("redis-server");
                super::$test(member(&redis.url()).await, member(&redis.url()).await).await;
            })*
        }
        /// All on one group, each with keys of its own: a group takes seconds to start.
        async fn the_whole_suite(url: &str) {
            $(
                let prefix = || Redis { prefix: stringify!($test).into(), ..Redis::default() };
                $test(member_as(url, prefix()).await, member_as(url, prefix()).await).await;
            )*
        }
    };
}

conformance!(
    nodes_are_listed_while_their_lease_lives,
    of_all_who_claim_one_wins,
    a_player_has_one_session,
    whoever_asks_learns_where_a_player_is_now,
    parcels_arrive_in_order,
);

#[actix::test]
async fn a_master_that_sentinels_name_passes_the_suite() {
    let group = PrivateSentinel::start().expect("sentinels");
    the_whole_suite(&group.url()).await;
    for (right, wrong) in [("mymaster", "another"), ("playhouse:", "playhouse:x"), ("sesame", "x")] {
        let url = group.url().replace(right, wrong);
        assert!(super::join(&url, &Redis::default(), LEASE, node(0)).await.is_err(), "{url}");
    }
}

#[actix::test]
async fn a_redis_cluster_passes_the_suite() {
    let group = PrivateCluster::start(0).expect("a Redis Cluster");
    the_whole_suite(&group.url()).await;
    let url = group.url().replace("playhouse:", "playhouse:x");
    assert!(super::join(&url, &Redis::default(), LEASE, node(0)).await.is_err(), "a wrong password");
}

pub(super) async fn member(url: &str) -> Member {
    member_as(url, Redis::default()).await
}

async fn member_as(url: &str, settings: Redis) -> Member {
    let me = node(0);
    let (peering, incoming) = super::join(url, &settings, LEASE, me.clone()).await.expect("joined");
    Member { me, bus: peering.bus, placement: peering.placement, incoming }
}

#[actix::test]
async fn after_a_restart_of_redis_the_bus_is_back_by_itself_and_says_that_there_was_a_gap() {
    let mut redis = PrivateRedis::start().expect("redis-server");
    let (a, mut b) = (member(&redis.url()).await, member(&redis.url()).await);
    a.bus.send(b.me.id, Bytes::from_static(b"before")).expect("queued");
    assert_eq!(b.parcel().await, "before");
    redis.kill();
    assert!(a.placement.beat(a.me.clone()).await.is_err());
    redis.restart().expect("back");
    let heard = tokio::time::timeout(Duration::from_secs(10), b.incoming.recv()).await;
    assert!(matches!(heard, Ok(Some(Incoming::Gap))), "{heard:?}");
    let again = async {
        // What is sent before the other has subscribed again is lost: so it may be.
        while b.incoming.is_empty() {
            let _ = a.bus.send(b.me.id, Bytes::from_static(b"after"));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("parcels arrive again");
    assert_eq!(b.parcel().await, "after");
    assert!(a.beat().await.unknown, "the registry is empty");
}

#[actix::test]
async fn a_redis_that_is_not_there_stops_the_start() {
    let nobody = format!("redis://127.0.0.1:{}", crate::testkit::free_port());
    assert!(super::join(&nobody, &Redis::default(), LEASE, node(0)).await.is_err());
}
