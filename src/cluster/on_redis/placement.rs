//! The registry of nodes, entities and players.

use super::{
    Names,
    line::Line,
    scripts::{BEAT, CLAIM, FORGET},
};
use crate::{
    cluster::{Beat, NodeInfo, Placement, PlacementError},
    config::Redis,
    ids::{NodeId, PlayerId, SessionId, SessionRef},
};
use futures_util::future::{BoxFuture, FutureExt};
use redis::{AsyncCommands as _, FromRedisValue, RedisError, RedisResult, Script};
use std::{future::Future, time::Duration};
use tokio::time::timeout;
use uuid::Uuid;

pub(super) struct RedisPlacement {
    redis: Line,
    names: Names,
    lease: Duration,
    longest: Duration,
    /// `redis.forgotten_s`
    forgotten_s: u64,
}

impl RedisPlacement {
    pub(super) fn new(redis: Line, names: Names, lease: Duration, settings: &Redis) -> Self {
        let longest = Duration::from_millis(settings.timeout_ms);
        Self { redis, names, lease, longest, forgotten_s: settings.forgotten_s }
    }

    /// Runs a script on one key, within the time that an answer may take.
    fn run<T: FromRedisValue + Send + 'static>(
        &self,
        script: &'static Script,
        key: String,
        args: Vec<String>,
    ) -> impl Future<Output = Result<T, PlacementError>> + Send + use<T> {
        let mut redis = self.redis.clone();
        within(self.longest, async move {
            let mut call = script.key(key);
            for arg in args {
                call.arg(arg);
            }
            call.invoke_async(&mut redis).await
        })
    }
}

async fn within<T>(
    longest: Duration,
    call: impl Future<Output = RedisResult<T>>,
) -> Result<T, PlacementError> {
    match timeout(longest, call).await {
        Ok(result) => result.map_err(|error: RedisError| PlacementError(error.to_string())),
        Err(_) => Err(PlacementError("no answer in time".to_owned())),
    }
}

fn broken(what: &str) -> PlacementError {
    PlacementError(format!("the registry holds {what}"))
}

fn session_text(session: SessionRef) -> String {
    format!("{}@{}", session.id, session.node)
}

fn session_of(text: &str) -> Option<SessionRef> {
    let (id, node) = text.split_once('@')?;
    Some(SessionRef { id: id.parse::<SessionId>().ok()?, node: node.parse::<NodeId>().ok()?, moves: 0 })
}

impl Placement for RedisPlacement {
    fn beat(&self, me: NodeInfo) -> BoxFuture<'static, Result<Beat, PlacementError>> {
        let info = serde_json::to_string(&me).unwrap_or_default();
        let args = vec![me.id.to_string(), info, self.lease.as_millis().to_string()];
        let beat = self.run::<(u8, u64, Vec<String>)>(&BEAT, self.names.nodes(), args);
        async move {
            let (unknown, age_ms, living) = beat.await?;
            // A node of another version may say more of itself, or what we cannot read: then it is not for us.
            let nodes = living.iter().filter_map(|info| serde_json::from_str(info).ok()).collect();
            Ok(Beat { nodes, unknown: unknown == 1, age_ms })
        }
        .boxed()
    }

    fn leave(&self, me: NodeId) -> BoxFuture<'static, Result<(), PlacementError>> {
        let (mut redis, nodes) = (self.redis.clone(), self.names.nodes());
        within(self.longest, async move { redis.hdel(nodes, me.to_string()).await }).boxed()
    }

    fn claim(
        &self,
        kind: &'static str,
        key: Uuid,
        candidate: NodeId,
        dead: Option<NodeId>,
    ) -> BoxFuture<'static, Result<NodeId, PlacementError>> {
        let dead = dead.map_or_else(String::new, |node| node.to_string());
        let args = vec![candidate.to_string(), dead, self.forgotten_s.to_string()];
        let claim = self.run::<String>(&CLAIM, self.names.entity(kind, key), args);
        async move {
            let owner = claim.await?;
            owner.parse().map_err(|_| broken("an owner that is no node"))
        }
        .boxed()
    }

    fn release(
        &self,
        kind: &'static str,
        key: Uuid,
        owner: NodeId,
    ) -> BoxFuture<'static, Result<(), PlacementError>> {
        let forget = self.run::<u8>(&FORGET, self.names.entity(kind, key), vec![owner.to_string()]);
        async move { forget.await.map(drop) }.boxed()
    }

    fn arrive(
        &self,
        player: PlayerId,
        session: SessionRef,
    ) -> BoxFuture<'static, Result<Option<SessionRef>, PlacementError>> {
        let (mut redis, key) = (self.redis.clone(), self.names.player(player));
        let options =
            redis::SetOptions::default().get(true).with_expiration(redis::SetExpiry::EX(self.forgotten_s));
        let set = within(self.longest, async move {
            redis.set_options::<_, _, Option<String>>(key, session_text(session), options).await
        });
        async move {
            let before = set.await?;
            Ok(before.as_deref().and_then(session_of).filter(|before| *before != session))
        }
        .boxed()
    }

    fn whereabouts(
        &self,
        player: PlayerId,
    ) -> BoxFuture<'static, Result<Option<SessionRef>, PlacementError>> {
        let (mut redis, key) = (self.redis.clone(), self.names.player(player));
        let get = within(self.longest, async move { redis.get::<_, Option<String>>(key).await });
        async move { Ok(get.await?.as_deref().and_then(session_of)) }.boxed()
    }

    fn depart(
        &self,
        player: PlayerId,
        session: SessionRef,
    ) -> BoxFuture<'static, Result<(), PlacementError>> {
        let forget = self.run::<u8>(&FORGET, self.names.player(player), vec![session_text(session)]);
        async move { forget.await.map(drop) }.boxed()
    }
}
