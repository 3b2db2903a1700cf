//! A connection that comes back by itself, wherever its server is by then.
//!
//! A task of its own keeps it: dials, looks once a second whether it still leads to the right server, and dials again when
//! it is lost or in doubt. After a fail-over that is another server. Nothing is retried here: a command that
//! fails has failed, and its caller bounds how long it waits.

use super::{
    servers::{Push, Servers},
    wire::Wire,
};
use crate::config::Redis;
use redis::{
    Cmd, ErrorKind, Pipeline, PushInfo, PushKind, RedisError, RedisFuture, RedisResult, ServerErrorKind,
    Value, aio::ConnectionLike,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

#[derive(Clone)]
pub(crate) struct Line {
    servers: Arc<Servers>,
    current: watch::Receiver<Option<Dialled>>,
}

/// A connection, and who is told that it is in doubt: doubts about the last one say nothing of the next.
#[derive(Clone)]
struct Dialled {
    wire: Wire,
    doubt: Arc<Notify>,
}

impl Line {
    /// For commands. The first time the server must be there: a wrong setting should stop the start, not be tried for ever.
    pub(super) async fn open(servers: Arc<Servers>, settings: &Redis) -> RedisResult<Self> {
        Self::start(servers, None, settings).await
    }

    /// For a channel: what comes there goes to the sink. [`PushKind::Disconnection`] tells it that something may have
    /// been lost, a confirmation of the subscription that it is back.
    pub(super) async fn subscribe(
        servers: Arc<Servers>,
        channel: String,
        sink: Push,
        settings: &Redis,
    ) -> RedisResult<Self> {
        Self::start(servers, Some((channel, sink)), settings).await
    }

    async fn start(
        servers: Arc<Servers>,
        inbox: Option<(String, Push)>,
        settings: &Redis,
    ) -> RedisResult<Self> {
        let look = Duration::from_millis(settings.look_ms);
        let pause = Duration::from_millis(settings.dial_pause_ms);
        let keeper = Keeper { servers: servers.clone(), inbox, look, pause };
        let first = keeper.dial().await?;
        let (dialled, current) = watch::channel(Some(first.clone()));
        tokio::spawn(keeper.run(first, dialled));
        Ok(Self { servers, current })
    }

    /// Channels belong to a shard, and one pipeline goes to one shard.
    pub(super) fn sharded(&self) -> bool {
        self.servers.sharded()
    }

    async fn dialled(&mut self) -> RedisResult<Dialled> {
        let dialled = self.current.wait_for(Option::is_some).await.ok().and_then(|dialled| dialled.clone());
        dialled.ok_or_else(|| RedisError::from((ErrorKind::Io, "the connection is closed")))
    }
}

impl Dialled {
    /// A server that lost its connection or its rank is not asked again. Those of a Redis Cluster the crate replaces
    /// one by one.
    fn judge<T>(&self, answer: RedisResult<T>) -> RedisResult<T> {
        if let (Err(error), Wire::One { .. }) = (&answer, &self.wire)
            && (error.is_unrecoverable_error() || demoted(error))
        {
            self.doubt.notify_one();
        }
        answer
    }
}

fn demoted(error: &RedisError) -> bool {
    error.kind() == ServerErrorKind::ReadOnly.into()
}

impl ConnectionLike for Line {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let mut dialled = self.dialled().await?;
            let answer = dialled.wire.req_packed_command(cmd).await;
            dialled.judge(answer.and_then(Value::extract_error))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let mut dialled = self.dialled().await?;
            let answer = dialled.wire.req_packed_commands(pipeline, offset, count).await;
            dialled.judge(answer)
        })
    }

    fn get_db(&self) -> i64 {
        0 // for caches of the crate that are not used
    }
}

/// Owns the connection; ends with the last [`Line`].
struct Keeper {
    servers: Arc<Servers>,
    inbox: Option<(String, Push)>,
    /// `redis.look_ms` and `redis.dial_pause_ms`.
    look: Duration,
    pause: Duration,
}

impl Keeper {
    async fn run(self, mut now: Dialled, dialled: watch::Sender<Option<Dialled>>) {
        loop {
            tokio::select! {
                () = dialled.closed() => return,
                () = now.doubt.notified() => {}
                () = self.until_wrong(&now.wire) => {}
            }
            // The nodes of a Redis Cluster fail one by one: until there is a better connection, the others stay in reach.
            // Of a single server nothing more is heard: what still comes would come behind what the next one brings.
            if matches!(now.wire, Wire::One { .. }) {
                dialled.send_replace(None);
                drop(now);
            }
            if let Some((_, sink)) = &self.inbox {
                sink(PushInfo { kind: PushKind::Disconnection, data: Vec::new() });
            }
            now = tokio::select! {
                () = dialled.closed() => return,
                next = self.dial_until_there() => next,
            };
            dialled.send_replace(Some(now.clone()));
        }
    }

    async fn until_wrong(&self, wire: &Wire) {
        let channel = self.inbox.as_ref().map(|(channel, _)| channel.as_str());
        loop {
            sleep(self.look).await;
            if !self.servers.still(wire, channel).await {
                return;
            }
        }
    }

    async fn dial_until_there(&self) -> Dialled {
        loop {
            sleep(self.pause).await;
            match self.dial().await {
                Ok(dialled) => return dialled,
                Err(error) => tracing::debug!(%error, servers = ?self.servers, "Redis is not there yet"),
            }
        }
    }

    async fn dial(&self) -> RedisResult<Dialled> {
        let doubt = Arc::new(Notify::new());
        let sink = self.inbox.as_ref().map(|(_, sink)| sink.clone());
        let wrong = doubt.clone();
        let push: Push = Arc::new(move |info: PushInfo| {
            // A channel leaves its node when its slot does.
            if matches!(info.kind, PushKind::Disconnection | PushKind::SUnsubscribe) {
                wrong.notify_one();
            }
            if let Some(sink) = &sink {
                sink(info);
            }
        });
        let wire = match &self.inbox {
            Some((channel, _)) => self.servers.dial_inbox(channel, push).await?,
            None => self.servers.dial(push).await?,
        };
        Ok(Dialled { wire, doubt })
    }
}
