//! The bus: each node has a channel, and publishes to the others' in the order of its calls.

use super::{Names, Sink, manager};
use crate::{
    cluster::{Bus, BusError, Incoming},
    config::Redis,
    ids::NodeId,
};
use bytes::Bytes;
use redis::{PushInfo, PushKind, RedisError, Value, aio::ConnectionManager};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// Parcels of one round trip at most.
const BATCH: usize = 512;
/// How often it is tried whether Redis is back.
const PROBE: Duration = Duration::from_millis(200);

pub(super) struct RedisBus {
    names: Names,
    outgoing: mpsc::Sender<(String, Bytes)>,
    away: Arc<AtomicBool>,
    /// Keeps the subscription.
    _subscriber: ConnectionManager,
}

impl RedisBus {
    pub(super) async fn open(
        url: &str,
        settings: &Redis,
        names: &Names,
        me: NodeId,
        publisher: ConnectionManager,
    ) -> Result<(Self, mpsc::Receiver<Incoming>), RedisError> {
        let longest = Duration::from_millis(settings.timeout_ms);
        let (deliver, incoming) = mpsc::channel(settings.bus_queue);
        let mut subscriber = manager(url, longest, Some(sink(deliver))).await?;
        subscriber.subscribe(names.inbox(me)).await?;
        let (outgoing, queue) = mpsc::channel(settings.bus_queue);
        let away = Arc::new(AtomicBool::new(false));
        tokio::spawn(publish(publisher, queue, longest, away.clone()));
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
fn sink(deliver: mpsc::Sender<Incoming>) -> Sink {
    let gap = AtomicBool::new(false);
    Arc::new(move |info: PushInfo| {
        if info.kind == PushKind::Disconnection {
            return gap.store(true, Ordering::Relaxed);
        }
        if !matches!(info.kind, PushKind::Subscribe | PushKind::Message) {
            return;
        }
        if gap.load(Ordering::Relaxed) {
            gap.store(deliver.try_send(Incoming::Gap).is_err(), Ordering::Relaxed);
        }
        if let (PushKind::Message, Some(Value::BulkString(bytes))) = (info.kind, info.data.into_iter().nth(1))
            && deliver.try_send(Incoming::Parcel(bytes.into())).is_err()
        {
            metrics::counter!("playhouse_bus_parcels_total", "outcome" => "overflow").increment(1);
            gap.store(true, Ordering::Relaxed);
        }
    })
}

async fn publish(
    redis: ConnectionManager,
    mut queue: mpsc::Receiver<(String, Bytes)>,
    longest: Duration,
    away: Arc<AtomicBool>,
) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let mut pipe = redis::pipe();
        let count = batch.len() as u64;
        for (channel, parcel) in batch.drain(..) {
            pipe.publish(channel, &parcel[..]).ignore();
        }
        let mut connection = redis.clone();
        match timeout(longest, pipe.query_async::<()>(&mut connection)).await {
            Ok(Ok(())) => {}
            failed => {
                tracing::warn!(?failed, parcels = count, "the bus is away; what was on its way is lost");
                metrics::counter!("playhouse_bus_parcels_total", "outcome" => "lost").increment(count);
                away.store(true, Ordering::Relaxed);
                until_back(&redis, longest).await;
                away.store(false, Ordering::Relaxed);
                tracing::info!("the bus is back");
            }
        }
    }
}

async fn until_back(redis: &ConnectionManager, longest: Duration) {
    loop {
        tokio::time::sleep(PROBE).await;
        let mut connection = redis.clone();
        let ping = redis::cmd("PING");
        if let Ok(Ok(_)) = timeout(longest, ping.query_async::<String>(&mut connection)).await {
            return;
        }
    }
}
