//! The actors: sessions, rooms and bots. Each decides in a pure `state`, performs in its `actor`.

pub mod bot;
pub mod duel;
pub mod matchmaker;
pub mod room;
pub mod session;
