//! The match: its state by properties over random inputs, and its actor among others on virtual time.

mod actors;
mod faults;
mod rules;

use super::{
    messages::{DuelMessage, Party},
    phase::Phase,
    state::{DuelState, Step},
};
use crate::{
    clock::UnixMs,
    config::DuelSection,
    ids::{DuelId, PlayerId},
    protocol::{Encoding, Push},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Anything that may reach a match. Players 0 and 1 are its members, 2 and 3 are not.
#[derive(Clone, Debug)]
enum Input {
    Says(usize, usize, Words),
    Came(usize),
    Lost(usize),
    Taken(usize),
    Passes(u64),
}

#[derive(Clone, Copy, Debug)]
enum Words {
    Accept,
    Decline,
    Cancel,
    Offer,
    Answer,
    Candidate,
    Connected,
    Failed,
    Result(Option<usize>),
    Leave,
}

fn words() -> impl Strategy<Value = Words> {
    prop_oneof![
        4 => Just(Words::Accept),
        1 => Just(Words::Decline),
        1 => Just(Words::Cancel),
        4 => Just(Words::Offer),
        4 => Just(Words::Answer),
        6 => Just(Words::Candidate),
        6 => Just(Words::Connected),
        1 => Just(Words::Failed),
        3 => prop_oneof![Just(None), (0..3_usize).prop_map(Some)].prop_map(Words::Result),
        1 => Just(Words::Leave),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let whose = prop_oneof![12 => 0..2_usize, 1 => 2..4_usize];
    let to = prop_oneof![8 => Just(None), 1 => (0..4_usize).prop_map(Some)];
    let says = (whose, to, words()).prop_map(|(by, to, words)| {
        let other = if by < 2 { 1 - by } else { 0 };
        Input::Says(by, to.unwrap_or(other), words)
    });
    let input = prop_oneof![
        20 => says,
        2 => (0..2_usize).prop_map(Input::Came),
        2 => (0..2_usize).prop_map(Input::Lost),
        1 => (0..2_usize).prop_map(Input::Taken),
        3 => (0..8_000_u64).prop_map(Input::Passes),
    ];
    proptest::collection::vec(input, 0..120)
}

/// A match, and what each member has been told of it.
struct Table {
    players: Vec<PlayerId>,
    settings: DuelSection,
    now: UnixMs,
    state: DuelState,
    told: [VecDeque<Value>; 2],
    finished: usize,
    n: usize,
}

fn read(push: &Push) -> Value {
    push.without_seq(Encoding::Json, |head, tail| {
        serde_json::from_slice(&[head, tail].concat()).expect("a push is JSON")
    })
}

impl Table {
    fn new(arranged: bool) -> Self {
        let players: Vec<_> = (0..4).map(|_| PlayerId::new()).collect();
        let party = |n: usize| Party { player_id: players[n], nickname: format!("player {n}") };
        let (settings, now, both) = (DuelSection::default(), UnixMs(1_000), [party(0), party(1)]);
        let (state, step) = if arranged {
            DuelState::arranged(DuelId::new(), both, [true; 2], now, &settings)
        } else {
            DuelState::requested(DuelId::new(), both, now, &settings)
        };
        let mut table = Self { players, settings, now, state, told: Default::default(), finished: 0, n: 0 };
        table.take(step);
        table
    }

    fn take(&mut self, step: Step) {
        for (side, push) in &step.tells {
            self.told[*side].push_back(read(push));
        }
        if step.finished.is_some() {
            self.finished += 1;
            assert_eq!(self.state.phase(), Phase::Ended, "only what was played has a result");
        }
    }

    fn message(&mut self, words: Words, to: usize) -> DuelMessage {
        self.n += 1;
        let (to, sdp) = (self.players[to], format!("sdp {}", self.n));
        match words {
            Words::Accept => DuelMessage::Accept { requester: to, crossed: self.n.is_multiple_of(2) },
            Words::Decline => DuelMessage::Decline { requester: to },
            Words::Cancel => DuelMessage::Cancel { target: to },
            Words::Offer => DuelMessage::Offer { receiver: to, sdp },
            Words::Answer => DuelMessage::Answer { receiver: to, sdp },
            Words::Candidate => {
                DuelMessage::Candidate { receiver: to, candidate: json!({"candidate": self.n}) }
            }
            Words::Connected => DuelMessage::ReportConnection(true),
            Words::Failed => DuelMessage::ReportConnection(false),
            Words::Result(winner) => DuelMessage::ReportResult {
                winner: winner.map(|n| self.players[n]),
                frames: None,
                checksum: None,
            },
            Words::Leave => DuelMessage::Leave,
        }
    }

    /// As the actor does it: decided on a copy, which a refusal leaves as it was.
    fn input(&mut self, input: Input) {
        let before = self.state.clone();
        let told = [self.told[0].len(), self.told[1].len()];
        match input {
            Input::Passes(ms) => {
                self.now = self.now + ms;
                let step = self.state.wake(self.now, &self.settings);
                self.take(step);
            }
            Input::Came(side) => {
                let step = self.state.came(side);
                assert!(step.tells.iter().all(|(to, _)| *to == side), "the other has nothing of it");
            }
            Input::Lost(side) => {
                let step = self.state.lost(side, self.now);
                self.take(step);
            }
            Input::Taken(side) => {
                let step = self.state.taken(side);
                self.take(step);
            }
            Input::Says(by, to, words) => self.says(by, to, words),
        }
        let (from, to) = (before.phase(), self.state.phase());
        assert!(from == to || from.may_become(to), "{from:?} -> {to:?}");
        if from.is_over() {
            let now = [self.told[0].len(), self.told[1].len()];
            assert_eq!(now, told, "nobody is told anything of a match that is over");
        }
    }

    fn says(&mut self, by: usize, to: usize, words: Words) {
        let message = self.message(words, to);
        let mut copy = self.state.clone();
        let from = self.state.phase();
        match copy.message(self.players[by], &message, self.now, &self.settings) {
            Ok(mut step) => {
                assert!(by < 2, "a stranger was let in");
                if let Some(crossed) = step.reserve {
                    assert_eq!((from, by), (Phase::Requested, 1), "only he may accept who was asked");
                    step = copy.accepted(crossed, [true; 2], self.now, &self.settings);
                }
                self.state = copy;
                self.take(step);
            }
            Err(error) => assert!(by < 2 || error.code as u16 == 403, "{error}"),
        }
    }

    fn count(&self, side: usize, name: &str) -> usize {
        self.told[side].iter().filter(|frame| frame["type"] == name).count()
    }

    /// Of each sender: descriptions before candidates, candidates in order, none twice.
    fn check_candidates(&self) {
        for side in 0..2 {
            let name = ["sdp_answer_received", "sdp_offer_received"][side];
            let (mut described, mut last) = (false, 0);
            for frame in &self.told[side] {
                described |= frame["type"] == name;
                if frame["type"] == "ice_candidate_received" {
                    assert!(described, "a candidate before the description");
                    let n = frame["payload"]["candidate"]["candidate"].as_u64().expect("a number");
                    assert!(n > last, "{n} after {last}");
                    last = n;
                }
                let session = &frame["payload"]["sessionId"];
                assert_eq!(*session, json!(self.state.id()));
            }
        }
    }

    /// Without anybody doing anything it ends, within the longest match.
    fn must_end(&mut self) {
        for _ in 0..16 {
            let Some(due) = self.state.next_wake(&self.settings) else { break };
            self.now = self.now.max(due);
            let step = self.state.wake(self.now, &self.settings);
            self.take(step);
        }
        assert!(self.state.phase().is_over(), "stuck in {:?}", self.state.phase());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// No sequence of messages reaches a transition that the diagram does not have; every match ends, once.
    #[test]
    fn whatever_anybody_sends_a_match_keeps_its_rules(arranged: bool, inputs in inputs()) {
        let mut table = Table::new(arranged);
        for input in inputs {
            table.input(input);
        }
        table.must_end();
        table.check_candidates();
        let started = [table.count(0, "match_started"), table.count(1, "match_started")];
        prop_assert!(started == [0, 0] || started == [1, 1], "both start or neither");
        let ended = table.count(0, "match_ended");
        prop_assert_eq!(ended, table.count(1, "match_ended"));
        prop_assert_eq!(ended, table.finished);
        prop_assert_eq!(ended, started[0], "what starts ends");
        let failed = table.count(0, "match_failed");
        prop_assert!(ended + failed <= 1 && failed == table.count(1, "match_failed"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// What is stored is what was there.
    #[test]
    fn a_match_is_read_as_it_was_written(arranged: bool, inputs in inputs()) {
        let mut table = Table::new(arranged);
        for input in inputs {
            table.input(input);
            let bytes = rmp_serde::to_vec_named(&table.state).expect("written");
            let again: DuelState = rmp_serde::from_slice(&bytes).expect("read");
            prop_assert_eq!(format!("{again:?}"), format!("{:?}", table.state));
        }
    }
}
