//! The cluster's ports on Redis or Valkey (spec 6.2): the bus on publish/subscribe, the registry in scripts.
//!
//! Both reconnect by themselves. While Redis is away the bus refuses and the registry errs; nothing is retried,
//! so nothing is done twice.

mod bus;
mod placement;
mod scripts;
#[cfg(all(test, feature = "testkit"))]
mod tests;

use super::{Incoming, NodeInfo, Peering};
use crate::config::Redis;
use redis::{
    AsyncConnectionConfig, Client, PushInfo, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
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
    let commands = manager(url, timeout, None).await?;
    let (bus, incoming) = bus::RedisBus::open(url, settings, &names, me.id, commands.clone()).await?;
    let placement = placement::RedisPlacement::new(commands, names, lease, timeout);
    Ok((Peering { bus: Arc::new(bus), placement: Arc::new(placement), me }, incoming))
}

/// Takes what Redis pushes.
type Sink = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// A connection that comes back by itself. With a sink, subscriptions come back too.
async fn manager(url: &str, timeout: Duration, sink: Option<Sink>) -> Result<ConnectionManager, RedisError> {
    const LONGEST_PAUSE: Duration = Duration::from_millis(500);
    const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
    const TRIES: usize = 1_000_000; // commands are bounded by their own timeout
    let mut config = ConnectionManagerConfig::new()
        .set_number_of_retries(TRIES)
        .set_min_delay(SHORTEST_PAUSE)
        .set_max_delay(LONGEST_PAUSE)
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout));
    if let Some(sink) = sink {
        let push = move |info: PushInfo| {
            sink(info);
            Ok::<(), redis::aio::SendError>(())
        };
        config = config.set_push_sender(push).set_automatic_resubscription();
    }
    let client = Client::open(resp3(url))?;
    // The first time it must be there: a wrong setting should stop the start, not be tried for ever.
    let probe = AsyncConnectionConfig::new().set_connection_timeout(Some(timeout));
    drop(client.get_multiplexed_async_connection_with_config(&probe).await?);
    client.get_connection_manager_with_config(config).await
}

/// Pushes need protocol 3.
fn resp3(url: &str) -> String {
    match url {
        url if url.contains("protocol=") => url.to_owned(),
        url if url.contains('?') => format!("{url}&protocol=resp3"),
        url => format!("{url}{}?protocol=resp3", if url.matches('/').count() < 3 { "/" } else { "" }),
    }
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
