//! What other nodes send: commands, replies, pushes and answers for sessions here.

use super::{
    AskError, Cluster, PeerNotice,
    bus::{Body, Incoming, Parcel, pack},
    peers::{Peers, lock},
};
use crate::{
    actors::session::SessionNotice,
    ids::{NodeId, SessionId, SessionRef},
    trace,
};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

impl Cluster {
    /// Reads what other nodes send, until the bus ends.
    pub async fn receive(self, mut incoming: mpsc::Receiver<Incoming>) {
        while let Some(incoming) = incoming.recv().await {
            match incoming {
                Incoming::Parcel(bytes) => self.open(&bytes),
                Incoming::Gap => self.resync_all(),
            }
        }
    }

    fn open(&self, bytes: &[u8]) {
        let Some(peers) = self.peers() else { return };
        let parcel = match Parcel::read(bytes) {
            Ok(parcel) => parcel,
            Err(error) => return tracing::warn!(error, "a parcel that cannot be read"),
        };
        if !peers.is_next(parcel.from, parcel.n) {
            return metrics::counter!("playhouse_bus_repeated_total").increment(1);
        }
        let _work = trace::enter(parcel.trace);
        match parcel.body() {
            Ok(body) => self.take(peers, parcel.from, parcel.ask, body),
            Err(error) => {
                tracing::warn!(error, from = %parcel.from, v = parcel.v, "a message of another version");
                if parcel.ask.is_some() {
                    peers.send(parcel.from, parcel.ask, &Body::Reply(Err(AskError::Unknown)));
                }
            }
        }
    }

    fn take(&self, peers: &Peers, from: NodeId, ask: Option<u64>, body: Body) {
        match body {
            Body::Command { until: Some(until), .. }
            | Body::HandOver { until: Some(until), .. }
            | Body::Service { until: Some(until), .. }
                if until < self.clock().now() =>
            {
                metrics::counter!("playhouse_bus_parcels_total", "outcome" => "late").increment(1);
            }
            Body::Service { service, request, .. } => self.serve(from, ask, &service, request),
            Body::Command { kind, key, command, .. } => self.command(from, ask, &kind, key, &command),
            Body::Reply(reply) => {
                if let Some(ask) = ask {
                    peers.answered(ask, reply);
                }
            }
            Body::Push { kind, room, epoch, n, to, push } => {
                let Some(kind) = self.kind(&kind) else { return };
                let Some(follows) = peers.follows(kind.name(), room, epoch, n) else { return };
                let mut others = Vec::new();
                for id in to {
                    match self.hub().session(id) {
                        Some(session) => session.outbox.push(push.clone()),
                        None => others.push(id),
                    }
                }
                self.signals().push(&others, &push, |id| {
                    kind.clone().notify(room, PeerNotice::SessionGone(self.here(id)));
                });
                if !follows {
                    metrics::counter!("playhouse_push_gaps_total").increment(1);
                    kind.notify(room, PeerNotice::Resync(self.me()));
                }
            }
            Body::Answer { session, answer } => {
                if let Some(session) = self.hub().session(session) {
                    session.outbox.answer(answer);
                }
            }
            Body::Tell { player, push } => {
                self.push_here(player, &push);
            }
            Body::Replaced { session, by } => self.replaced(session, by),
            Body::Evict { kind, key } => {
                if let Some(kind) = self.kind(&kind) {
                    kind.tell_here(key, PeerNotice::Evicted(from));
                }
            }
            Body::EpochChanged(change) => self.epoch_changed(&change),
            Body::Line { line, part } => self.on_line(from, line, part),
            Body::Seek { session } => self.hub().seek_seat(session),
            Body::HandOver { session, player, .. } => {
                let gone = || self.hub().gone_to(session).map_or(AskError::NotFound, |_| AskError::Moved);
                let handed = self.hub().hand_over(session, player, from).ok_or_else(gone);
                let reply = handed.and_then(|handed| {
                    pack(&handed).map(Bytes::from).map_err(|error| {
                        tracing::error!(error, "a session could not be written");
                        AskError::Unavailable
                    })
                });
                peers.send(from, ask, &Body::Reply(reply));
            }
        }
    }

    fn command(&self, from: NodeId, ask: Option<u64>, kind: &str, key: Uuid, command: &[u8]) {
        let (reply, answer) = oneshot::channel();
        match self.kind(kind) {
            Some(kind) => kind.receive(key, command, reply),
            None => drop(reply.send(Err(AskError::Unknown))),
        }
        let cluster = self.clone();
        actix::spawn(async move {
            let reply = answer.await.unwrap_or(Err(AskError::Unavailable));
            if let Some(peers) = cluster.peers() {
                peers.send(from, ask, &Body::Reply(reply));
            }
        });
    }

    /// What was announced late, by a place that the session has left since, replaces nothing: it is announced again
    /// from here.
    fn replaced(&self, id: SessionId, by: Option<SessionRef>) {
        if self.signals().notify(id, SessionNotice::Replaced) {
            return;
        }
        let Some(session) = self.hub().session(id) else { return };
        let mine = SessionRef { moves: session.outbox.moves(), ..self.here(id) };
        if by.is_some_and(|by| by.is_older_than(mine)) {
            let cluster = self.clone();
            actix::spawn(async move { cluster.arrive(session.player, id).await });
        } else {
            self.hub().replaced(id);
        }
    }

    /// The bus was away: every room that pushes to this node is asked for snapshots.
    fn resync_all(&self) {
        let Some(peers) = self.peers() else { return };
        let streams: Vec<_> = lock(&peers.streams).keys().copied().collect();
        for (name, key) in streams {
            if let Some(kind) = self.kind(name) {
                kind.notify(key, PeerNotice::Resync(self.me()));
            }
        }
    }
}
