//! Whatever becomes of its matches, a bracket ends, with one winner at most, and nobody plays twice at once.

use crate::{
    actors::{
        bracket::{
            messages::Opening,
            rounds::{MatchEnd, Pair, places},
            state::{BracketState, Entrant},
        },
        duel::Party,
    },
    clock::UnixMs,
    config::Brackets,
    ids::PlayerId,
    protocol::{
        ErrorCode,
        bracket::{BracketStatus, DecidedBy, PairStatus},
    },
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

const START: UnixMs = UnixMs(1_000_000);

/// A bracket, its clock, and every id it has given to a match.
struct Table {
    state: BracketState,
    now: UnixMs,
    settings: Brackets,
    ids: u128,
}

impl Table {
    /// So many have come in, each weaker than the one before.
    fn of(players: usize) -> Self {
        let opening = Opening { title: "Cup".to_owned(), starts_at: START };
        let mut state = BracketState::new(Uuid::nil(), opening.clone());
        let settings = Brackets::default();
        for n in 0..players {
            let entrant = entrant(n, -(n as f64));
            state.join(entrant, opening.clone(), UnixMs(0), &settings).expect("before the start");
        }
        Self { state, now: START, settings, ids: 0 }
    }

    fn started(players: usize) -> Self {
        let mut table = Self::of(players);
        table.begin(&BTreeSet::new());
        table
    }

    fn begin(&mut self, out: &BTreeSet<PlayerId>) {
        let ids = &mut self.ids;
        self.state.begin_round(out, self.now, &self.settings, &mut || next(ids));
    }

    fn end(&mut self, id: Uuid, end: MatchEnd) {
        let ids = &mut self.ids;
        self.state.ended(id, end, self.now, &self.settings, &mut || next(ids));
    }

    fn passes(&mut self, ms: u64) -> BTreeSet<Uuid> {
        self.now = self.now + ms;
        let ids = &mut self.ids;
        self.state.wake(self.now, &self.settings, &mut || next(ids))
    }

    fn games(&self) -> Vec<Uuid> {
        let open = self.pairs().iter().filter(|pair| !pair.is_decided());
        open.filter_map(|pair| pair.game.as_ref().map(|game| game.id)).collect()
    }

    fn pairs(&self) -> &[Pair] {
        self.state.round().map_or(&[], |round| &round.pairs)
    }

    /// The seeds of each pair of the round, and who goes on.
    fn seeds(&self) -> Vec<[Option<usize>; 2]> {
        self.pairs().iter().map(|pair| pair.seeds).collect()
    }

    fn decided(&self, at: usize) -> Option<(Option<usize>, DecidedBy)> {
        self.pairs()[at].decision.map(|decision| (decision.winner, decision.by))
    }

    fn check(&self) {
        let most = places(self.state.entrants.len()).len().trailing_zeros() as usize;
        assert!(self.state.rounds.len() <= most, "{} rounds", self.state.rounds.len());
        let mut alive: Option<BTreeSet<usize>> = None;
        let mut games = BTreeSet::new();
        for (n, round) in self.state.rounds.iter().enumerate() {
            let here: Vec<usize> = round.pairs.iter().flat_map(|pair| pair.seeds).flatten().collect();
            let once: BTreeSet<usize> = here.iter().copied().collect();
            assert_eq!(once.len(), here.len(), "somebody is in two pairs");
            assert!(alive.is_none_or(|alive| once.is_subset(&alive)), "who has lost plays on");
            alive = Some(round.pairs.iter().flat_map(Pair::still_in).collect());
            let is_last = n + 1 == self.state.rounds.len();
            assert!(is_last || round.pairs.iter().all(Pair::is_decided), "a round before is not over");
            for game in round.pairs.iter().filter_map(|pair| pair.game.as_ref()) {
                assert!(games.insert(game.id), "two pairs have one match");
            }
        }
        if let Some(winner) = self.state.winner {
            assert_eq!(self.state.status, BracketStatus::Over);
            assert!(alive.is_none_or(|alive| alive.contains(&winner)), "the winner had lost");
        }
        let view = self.state.view();
        let bytes = rmp_serde::to_vec_named(&self.state).expect("it can be written");
        let read: BracketState = rmp_serde::from_slice(&bytes).expect("and read");
        assert_eq!((read.view(), &read), (view, &self.state));
    }

    /// Nothing happens any more but time.
    fn run_out(&mut self) {
        for _ in 0..200 {
            if self.state.status == BracketStatus::Over {
                return;
            }
            if self.state.wants_round(self.now) {
                self.begin(&BTreeSet::new());
            } else {
                let due = self.state.next_wake(&self.settings).expect("something is due");
                let ms = u64::try_from(due - self.now).unwrap_or_default();
                self.passes(ms);
            }
            self.check();
        }
        panic!("it does not end");
    }
}

fn next(ids: &mut u128) -> Uuid {
    *ids += 1;
    Uuid::from_u128(*ids)
}

fn player(n: usize) -> PlayerId {
    PlayerId(Uuid::from_u128(1_000 + n as u128))
}

fn entrant(n: usize, strength: f64) -> Entrant {
    Entrant { player: Party { player_id: player(n), nickname: format!("P{n}") }, strength }
}

#[derive(Clone, Debug)]
enum Event {
    /// Of one of the matches that are on, or of one that was.
    Ends(usize, MatchEnd),
    Old(u128, MatchEnd),
    Passes(u64),
    /// The round is looked up; these players have their seats no more.
    Round(BTreeSet<usize>),
    Restored,
}

fn end() -> impl Strategy<Value = MatchEnd> {
    prop_oneof![
        6 => (0..2_usize).prop_map(MatchEnd::Won),
        2 => (0..2_usize).prop_map(MatchEnd::Left),
        3 => any::<[bool; 2]>().prop_map(MatchEnd::Absent),
        2 => Just(MatchEnd::Disputed),
        2 => Just(MatchEnd::NoResult),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let out = proptest::collection::btree_set(0..40_usize, 0..2);
    let event = prop_oneof![
        10 => (0..40_usize, end()).prop_map(|(at, end)| Event::Ends(at, end)),
        1 => (0..60_u128, end()).prop_map(|(id, end)| Event::Old(id, end)),
        3 => (0..400_000_u64).prop_map(Event::Passes),
        6 => out.prop_map(Event::Round),
        1 => Just(Event::Restored),
    ];
    proptest::collection::vec(event, 0..150)
}

proptest! {
    #[test]
    fn whatever_becomes_of_its_matches_it_ends_with_one_winner_at_most(
        players in 0..40_usize,
        events in events(),
    ) {
        let mut table = Table::of(players);
        for event in events {
            match event {
                Event::Ends(at, end) => {
                    let games = table.games();
                    if !games.is_empty() {
                        table.end(games[at % games.len()], end);
                    }
                }
                Event::Old(id, end) => table.end(Uuid::from_u128(id), end),
                Event::Passes(ms) => drop(table.passes(ms)),
                Event::Round(out) => table.begin(&out.into_iter().map(player).collect()),
                Event::Restored => table.state.restored(table.now, &table.settings),
            }
            table.check();
        }
        table.run_out();
    }

    #[test]
    fn who_always_wins_has_won_it(players in 1..40_usize, best in 0..40_usize) {
        let (mut table, best) = (Table::started(players), best % players);
        while table.state.status != BracketStatus::Over {
            for id in table.games() {
                let pair = table.state.game_mut(id).expect("it is on");
                let side = pair.seeds.iter().position(|seed| *seed == Some(best)).unwrap_or(0);
                table.end(id, MatchEnd::Won(side));
            }
            table.begin(&BTreeSet::new());
            table.check();
        }
        prop_assert_eq!(table.state.winner, Some(best));
    }
}

#[test]
fn the_best_meets_the_last_and_the_two_best_meet_in_the_final_alone() {
    assert_eq!(places(0), [0]);
    assert_eq!(places(2), [0, 1]);
    assert_eq!(places(8), [0, 7, 3, 4, 1, 6, 2, 5]);
    let table = Table::started(6);
    let byes = [Some(0), None];
    assert_eq!(table.seeds(), [byes, [Some(3), Some(4)], [Some(1), None], [Some(2), Some(5)]]);
    assert_eq!(table.decided(0), Some((Some(0), DecidedBy::Bye)), "the two best need not play");
    assert_eq!(table.decided(2), Some((Some(0), DecidedBy::Bye)));
    assert_eq!(table.games().len(), 2);
}

#[test]
fn seeds_go_by_strength_and_of_equals_by_who_came_first() {
    let mut table = Table::of(0);
    for (n, strength) in [(0, 900.0), (1, 1_400.0), (2, 900.0), (3, 1_500.0)] {
        let opening = table.state.opening.clone();
        table.state.join(entrant(n, strength), opening, UnixMs(0), &table.settings).expect("in time");
    }
    table.begin(&BTreeSet::from([player(3)]));
    let order: Vec<PlayerId> = table.state.entrants.iter().map(|it| it.player.player_id).collect();
    assert_eq!(order, [player(1), player(0), player(2)], "whose seat is gone does not play");
}

#[test]
fn one_comes_in_until_the_start_and_while_there_is_a_place() {
    let mut table = Table::of(3);
    let opening = table.state.opening.clone();
    let (settings, join) = (Brackets { players: 3, ..Brackets::default() }, entrant(9, 0.0));
    let full = table.state.join(join.clone(), opening.clone(), UnixMs(0), &settings);
    assert_eq!(full.expect_err("full").code, ErrorCode::RoomFull);
    table.state.join(entrant(1, 5.0), opening.clone(), UnixMs(0), &settings).expect("he is in");
    assert_eq!(table.state.entrants.len(), 3);
    let late = table.state.join(join.clone(), opening.clone(), START, &table.settings);
    assert_eq!(late.expect_err("late").code, ErrorCode::GameInProgress);
    let later = Opening { starts_at: START + 5_000, ..opening };
    table.state.join(join, later, START, &table.settings).expect("it starts later than it was to");
    assert!(!table.state.wants_round(START));
}

#[test]
fn a_match_without_a_result_is_played_again_and_then_the_better_seed_goes_on() {
    for end in [MatchEnd::NoResult, MatchEnd::Absent([false, false])] {
        let mut table = Table::started(2);
        let first = table.games()[0];
        table.end(first, end);
        let second = table.games()[0];
        assert_ne!(first, second);
        table.end(first, MatchEnd::Won(1));
        assert_eq!(table.decided(0), None, "the first counts no more");
        table.end(second, end);
        assert_eq!(table.decided(0), Some((Some(0), DecidedBy::Seed)));
    }
}

#[test]
fn who_does_not_come_has_lost_only_after_a_while_and_who_leaves_at_once() {
    for (absent, winner) in [([true, false], Some(1)), ([false, true], Some(0)), ([true, true], None)] {
        let mut table = Table::started(2);
        let first = table.games()[0];
        table.passes(table.settings.show_ms - 1);
        table.end(first, MatchEnd::Absent(absent));
        let again = table.games()[0];
        assert_ne!(first, again, "he may still come");
        table.passes(1);
        table.end(again, MatchEnd::Absent(absent));
        assert_eq!(table.decided(0), Some((winner, DecidedBy::NoShow)));
    }
    let mut table = Table::started(2);
    table.end(table.games()[0], MatchEnd::Left(0));
    assert_eq!(table.decided(0), Some((Some(1), DecidedBy::Forfeit)));
}

#[test]
fn where_neither_comes_the_other_half_has_a_bye_and_where_nobody_comes_nobody_wins() {
    let mut table = Table::started(4);
    table.passes(table.settings.show_ms);
    let games = table.games();
    table.end(games[0], MatchEnd::Absent([true, true]));
    table.end(games[1], MatchEnd::Won(1));
    table.begin(&BTreeSet::new());
    assert_eq!(
        (table.state.status, table.state.winner),
        (BracketStatus::Over, Some(2)),
        "the one who is left"
    );

    let mut table = Table::started(4);
    table.passes(table.settings.show_ms);
    for game in table.games() {
        table.end(game, MatchEnd::Absent([true, true]));
    }
    table.begin(&BTreeSet::new());
    assert_eq!((table.state.status, table.state.winner), (BracketStatus::Over, None));
}

#[test]
fn a_dispute_waits_for_staff_and_then_is_played_again() {
    let mut table = Table::started(2);
    let first = table.games()[0];
    table.end(first, MatchEnd::Disputed);
    assert_eq!(table.state.view().rounds[0].pairs[0].status, PairStatus::Disputed);
    table.passes(table.settings.verdict_ms - 1);
    assert_eq!(table.games(), [first]);
    table.passes(1);
    let second = table.games()[0];
    assert_ne!(first, second);
    table.end(second, MatchEnd::Disputed);
    table.end(second, MatchEnd::Won(1));
    assert_eq!(table.decided(0), Some((Some(1), DecidedBy::Result)), "the verdict");
}

#[test]
fn a_round_ends_and_what_is_still_on_is_called_off() {
    let mut table = Table::started(4);
    let games = table.games();
    table.end(games[0], MatchEnd::Won(1));
    assert_eq!(table.passes(table.settings.round_ms - 1), BTreeSet::new());
    assert_eq!(table.passes(1), BTreeSet::from([games[1]]));
    assert_eq!(table.decided(0), Some((Some(1), DecidedBy::Result)));
    assert_eq!(table.decided(1), Some((Some(0), DecidedBy::Seed)));
    table.begin(&BTreeSet::new());
    assert_eq!(table.seeds(), [[Some(3), Some(1)]]);
}
