//! How many sockets the node holds: for its limit, and for a stop that waits until they have gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// The node's sockets; cheap to clone.
#[derive(Clone, Default)]
pub struct Sockets(Arc<AtomicUsize>);

/// One socket, counted until this is dropped.
pub(crate) struct Held(Arc<AtomicUsize>);

impl Sockets {
    /// How many there are now.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A place for one more, of at most `limit`.
    pub(crate) fn hold(&self, limit: usize) -> Option<Held> {
        let room = |held: usize| (held < limit).then_some(held + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(Held(self.0.clone()))
    }

    /// Returns when the last has gone, or after `longest`. True if none is left.
    pub async fn gone(&self, longest: Duration) -> bool {
        const LOOK_EVERY: Duration = Duration::from_millis(5);
        let empty = async {
            while self.count() > 0 {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(longest, empty).await.is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_and_a_place_comes_back() {
        let sockets = Sockets::default();
        let first = sockets.hold(1);
        assert!(first.is_some() && sockets.hold(1).is_none());
        drop(first);
        assert!(sockets.hold(1).is_some());
    }
}
