//! Which nodes there are and what each should own: the port (spec 6.2).
//!
//! Placement is for routing alone. It may be wiped at any time; who may commit is decided by epochs in SQL.

use crate::{
    config::Config,
    ids::{NodeId, PlayerId, SessionRef},
    roles::{Role, Roles},
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a node tells the others of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// This run of it.
    pub id: NodeId,
    /// What its operators call it, over its restarts. A node of a version that does not tell has none.
    #[serde(default)]
    pub name: String,
    /// Where players reach it.
    pub address: String,
    /// What it is for. A node of a version that does not tell does everything.
    #[serde(default)]
    pub roles: Roles,
    /// Of the build.
    pub version: String,
    /// Entities and sessions that it holds.
    pub load: u64,
    /// Sessions with a socket, of those. A node of a version that does not tell has none.
    #[serde(default)]
    pub sessions: u64,
    /// It takes no new entities: it is about to stop.
    pub draining: bool,
}

impl NodeInfo {
    /// A node of these settings, with nothing to do yet.
    pub fn of(id: NodeId, config: &Config) -> Self {
        let node = &config.node;
        Self {
            id,
            name: node.id.clone().unwrap_or_else(|| id.to_string()),
            address: node.address.clone().unwrap_or_else(|| config.server.listen.to_string()),
            roles: Roles::at_work(config),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            load: 0,
            sessions: 0,
            draining: false,
        }
    }

    /// It would take more of what this role does.
    pub fn takes(&self, role: Role) -> bool {
        !self.draining && self.roles.has(role)
    }
}

/// What a node learns when it renews its lease.
#[derive(Clone, Debug)]
pub struct Beat {
    /// The nodes that live, this one among them.
    pub nodes: Vec<NodeInfo>,
    /// This node was not listed: it is new, its lease had run out, or the registry has forgotten everything.
    pub unknown: bool,
    /// The registry began so long ago, in ms.
    pub age_ms: u64,
}

/// The registry of nodes, entities and players.
///
/// Guarantees: a node is listed while its lease lives, `cluster.lease_ms` after its last beat. `claim` is atomic: of
/// all who claim a key one wins, and all learn who. Everything may be forgotten at once.
pub trait Placement: Send + Sync + 'static {
    /// Renews this node's lease.
    fn beat(&self, me: NodeInfo) -> BoxFuture<'static, Result<Beat, PlacementError>>;
    /// The node goes: its lease ends now.
    fn leave(&self, me: NodeId) -> BoxFuture<'static, Result<(), PlacementError>>;
    /// Who owns the entity from now on: its owner, else `candidate`. An owner who is `dead` counts as none.
    fn claim(
        &self,
        kind: &'static str,
        key: Uuid,
        candidate: NodeId,
        dead: Option<NodeId>,
    ) -> BoxFuture<'static, Result<NodeId, PlacementError>>;
    /// The entity has been put away, if it was this node's.
    fn release(
        &self,
        kind: &'static str,
        key: Uuid,
        owner: NodeId,
    ) -> BoxFuture<'static, Result<(), PlacementError>>;
    /// This session is the account's. The one before it, if there was another.
    fn arrive(
        &self,
        player: PlayerId,
        session: SessionRef,
    ) -> BoxFuture<'static, Result<Option<SessionRef>, PlacementError>>;
    /// The account's session.
    fn whereabouts(&self, player: PlayerId)
    -> BoxFuture<'static, Result<Option<SessionRef>, PlacementError>>;
    /// The session has ended, if it is still the account's.
    fn depart(&self, player: PlayerId, session: SessionRef)
    -> BoxFuture<'static, Result<(), PlacementError>>;
}

/// The registry is away.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the registry of nodes is away: {0}")]
pub struct PlacementError(pub String);
