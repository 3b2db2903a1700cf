//! The transport of facts: a port, with an adapter in memory for a node alone and one on Redis Streams for many nodes.
//!
//! **What it promises**: a fact that was sent is received by one consumer of its group, perhaps by another once more, in
//! no order that means anything. It is bounded, and it may lose everything at any time: the outbox sends again
//! what nobody has confirmed. Called by the relay and the consumers alone.

mod memory;
mod redis;

pub(crate) use self::{memory::MemoryStream, redis::RedisStream};

use crate::store::DueFact;
use futures_util::future::BoxFuture;

/// The transport is away, or has no room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream: {0}")]
pub(crate) struct StreamError(pub String);

/// A fact as a consumer receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    /// Names this delivery to the transport.
    pub receipt: String,
    /// Of the fact, if the transport could read it.
    pub fact_id: uuid::Uuid,
    /// Avro.
    pub body: Vec<u8>,
}

/// See the module.
pub(crate) trait Stream: Send + Sync + 'static {
    /// Puts facts on their way, each to its group. On an error some may be on their way.
    fn send(&self, facts: Vec<DueFact>) -> BoxFuture<'static, Result<(), StreamError>>;

    /// What has come for a group, or nothing if nothing comes for a moment.
    fn receive(
        &self,
        group: &'static str,
        most: usize,
    ) -> BoxFuture<'static, Result<Vec<Parcel>, StreamError>>;

    /// These were handled, or will be sent again by the outbox: nobody else needs them.
    fn done(&self, group: &'static str, receipts: Vec<String>)
    -> BoxFuture<'static, Result<(), StreamError>>;

    /// How many are on their way to the group that has most, as far as it is known.
    fn waiting(&self) -> BoxFuture<'static, Result<usize, StreamError>>;
}
