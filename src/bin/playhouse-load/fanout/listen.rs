//! The receiving side of a measured seat: the hottest code of the generator.
//!
//! A frame costs a look at its first bytes (`seq`) and at the stamp in its text; no JSON is parsed,
//! and clock and locks are taken once a read, however many frames it brought.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::hall::Seat;
use crate::ledger::Ledger;
use crate::meter::Meter;
use crate::stamp::{self, Stamp};
use crate::wire::{CLOSE, Frames, Link, PING, Reader, TEXT};

const NS_PER_US: u64 = 1000;
/// Close code of a socket that ended without one.
const ABNORMAL: u16 = 1006;

/// A seat whose messages are read and entered by a task of its own.
pub struct Member {
    /// The sending half.
    pub link: Link,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

/// Who is given up hears nothing more: a socket left open would get what later runs say.
impl Drop for Member {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

struct Shared {
    ledger: Mutex<Ledger>,
    paused: AtomicBool,
    resumed: Notify,
    /// Whether this member's latencies are counted.
    measured: bool,
}

impl Member {
    /// Starts reading at `seat`.
    pub fn start(seat: Seat, measured: bool, meter: &Arc<Meter>) -> Self {
        let shared = Arc::new(Shared {
            ledger: Mutex::new(Ledger::new(seat.next_seq)),
            paused: AtomicBool::new(false),
            resumed: Notify::new(),
            measured,
        });
        let listener = Listener {
            shared: Arc::clone(&shared),
            link: seat.link.clone(),
            meter: Arc::clone(meter),
            hint: 0,
        };
        let listening = tokio::spawn(listener.run(seat.reader));
        Self { link: seat.link, shared, listening }
    }

    /// His books.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops reading from the socket, so that the server's bytes pile up.
    pub fn pause(&self) {
        self.shared.paused.store(true, Ordering::Release);
    }

    /// Whether he does not read.
    pub fn is_paused(&self) -> bool {
        self.shared.paused.load(Ordering::Acquire)
    }

    /// Reads on.
    pub fn resume(&self) {
        self.shared.paused.store(false, Ordering::Release);
        self.shared.resumed.notify_one();
    }
}

struct Listener {
    shared: Arc<Shared>,
    link: Link,
    meter: Arc<Meter>,
    /// Where in a frame the stamp stood last time.
    hint: usize,
}

impl Listener {
    async fn run(mut self, mut reader: Reader) {
        loop {
            while self.shared.paused.load(Ordering::Acquire) {
                self.shared.resumed.notified().await;
            }
            match reader.read(|frames| self.enter(frames)).await {
                Ok(bytes) if bytes > 0 => {}
                _ => break,
            }
        }
        self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner).close(ABNORMAL);
    }

    fn enter(&mut self, frames: &mut Frames<'_>) {
        let now_ns = stamp::now_ns();
        let mut ledger = self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut window = self.shared.measured.then(|| self.meter.window());
        for frame in frames {
            match frame.opcode {
                TEXT => {
                    ledger.envelope(frame.payload);
                    let Some(stamp) = Stamp::find(frame.payload, &mut self.hint) else { continue };
                    ledger.message(stamp.slot, stamp.number);
                    if let Some(window) = &mut window {
                        window.record_us(now_ns.saturating_sub(stamp.sent_ns) / NS_PER_US);
                    }
                }
                PING => {
                    self.link.pong(frame.payload);
                }
                CLOSE => ledger.close(frame.close_code()),
                _ => {}
            }
        }
    }
}
