//! What one connection notes for the session log: its steps and its traffic.
//!
//! Held by [`crate::transport::Connection`]. Dropped, whatever the cause, it notes the end.

use super::{
    SessionLog,
    life::{Entry, Life, Reason, Step},
};
use crate::{
    ids::{PlayerId, SessionId},
    store::SessionLogRow,
};
use std::net::IpAddr;

/// By what somebody is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// `/ws`
    Ws,
    /// `/ws/signal`
    Signal,
    /// Packets.
    Tcp,
}

impl Transport {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Signal => "signal",
            Self::Tcp => "tcp",
        }
    }
}

/// Bytes and messages, from the client and to him. Bytes are those of frames, without TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub messages_in: u64,
    pub messages_out: u64,
}

/// See the module.
pub(crate) struct Journey {
    log: SessionLog,
    life: Life,
    transport: Transport,
    address: IpAddr,
    /// Once there is a session: it, its account, and the row.
    who: Option<(SessionId, PlayerId)>,
    row: uuid::Uuid,
    connected_at: i64,
    pub traffic: Traffic,
}

impl Journey {
    /// Of a socket that was accepted. In a box: it goes from hand to hand, and each hand would keep room for all of it.
    pub fn begin(log: &SessionLog, transport: Transport, address: IpAddr) -> Box<Self> {
        let mut journey = Box::new(Self {
            log: log.clone(),
            life: Life::None,
            transport,
            address,
            who: None,
            row: uuid::Uuid::nil(),
            connected_at: 0,
            traffic: Traffic::default(),
        });
        journey.take(Step::Accepted);
        journey
    }

    /// It has this session.
    pub fn attached(&mut self, session: SessionId, account: PlayerId) {
        self.who = Some((session, account));
        self.row = crate::chance::uuid();
        self.connected_at = self.log.now();
        self.take(Step::Attached);
    }

    /// It is about to end.
    pub fn closing(&mut self, reason: Reason) {
        self.take(Step::Closing(reason));
    }

    fn take(&mut self, step: Step) {
        let Some(entry) = self.life.take(step) else { return };
        let Some((session, account)) = self.who else { return };
        let (disconnected_at, reason) = match entry {
            Entry::Connected => (None, None),
            Entry::Disconnected(reason) => (Some(self.log.now()), Some(reason.as_str().to_owned())),
        };
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.log.note(SessionLogRow {
            id: self.row,
            session_id: session.0,
            account_id: account.0,
            transport: self.transport.as_str().to_owned(),
            address: Some(self.address.to_string()),
            node: self.log.node(),
            node_name: self.log.node_name(),
            connected_at: self.connected_at,
            disconnected_at,
            reason,
            bytes_in: count(self.traffic.bytes_in),
            bytes_out: count(self.traffic.bytes_out),
            messages_in: count(self.traffic.messages_in),
            messages_out: count(self.traffic.messages_out),
        });
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        self.take(Step::Gone(Reason::Lost));
    }
}
