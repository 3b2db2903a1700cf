//! Where decrypted packets leave the crate: the last place in a connection's chain of interceptors.
//!
//! Owns nothing but the way: it takes media out before the crate looks for their track. The crate forgets after each
//! description which layer of simulcast has which name, and browsers write that into the first packets alone; we remember
//! it ([`super::source`]). Reports go on.

use super::tap::Reports;
use rtc::{
    interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket},
    sansio::Protocol,
    shared::error::Error,
};
use std::{collections::VecDeque, time::Instant};

/// The interceptor.
pub(super) struct Outlet {
    reports: Reports,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl Outlet {
    /// The slot before which all others read.
    pub(super) const SLOT: usize = 13_500;

    pub(super) fn new(reports: Reports) -> Self {
        Self { reports, read: VecDeque::new(), written: VecDeque::new() }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Outlet {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        match message.message.packet {
            Packet::Rtp(packet) => self.reports.put_packet(packet),
            _ => self.read.push_back(message),
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.written.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.written.pop_front()
    }
}

impl Interceptor for Outlet {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
