//! Where sockets of `/ws/signal` come in.

use super::SignalSession;
use crate::{
    actors::session::{Attachment, Bounds, Outbox, Player},
    cluster::{Cluster, SignalHandle},
    ids::SessionId,
    protocol::Encoding,
};

/// What all signal sessions of a node share.
#[derive(Clone)]
pub struct SignalDoor {
    cluster: Cluster,
}

/// A socket that has a signal session.
pub struct SignalAttached {
    /// The session.
    pub session: SessionId,
    /// To read from and write to.
    pub handle: SignalHandle,
    /// Its one attachment.
    pub attachment: Attachment,
}

impl SignalDoor {
    /// The door of a node.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// A new session. The account's older one ends, on whichever node it is, once the account's duellist knows.
    pub fn enter(&self, player: Player, encoding: Encoding) -> SignalAttached {
        let outbox = Outbox::new(Bounds::plain(&self.cluster.config().limits), 0);
        let attachment = outbox.attach(encoding);
        let (session, id, pass) = (SessionId::new(), player.id, player.pass);
        let addr = SignalSession::put_up(self.cluster.clone(), session, player, outbox.clone());
        let handle = SignalHandle { player: id, pass, outbox, addr };
        self.cluster.signals().register(session, handle.clone());
        SignalAttached { session, handle, attachment }
    }
}
