//! What is counted, by the minute and the dimension; and that a fact is there exactly when its change is.

use super::*;
use crate::{
    clock::UnixMs,
    liveops::conditions::Condition,
    store::{Commit, CommitError, Fence, Row},
};

fn filter(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[actix::test]
async fn counters_know_the_time_and_the_dimensions() {
    const MINUTE: u64 = 60_000;
    const DAY: u64 = 24 * 60 * MINUTE;
    let kit = Kit::memory().await;
    let (ann, bob) = (PlayerId::new(), PlayerId::new());
    let begin = UnixMs(1_700_006_400_000); // midnight
    let fact = |account, kind, at, body| Fact::new(kind, Some(account), at, body);
    let game = |name: &str, won: bool| json!({"game": name, "room_id": "r", "match_id": "m", "won": won});
    kit.clock.advance_s(10 * 86_400);
    kit.add(&[
        fact(ann, "game_finished", begin, game("mafia", true)),
        fact(ann, "game_finished", begin + 1, game("mafia", false)),
        fact(ann, "game_finished", begin + MINUTE, game("chess", true)),
        fact(ann, "signed_in", begin + DAY, json!({})),
        fact(ann, "level_up", begin + 2 * DAY, json!({"level": 12})),
        fact(bob, "game_finished", begin, game("mafia", true)),
    ])
    .await;
    kit.run().await;
    let all = kit.counters(ann).await;
    assert_eq!(all.days_active, 3);
    assert_eq!(all.count("game_finished", &filter(&[])), 3);
    assert_eq!(all.count("game_finished", &filter(&[("game", "mafia")])), 2);
    assert_eq!(all.count("game_finished", &filter(&[("game", "mafia"), ("won", "true")])), 1);
    assert_eq!(all.count("level_up", &filter(&[("level", "12")])), 1);
    assert_eq!(all.count("game_won", &filter(&[])), 0);
    let window = |from, to| kit.store.activity(ann, Some(from), Some(to));
    let first = window(begin, begin + MINUTE).await.expect("reads");
    assert_eq!((first.count("game_finished", &filter(&[])), first.days_active), (2, 1));
    let rest = window(begin + MINUTE, begin + DAY).await.expect("reads");
    assert_eq!(rest.count("game_finished", &filter(&[])), 1, "the end is not part of a window");
}

#[actix::test]
async fn a_fact_is_in_the_outbox_exactly_if_its_commit_is_in_the_database() {
    let kit = Kit::memory().await;
    let ann = PlayerId::new();
    let key = Uuid::now_v7();
    let commit = |fence| {
        let fact = kit.won(ann);
        let rows = vec![Row::Fact(fact)];
        Commit { kind: "room", key, fence, state: Some(vec![1]), next_wake_at: None, wake_no: 0, rows }
    };
    kit.store.commit(commit(Fence::Create)).await.expect("created");
    assert_eq!(kit.waiting().await, 1);
    kit.store.commit(commit(Fence::Epoch(1))).await.expect("changed");
    assert_eq!(kit.waiting().await, 2);
    assert_eq!(kit.store.commit(commit(Fence::Epoch(7))).await, Err(CommitError::Fenced));
    assert_eq!(kit.store.commit(commit(Fence::Create)).await, Err(CommitError::Fenced));
    assert_eq!(kit.waiting().await, 2, "whoever lost the room tells nothing");
    tokio::time::timeout(Duration::from_secs(1), kit.store.outbox_written())
        .await
        .expect("the relay is told");
    kit.run().await;
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (2, 0));
}

#[actix::test]
async fn a_fact_that_is_not_of_its_schema_does_not_stop_the_commit() {
    let kit = Kit::memory().await;
    let broken = Fact::new("game_won", Some(PlayerId::new()), kit.clock.now(), json!({"gam": "mafia"}));
    assert!(kit.store.add_facts(std::slice::from_ref(&broken)).await.is_err());
    let rows = vec![Row::Fact(broken), Row::Fact(kit.won(PlayerId::new()))];
    let (key, fence, state) = (Uuid::now_v7(), Fence::Create, Some(vec![1]));
    let commit = Commit { kind: "room", key, fence, state, next_wake_at: None, wake_no: 0, rows };
    kit.store.commit(commit).await.expect("committed");
    assert_eq!(kit.waiting().await, 1);
}

/// Written with the commit that ends the bracket, counted once, and what an event asks for.
#[actix::test]
async fn a_bracket_that_was_won_is_counted_and_an_event_may_ask_for_it() {
    let kit = Kit::memory().await;
    let (ann, showtime) = (PlayerId::new(), Uuid::now_v7());
    let mode = crate::protocol::bracket::BracketMode::SingleElimination;
    let now = kit.clock.now();
    let won = crate::liveops::BracketWon { showtime, starts_at: now, mode, winner: ann, players: 5 };
    let again = crate::liveops::BracketWon { starts_at: now + 90_000_000, ..won }.fact(now);
    let won = won.fact(now);
    let (fence, state, rows) = (Fence::Create, Some(vec![1]), vec![Row::Fact(won.clone())]);
    let commit =
        Commit { kind: "bracket", key: showtime, fence, state, next_wake_at: None, wake_no: 0, rows };
    kit.store.commit(commit).await.expect("committed");
    kit.run().await;
    kit.add(&[won]).await; // told again, as after a commit in doubt
    kit.run().await;
    let counters = kit.counters(ann).await;
    assert_eq!(counters.count("bracket_won", &filter(&[])), 1);
    assert_eq!(counters.count("bracket_won", &filter(&[("showtime", &showtime.to_string())])), 1);
    assert_eq!(counters.count("bracket_won", &filter(&[("mode", "double_elimination")])), 0);
    let wish = json!({"count": "bracket_won", "where": {"mode": "single_elimination"}, "gte": 1});
    let condition = Condition::check(&wish, "condition", &kit.config.rewards).expect("a condition");
    assert!(condition.is_met(&counters));
    assert!(!condition.is_met(&Counters::default()));
    kit.add(&[again]).await; // the showtime was moved, and had another
    kit.run().await;
    assert_eq!(kit.counters(ann).await.count("bracket_won", &filter(&[])), 2);
}
