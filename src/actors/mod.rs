//! The actors: sessions, rooms, bots and admission queues. Each decides in a pure `state`, performs in its `actor`.

pub mod bot;
pub mod queue;
pub mod room;
pub mod session;
