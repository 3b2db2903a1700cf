//! Seated rooms under measurement: who speaks next, and the books of all who listen.

use std::sync::Arc;

use crate::hall::Seat;
use crate::ledger::{Integrity, ROOM_SEATS};
use crate::meter::Meter;
use crate::stamp::{self, Stamp};
use crate::target::Proto;

use super::listen::Member;

/// What stands before and after the text in a `chat.send`; no `id`, so no answer is asked for.
const CHAT_HEAD: &[u8] = br#"{"type":"chat.send","payload":{"text":""#;
const CHAT_TAIL: &[u8] = br#""}}"#;

/// The rooms of one run.
pub struct Hub {
    rooms: Vec<Room>,
    proto: Proto,
    /// Length of each message's text.
    text_bytes: usize,
    turn: usize,
    frame: Vec<u8>,
}

/// One room: its members and how many messages each has sent.
pub struct Room {
    /// By slot.
    pub members: Vec<Member>,
    sent: [u32; ROOM_SEATS],
}

impl Hub {
    /// Starts to listen at all seats. `measured` chooses, by room and slot, whose latencies count.
    pub fn start(
        seats: Vec<Vec<Seat>>,
        proto: Proto,
        text_bytes: usize,
        meter: &Arc<Meter>,
        measured: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let member = |room, (slot, seat)| Member::start(seat, measured(room, slot), meter);
        let room = |(number, seats): (usize, Vec<Seat>)| Room {
            members: seats.into_iter().enumerate().map(|place| member(number, place)).collect(),
            sent: [0; ROOM_SEATS],
        };
        let rooms = seats.into_iter().enumerate().map(room).collect();
        Self { rooms, proto, text_bytes, turn: 0, frame: Vec::new() }
    }

    /// The rooms.
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// The next in turn says something: all rooms go round before a second member speaks.
    pub fn speak(&mut self) {
        let (room, slot) = (self.turn % self.rooms.len(), self.turn / self.rooms.len() % ROOM_SEATS);
        self.turn = self.turn.wrapping_add(1);
        self.speak_at(room, slot);
    }

    /// One member says something.
    pub fn speak_at(&mut self, room: usize, slot: usize) {
        let Room { members, sent } = &mut self.rooms[room];
        let stamp = Stamp { slot: slot as u8, number: sent[slot], sent_ns: stamp::now_ns() };
        self.frame.clear();
        match self.proto {
            Proto::Raw => stamp.write(self.text_bytes, &mut self.frame),
            Proto::Json => {
                self.frame.extend_from_slice(CHAT_HEAD);
                stamp.write(self.text_bytes, &mut self.frame);
                self.frame.extend_from_slice(CHAT_TAIL);
            }
        }
        if members[slot].link.text(&self.frame) {
            sent[slot] += 1;
        }
    }

    /// Messages received by all so far, and how many that should come to be.
    pub fn progress(&self) -> (u64, u64) {
        let mut received = 0;
        let mut expected = 0;
        for room in &self.rooms {
            let sent: u64 = room.sent.iter().map(|n| u64::from(*n)).sum();
            for member in &room.members {
                let ledger = member.ledger();
                received += ledger.received;
                expected += if ledger.closed.is_some() { ledger.received } else { sent };
            }
        }
        (received, expected)
    }

    /// Whether the server has closed any of the sockets.
    pub fn any_closed(&self) -> bool {
        self.rooms.iter().flat_map(|room| &room.members).any(|member| member.ledger().closed.is_some())
    }

    /// The account of all rooms.
    pub fn settle(&self) -> Integrity {
        let mut account = Integrity::default();
        self.rooms.iter().for_each(|room| account.add(&room.settle()));
        account
    }
}

impl Room {
    fn settle(&self) -> Integrity {
        let mut account = Integrity::default();
        for member in &self.members {
            account.add(&member.ledger().settle(&self.sent));
        }
        if account == Integrity::default() {
            let first = self.members.first().map(|member| member.ledger().order());
            account.diverged = u64::from(self.members.iter().any(|m| Some(m.ledger().order()) != first));
        }
        if account.closed > 0 {
            // What a closed member had sent last may never have been taken from his socket.
            account.lost = 0;
        }
        account
    }
}
