//! One node cannot reach Redis, or PostgreSQL, while all others do (spec 6.3).

use super::{
    Servers,
    faults::{Cluster, SOME, seconds},
};
use playhouse::testkit::{PrivatePostgres, PrivateRedis, Proxy};
use std::{cell::RefCell, time::Instant};

/// Longer than a lease.
const CUT_S: f64 = 10.0;

/// Three nodes; the first has wires of its own to both servers.
async fn with_a_wire() -> (Cluster, Proxy, Proxy) {
    let wires = RefCell::new(None);
    let servers = Servers::reached(&[], |node, redis: &PrivateRedis, postgres: &PrivatePostgres| {
        if node > 0 {
            return (redis.url(), postgres.url());
        }
        let to_redis = Proxy::start(redis.port()).unwrap();
        let to_postgres = Proxy::start(postgres.port()).unwrap();
        let urls = (redis.url_at(to_redis.port()), postgres.url_at(to_postgres.port()));
        wires.replace(Some((to_redis, to_postgres)));
        urls
    });
    let (to_redis, to_postgres) = wires.into_inner().unwrap();
    (Cluster::on(servers, SOME).await, to_redis, to_postgres)
}

/// Plays on while the wire of the first node is cut, and says when it was mended.
async fn cut(cluster: &mut Cluster, wire: &Proxy) -> Instant {
    let mended = cluster
        .play(14_000, async |servers| {
            seconds(0.5).await;
            wire.cut();
            seconds(CUT_S).await;
            assert_eq!(servers.nodes[0].probe("healthz").await, 200, "no reason to kill it");
            assert_eq!(servers.nodes[0].probe("readyz").await, 503, "but to send nobody there");
            assert_eq!(servers.nodes[1].probe("readyz").await, 200, "the others go on");
            wire.mend();
            Instant::now()
        })
        .await;
    seconds(2.0).await;
    assert_eq!(cluster.servers.nodes[0].probe("readyz").await, 200, "it comes back by itself");
    mended
}

#[actix::test]
async fn a_node_that_alone_cannot_reach_redis_loses_nothing() {
    let (mut cluster, to_redis, _to_postgres) = with_a_wire().await;
    let before = cluster.acknowledged();
    let mended = cut(&mut cluster, &to_redis).await;
    cluster.all_is_well("one node was cut off from Redis", mended).await;
    println!("{} commands acknowledged, {before} before", cluster.acknowledged());
}

#[actix::test]
async fn a_node_that_alone_cannot_reach_postgresql_loses_nothing() {
    let (mut cluster, _to_redis, to_postgres) = with_a_wire().await;
    let before = cluster.acknowledged();
    let mended = cut(&mut cluster, &to_postgres).await;
    cluster.all_is_well("one node was cut off from PostgreSQL", mended).await;
    println!("{} commands acknowledged, {before} before", cluster.acknowledged());
}
