//! A connection as the bus and the registry use it: to one server, or to the nodes of a Redis Cluster.
//!
//! Nothing is sent twice that may have been done: in a Redis Cluster the crate's own retries are off, because they
//! repeat what a lost connection left open, and whole pipelines. Only a command that its node refused because the key is at
//! home elsewhere goes there.

use redis::{
    Cmd, ConnectionAddr, Pipeline, RedisError, RedisFuture, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
    cluster_routing::SingleNodeRoutingInfo,
};

#[derive(Clone)]
pub(super) enum Wire {
    One { connection: MultiplexedConnection, at: ConnectionAddr },
    Many(ClusterConnection),
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One { connection, .. } => connection.req_packed_command(cmd),
            Self::Many(cluster) => Box::pin(async move {
                match cluster.req_packed_command(cmd).await {
                    Err(refused) if refused.redirect_node().is_some() => {
                        redirected(cluster, cmd, refused).await
                    }
                    answer => answer,
                }
            }),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One { connection, .. } => connection.req_packed_commands(pipeline, offset, count),
            Self::Many(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One { connection, .. } => connection.get_db(),
            Self::Many(cluster) => cluster.get_db(),
        }
    }
}

/// Once more, where the key is. After `MOVED` the crate has looked at the slots anew; `ASK` is for this command alone.
async fn redirected(cluster: &mut ClusterConnection, cmd: &Cmd, refused: RedisError) -> RedisResult<Value> {
    if refused.kind() != ServerErrorKind::Ask.into() {
        return cluster.req_packed_command(cmd).await;
    }
    let node = refused.redirect_node().and_then(|(node, _)| node.rsplit_once(':'));
    let Some((host, Ok(port))) = node.map(|(host, port)| (host.to_owned(), port.parse())) else {
        return Err(refused);
    };
    let mut asking = redis::pipe();
    asking.cmd("ASKING").add_command(cmd.clone());
    let mut answers =
        cluster.route_pipeline(asking, 1, 1, SingleNodeRoutingInfo::ByAddress { host, port }).await?;
    answers.pop().ok_or(refused)
}
