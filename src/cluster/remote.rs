//! Entities on other nodes, and entities here as other nodes see them: typed commands to bytes and back.

use super::{
    AskError, Entity, Envelope, PeerNotice,
    bus::{Body, pack, unpack},
    directory::{Directory, Origin, Slot},
    peers::{Asked, Kind},
};
use crate::{
    ids::NodeId,
    roles::Role,
    trace::{self, TraceContext},
};
use actix::{Addr, dev::ToEnvelope};
use bytes::Bytes;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::oneshot;
use uuid::Uuid;

impl<E: Entity> Directory<E>
where
    E::Context: ToEnvelope<E, Envelope<E>>,
{
    pub(super) fn forward(self: &Arc<Self>, node: NodeId, key: Uuid, envelope: Envelope<E>, moves: u32) {
        let Some(peers) = self.cluster.peers() else { return envelope.refuse(AskError::Unavailable) };
        let _work = trace::enter(envelope.trace); // it may have waited; the ask takes it along
        let command = match pack(&envelope.command) {
            Ok(command) => Bytes::from(command),
            Err(error) => {
                tracing::error!(error, kind = E::KIND, "a command could not be written");
                return envelope.refuse(AskError::Unavailable);
            }
        };
        let asked = RemoteAsk {
            directory: Arc::downgrade(self),
            node,
            key,
            command: command.clone(),
            reply: envelope.reply,
            trace: envelope.trace,
            moves,
        };
        let within_ms = self.cluster.config().cluster.ask_timeout_ms;
        let until = Some(self.cluster.clock().now() + within_ms);
        let body = Body::Command { kind: E::KIND.to_owned(), key, command, until };
        peers.ask(node, &body, Duration::from_millis(within_ms), Box::new(asked));
    }

    /// The node did not hold it: the registry is asked again.
    fn moved(self: &Arc<Self>, ask: RemoteAsk<E>) {
        let mut slots = self.slots();
        if matches!(slots.get(&ask.key), Some(Slot::Away(node)) if *node == ask.node) {
            slots.remove(&ask.key);
        }
        drop(slots);
        let (key, moves) = (ask.key, ask.moves + 1);
        match unpack(&ask.command) {
            Ok(command) if moves <= self.cluster.config().cluster.moves => {
                self.dispatch(
                    key,
                    Envelope { command, reply: ask.reply, trace: ask.trace },
                    Origin::Here,
                    moves,
                );
            }
            _ => ask.give(Err(AskError::Unavailable)),
        }
    }
}

/// A command that is with another node.
struct RemoteAsk<E: Entity> {
    directory: Weak<Directory<E>>,
    node: NodeId,
    key: Uuid,
    command: Bytes,
    reply: Option<oneshot::Sender<Result<E::Reply, AskError>>>,
    trace: Option<TraceContext>,
    moves: u32,
}

impl<E: Entity> RemoteAsk<E> {
    fn give(self, result: Result<E::Reply, AskError>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(result); // he may have gone
        }
    }
}

impl<E: Entity> Asked for RemoteAsk<E> {
    fn answered(self: Box<Self>, reply: Result<Bytes, AskError>) {
        match (reply, self.directory.upgrade()) {
            (Err(AskError::Moved), Some(directory)) => directory.moved(*self),
            (Err(error), _) => self.give(Err(error)),
            (Ok(bytes), _) => {
                let reply = unpack(&bytes).map_err(|error| {
                    tracing::error!(error, kind = E::KIND, "a reply could not be read");
                    AskError::TimedOut
                });
                self.give(reply);
            }
        }
    }
}

impl<E: Entity> Kind for Directory<E> {
    fn receive(self: Arc<Self>, key: Uuid, command: &[u8], reply: oneshot::Sender<Result<Bytes, AskError>>) {
        let command = match unpack(command) {
            Ok(command) => command,
            Err(error) => {
                tracing::warn!(error, kind = E::KIND, "a command of another version");
                return drop(reply.send(Err(AskError::Unknown))); // he may have gone
            }
        };
        let (typed, answer) = oneshot::channel();
        self.dispatch(key, Envelope::new(command, Some(typed)), Origin::There, 0);
        actix::spawn(async move {
            let answer = answer.await.unwrap_or(Err(AskError::Unavailable));
            let _ = reply.send(packed::<E>(answer)); // he may have gone
        });
    }

    fn node_lost(self: Arc<Self>, node: NodeId) {
        let (active, away) = {
            let mut slots = self.slots();
            let there = |slot: &Slot<E>| matches!(slot, Slot::Away(owner) if *owner == node);
            let away: Vec<Uuid> = slots.iter().filter(|(_, slot)| there(slot)).map(|(key, _)| *key).collect();
            away.iter().for_each(|key| drop(slots.remove(key)));
            let addr = |slot: &Slot<E>| if let Slot::Active(addr) = slot { Some(addr.clone()) } else { None };
            (slots.values().filter_map(addr).collect::<Vec<Addr<E>>>(), away)
        };
        for key in away {
            self.clone().notify(key, PeerNotice::NodeLost(node)); // puts it up: somebody here is in it
        }
        for addr in active {
            let lost = Envelope::new(E::peer(PeerNotice::NodeLost(node)), None);
            if addr.try_send(lost).is_err() {
                tracing::warn!(kind = E::KIND, "an entity could not be told that a node is gone");
            }
        }
    }

    fn notify(self: Arc<Self>, key: Uuid, notice: PeerNotice) {
        self.deliver(key, Envelope::new(E::peer(notice), None));
    }

    fn drain(&self) {
        let slots = self.slots();
        let active = slots.values().filter_map(|slot| match slot {
            Slot::Active(addr) => Some(addr),
            Slot::Held(_) | Slot::Away(_) => None,
        });
        for addr in active {
            let drain = Envelope::new(E::peer(PeerNotice::Drain), None);
            if addr.try_send(drain).is_err() {
                tracing::warn!(kind = E::KIND, "an entity could not be told to move");
            }
        }
    }

    fn role(&self) -> Role {
        E::ROLE
    }

    fn tell_here(&self, key: Uuid, notice: PeerNotice) {
        if let Some(Slot::Active(addr)) = self.slots().get(&key)
            && addr.try_send(Envelope::new(E::peer(notice), None)).is_err()
        {
            tracing::warn!(kind = E::KIND, %key, ?notice, "an entity could not be told");
        }
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn held(&self) -> Vec<Uuid> {
        let slots = self.slots();
        slots.iter().filter(|(_, slot)| matches!(slot, Slot::Active(_))).map(|(key, _)| *key).collect()
    }

    fn name(&self) -> &'static str {
        E::KIND
    }
}

/// The reply of an entity, as bytes.
fn packed<E: Entity>(reply: Result<E::Reply, AskError>) -> Result<Bytes, AskError> {
    pack(&reply?).map(Bytes::from).map_err(|error| {
        tracing::error!(error, kind = E::KIND, "a reply could not be written");
        AskError::TimedOut
    })
}
