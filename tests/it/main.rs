//! Whole journeys, in one binary: over real sockets, over real processes, and on virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod accounts;
mod activity;
mod claims;
mod cluster;
mod crash;
mod deploy;
mod figures;
mod fuzz;
mod game;
mod leader;
mod leaks;
mod node;
mod process;
mod queue;
mod security;
mod showtimes;
mod slow;
mod sockets;
mod traces;
