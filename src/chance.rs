//! Where ids and seeds come from: the system's generator, and in a simulation one that can be repeated.
//!
//! Used by ids, rooms, bots, sessions and traces. Secrets (tokens, tickets, keys) never come from here.

#[cfg(any(test, feature = "testkit"))]
use rand::RngExt as _;
use rand::{SeedableRng as _, rngs::StdRng};
use uuid::Uuid;

/// A fresh, time-ordered id (UUID v7).
pub fn uuid() -> Uuid {
    #[cfg(any(test, feature = "testkit"))]
    if let Some(id) = repeated::uuid() {
        return id;
    }
    Uuid::now_v7()
}

/// A generator of one's own.
pub fn rng() -> StdRng {
    #[cfg(any(test, feature = "testkit"))]
    if let Some(rng) = repeated::rng() {
        return rng;
    }
    StdRng::from_rng(&mut rand::rng())
}

/// Bits for the ids of traces: a few at each request, so without a generator of one's own.
pub fn bits() -> u64 {
    #[cfg(any(test, feature = "testkit"))]
    if let Some(mut rng) = repeated::rng() {
        return rng.random();
    }
    rand::random()
}

#[cfg(any(test, feature = "testkit"))]
pub use repeated::repeat;

#[cfg(any(test, feature = "testkit"))]
mod repeated {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
    use std::cell::RefCell;
    use uuid::Uuid;

    thread_local! {
        /// How many ids were drawn, and from what.
        static SEEDED: RefCell<Option<(u128, StdRng)>> = const { RefCell::new(None) };
    }

    /// From now on this thread draws the same every time.
    pub fn repeat(seed: u64) {
        SEEDED.set(Some((0, StdRng::seed_from_u64(seed))));
    }

    pub(super) fn uuid() -> Option<Uuid> {
        const DRAWN_BITS: u32 = 64;
        SEEDED.with_borrow_mut(|seeded| {
            let (drawn, rng) = seeded.as_mut()?;
            *drawn += 1; // in order, as by time
            Some(Uuid::from_u128(*drawn << DRAWN_BITS | u128::from(rng.random::<u64>())))
        })
    }

    pub(super) fn rng() -> Option<StdRng> {
        SEEDED.with_borrow_mut(|seeded| seeded.as_mut().map(|(_, rng)| StdRng::from_rng(rng)))
    }
}
