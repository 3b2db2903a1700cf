//! Playhouse: a game backend in which every room, player session and bot is an actor that exchanges typed
//! messages, and a game survives its server.
//!
//! ```text
//! socket bytes → ws, tcp → PlayerSession → cluster → RoomActor → pure state machine
//!                   ▲                                        │ durable? commit (store, fenced) first
//!                   └──── frames, encoded once ◄── outbox ◄──┴─ effects, one interpreter
//! ```
//!
//! [`ws`], [`tcp`] and [`transport`] know bytes and no game, [`actors`] hold mailboxes and perform what pure states decide, [`cluster`]
//! finds an entity by its key wherever it lives, [`game`] holds rules without clocks or sockets, [`store`] all
//! SQL, [`http`] the REST API and pages, and [`node`] puts them together.

pub mod actors;
pub mod auth;
pub mod chance;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod game;
mod gather;
pub mod http;
pub mod ids;
pub mod limits;
pub mod liveops;
pub mod media;
pub mod node;
pub mod operator;
pub mod protocol;
pub mod queue;
pub mod roles;
pub mod session_log;
pub mod store;
pub mod tcp;
pub mod telemetry;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod tls;
pub mod trace;
pub mod transport;
pub mod ws;
