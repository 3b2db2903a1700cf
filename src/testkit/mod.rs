//! The test kit (spec 8.3): a whole node's actors in one thread, on virtual time, without sockets or SQL.
//!
//! [`Stage`] is a node's sessions, rooms and bots over a [`MemoryStore`]; [`ScriptedPlayer`] talks to it in
//! frames, as a client would, with `ask` and `expect`, [`ScriptedSignaller`] as a player of duels. Pause tokio's clock (`tokio::time::pause()`) and a
//! game of twenty minutes takes milliseconds. Faults are injected through the store's port. [`SocketPlayer`] is
//! the same over a real WebSocket, for tests of whole nodes.

#[cfg(feature = "testkit")]
mod coturn;
#[cfg(test)]
mod database;
mod memory_store;
mod network;
mod player;
#[cfg(test)]
pub(crate) mod provider;
#[cfg(feature = "testkit")]
mod proxy;
#[cfg(feature = "testkit")]
mod redis_groups;
mod scripted_media;
#[cfg(feature = "testkit")]
mod services;
mod signaller;
#[cfg(feature = "testkit")]
mod socket;
mod stage;

#[cfg(feature = "testkit")]
pub use coturn::PrivateCoturn;
#[cfg(test)]
pub(crate) use database::test_config;
pub use memory_store::{Fault, MemoryStore};
pub use network::{Chaos, Network, NetworkNode};
pub use player::{ScriptedPlayer, Transcript};
#[cfg(feature = "testkit")]
pub use proxy::Proxy;
#[cfg(feature = "testkit")]
pub use redis_groups::{PrivateCluster, PrivateSentinel};
pub use scripted_media::ScriptedMedia;
#[cfg(feature = "testkit")]
pub use services::{PrivatePostgres, PrivateRedis, free_port};
pub use signaller::ScriptedSignaller;
#[cfg(feature = "testkit")]
pub use socket::{Failure, Guest, SocketPlayer};
pub use stage::Stage;
