//! Whole journeys, in one binary: over real sockets, over real processes, and on virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod leaks;
