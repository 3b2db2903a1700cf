//! Messages between nodes: the port, and what goes over it (spec 6.1).
//!
//! A [`Parcel`] is MessagePack with named fields under a version. Its envelope is read first and its body after,
//! so that a node can refuse politely what it does not understand. Fields it does not know it ignores.

use super::{AskError, lines::Part};
use crate::{
    clock::UnixMs,
    ids::{NodeId, PlayerId, SessionId, SessionRef},
    protocol::{Answer, Push},
    store::EpochChange,
    trace::{self, TraceContext},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;
use uuid::Uuid;

/// Of the parcels that this build writes. One that is newer is read as far as it can be.
const VERSION: u16 = 1;

/// Carries parcels between nodes.
///
/// Guarantees: at most once; what one node sends another arrives in the order of the calls. A parcel may be lost
/// without a word, and its sender must notice.
pub trait Bus: Send + Sync + 'static {
    /// Queues a parcel at once.
    ///
    /// # Errors
    /// The queue is full, or the bus is away: nothing was sent.
    fn send(&self, to: NodeId, parcel: Bytes) -> Result<(), BusError>;
}

/// A parcel was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bus takes nothing now")]
pub struct BusError;

/// What a bus hands to its node.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// A parcel for this node.
    Parcel(Bytes),
    /// The bus was away: parcels may have been lost.
    Gap,
}

/// The envelope of a message between nodes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Parcel {
    pub v: u16,
    pub from: NodeId,
    /// From 1, of this sender to this receiver: what comes twice or too late is dropped.
    pub n: u64,
    /// The number under which the sender waits for a reply, or of the ask that this replies to.
    pub ask: Option<u64>,
    /// Of an ask: whose request it is for. Older builds write none and read none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "trace::lenient")]
    pub trace: Option<TraceContext>,
    body: Bytes,
}

/// What nodes say to each other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Body {
    /// A command for an entity that the receiver should hold. After `until` nobody waits for it: what was held up for
    /// so long is not done, since he who sent it has gone on.
    Command {
        kind: String,
        key: Uuid,
        command: Bytes,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMs>,
    },
    /// The reply to an ask.
    Reply(Result<Bytes, AskError>),
    /// A room's push for sessions of the receiver: the `n`th of this room's epoch to this node.
    Push { kind: String, room: Uuid, epoch: i64, n: u64, to: Vec<SessionId>, push: Arc<Push> },
    /// A room's answer to a request of a session of the receiver.
    Answer { session: SessionId, answer: Answer },
    /// For the account's session, whose node the receiver should be. Not a room's: nobody counts it.
    Tell { player: PlayerId, push: Arc<Push> },
    /// A newer session of the account is on the sender, or a later place of this one.
    Replaced {
        session: SessionId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<SessionRef>,
    },
    /// The sender owns this entity now: whoever else holds it stops.
    Evict { kind: String, key: Uuid },
    /// A room of the sender misses this session: it should say where it is.
    Seek { session: SessionId },
    /// Tokens of an account are void, and its sessions end.
    EpochChanged(EpochChange),
    /// The sender has the player, and asks for his session. After `until` he has gone on without it, and may be back
    /// where he was.
    HandOver {
        session: SessionId,
        player: PlayerId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMs>,
    },
    /// A question for what the receiver offers under the name. After `until` nobody waits for its answer.
    Service {
        service: String,
        request: Bytes,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMs>,
    },
    /// Of a line between the sender and the receiver.
    Line { line: Uuid, part: Part },
}

impl Parcel {
    pub(super) fn seal(
        from: NodeId,
        n: u64,
        ask: Option<u64>,
        trace: Option<TraceContext>,
        body: &Body,
    ) -> Result<Bytes, String> {
        let parcel = Self { v: VERSION, from, n, ask, trace, body: pack(body)?.into() };
        pack(&parcel).map(Bytes::from)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        unpack(bytes)
    }

    pub(super) fn body(&self) -> Result<Body, String> {
        unpack(&self.body)
    }
}

pub(crate) fn pack(value: &impl Serialize) -> Result<Vec<u8>, String> {
    rmp_serde::to_vec_named(value).map_err(|error| error.to_string())
}

pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As builds before traces write and read it.
    #[derive(Serialize, Deserialize)]
    struct Older {
        v: u16,
        from: NodeId,
        n: u64,
        ask: Option<u64>,
        body: Bytes,
    }

    /// As a newer build may write it.
    #[derive(Serialize)]
    struct Newer {
        v: u16,
        from: NodeId,
        n: u64,
        ask: Option<u64>,
        trace: &'static str,
        body: Bytes,
    }

    fn body() -> Bytes {
        pack(&Body::Seek { session: SessionId::new() }).expect("packed").into()
    }

    #[test]
    fn a_parcel_of_a_build_without_traces_is_read() {
        let older = Older { v: 1, from: NodeId::new(), n: 7, ask: Some(3), body: body() };
        let parcel = Parcel::read(&pack(&older).expect("packed")).expect("read");
        assert_eq!((parcel.n, parcel.ask, parcel.trace), (7, Some(3), None));
        assert!(matches!(parcel.body(), Ok(Body::Seek { .. })));
    }

    #[test]
    fn a_build_without_traces_reads_a_parcel_of_ours() {
        let (from, trace) = (NodeId::new(), TraceContext::fresh(true));
        let body = Body::Seek { session: SessionId::new() };
        let ours = Parcel::seal(from, 7, Some(3), Some(trace), &body).expect("sealed");
        assert_eq!(Parcel::read(&ours).expect("read").trace, Some(trace));
        let older: Older = unpack(&ours).expect("read by the older");
        assert_eq!((older.n, older.from), (7, from));
    }

    #[test]
    fn a_trace_that_cannot_be_read_does_not_lose_the_parcel() {
        let newer =
            Newer { v: 2, from: NodeId::new(), n: 7, ask: None, trace: "what is to come", body: body() };
        let parcel = Parcel::read(&pack(&newer).expect("packed")).expect("read");
        assert_eq!((parcel.n, parcel.trace), (7, None));
    }
}
