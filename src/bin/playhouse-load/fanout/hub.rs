//! Seated rooms under measurement: who speaks next, and the books of all who listen.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::hall::Seat;
use crate::ledger::{Integrity, ROOM_SEATS};
use crate::meter::Meter;
use crate::stamp::{self, Stamp};
use crate::target::Proto;
use crate::wire::CLOSE_NORMAL;

use super::listen::Member;

/// What stands before and after the text in a `chat.send`; no `id`, so no answer is asked for.
const CHAT_HEAD: &[u8] = br#"{"type":"chat.send","payload":{"text":""#;
const CHAT_TAIL: &[u8] = br#""}}"#;

/// What a server may take to end all sessions of a run.
const FORGET: Duration = Duration::from_secs(1);

/// Who speaks in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All rooms go round before a second member speaks.
    Even,
    /// The first room is flooded by all but its last member; every tenth message goes elsewhere.
    FloodFirst,
}

/// Of the messages of [`Order::FloodFirst`], one in this many is for the other rooms.
const FLOOD_SHARE: usize = 10;

/// The rooms of one run.
pub struct Hub {
    /// Who speaks in turn.
    pub order: Order,
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
        Self { order: Order::Even, rooms, proto, text_bytes, turn: 0, frame: Vec::new() }
    }

    /// The rooms.
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// The next in turn says something.
    pub fn speak(&mut self) {
        let (turn, rooms) = (self.turn, self.rooms.len());
        self.turn += 1;
        match self.order {
            Order::Even => self.speak_at(turn % rooms, turn / rooms % ROOM_SEATS),
            Order::FloodFirst if rooms > 1 && turn % FLOOD_SHARE == 0 => {
                let other = turn / FLOOD_SHARE;
                self.speak_at(1 + other % (rooms - 1), other / (rooms - 1) % ROOM_SEATS);
            }
            Order::FloodFirst => self.speak_at(0, turn % (ROOM_SEATS - 1)),
        }
    }

    /// One member says something.
    fn speak_at(&mut self, room: usize, slot: usize) {
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
                let silent = ledger.closed.is_some() || member.is_paused();
                expected += if silent { ledger.received } else { sent };
            }
        }
        (received, expected)
    }

    /// Ends all sessions in good order and gives the server time to forget them, so that the next
    /// run on it finds what this one found.
    pub async fn close(self) {
        for member in self.rooms.iter().flat_map(|room| &room.members) {
            member.link.close(CLOSE_NORMAL);
        }
        sleep(FORGET).await;
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
        let sent = self.taken();
        for member in &self.members {
            account.add(&member.ledger().settle(&sent));
        }
        if account == Integrity::default() {
            let first = self.members.first().map(|member| member.ledger().order());
            account.diverged = u64::from(self.members.iter().any(|m| Some(m.ledger().order()) != first));
        }
        account
    }

    /// What each member has sent. What a closed one had sent last may never have been taken from
    /// his socket, so of him only that counts which anybody has heard.
    fn taken(&self) -> [u32; ROOM_SEATS] {
        let mut sent = self.sent;
        for (slot, member) in self.members.iter().enumerate() {
            if member.ledger().closed.is_some() {
                sent[slot] =
                    self.members.iter().map(|other| other.ledger().heard(slot)).max().unwrap_or_default();
            }
        }
        sent
    }
}
