//! Outboxes that are written by whoever pushes: through a port that records, takes nothing, or is gone.

use super::*;
use crate::actors::session::{Take, flusher};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const BOUNDS: Bounds = Bounds {
    soft_bytes: 400,
    hard_bytes: 2_000,
    open_requests: 3,
    ring_frames: 64,
    ring_bytes: 100_000,
    plain: false,
    gather: Duration::from_millis(1),
};

/// A socket that keeps what it is given.
#[derive(Default)]
struct Recorder {
    bursts: Mutex<Vec<Vec<String>>>,
    full: AtomicBool,
}

impl Port for Recorder {
    fn burst(&self, fill: &mut dyn FnMut(&mut Take<'_>)) -> bool {
        if self.full.load(Ordering::Relaxed) {
            return false;
        }
        let mut burst = Vec::new();
        fill(&mut |item, _| {
            burst.push(match item {
                Outgoing::Message(head, tail) => name(&[head, tail].concat()),
                Outgoing::Ping => "ping".to_owned(),
                Outgoing::Pong(_) => "pong".to_owned(),
                Outgoing::Close(code, _) => format!("close {}", code as u16),
            });
        });
        if !burst.is_empty() {
            self.bursts.lock().expect("no test panics while it writes").push(burst);
        }
        true
    }
}

/// `7` of a push with that number, `re 7` of an answer.
fn name(message: &[u8]) -> String {
    let message: serde_json::Value = serde_json::from_slice(message).expect("valid JSON");
    message["seq"].as_u64().map_or_else(|| format!("re {}", message["re"]), |seq| seq.to_string())
}

impl Recorder {
    fn bursts(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.bursts.lock().expect("no test panics while it writes"))
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn event(n: u64) -> Arc<Push> {
    Push::new("chat.message", &json!({ "n": n }))
}

struct Socket {
    outbox: Arc<Outbox>,
    attachment: Attachment,
    port: Arc<Recorder>,
    woken: Arc<Woken>,
}

impl Socket {
    /// Served, with its task asleep.
    fn new() -> Self {
        let outbox = Outbox::new(BOUNDS, 0);
        let attachment = outbox.attach(Encoding::Json);
        let socket = Self { outbox, attachment, port: Arc::default(), woken: Arc::default() };
        socket.outbox.open(attachment, socket.port.clone());
        assert!(socket.turn().is_pending());
        socket
    }

    /// A turn of its task.
    fn turn(&self) -> Poll<Drained> {
        let waker = Waker::from(self.woken.clone());
        self.outbox.poll_serve(self.attachment, &mut Context::from_waker(&waker), &*self.port)
    }

    fn woken(&self) -> usize {
        self.woken.0.swap(0, Ordering::Relaxed)
    }
}

/// Lets the flusher have its turn.
async fn others() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

#[actix::test]
async fn what_is_pushed_in_one_go_is_written_at_once_in_order_without_the_sockets_task() {
    tokio::time::pause();
    flusher::start();
    let socket = Socket::new();
    socket.outbox.asked(9);
    socket.outbox.push(event(1));
    socket.outbox.answer(Answer::ok(Some(9), &json!({})));
    socket.outbox.push(event(2));
    socket.outbox.ping();
    assert!(socket.port.bursts().is_empty(), "it waits for the tasks that are ready");
    assert!(socket.turn().is_pending(), "the socket's task leaves it to the flusher");
    others().await;
    assert_eq!(socket.port.bursts(), [["1", "re 9", "2", "ping"]]);
    assert_eq!(socket.woken(), 0);
}

#[actix::test]
async fn while_sockets_get_several_messages_the_flusher_waits_for_more() {
    tokio::time::pause();
    flusher::start();
    let socket = Socket::new();
    socket.outbox.push(event(1));
    socket.outbox.push(event(2));
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert_eq!(socket.port.bursts(), [["1", "2"]]);
    socket.outbox.push(event(3));
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert!(socket.port.bursts().is_empty(), "it gathers");
    socket.outbox.push(event(4));
    others().await;
    assert_eq!(socket.port.bursts(), [["3", "4"]]);
}

#[test]
fn on_a_thread_without_a_flusher_the_sockets_task_writes() {
    let socket = Socket::new();
    socket.outbox.push(event(1));
    assert_eq!(socket.woken(), 1);
    assert_eq!(socket.turn(), Poll::Ready(Drained::Open));
    assert_eq!(socket.port.bursts(), [["1"]]);
}

#[actix::test]
async fn what_a_full_socket_does_not_take_its_task_writes_and_nothing_changes_places() {
    flusher::start();
    let socket = Socket::new();
    socket.port.full.store(true, Ordering::Relaxed);
    socket.outbox.push(event(1));
    others().await;
    assert_eq!(socket.woken(), 1);
    assert_eq!(socket.turn(), Poll::Ready(Drained::Open), "it is to look at what is unsent");
    socket.outbox.push(event(2));
    others().await;
    socket.port.full.store(false, Ordering::Relaxed);
    while socket.turn() == Poll::Ready(Drained::Open) {}
    assert_eq!(socket.port.bursts(), [["1", "2"]]);
}

#[actix::test]
async fn a_socket_that_takes_nothing_is_closed_as_too_slow_and_what_it_missed_is_replayed() {
    flusher::start();
    let socket = Socket::new();
    socket.port.full.store(true, Ordering::Relaxed);
    let mut pushed = 0;
    while socket.outbox.closing().is_none() {
        pushed += 1;
        socket.outbox.push(event(pushed));
        assert!(pushed < 100);
    }
    assert_eq!(socket.outbox.closing(), Some(CloseCode::TooSlow));
    others().await;
    socket.port.full.store(false, Ordering::Relaxed);
    assert_eq!(socket.turn(), Poll::Ready(Drained::Closed));
    assert_eq!(socket.port.bursts(), [["close 1013"]]);
    assert!(socket.outbox.detach(socket.attachment));
    const MISSED: u64 = 5;
    let answer = |_, _| Answer::ok(Some(1), &json!({}));
    let (attachment, mode) = socket.outbox.resume(Encoding::Json, pushed - MISSED, answer);
    assert_eq!(mode, ResumeMode::Replay);
    socket.outbox.open(attachment, socket.port.clone());
    let mut cx = Context::from_waker(Waker::noop());
    while socket.outbox.poll_serve(attachment, &mut cx, &*socket.port) == Poll::Ready(Drained::Open) {}
    let missed = (pushed - MISSED + 1..=pushed).map(|n| n.to_string());
    let expected: Vec<String> = std::iter::once("re 1".to_owned()).chain(missed).collect();
    assert_eq!(socket.port.bursts().concat(), expected);
}

#[actix::test]
async fn a_close_comes_after_what_was_pushed_before_it_and_only_its_task_writes_it() {
    flusher::start();
    let socket = Socket::new();
    socket.outbox.push(event(1));
    socket.outbox.close(CloseCode::Restart, "the node restarts");
    socket.outbox.push(event(2));
    others().await;
    assert!(socket.port.bursts().is_empty());
    assert!(socket.woken() > 0);
    assert_eq!(socket.turn(), Poll::Ready(Drained::Closed));
    assert_eq!(socket.port.bursts(), [["1", "close 1012"]]);
}

#[actix::test]
async fn a_session_that_goes_on_on_another_socket_writes_to_that_alone() {
    flusher::start();
    let socket = Socket::new();
    socket.outbox.push(event(1));
    let (later, _) = socket.outbox.resume(Encoding::Json, 0, |_, _| Answer::ok(Some(1), &json!({})));
    let port = Arc::new(Recorder::default());
    socket.outbox.open(socket.attachment, socket.port.clone()); // too late
    socket.outbox.open(later, port.clone());
    socket.outbox.push(event(2));
    others().await;
    assert_eq!(port.bursts().concat(), ["re 1", "1", "2"]);
    assert_eq!(socket.turn(), Poll::Ready(Drained::Closed));
    assert_eq!(socket.port.bursts(), [["close 4001"]]);
}

#[test]
fn what_is_marked_when_its_arbiter_ends_goes_back_to_the_sockets_tasks() {
    let socket = Socket::new();
    let outbox = socket.outbox.clone();
    let pushing = move || {
        actix::System::new().block_on(async move {
            flusher::start();
            outbox.push(event(1)); // the flusher has had no turn when the system ends
        });
    };
    std::thread::spawn(pushing).join().expect("the system ends");
    while socket.turn() == Poll::Ready(Drained::Open) {}
    assert_eq!(socket.port.bursts().concat(), ["1"]);
}

#[test]
fn bursts_of_many_threads_keep_their_numbers_in_order() {
    const THREADS: u64 = 4;
    const EACH: u64 = 200;
    let bounds = Bounds { hard_bytes: usize::MAX, soft_bytes: usize::MAX, ..BOUNDS };
    let outbox = Outbox::new(bounds, 0);
    let (attachment, port) = (outbox.attach(Encoding::Json), Arc::new(Recorder::default()));
    outbox.open(attachment, port.clone());
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let outbox = outbox.clone();
            std::thread::spawn(move || {
                actix::System::new().block_on(async move {
                    flusher::start();
                    for n in 0..EACH {
                        outbox.push(event(n));
                        tokio::task::yield_now().await;
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
    let mut cx = Context::from_waker(Waker::noop());
    while outbox.poll_serve(attachment, &mut cx, &*port) == Poll::Ready(Drained::Open) {}
    let written: Vec<String> = port.bursts().concat();
    let expected: Vec<String> = (1..=THREADS * EACH).map(|n| n.to_string()).collect();
    assert_eq!(written, expected);
}
