//! A match between two players' own machines: from the request to the result (spec 4.3, 4.6).

mod messages;

pub use messages::{DuelCommand, DuelMessage, DuelReply, Party};
