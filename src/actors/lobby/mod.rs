//! Lobbies (spec 4.4): who is there to duel with, in shards of `lobby.capacity` players.
//!
//! An entity for each shard, in memory alone: the presences of its players (`actors::duellist`) join, and say again now
//! and then that they are there. `state` decides who is told what and when, [`LobbyActor`] performs.

mod actor;
mod messages;
mod state;

pub use actor::{LobbyActor, lobby_key};
pub use messages::{LobbyCommand, LobbyReply};
