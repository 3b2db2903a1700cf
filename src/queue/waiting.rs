//! Players who wait on sockets of this node: they are told where they stand, and do not poll (spec 3.1).
//!
//! One task of the node looks after all of them: who is due is asked about in one question for many, less often the further
//! he is away, and hears of it if it has changed. Who is admitted is told at once by the queue's actor, and within his
//! next turn if that word is lost. A session without a socket is not asked about: the line drops him like anybody who does
//! not poll. Called by sessions and by [`Queues`](super::Queues).

use super::{
    Queues,
    messages::{Ticket, TicketStatus},
    tokens::{PassClaims, QueueTokens, TicketClaims},
};
use crate::{
    clock::UnixMs,
    cluster::{AskError, Cluster, Service, pack, unpack},
    config,
    ids::{PlayerId, QueueId, SessionId},
    protocol::Push,
    roles::Role,
    store::{NewPass, Place},
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Under which nodes hear of admissions.
pub(super) const SERVICE: &str = "queue.waiting";

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Waiting(Arc<Inner>);

struct Inner {
    cluster: Cluster,
    tokens: QueueTokens,
    settings: config::Queue,
    waiters: Mutex<Waiters>,
}

type Key = (QueueId, Place);

#[derive(Default)]
struct Waiters {
    by_place: HashMap<Key, Waiter>,
    /// Where each stands: one place a session and queue.
    by_session: HashMap<(QueueId, SessionId), Place>,
    due: BTreeSet<(UnixMs, QueueId, Place)>,
}

struct Waiter {
    session: SessionId,
    ticket: Arc<str>,
    due: UnixMs,
    /// What he was told last.
    told: Option<(u64, Option<u64>)>,
}

/// From a queue's actor to the nodes with sockets.
#[derive(Debug, Serialize, Deserialize)]
struct Admitted {
    queue: QueueId,
    passes: Vec<(Place, String, UnixMs)>,
}

impl Waiters {
    fn put(&mut self, key: Key, waiter: Waiter) {
        self.remove(&key);
        let session = (key.0, waiter.session);
        if let Some(before) = self.by_session.get(&session).copied() {
            self.remove(&(key.0, before)); // nobody wants to hear of a ticket that he has replaced
        }
        self.by_session.insert(session, key.1);
        self.due.insert((waiter.due, key.0, key.1));
        self.by_place.insert(key, waiter);
    }

    fn remove(&mut self, key: &Key) -> Option<Waiter> {
        let waiter = self.by_place.remove(key)?;
        self.due.remove(&(waiter.due, key.0, key.1));
        self.by_session.remove(&(key.0, waiter.session));
        Some(waiter)
    }

    /// Who is due, by queue; each is due again at `again` if nothing is heard of him.
    fn take_due(
        &mut self,
        now: UnixMs,
        again: UnixMs,
        most: usize,
    ) -> BTreeMap<QueueId, Vec<(Place, SessionId)>> {
        let due: Vec<_> = self.due.iter().take_while(|(at, _, _)| *at <= now).take(most).copied().collect();
        let mut by_queue: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (_, queue, place) in due {
            let key = (queue, place);
            if let Some(waiter) = self.remove(&key) {
                by_queue.entry(queue).or_default().push((place, waiter.session));
                self.put(key, Waiter { due: again, ..waiter });
            }
        }
        by_queue
    }
}

impl Waiting {
    pub(super) fn new(cluster: &Cluster, secret: &[u8]) -> Self {
        Self(Arc::new(Inner {
            cluster: cluster.clone(),
            tokens: QueueTokens::new(secret),
            settings: cluster.config().queue.clone(),
            waiters: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.0.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> UnixMs {
        self.0.cluster.clock().now()
    }

    /// This session wants to hear of its ticket from now on.
    pub(super) fn add(&self, queue: QueueId, account: PlayerId, session: SessionId, ticket: &Ticket) {
        let due = self.now() + if ticket.ahead == 0 { 0 } else { ticket.poll_after_ms };
        let place = Place { number: ticket.number, account };
        let told = Some((ticket.ahead, ticket.eta_ms));
        let waiter = Waiter { session, ticket: ticket.ticket.as_str().into(), due, told };
        self.lock().put((queue, place), waiter);
        metrics::gauge!("playhouse_queue_sockets_waiting").set(self.lock().by_place.len() as f64);
    }

    /// The place of which this session hears.
    pub(super) fn place_of_session(&self, queue: QueueId, session: SessionId) -> Option<Place> {
        self.lock().by_session.get(&(queue, session)).copied()
    }

    /// Looks after them until the cluster closes.
    pub(super) async fn look_after(self, queues: Queues) {
        let pause = Duration::from_millis(self.0.settings.push_ms);
        while !self.0.cluster.is_closing() {
            tokio::time::sleep(pause).await;
            let now = self.now();
            let again = now + self.0.settings.push_ms;
            let due = self.lock().take_due(now, again, self.0.settings.push_most);
            for (queue, waiters) in due {
                for some in waiters.chunks(self.0.settings.push_batch.max(1)) {
                    self.ask(&queues, queue, some).await;
                }
            }
        }
    }

    async fn ask(&self, queues: &Queues, queue: QueueId, waiters: &[(Place, SessionId)]) {
        let mut places = Vec::with_capacity(waiters.len());
        for (place, session) in waiters {
            match self.0.cluster.hub().session(*session) {
                None => drop(self.lock().remove(&(queue, *place))), // it has ended, or is on another node
                Some(handle) if handle.outbox.is_attached() => places.push(*place),
                Some(_) => {}
            }
        }
        if places.is_empty() {
            return;
        }
        match queues.look(queue, places.clone()).await {
            Ok(statuses) => {
                for (place, status) in places.into_iter().zip(statuses) {
                    self.tell(queue, place, status);
                }
            }
            Err(error) => tracing::debug!(%error, queue_id = %queue, "players who wait could not be told"),
        }
    }

    fn tell(&self, queue: QueueId, place: Place, status: TicketStatus) {
        let key = (queue, place);
        let TicketStatus::Waiting { ahead, eta_ms, poll_after_ms } = status else {
            let waiter = self.lock().remove(&key);
            return self.push_end(queue, waiter, &status);
        };
        let due = self.now() + poll_after_ms;
        let (session, ticket) = {
            let mut waiters = self.lock();
            let Some(waiter) = waiters.remove(&key) else { return };
            let changed = waiter.told != Some((ahead, eta_ms));
            let tell = (waiter.session, waiter.ticket.clone());
            waiters.put(key, Waiter { due, told: Some((ahead, eta_ms)), ..waiter });
            if !changed {
                return;
            }
            tell
        };
        let position = json!({"queue": queue, "ticket": &*ticket, "ahead": ahead, "eta_ms": eta_ms});
        self.push(session, Push::droppable("queue.position", &position));
    }

    fn push_end(&self, queue: QueueId, waiter: Option<Waiter>, status: &TicketStatus) {
        let Some(Waiter { session, ticket, .. }) = waiter else { return };
        let push = match status {
            TicketStatus::Admitted { pass, expires_at } => {
                let admitted =
                    json!({"queue": queue, "ticket": &*ticket, "pass": pass, "expires_at": expires_at});
                Push::new("queue.admitted", &admitted)
            }
            status => {
                let status = serde_json::to_value(status).unwrap_or_default();
                Push::new(
                    "queue.ended",
                    &json!({"queue": queue, "ticket": &*ticket, "status": status["status"]}),
                )
            }
        };
        self.push(session, push);
    }

    fn push(&self, session: SessionId, push: Arc<Push>) {
        if let Some(session) = self.0.cluster.hub().session(session) {
            session.outbox.push(push);
        }
    }

    fn admitted_here(&self, admitted: &Admitted) {
        for (place, pass, expires_at) in &admitted.passes {
            let waiter = self.lock().remove(&(admitted.queue, *place));
            let status = TicketStatus::Admitted { pass: pass.clone(), expires_at: *expires_at };
            self.push_end(admitted.queue, waiter, &status);
        }
    }
}

impl super::Announce for Waiting {
    fn admitted(&self, queue: QueueId, passes: &[NewPass]) {
        let pass = |pass: &NewPass| {
            let claims = PassClaims { queue, account: pass.place.account, id: pass.id };
            (pass.place, self.0.tokens.pass(claims), pass.expires_at)
        };
        let admitted = Admitted { queue, passes: passes.iter().map(pass).collect() };
        self.admitted_here(&admitted);
        match pack(&admitted) {
            Ok(bytes) => self.0.cluster.tell_service(SERVICE, Role::Gateway, &bytes.into()),
            Err(error) => tracing::error!(error, "an admission could not be written"),
        }
    }
}

impl Service for Waiting {
    fn serve(&self, request: Bytes) -> BoxFuture<'static, Result<Bytes, AskError>> {
        match unpack::<Admitted>(&request) {
            Ok(admitted) => self.admitted_here(&admitted),
            Err(error) => tracing::warn!(error, "admissions of another version"),
        }
        Box::pin(ready(Ok(Bytes::new())))
    }
}

/// The ticket that a session shows, if it is one of ours and of this account.
pub(super) fn place_of(claims: Option<TicketClaims>, queue: QueueId, account: PlayerId) -> Option<Place> {
    claims
        .filter(|claims| claims.queue == queue && claims.place.account == account)
        .map(|claims| claims.place)
}
