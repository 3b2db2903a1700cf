//! The hall: rooms of eight, seated and ready to be measured.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::guests::{self, Guest};
use crate::ledger::ROOM_SEATS;
use crate::player::Player;
use crate::target::{Proto, Target};
use crate::wire::{self, Link, Opening, Reader};

/// Rooms that are being seated at once.
const CONCURRENCY: usize = 16;
/// One local address has about 28,000 ports towards one server; past this many the next one is used.
const SOCKETS_PER_ADDRESS: usize = 20_000;
/// The first of the loopback addresses to connect from.
const FIRST_LOOPBACK: u8 = 2;

/// One seated socket.
pub struct Seat {
    /// Its receiving half.
    pub reader: Reader,
    /// Its sending half.
    pub link: Link,
    /// `seq` of the next push; none for frames without envelope.
    pub next_seq: Option<u64>,
    /// Who sits there; none on the bare floor.
    pub resume: Option<Resume>,
    /// How long the answer to his join took; none of who made the room, or on the bare floor.
    pub joined_us: Option<u64>,
}

/// What the holder of a seat needs to take it again.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The account.
    pub guest: Guest,
    /// His resume token, from the welcome.
    pub token: Value,
}

/// How a seat differs from the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quirk {
    /// Kernel receive buffer of the last seat of the first room.
    pub small_buffer: Option<u32>,
}

/// Seats `rooms` full rooms.
pub async fn seat(target: &Target, rooms: usize, quirk: Quirk, bar: &ProgressBar) -> Result<Vec<Vec<Seat>>> {
    bar.set_length((rooms * ROOM_SEATS) as u64);
    let guests = match target.proto {
        Proto::Raw => Vec::new(),
        Proto::Json => {
            bar.set_message("signing in");
            guests::sign_in(target, rooms * ROOM_SEATS, bar).await?
        }
    };
    bar.set_position(0);
    bar.set_message("taking seats");
    let first = fresh_rooms(rooms);
    let one = |number: usize| {
        let guests = guests.chunks(ROOM_SEATS).nth(number).unwrap_or_default();
        async move {
            let seats = match target.proto {
                Proto::Raw => seat_raw(target, first, number, quirk).await,
                Proto::Json => seat_players(target, number, guests, quirk).await,
            };
            bar.inc(ROOM_SEATS as u64);
            seats.with_context(|| format!("seating room {number}"))
        }
    };
    stream::iter(0..rooms).map(one).buffered(CONCURRENCY).try_collect().await
}

/// Local address for the socket at this place, if the default one has run out of ports.
pub fn source(target: &Target, place: usize) -> Option<IpAddr> {
    let step = u8::try_from(place / SOCKETS_PER_ADDRESS).ok().filter(|step| *step > 0)?;
    let loopback = target.authority().starts_with("127.") || target.authority().starts_with("localhost");
    loopback.then(|| IpAddr::V4(Ipv4Addr::new(127, 0, 0, FIRST_LOOPBACK + step)))
}

fn receive_buffer(quirk: Quirk, room: usize, slot: usize) -> Option<u32> {
    quirk.small_buffer.filter(|_| room == 0 && slot == ROOM_SEATS - 1)
}

/// On the floor a room is its number alone, so no two halls may share one.
fn fresh_rooms(count: usize) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(count, Ordering::Relaxed)
}

async fn seat_raw(target: &Target, first: usize, room: usize, quirk: Quirk) -> Result<Vec<Seat>> {
    let mut seats = Vec::with_capacity(ROOM_SEATS);
    for slot in 0..ROOM_SEATS {
        let opening = Opening {
            authority: target.authority().to_owned(),
            path: format!("/ws?room={}", first + room),
            from: source(target, room * ROOM_SEATS + slot),
            receive_buffer: receive_buffer(quirk, room, slot),
            ..Opening::default()
        };
        let (reader, link) = wire::open(&opening).await?;
        seats.push(Seat { reader, link, next_seq: None, resume: None, joined_us: None });
    }
    Ok(seats)
}

async fn seat_players(target: &Target, room: usize, guests: &[Guest], quirk: Quirk) -> Result<Vec<Seat>> {
    let mut seats = Vec::with_capacity(ROOM_SEATS);
    let mut code = Value::Null;
    for (slot, guest) in guests.iter().enumerate() {
        let mut opening = Player::opening(target, guest);
        opening.from = source(target, room * ROOM_SEATS + slot);
        opening.receive_buffer = receive_buffer(quirk, room, slot);
        let mut player = Player::connect_by(opening).await?;
        let mut joined_us = None;
        if code.is_null() {
            code = create(&mut player, ROOM_SEATS, &json!({"media": false})).await?;
        } else {
            let asked = Instant::now();
            player.must("room.join", json!({"code": code})).await?;
            joined_us = u64::try_from(asked.elapsed().as_micros()).ok();
        }
        let resume = Resume { guest: guest.clone(), token: player.welcome["resume_token"].clone() };
        let (reader, link, next_seq) = player.into_parts();
        seats.push(Seat { reader, link, next_seq: Some(next_seq), resume: Some(resume), joined_us });
    }
    Ok(seats)
}

/// Creates a private room and returns its code.
pub async fn create(player: &mut Player, capacity: usize, settings: &Value) -> Result<Value> {
    let wish = json!({"name": "load", "visibility": "private", "capacity": capacity, "settings": settings});
    let created = player.must("room.create", wish).await?;
    created.pointer("/room/code").cloned().context("room.create: an answer without room.code")
}
