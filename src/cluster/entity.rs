//! What an entity is: its key, its one command type and its one reply type.

use super::{Activation, PeerNotice};
use crate::{
    roles::Role,
    trace::{self, TraceContext},
};
use actix::{Actor, Context, Handler, Message};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fmt::Debug, sync::Arc};
use tokio::sync::oneshot;

/// An actor with a key, alive at most once. One command enum a kind: that is all a bus must know of it.
pub trait Entity: Actor<Context = Context<Self>> + Handler<Envelope<Self>> {
    /// Name of the kind in the store, logs and metrics.
    const KIND: &'static str;
    /// Nodes with this role hold it.
    const ROLE: Role = Role::Game;
    /// Its key is somebody else's id, so the command that creates it may come when it is in the store already. Else the key is
    /// new, and nobody looks for it there.
    const KEY_IS_KNOWN: bool = false;
    /// Everything it can be told.
    type Command: Serialize + DeserializeOwned + Debug + Send + 'static;
    /// Everything it can answer.
    type Reply: Serialize + DeserializeOwned + Debug + Send + 'static;

    /// Whether this command makes the entity, so that it need not exist before.
    fn creates(command: &Self::Command) -> bool;
    /// The command of a reminder that is due: `wake_no` is the one its last commit named.
    fn wake(wake_no: i64) -> Self::Command;
    /// The command that tells it of other nodes, for one that pushes to sessions.
    fn peer(notice: PeerNotice) -> Self::Command;
}

/// Makes an entity from what the store held; `Err` if that cannot be read.
pub type Factory<E> = Arc<dyn Fn(Activation<E>) -> Result<E, String> + Send + Sync>;

/// A command on its way to an entity.
#[derive(Debug)]
pub struct Envelope<E: Entity> {
    /// What to do.
    pub command: E::Command,
    /// Where the reply goes, if anybody waits.
    pub reply: Option<oneshot::Sender<Result<E::Reply, AskError>>>,
    /// The request it is for, if it is for one.
    pub trace: Option<TraceContext>,
}

impl<E: Entity> Message for Envelope<E> {
    type Result = ();
}

impl<E: Entity> Envelope<E> {
    /// For what the thread works for now.
    pub fn new(command: E::Command, reply: Option<oneshot::Sender<Result<E::Reply, AskError>>>) -> Self {
        Self { command, reply, trace: trace::current() }
    }

    /// Tells whoever waits that this will not be done.
    pub fn refuse(self, error: AskError) {
        if let Some(reply) = self.reply {
            let _ = reply.send(Err(error)); // he may have gone
        }
    }
}

/// Why an ask has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AskError {
    /// There is no such entity.
    #[error("no such entity")]
    NotFound,
    /// Its queue is full, its store is away or it is just being put up again: try again.
    #[error("unavailable")]
    Unavailable,
    /// No reply within the deadline; the command may have been applied.
    #[error("timed out")]
    TimedOut,
    /// The node that was asked does not hold it. Never seen outside the cluster: another is asked.
    #[error("held elsewhere")]
    Moved,
    /// The node that was asked does not understand: it is of another version.
    #[error("not understood")]
    Unknown,
}
