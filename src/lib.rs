//! Playhouse: a game backend in which every room and every player's session is an actor.

pub mod clock;
pub mod config;
pub mod game;
pub mod ids;
