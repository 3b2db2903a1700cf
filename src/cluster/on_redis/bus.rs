//! The bus: each node has a channel, and publishes to the others' in the order of its calls.
//!
//! In a Redis Cluster the channels are sharded (Redis 7, Valkey): publisher and subscriber meet at the node that has the
//! channel's slot, as they meet at a single Redis. So the order of the calls is the order of arrival, a shard
//! without a master refuses instead of losing in silence, and a parcel is not copied to every node of the Redis Cluster.

use super::{
    Names,
    line::Line,
    servers::{Push, Servers},
};
use crate::{
    cluster::{Bus, BusError, Incoming},
    config::Redis,
    ids::NodeId,
};
use bytes::Bytes;
use futures_util::future::join_all;
use redis::{PushInfo, PushKind, RedisError, Value};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

pub(super) struct RedisBus {
    names: Names,
    outgoing: mpsc::Sender<(String, Bytes)>,
    away: Arc<AtomicBool>,
    /// Keeps the subscription.
    _subscriber: Line,
}

impl RedisBus {
    pub(super) async fn open(
        servers: Arc<Servers>,
        settings: &Redis,
        names: &Names,
        me: NodeId,
        publisher: Line,
    ) -> Result<(Self, mpsc::Receiver<Incoming>), RedisError> {
        let (deliver, incoming) = mpsc::channel(settings.bus_queue);
        let subscriber = Line::subscribe(servers, names.inbox(me), sink(deliver), settings).await?;
        let (outgoing, queue) = mpsc::channel(settings.bus_queue);
        let away = Arc::new(AtomicBool::new(false));
        tokio::spawn(publish(publisher, queue, settings.clone(), away.clone()));
        Ok((Self { names: names.clone(), outgoing, away, _subscriber: subscriber }, incoming))
    }
}

impl Bus for RedisBus {
    fn send(&self, to: NodeId, parcel: Bytes) -> Result<(), BusError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(BusError);
        }
        self.outgoing.try_send((self.names.inbox(to), parcel)).map_err(|_| BusError)
    }
}

/// What Redis pushes, for the node. A full queue or a lost connection is a gap, told as soon as there is room and
/// the subscription is back: before that a resync would be lost too.
fn sink(deliver: mpsc::Sender<Incoming>) -> Push {
    let gap = AtomicBool::new(false);
    Arc::new(move |info: PushInfo| {
        let message = match info.kind {
            PushKind::Disconnection => return gap.store(true, Ordering::Relaxed),
            PushKind::Subscribe | PushKind::SSubscribe => false,
            PushKind::Message | PushKind::SMessage => true,
            _ => return,
        };
        if gap.load(Ordering::Relaxed) {
            gap.store(deliver.try_send(Incoming::Gap).is_err(), Ordering::Relaxed);
        }
        if let (true, Some(Value::BulkString(bytes))) = (message, info.data.into_iter().nth(1))
            && deliver.try_send(Incoming::Parcel(bytes.into())).is_err()
        {
            metrics::counter!("playhouse_bus_parcels_total", "outcome" => "overflow").increment(1);
            gap.store(true, Ordering::Relaxed);
        }
    })
}

async fn publish(
    redis: Line,
    mut queue: mpsc::Receiver<(String, Bytes)>,
    settings: Redis,
    away: Arc<AtomicBool>,
) {
    let longest = Duration::from_millis(settings.timeout_ms);
    let probe = Duration::from_millis(settings.probe_ms);
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, settings.bus_batch).await > 0 {
        let sent =
            round_trips(redis.sharded(), batch.drain(..)).into_iter().map(|trip| trip.go(&redis, longest));
        let failed: Vec<Trip> = join_all(sent).await.into_iter().flatten().collect();
        if let Some(first) = failed.first() {
            let count = failed.iter().map(|trip| trip.parcels).sum();
            tracing::warn!(parcels = count, "the bus is away; what was on its way is lost");
            metrics::counter!("playhouse_bus_parcels_total", "outcome" => "lost").increment(count);
            away.store(true, Ordering::Relaxed);
            until_back(&redis, longest, probe, &first.channel).await;
            away.store(false, Ordering::Relaxed);
            tracing::info!("the bus is back");
        }
    }
}

/// Parcels of one pipeline.
struct Trip {
    pipe: redis::Pipeline,
    parcels: u64,
    /// One that it goes to.
    channel: String,
}

/// All in one pipeline; in a Redis Cluster one for each channel, because each channel has a node of its own. No channel is
/// in two pipelines, so they may run at once.
fn round_trips(sharded: bool, batch: impl Iterator<Item = (String, Bytes)>) -> Vec<Trip> {
    let mut trips = BTreeMap::new();
    for (channel, parcel) in batch {
        let key = if sharded { channel.clone() } else { String::new() };
        let trip = trips.entry(key).or_insert_with(|| Trip {
            pipe: redis::pipe(),
            parcels: 0,
            channel: channel.clone(),
        });
        let verb = if sharded { "SPUBLISH" } else { "PUBLISH" };
        trip.pipe.cmd(verb).arg(channel).arg(&parcel[..]).ignore();
        trip.parcels += 1;
    }
    trips.into_values().collect()
}

impl Trip {
    /// Comes back if it has failed.
    async fn go(self, redis: &Line, longest: Duration) -> Option<Self> {
        match timeout(longest, self.pipe.query_async::<()>(&mut redis.clone())).await {
            Ok(Ok(())) => None,
            failed => {
                tracing::debug!(?failed, channel = self.channel, "parcels could not be published");
                Some(self)
            }
        }
    }
}

/// Asks for a key of the channel's name: whoever answers that takes its parcels too.
async fn until_back(redis: &Line, longest: Duration, probe: Duration, channel: &str) {
    loop {
        tokio::time::sleep(probe).await;
        let asked = redis::cmd("EXISTS").arg(channel).to_owned();
        if let Ok(Ok(_)) = timeout(longest, asked.query_async::<u8>(&mut redis.clone())).await {
            return;
        }
    }
}
