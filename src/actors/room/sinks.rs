//! Where a room's pushes go: the outboxes of its members' sessions here, and the nodes that hold the others.
//!
//! A push goes to each node once. It is numbered there, under the room's epoch, so that the node notices a loss.

use super::{actor::RoomActor, decide::To};
use crate::{
    actors::session::Outbox,
    cluster::{Activation, Cluster},
    ids::{NodeId, PlayerId, SessionId, SessionRef},
    protocol::Push,
};
use std::{collections::BTreeMap, sync::Arc};

/// The members who can be reached now.
#[derive(Default)]
pub(super) struct Sinks {
    members: Vec<Sink>,
    /// Pushes sent to each other node so far.
    sent: BTreeMap<NodeId, u64>,
}

struct Sink {
    player: PlayerId,
    place: Place,
}

enum Place {
    Here(Arc<Outbox>),
    There(SessionRef),
}

impl Sinks {
    /// This member's pushes go to this session.
    pub(super) fn bind(&mut self, cluster: &Cluster, player: PlayerId, session: SessionRef) {
        self.unbind(player);
        let place = if session.node != cluster.me() {
            Place::There(session)
        } else if let Some(handle) = cluster.hub().session(session.id) {
            Place::Here(handle.outbox)
        } else {
            return;
        };
        self.members.push(Sink { player, place });
    }

    pub(super) fn unbind(&mut self, player: PlayerId) {
        self.members.retain(|sink| sink.player != player);
    }

    pub(super) fn push(&mut self, room: &Activation<RoomActor>, to: &To, push: &Arc<Push>) {
        let mut away: BTreeMap<NodeId, Vec<SessionId>> = BTreeMap::new();
        for sink in &self.members {
            let wanted = match to {
                To::All => true,
                To::AllBut(player) => sink.player != *player,
                To::Only(players) => players.contains(&sink.player),
            };
            match &sink.place {
                _ if !wanted => {}
                Place::Here(outbox) => outbox.push(push.clone()),
                Place::There(session) => away.entry(session.node).or_default().push(session.id),
            }
        }
        for (node, sessions) in away {
            let n = self.sent.entry(node).or_default();
            *n += 1;
            room.cluster.push_there::<RoomActor>(node, (room.key, room.epoch, *n), sessions, push.clone());
        }
    }
}
