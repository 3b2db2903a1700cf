//! How a player comes back after his socket was lost: to which node, after what pause, and with what in hand
//! (spec 1.1 Resume, 6.3).
//!
//! A node that goes says `session.moving` and closes at a moment of its own choice; its players go on at the next
//! node at once. Who was cut off without a word tries his own node first, then the others, with growing jittered
//! pauses. What was asked and not answered is sent again under its id, but for chat, which is not kept and might be
//! said twice. Called by the scenarios that outlive a node; what a lost push meant is their business.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::RngExt as _;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::player::Player;
use crate::requests::Outcome;
use crate::wire::{self, CLOSE_NORMAL};

/// An account's sessions were ended, or a newer one took over: nobody comes back from these.
const CLOSED_FOR_GOOD: [u16; 4] = [CLOSE_NORMAL, 1008, 4001, 4003];
/// For so long he looks for a node: the window of a resume by default.
const LONGEST: Duration = Duration::from_secs(60);
/// For so long he waits for one of them.
const TRY: Duration = Duration::from_secs(10);
const FIRST_PAUSE_MS: u64 = 200;
const LONGEST_PAUSE_MS: u64 = 2_000;

/// The nodes that take players, and at which of them one is.
#[derive(Clone, Debug)]
pub struct Nodes {
    authorities: Arc<[String]>,
    at: usize,
}

impl Nodes {
    /// Players are spread over the nodes by their `place`.
    pub fn new(authorities: Arc<[String]>, place: usize) -> Self {
        let at = place % authorities.len().max(1);
        Self { authorities, at }
    }

    /// `host:port` of the present one.
    pub fn here(&self) -> &str {
        self.authorities.get(self.at).map_or("", String::as_str)
    }

    /// On to the next one.
    fn go_on(&mut self) {
        self.at = (self.at + 1) % self.authorities.len().max(1);
    }
}

/// How he is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Every push that he missed follows.
    Replay,
    /// A `room.state` follows instead.
    Snapshot,
    /// The resume was refused: a new session, whose `room.state` shows him his seat.
    Refused,
}

/// He is back.
#[derive(Debug)]
pub struct Return {
    /// How.
    pub how: How,
    /// From the loss of the socket to the answer of the resume.
    pub took: Duration,
    /// Requests that will have no answer any more.
    pub given_up: Vec<u32>,
}

impl Player {
    /// Whether the close leaves him a way back.
    pub fn may_come_back(&self) -> bool {
        self.closed.is_some_and(|code| !CLOSED_FOR_GOOD.contains(&code))
    }

    /// Finds a node and goes on there.
    pub async fn come_back(&mut self) -> Result<Return> {
        let lost = self.lost.unwrap_or_else(Instant::now);
        let mut pause_ms = FIRST_PAUSE_MS;
        if std::mem::take(&mut self.told_to_move) {
            self.nodes.go_on(); // the server has drawn his moment already
        } else {
            pause(&mut pause_ms).await;
        }
        loop {
            if let Ok(Ok(Some(how))) = timeout(TRY, self.resume()).await {
                let given_up = self.take_up_again(how);
                return Ok(Return { how, took: lost.elapsed(), given_up });
            }
            ensure!(lost.elapsed() < LONGEST, "no node took a player back for {LONGEST:?}");
            self.nodes.go_on();
            pause(&mut pause_ms).await;
        }
    }

    /// One try. None: not now.
    async fn resume(&mut self) -> Result<Option<How>> {
        let mut opening = self.opening.clone();
        opening.path.push_str("?resume=1");
        self.nodes.here().clone_into(&mut opening.authority);
        let (reader, link) = wire::open(&opening).await?;
        let ask = json!({"resume_token": self.resume_token, "last_seq": self.last_seq()});
        let answer = self.resume_on(reader, link, &ask).await?;
        Ok(read(&answer))
    }

    /// What is in doubt is asked again, where it can be told from what was done.
    fn take_up_again(&mut self, how: How) -> Vec<u32> {
        let given_up = self.requests.give_up(|kind| how == How::Refused || kind == "chat.send");
        self.repeat_all();
        given_up
    }
}

fn read(answer: &Outcome) -> Option<How> {
    match answer {
        Ok(resumed) if resumed["mode"] == "replay" => Some(How::Replay),
        Ok(_) => Some(How::Snapshot),
        Err(refusal) if refusal.code == "resume_failed" => Some(How::Refused),
        Err(_) => None,
    }
}

/// Waits somewhere in the upper half of the pause, which is longer the next time.
async fn pause(ms: &mut u64) {
    let drawn = rand::rng().random_range(*ms / 2..=*ms);
    *ms = (*ms * 2).min(LONGEST_PAUSE_MS);
    sleep(Duration::from_millis(drawn)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::Refusal;

    #[test]
    fn players_are_spread_and_go_round() {
        let mut nodes = Nodes::new(["a".to_owned(), "b".to_owned()].into(), 5);
        assert_eq!(nodes.here(), "b");
        nodes.go_on();
        assert_eq!(nodes.here(), "a");
    }

    #[test]
    fn only_a_refusal_for_good_is_a_refusal() {
        let refused =
            |code: &str| Err(Refusal { code: code.into(), message: String::new(), retry_after_ms: None });
        assert_eq!(read(&refused("resume_failed")), Some(How::Refused));
        assert_eq!(read(&refused("try_again")), None);
        assert_eq!(read(&Ok(json!({"mode": "replay"}))), Some(How::Replay));
        assert_eq!(read(&Ok(json!({"mode": "snapshot"}))), Some(How::Snapshot));
    }
}
