//! Which Redis: one server, a master that sentinels name, or the nodes of a Redis Cluster.
//!
//! Dials what [`url`] has read. [`Line`](super::line::Line) calls it whenever a connection is needed or in doubt; it
//! keeps no connection itself. What differs between the three kinds is here and in [`Wire`] alone.

use super::{url, wire::Wire};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, PushInfo, RedisError,
    RedisResult, Value,
    aio::MultiplexedConnection,
    cluster::ClusterClient,
    sentinel::{Sentinel, SentinelNodeConnectionInfo},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// Redirects that the search for a channel's node follows.
const HOPS: usize = 4;

/// Takes what Redis pushes.
pub(super) type Push = Arc<dyn Fn(PushInfo) + Send + Sync>;

pub(super) struct Servers {
    kind: Kind,
    longest: Duration,
}

pub(super) enum Kind {
    Single(Client),
    Sentinel(Box<Sentinels>),
    Cluster(Box<Nodes>),
}

/// They say who is master now.
pub(super) struct Sentinels {
    pub(super) asked: Mutex<Sentinel>,
    pub(super) master: String,
    /// For the master, not for them.
    pub(super) login: SentinelNodeConnectionInfo,
}

/// Of a Redis Cluster.
pub(super) struct Nodes {
    /// Those that the URL names: they know the others.
    pub(super) seeds: Vec<ConnectionInfo>,
    pub(super) client: ClusterClient,
}

impl Servers {
    /// Reads `redis.url`; `longest` bounds each connect and each answer.
    pub(super) fn parse(url: &str, longest: Duration) -> RedisResult<Self> {
        let kind = url::parse(url, longest)?;
        Ok(Self { kind, longest })
    }

    /// Channels of a Redis Cluster belong to a shard, as keys do.
    pub(super) fn sharded(&self) -> bool {
        matches!(self.kind, Kind::Cluster(_))
    }

    /// A connection for commands: to the server, the master, or all nodes.
    pub(super) async fn dial(&self, push: Push) -> RedisResult<Wire> {
        match &self.kind {
            Kind::Single(client) => self.one(client, push).await,
            Kind::Sentinel(sentinels) => self.one(&sentinels.master().await?, push).await,
            Kind::Cluster(nodes) => Ok(Wire::Many(nodes.client.get_async_connection().await?)),
        }
    }

    /// A connection that is subscribed to a channel: to the server, the master, or the node that has its slot.
    pub(super) async fn dial_inbox(&self, channel: &str, push: Push) -> RedisResult<Wire> {
        if let Kind::Cluster(nodes) = &self.kind {
            let mut failed = url::wrong("no node is named");
            for seed in &nodes.seeds {
                match self.owner(seed, channel, push.clone()).await {
                    Ok(wire) => return Ok(wire),
                    Err(error) => failed = error,
                }
            }
            return Err(failed);
        }
        let wire = self.dial(push).await?;
        self.subscribe(&wire, channel).await?;
        Ok(wire)
    }

    /// Whether the connection answers and goes where a new one would. Told without a channel for commands.
    pub(super) async fn still(&self, wire: &Wire, channel: Option<&str>) -> bool {
        let answered = match channel {
            // To subscribe again changes nothing, and fails where the channel is no more at home.
            Some(channel) => self.subscribe(wire, channel).await,
            None => redis::cmd("PING").query_async::<Value>(&mut wire.clone()).await.map(drop),
        };
        let (Ok(()), Wire::One { at, .. }) = (&answered, wire) else { return answered.is_ok() };
        match &self.kind {
            // While no sentinel answers, a master that does is kept.
            Kind::Sentinel(sentinels) => {
                sentinels.master().await.map_or(true, |found| found.get_connection_info().addr() == at)
            }
            _ => true,
        }
    }

    /// Follows redirects from a node to the one that takes the subscription.
    async fn owner(&self, seed: &ConnectionInfo, channel: &str, push: Push) -> RedisResult<Wire> {
        let mut at = seed.clone();
        for _ in 0..HOPS {
            let wire = self.one(&Client::open(at.clone())?, push.clone()).await?;
            let Err(error) = self.subscribe(&wire, channel).await else { return Ok(wire) };
            let Some((host, port)) = error.redirect_node().and_then(|(node, _)| node.rsplit_once(':')) else {
                return Err(error);
            };
            let host = match (host, at.addr()) {
                ("" | "?", ConnectionAddr::Tcp(same, _)) => same.clone(), // it knows no name of its own
                (host, _) => host.to_owned(),
            };
            let port = port.parse().map_err(|_| url::wrong("a redirect without a port"))?;
            at = at.set_addr(ConnectionAddr::Tcp(host, port));
        }
        Err(RedisError::from((ErrorKind::Client, "the nodes send each other the channel")))
    }

    async fn subscribe(&self, wire: &Wire, channel: &str) -> RedisResult<()> {
        let verb = if self.sharded() { "SSUBSCRIBE" } else { "SUBSCRIBE" };
        redis::cmd(verb).arg(channel).query_async::<Value>(&mut wire.clone()).await.map(drop)
    }

    async fn one(&self, client: &Client, push: Push) -> RedisResult<Wire> {
        let told = move |info: PushInfo| {
            push(info);
            Ok::<(), redis::aio::SendError>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.longest))
            .set_response_timeout(Some(self.longest))
            .set_push_sender(told);
        let connection: MultiplexedConnection =
            client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Wire::One { connection, at: client.get_connection_info().addr().clone() })
    }
}

impl Sentinels {
    /// Who is named must call himself master.
    async fn master(&self) -> RedisResult<Client> {
        self.asked.lock().await.async_master_for(&self.master, Some(&self.login)).await
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Single(_) => "single",
            Kind::Sentinel(_) => "sentinel",
            Kind::Cluster(_) => "cluster",
        })
    }
}
