//! Duels: what a lobby costs as it grows, and how fast matches are set up (spec 4).
//!
//! `lobby` keeps players coming and going under the eyes of those who stay; `setups` takes pairs from the request to
//! `match_started`, over and over; `peer` is a player of `/ws/signal`.

mod lobby;
mod peer;
mod setups;

use anyhow::Result;
use indicatif::ProgressBar;

use crate::cli::{DuelArgs, DuelWhat};
use crate::report::Report;
use crate::target::Target;

/// Settings under which the server is started: the figures are of its work, not of its limits.
pub const SETTINGS: [&str; 2] = ["limits.messages_burst=1000000", "limits.messages_per_s=1000000"];

/// Runs the scenario.
pub async fn run(args: &DuelArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    match args.what {
        DuelWhat::Lobby => lobby::run(args, target, bar).await,
        DuelWhat::Setups => setups::run(args, target, bar).await,
    }
}
