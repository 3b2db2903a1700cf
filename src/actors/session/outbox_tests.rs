use super::*;
use serde_json::{Value, json};

const BOUNDS: Bounds = Bounds {
    soft_bytes: 400,
    hard_bytes: 2_000,
    open_requests: 3,
    ring_frames: 4,
    ring_bytes: 10_000,
    plain: false,
    gather: Duration::ZERO,
};

fn event(n: u64) -> Arc<Push> {
    Push::new("chat.message", &json!({ "n": n }))
}

fn tally(n: u64) -> Arc<Push> {
    Push::droppable("game.votes", &json!({ "n": n, "pad": "x".repeat(50) }))
}

/// What the socket of `attachment` would write now, and whether it was closed.
fn drain(outbox: &Outbox, attachment: Attachment) -> (Vec<Value>, Option<CloseCode>) {
    let (mut messages, mut close) = (Vec::new(), None);
    let mut cx = Context::from_waker(Waker::noop());
    let mut write = |item: Outgoing<'_>, _| match item {
        Outgoing::Message(head, tail) => {
            messages.push(serde_json::from_slice(&[head, tail].concat()).expect("valid JSON"));
        }
        Outgoing::Close(code, _) => close = Some(code),
        Outgoing::Ping | Outgoing::Pong(_) => {}
    };
    while outbox.poll_drain(attachment, &mut cx, &mut write) == Poll::Ready(Drained::Open) {}
    (messages, close)
}

fn seqs(messages: &[Value]) -> Vec<u64> {
    messages.iter().filter_map(|m| m["seq"].as_u64()).collect()
}

fn resume(outbox: &Outbox, last_seq: u64) -> (Attachment, ResumeMode) {
    outbox.resume(Encoding::Json, last_seq, |mode, last| {
        Answer::ok(Some(1), &json!({"replay": mode == ResumeMode::Replay, "last_seq": last}))
    })
}

#[test]
fn pushes_are_numbered_from_one_in_order() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    for n in 1..=3 {
        outbox.push(event(n));
    }
    let (messages, _) = drain(&outbox, socket);
    assert_eq!(seqs(&messages), [1, 2, 3]);
    assert_eq!(messages[2]["payload"]["n"], 3);
}

#[test]
fn a_resume_replays_exactly_what_was_missed_then_goes_on() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    (1..=2).for_each(|n| outbox.push(event(n)));
    drain(&outbox, socket);
    assert!(outbox.detach(socket));
    (3..=4).for_each(|n| outbox.push(event(n)));

    let (socket, mode) = resume(&outbox, 1);
    outbox.push(event(5));
    let (messages, _) = drain(&outbox, socket);
    assert_eq!(mode, ResumeMode::Replay);
    assert_eq!(messages[0]["type"], "ok");
    assert_eq!(seqs(&messages), [2, 3, 4, 5]);
}

#[test]
fn pushes_unsent_when_the_socket_died_are_replayed_too() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    outbox.push(event(1));
    outbox.detach(socket);
    let (socket, _) = resume(&outbox, 0);
    assert_eq!(seqs(&drain(&outbox, socket).0), [1]);
}

#[test]
fn a_ring_that_no_longer_reaches_back_means_a_snapshot_and_nothing_before_it() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    outbox.detach(socket);
    (1..=9).for_each(|n| outbox.push(event(n)));
    let (socket, mode) = resume(&outbox, 2);
    outbox.await_snapshot();
    outbox.push(event(10));
    outbox.push(Push::new("room.state", &json!({})));
    outbox.push(event(11));
    let (messages, _) = drain(&outbox, socket);
    assert_eq!(mode, ResumeMode::Snapshot);
    assert_eq!(messages[0]["payload"]["last_seq"], 9);
    assert_eq!(messages[1]["type"], "room.state");
    assert_eq!(seqs(&messages), [10, 11]);
}

#[test]
fn a_last_seq_from_the_future_means_a_snapshot() {
    let outbox = Outbox::new(BOUNDS, 0);
    assert_eq!(resume(&outbox, 7).1, ResumeMode::Snapshot);
}

#[test]
fn past_the_soft_bound_droppable_pushes_coalesce_to_their_latest_without_a_gap() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    (1..=30).for_each(|n| outbox.push(tally(n)));
    let (messages, close) = drain(&outbox, socket);
    assert_eq!(close, None);
    assert!(messages.len() < 30);
    assert_eq!(messages.last().expect("some")["payload"]["n"], 30);
    assert_eq!(seqs(&messages), (1..=messages.len() as u64).collect::<Vec<_>>());
}

#[test]
fn past_the_hard_bound_the_socket_is_closed_with_1013_and_the_memory_given_back() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    (1..=1_000).for_each(|n| outbox.push(event(n)));
    assert!(outbox.queued_bytes() <= BOUNDS.hard_bytes);
    assert_eq!(drain(&outbox, socket).1, Some(CloseCode::TooSlow));
    outbox.detach(socket);
    assert_eq!(resume(&outbox, 998).1, ResumeMode::Replay, "the ring kept the newest");
}

#[test]
fn an_older_socket_finds_itself_replaced() {
    let outbox = Outbox::new(BOUNDS, 0);
    let old = outbox.attach(Encoding::Json);
    let new = outbox.attach(Encoding::Json);
    assert_eq!(drain(&outbox, old).1, Some(CloseCode::Replaced));
    assert!(!outbox.detach(old), "the old socket's end is not the session's");
    outbox.push(event(1));
    assert_eq!(seqs(&drain(&outbox, new).0), [1]);
}

#[test]
fn what_waits_is_written_before_a_close() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    outbox.push(event(1));
    outbox.close(CloseCode::Restart, "restart");
    let (messages, close) = drain(&outbox, socket);
    assert_eq!((messages.len(), close), (1, Some(CloseCode::Restart)));
}

#[test]
fn each_request_has_one_answer_however_many_come() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    let answer = |n: u32| outbox.answer(Answer::ok(Some(7), &json!({ "n": n })));
    outbox.asked(7);
    (1..=2).for_each(answer); // the session gave up waiting; then the room answered
    outbox.asked(7); // sent again
    (3..=4).for_each(answer);
    outbox.answer(Answer::ok(None, &json!({ "n": 5 })));
    let told: Vec<Value> =
        drain(&outbox, socket).0.iter().map(|answer| answer["payload"]["n"].clone()).collect();
    assert_eq!(told, [1, 3, 5]);
    outbox.asked(8);
    let (socket, _) = resume(&outbox, 0);
    outbox.answer(Answer::ok(Some(8), &json!({})));
    assert_eq!(drain(&outbox, socket).0.len(), 1, "only the resume is answered: it asks again");
}

#[test]
fn of_too_many_open_requests_the_oldest_has_no_answer() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    (1..=4).for_each(|id| outbox.asked(id));
    (1..=4).for_each(|id| outbox.answer(Answer::ok(Some(id), &json!({}))));
    let answered: Vec<Value> = drain(&outbox, socket).0.iter().map(|answer| answer["re"].clone()).collect();
    assert_eq!(answered, [2, 3, 4]);
}

/// Found by whole games under a rolling restart: a push that came after `close` was numbered before those that waited.
#[test]
fn what_comes_while_the_socket_is_being_closed_is_numbered_behind_what_still_waits() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    (1..=2).for_each(|n| outbox.push(event(n)));
    outbox.close(CloseCode::Draining, "drain");
    (3..=4).for_each(|n| outbox.push(event(n)));
    let (messages, close) = drain(&outbox, socket);
    assert_eq!((seqs(&messages), close), (vec![1, 2], Some(CloseCode::Draining)));
    outbox.detach(socket);
    let (socket, mode) = resume(&outbox, 2);
    let (messages, _) = drain(&outbox, socket);
    assert_eq!((mode, seqs(&messages)), (ResumeMode::Replay, vec![3, 4]));
    assert_eq!((&messages[1]["payload"]["n"], &messages[2]["payload"]["n"]), (&json!(3), &json!(4)));
}

#[test]
fn a_socket_that_never_takes_its_close_holds_no_more_than_its_bound() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    outbox.close(CloseCode::Draining, "drain");
    for n in 1..=100 {
        outbox.push(event(n));
        assert!(outbox.queued_bytes() <= BOUNDS.hard_bytes);
    }
    assert_eq!(drain(&outbox, socket), (Vec::new(), Some(CloseCode::Draining)));
    outbox.detach(socket);
    let (socket, _) = resume(&outbox, 98);
    assert_eq!(seqs(&drain(&outbox, socket).0), [99, 100]);
}

#[test]
fn a_close_is_found_even_after_the_detach() {
    let outbox = Outbox::new(BOUNDS, 0);
    let socket = outbox.attach(Encoding::Json);
    (1..=1_000).for_each(|n| outbox.push(event(n)));
    outbox.detach(socket); // the reader noticed first, and the peer reads on only now
    assert_eq!(drain(&outbox, socket).1, Some(CloseCode::TooSlow), "4001 would forbid to reconnect");
}

#[test]
fn a_plain_outbox_has_no_numbers_keeps_the_newest_snapshot_and_says_its_last_words() {
    let outbox = Outbox::new(Bounds { plain: true, ..BOUNDS }, 0);
    let socket = outbox.attach(Encoding::Json);
    outbox.push(event(1));
    (1..=3).for_each(|n| outbox.push(tally(n)));
    let (messages, _) = drain(&outbox, socket);
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages.iter().all(|message| message.get("seq").is_none()));
    assert_eq!(messages[1]["payload"]["n"], 3);
    outbox.push(event(4));
    outbox.close(CloseCode::TooLarge, "too large");
    outbox.push(event(5));
    assert!(outbox.detach(socket), "its session ends before the last words are written");
    let (messages, close) = drain(&outbox, socket);
    assert_eq!((messages.len(), close), (1, Some(CloseCode::TooLarge)), "{messages:?}");
    assert_eq!(messages[0]["payload"]["n"], 4);
}

#[test]
fn a_plain_outbox_that_nobody_reads_is_closed_within_its_bound() {
    let outbox = Outbox::new(Bounds { plain: true, ..BOUNDS }, 0);
    let socket = outbox.attach(Encoding::Json);
    (0..500).for_each(|n| outbox.push(event(n)));
    assert!(outbox.queued_bytes() <= BOUNDS.hard_bytes);
    assert_eq!(drain(&outbox, socket).1, Some(CloseCode::TooSlow));
}
