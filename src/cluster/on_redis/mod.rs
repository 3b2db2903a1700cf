//! The cluster's ports on Redis or Valkey (spec 6.2): the bus on publish/subscribe, the registry in scripts.
//!
//! One server, a master that sentinels name, or a Redis Cluster: `servers` knows which, `line` keeps a connection to
//! whoever it is now; bus and registry see no difference. Both come back by themselves. While Redis is away the bus
//! refuses and the registry errs; nothing is retried, so nothing is done twice.

mod bus;
#[cfg(all(test, feature = "testkit"))]
mod failover_tests;
mod line;
mod placement;
mod scripts;
mod servers;
#[cfg(all(test, feature = "testkit"))]
mod tests;
mod url;
mod wire;

pub(crate) use self::line::Line;
use self::servers::Servers;
use super::{Incoming, NodeInfo, Peering};
use crate::config::Redis;
use redis::RedisError;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Connects a node: its peering, and what the others send it.
///
/// # Errors
/// The URL is wrong, or Redis is not there.
pub async fn join(
    url: &str,
    settings: &Redis,
    lease: Duration,
    me: NodeInfo,
) -> Result<(Peering, mpsc::Receiver<Incoming>), RedisError> {
    let names = Names { prefix: settings.prefix.clone() };
    let timeout = Duration::from_millis(settings.timeout_ms);
    let servers = Arc::new(Servers::parse(url, timeout)?);
    let commands = Line::open(servers.clone(), settings).await?;
    let (bus, incoming) = bus::RedisBus::open(servers, settings, &names, me.id, commands.clone()).await?;
    let placement = placement::RedisPlacement::new(commands, names, lease, settings);
    Ok((Peering { bus: Arc::new(bus), placement: Arc::new(placement), me }, incoming))
}

/// A connection of its own for somebody else's commands (`liveops::stream`), kept as those of the cluster are.
pub(crate) async fn connect(url: &str, settings: &Redis) -> Result<Line, RedisError> {
    let timeout = Duration::from_millis(settings.timeout_ms);
    Line::open(Arc::new(Servers::parse(url, timeout)?), settings).await
}

/// Keys and channels. Each script touches one key, so that Redis Cluster may spread them.
#[derive(Clone)]
struct Names {
    prefix: String,
}

impl Names {
    fn nodes(&self) -> String {
        format!("{}:nodes", self.prefix)
    }
    fn inbox(&self, node: crate::ids::NodeId) -> String {
        format!("{}:inbox:{node}", self.prefix)
    }
    fn entity(&self, kind: &str, key: uuid::Uuid) -> String {
        format!("{}:at:{kind}:{key}", self.prefix)
    }
    fn player(&self, player: crate::ids::PlayerId) -> String {
        format!("{}:player:{player}", self.prefix)
    }
}
