//! What is full, what breaks, what ends: and what goes on.

use crate::{
    config,
    ids::{PlayerId, RoomId},
    media::{
        LinkError, MediaCommand, MediaEvent, MediaServer as _, Pc, Policy, Server,
        budget::Budget,
        codec::Codec,
        connection::{Connection, Link, News},
        engine::Way,
        rewrite::Marks,
        room::{Shared, rules},
        source::{Outgoing, Sink},
        synthetic::until,
        tap::Reports,
        wire::Wire,
    },
};
use std::{cell::Cell, rc::Rc, sync::Arc, time::Instant};
use tokio::sync::Notify;

#[actix::test]
async fn a_full_mailbox_refuses_commands_and_still_takes_the_newest_policy() {
    let config = config::Media { udp_port: 0, threads: 1, commands: 4, ..config::Media::default() };
    let server = Server::start(&config).await.expect("a server");
    let room = RoomId::new();
    let (events, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let link = server.link(room, Arc::new(move |event| drop(events.send(event))));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (blocked, is_blocked) = std::sync::mpsc::channel();
    server.on_thread_of(room, move || {
        blocked.send(()).ok();
        wait.recv().ok();
    });
    is_blocked.recv().expect("the thread stands still");
    let told: Vec<_> = (0..20).map(|_| link.tell(MediaCommand::Stats)).collect();
    assert!(told[0].is_ok() && told[19] == Err(LinkError::Busy), "{told:?}");
    assert_eq!(link.tell(MediaCommand::SetPolicy { policy: Policy::default() }), Ok(()));
    go.send(()).expect("it goes on");
    let answered = told.iter().filter(|told| told.is_ok()).count();
    for _ in 0..answered {
        assert!(matches!(heard.recv().await, Some(MediaEvent::Stats { .. })));
    }
    server.stop();
    assert_eq!(heard.recv().await, Some(MediaEvent::Lost), "a room is told that its media has ended");
    let tell = || link.tell(MediaCommand::Stats);
    until("the link knows", || tell() == Err(LinkError::Lost)).await;
}

/// A connection that nobody has signalled for, on the thread that calls.
fn connection(shared: &Shared, room: Rc<Notify>) -> Rc<Connection> {
    let reports = Reports::default();
    let pc = shared
        .engine
        .connection(Way::Out, shared.mux.public(), reports.clone(), Codec::all(false))
        .expect("a connection");
    let (line, inbox) = shared.mux.line();
    let wire = Wire::new(pc, line, reports, Budget::new(1_000, Instant::now()));
    Connection::start(PlayerId::new(), Pc::Sub, wire, inbox, 2, Rc::new(rules(shared)), room)
}

#[actix::test]
async fn a_panic_ends_its_connection_and_no_other() {
    let config = config::Media { udp_port: 0, threads: 1, ..config::Media::default() };
    let server = Server::start(&config).await.expect("a server");
    let (shared, news) = (server.shared(), Rc::new(Notify::new()));
    let (one, other) = (connection(&shared, news.clone()), connection(&shared, news.clone()));
    assert_eq!(one.with(|_| -> u8 { panic!("a fault of the engine, made by this test") }), None);
    assert_eq!((one.link(), one.has_broken()), (Link::Closed, true));
    news.notified().await;
    assert!(matches!(one.take_news()[..], [News::Link]), "its room is told");
    assert_eq!(one.with(|_| 1), None, "it stays closed");
    assert_eq!((other.with(|_| 1), other.link()), (Some(1), Link::Connecting));
    assert_eq!(server.counts().0, 1, "its line is closed");
    drop(one);
    until("its task has ended", || server.alive() == 1).await;
    server.stop();
}

#[actix::test]
async fn a_full_queue_takes_no_more() {
    let config = config::Media { udp_port: 0, threads: 1, ..config::Media::default() };
    let server = Server::start(&config).await.expect("a server");
    let shared = server.shared();
    let to = connection(&shared, Rc::new(Notify::new()));
    let sink = Rc::new(Sink {
        receiver: to.player,
        to: to.clone(),
        source: std::rc::Weak::new(),
        ssrc: 1,
        payload_type: 96,
        allowed: Cell::new(true),
        agreed: Cell::new(true),
        layer: Cell::new(None),
        wanted: Cell::new(None),
        small: Cell::new(false),
        share: Cell::new(None),
        rewrite: Default::default(),
    });
    let packet = || Outgoing {
        sink: sink.clone(),
        marks: Marks { number: 1, timestamp: 1, layered: None },
        marker: true,
        payload: Default::default(),
    };
    assert_eq!([(); 4].map(|()| to.queue(packet())), [true, true, false, false]);
    until("its task has looked", || to.queue(packet())).await;
    server.stop();
}

#[actix::test]
async fn a_room_whose_thread_is_busy_loses_no_command_before_it_begins() {
    let server = Server::start(&config::Media { udp_port: 0, threads: 1, ..config::Media::default() })
        .await
        .expect("a server");
    let room = RoomId::new();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    server.on_thread_of(room, move || {
        wait.recv().ok();
    });
    let link = server.link(room, Arc::new(|_| {}));
    let told: Vec<_> = (0..100).map(|_| link.tell(MediaCommand::Stats)).collect();
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    go.send(()).expect("it goes on");
    server.stop();
}
