//! Facts of many nodes: one Redis stream with a consumer group for each group.
//!
//! An entry has the fact's `id`, the groups it is `for`, and the `fact` itself (Avro). A group that it is not for passes
//! over it: it was sent again for another's sake, or belongs to a group of services outside. Whoever has taken entries and
//! does not finish them for `activity.takeover_ms` loses them to the next who asks. Redis may be wiped: the
//! groups are made anew, and the outbox sends again.

use super::{Parcel, Stream, StreamError};
use crate::{
    cluster::on_redis::{self, Line},
    config::Config,
    liveops::groups::GROUPS,
    store::DueFact,
};
use futures_util::future::{BoxFuture, FutureExt};
use redis::{
    AsyncCommands as _, FromRedisValue, RedisError, RedisResult,
    streams::{StreamAutoClaimReply, StreamId, StreamInfoGroupsReply, StreamReadReply},
};
use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;
use uuid::Uuid;

/// Of an entry.
const ID: &str = "id";
const FOR: &str = "for";
const FACT: &str = "fact";

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct RedisStream(Arc<Inner>);

struct Inner {
    key: String,
    /// This node, as a consumer.
    me: String,
    commands: Line,
    /// One for each group: who waits for entries holds up what comes after him on his connection.
    readers: HashMap<&'static str, Line>,
    /// When each group last looked for what others did not finish.
    looked: Mutex<HashMap<&'static str, Instant>>,
    entries: usize,
    takeover: Duration,
    longest: Duration,
}

impl RedisStream {
    /// Connects; `me` names this node among the consumers.
    ///
    /// # Errors
    /// The URL is wrong, or Redis is not there.
    pub(crate) async fn open(url: &str, config: &Config, me: String) -> RedisResult<Self> {
        let commands = on_redis::connect(url, &config.redis).await?;
        let mut readers = HashMap::new();
        for group in GROUPS {
            readers.insert(group.name, on_redis::connect(url, &config.redis).await?);
        }
        let stream = Self(Arc::new(Inner {
            key: format!("{}:facts", config.redis.prefix),
            me,
            commands,
            readers,
            looked: Mutex::default(),
            entries: config.activity.stream_entries,
            takeover: Duration::from_millis(config.activity.takeover_ms),
            longest: Duration::from_millis(config.redis.timeout_ms),
        }));
        for group in GROUPS {
            stream.0.make_group(group.name).await?;
        }
        Ok(stream)
    }
}

impl Inner {
    /// A group that is there is as good.
    async fn make_group(&self, group: &str) -> RedisResult<()> {
        let mut redis = self.commands.clone();
        match redis.xgroup_create_mkstream(&self.key, group, "0").await {
            Err(there) if there.code() == Some("BUSYGROUP") => Ok(()),
            made => made,
        }
    }

    async fn add(&self, facts: Vec<DueFact>) -> RedisResult<()> {
        let mut entries: BTreeMap<Uuid, (Vec<String>, Vec<u8>)> = BTreeMap::new();
        for fact in facts {
            let entry = entries.entry(fact.fact_id).or_insert_with(|| (Vec::new(), fact.body));
            entry.0.push(fact.consumer);
        }
        let mut pipe = redis::pipe();
        for (id, (groups, body)) in entries {
            let add = pipe.cmd("XADD").arg(&self.key).arg("MAXLEN").arg("~").arg(self.entries).arg("*");
            add.arg(ID).arg(id.to_string()).arg(FOR).arg(groups.join(",")).arg(FACT).arg(body).ignore();
        }
        pipe.query_async(&mut self.commands.clone()).await
    }

    /// What another did not finish, if it is time to look; else what is new.
    async fn take(&self, group: &'static str, most: usize) -> RedisResult<Vec<StreamId>> {
        let mut redis = self.readers.get(group).unwrap_or(&self.commands).clone();
        if self.is_time_to_look(group) {
            let mut claim = redis::cmd("XAUTOCLAIM");
            claim.arg(&self.key).arg(group).arg(&self.me).arg(self.takeover.as_millis() as u64).arg("0");
            let left: StreamAutoClaimReply = claim.arg("COUNT").arg(most).query_async(&mut redis).await?;
            if !left.claimed.is_empty() {
                self.looked.lock().unwrap_or_else(PoisonError::into_inner).remove(group); // perhaps there are more
                return Ok(left.claimed);
            }
        }
        // Well within the longest answer, and short enough that a stop is not held up.
        let wait = (self.longest / 4).as_millis() as u64;
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(group).arg(&self.me).arg("COUNT").arg(most).arg("BLOCK").arg(wait);
        let reply: Option<StreamReadReply> =
            read.arg("STREAMS").arg(&self.key).arg(">").query_async(&mut redis).await?;
        Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect())
    }

    fn is_time_to_look(&self, group: &'static str) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.get(group).is_none_or(|at| at.elapsed() >= self.takeover / 2);
        if due {
            looked.insert(group, Instant::now());
        }
        due
    }

    async fn receive(&self, group: &'static str, most: usize) -> RedisResult<Vec<Parcel>> {
        let entries = match self.take(group, most).await {
            Err(wiped) if wiped.code() == Some("NOGROUP") => {
                tracing::warn!(group, "Redis has lost the activity stream; the outbox sends again");
                self.make_group(group).await?;
                return Ok(Vec::new());
            }
            entries => entries?,
        };
        let (mine, others): (Vec<StreamId>, Vec<StreamId>) = entries.into_iter().partition(|entry| {
            entry.get::<String>(FOR).is_none_or(|groups| groups.split(',').any(|name| name == group))
        });
        if !others.is_empty() {
            self.acknowledge(group, others.into_iter().map(|entry| entry.id).collect()).await?;
        }
        Ok(mine.into_iter().map(parcel).collect())
    }

    async fn acknowledge(&self, group: &str, ids: Vec<String>) -> RedisResult<()> {
        if ids.is_empty() {
            return Ok(()); // which Redis would call an error
        }
        self.commands.clone().xack::<_, _, _, usize>(&self.key, group, &ids).await.map(drop)
    }

    async fn waiting(&self) -> RedisResult<usize> {
        let groups: RedisResult<StreamInfoGroupsReply> = self.commands.clone().xinfo_groups(&self.key).await;
        match groups {
            // Groups of services outside may be as late as they like.
            Ok(groups) => {
                let ours = groups.groups.iter().filter(|group| GROUPS.iter().any(|of| of.name == group.name));
                Ok(ours.map(|group| group.pending + group.lag.unwrap_or(0)).max().unwrap_or(0))
            }
            Err(error) if error.code() == Some("ERR") => Ok(0), // there is no stream: it was wiped
            Err(error) => Err(error),
        }
    }
}

fn parcel(entry: StreamId) -> Parcel {
    let fact_id = entry.get::<String>(ID).and_then(|id| id.parse().ok()).unwrap_or_default();
    let body = entry.map.get(FACT).and_then(|body| Vec::<u8>::from_redis_value_ref(body).ok());
    Parcel { receipt: entry.id, fact_id, body: body.unwrap_or_default() }
}

/// Within the time that an answer may take.
async fn within<T>(longest: Duration, call: impl Future<Output = RedisResult<T>>) -> Result<T, StreamError> {
    let failed = |error: RedisError| StreamError(error.to_string());
    match timeout(longest, call).await {
        Ok(answer) => answer.map_err(failed),
        Err(_) => Err(StreamError("Redis does not answer".to_owned())),
    }
}

impl Stream for RedisStream {
    fn send(&self, facts: Vec<DueFact>) -> BoxFuture<'static, Result<(), StreamError>> {
        let this = self.0.clone();
        async move { within(this.longest, this.add(facts)).await }.boxed()
    }

    fn receive(
        &self,
        group: &'static str,
        most: usize,
    ) -> BoxFuture<'static, Result<Vec<Parcel>, StreamError>> {
        let this = self.0.clone();
        async move { within(this.longest * 2, this.receive(group, most)).await }.boxed()
    }

    fn done(
        &self,
        group: &'static str,
        receipts: Vec<String>,
    ) -> BoxFuture<'static, Result<(), StreamError>> {
        let this = self.0.clone();
        async move { within(this.longest, this.acknowledge(group, receipts)).await }.boxed()
    }

    fn waiting(&self) -> BoxFuture<'static, Result<usize, StreamError>> {
        let this = self.0.clone();
        async move { within(this.longest, this.waiting()).await }.boxed()
    }
}
