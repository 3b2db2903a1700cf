//! Where a room's pushes go: the outboxes of its members' sessions, resolved once a session.

use super::decide::To;
use crate::{
    actors::session::Outbox,
    cluster::Hub,
    ids::{PlayerId, SessionId},
    protocol::Push,
};
use std::sync::Arc;

/// The members who can be reached now.
#[derive(Default)]
pub(super) struct Sinks(Vec<Sink>);

struct Sink {
    player: PlayerId,
    outbox: Arc<Outbox>,
}

impl Sinks {
    /// This member's pushes go to this session, if it is here.
    pub(super) fn bind(&mut self, hub: &Hub, player: PlayerId, session: SessionId) {
        self.unbind(player);
        if let Some(handle) = hub.session(session) {
            self.0.push(Sink { player, outbox: handle.outbox });
        }
    }

    pub(super) fn unbind(&mut self, player: PlayerId) {
        self.0.retain(|sink| sink.player != player);
    }

    pub(super) fn push(&self, to: &To, push: &Arc<Push>) {
        for sink in &self.0 {
            let wanted = match to {
                To::All => true,
                To::AllBut(player) => sink.player != *player,
                To::Only(players) => players.contains(&sink.player),
            };
            if wanted {
                sink.outbox.push(push.clone());
            }
        }
    }
}
