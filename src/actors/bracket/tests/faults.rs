//! Nodes that die between two steps, and commits that are lost.

use super::kit::*;
use crate::{
    actors::bracket::BracketActor,
    testkit::{Fault, Network, Stage},
};
use serde_json::json;
use uuid::Uuid;

/// Two on the first of three nodes, and a bracket with them, which is on another and starts in a minute.
async fn apart() -> (Vec<Stage>, Network, Vec<Fighter>, Uuid, usize) {
    let (stages, network) = Stage::nodes(3).await;
    let mut two = fighters(&stages[0], 2).await;
    for _ in 0..50 {
        let showtime = Uuid::now_v7();
        opens(&stages[0], showtime, in_s(&stages[0], 800), &ids(&two));
        two[0].player.ok("bracket.join", json!({"showtime": showtime})).await;
        let Some(at) = (1..3).find(|at| stages[*at].cluster.active::<BracketActor>() == 1) else { continue };
        opens(&stages[0], showtime, in_s(&stages[0], 60), &ids(&two));
        for fighter in &mut two {
            fighter.player.ok("bracket.join", json!({"showtime": showtime})).await;
        }
        return (stages, network, two, showtime, at);
    }
    panic!("all are on the first node");
}

#[actix::test]
async fn a_bracket_whose_node_dies_before_its_start_starts_on_another() {
    let (mut stages, network, mut two, showtime, at) = apart().await;
    let dead = stages.remove(at);
    network.cut_off(dead.cluster.me());
    dead.die();
    stages[0].run_ms(65_000).await; // five seconds after its start: its first match waits for its players
    assert_eq!(two[0].bracket(showtime).await["players"].as_array().map(Vec::len), Some(2));
    play(&mut two, [0, 1], 1).await;
    assert_eq!(two[0].player.expect("bracket.over").await["winner"]["nickname"], "P1");
}

/// The pairing is committed; whether its match has begun nobody has heard.
#[actix::test]
async fn a_pairing_that_was_committed_before_the_crash_is_the_match_after_it() {
    let (mut stages, network, mut two, showtime, at) = apart().await;
    stages[0].run_ms(59_000).await;
    // The round's commit is the last that its node makes; the match and its players live elsewhere or begin anew.
    stages[at].store.inject([Fault::Delay(4_000)]);
    stages[0].run_ms(3_000).await;
    let dead = stages.remove(at);
    network.cut_off(dead.cluster.me());
    dead.die();
    stages[0].run_ms(12_000).await;
    let bracket = two[0].bracket(showtime).await;
    assert_eq!(bracket["rounds"].as_array().map(Vec::len), Some(1), "{bracket}");
    play(&mut two, [0, 1], 0).await;
    assert_eq!(two[1].player.expect("bracket.over").await["winner"]["nickname"], "P0");
}

/// The bracket's node dies while its players play; the match goes on, and its result counts.
#[actix::test]
async fn a_match_that_outlives_the_node_of_its_bracket_counts() {
    let (mut stages, network, mut two, showtime, at) = apart().await;
    stages[0].run_ms(62_000).await;
    let [one, other] = &mut two[..] else { unreachable!() };
    let session = connect(one, other).await;
    let dead = stages.remove(at);
    network.cut_off(dead.cluster.me());
    dead.die();
    stages[0].run_ms(40_000).await;
    let bracket = one.bracket(showtime).await;
    assert_eq!(bracket["rounds"][0]["pairs"][0]["sessionId"], json!(session), "it is not made again");
    one.reports(&session, Some(other.player.id));
    other.reports(&session, Some(other.player.id));
    assert_eq!(one.player.expect("bracket.over").await["winner"]["nickname"], "P1");
    let facts = stages[0].store.facts();
    assert_eq!(
        facts.iter().filter_map(crate::liveops::DuelFinished::read).count(),
        1,
        "one match was played"
    );
}

/// A bracket of two whose match has ended, as both say: the second has won. The bracket does not know yet.
async fn lost_by_the_first() -> (Stage, Uuid, Fighter, Fighter) {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    let showtime = open(&stage, &mut two).await;
    stage.run_ms(61_000).await;
    let (mut other, mut one) = (two.remove(1), two.remove(0));
    let session = connect(&mut one, &mut other).await;
    one.reports(&session, Some(other.player.id));
    other.reports(&session, Some(other.player.id));
    one.peer.expect("match_ended").await;
    (stage, showtime, one, other)
}

#[actix::test]
async fn a_result_that_came_while_nobody_held_the_bracket_is_looked_up() {
    let (stage, showtime, _one, other) = lost_by_the_first().await;
    let stage = stage.crash_and_restart(); // nothing of the match is left but its fact
    stage.run_ms(20_000).await;
    let mut again = stage.player("Watcher").await;
    opens(&stage, showtime, in_s(&stage, 0), &[again.id]);
    let bracket = again.ok("bracket.state", json!({"showtime": showtime})).await["bracket"].clone();
    assert_eq!((&bracket["status"], &bracket["winner"]), (&json!("over"), &json!(other.player.id)));
}

/// Nobody has looked at it since: who comes in is the first to want it.
#[actix::test]
async fn who_comes_in_after_a_restart_finds_those_who_came_before() {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    let showtime = Uuid::now_v7();
    opens(&stage, showtime, in_s(&stage, 60), &ids(&two));
    two[0].player.ok("bracket.join", json!({"showtime": showtime})).await;
    let stage = stage.crash_and_restart();
    let mut late = stage.player("Late").await;
    opens(&stage, showtime, in_s(&stage, 60), &[late.id]);
    let joined = late.ok("bracket.join", json!({"showtime": showtime})).await;
    let players = joined["bracket"]["players"].as_array().expect("players");
    let names: Vec<_> = players.iter().map(|player| player["nickname"].as_str().expect("a name")).collect();
    assert_eq!(names, ["P0", "Late"]);
}

async fn to_the_end_in_spite_of(fault: Fault, at_join: bool) {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    let showtime = Uuid::now_v7();
    opens(&stage, showtime, in_s(&stage, 60), &ids(&two));
    for (n, fighter) in two.iter_mut().enumerate() {
        if at_join && n == 1 {
            stage.store.inject([fault]);
        }
        for _ in 0..20 {
            match fighter.player.ask("bracket.join", json!({"showtime": showtime})).await {
                Ok(_) => break,
                Err(error) => assert_eq!(error["code"], "try_again", "{error}"),
            }
            stage.run_ms(1_000).await;
        }
    }
    let start = two[0].bracket(showtime).await["starts_at"].as_i64().expect("a time");
    let soon = u64::try_from(start - stage.cluster.clock().now().0).unwrap_or(500);
    stage.run_ms(soon - 500).await;
    if !at_join {
        stage.store.inject([fault]);
    }
    stage.run_ms(10_000).await; // half of duel.connect_ms
    let bracket = two[0].bracket(showtime).await;
    assert_eq!(bracket["rounds"].as_array().map(Vec::len), Some(1), "{bracket}");
    play(&mut two, [0, 1], 1).await;
    assert_eq!(two[0].player.expect("bracket.over").await["winner"]["nickname"], "P1");
}

#[actix::test]
async fn a_join_that_could_not_be_written_has_not_happened() {
    to_the_end_in_spite_of(Fault::Fail, true).await;
}

#[actix::test]
async fn a_round_that_could_not_be_written_is_tried_again() {
    to_the_end_in_spite_of(Fault::Fail, false).await;
}

#[actix::test]
async fn a_join_that_may_have_been_written_is_looked_up() {
    to_the_end_in_spite_of(Fault::LoseAnswer, true).await;
}

#[actix::test]
async fn a_round_that_may_have_been_written_is_looked_up() {
    to_the_end_in_spite_of(Fault::LoseAnswer, false).await;
}

/// The commits that end it fail, are lost, or are in doubt: each is tried again or looked up.
async fn won_once_in_spite_of(fault: Fault) {
    let (stage, showtime, mut one, other) = lost_by_the_first().await;
    stage.store.inject([fault; 2]); // the decided pair, and the end
    stage.run_ms(60_000).await;
    let bracket = one.bracket(showtime).await;
    assert_eq!((&bracket["status"], &bracket["winner"]), (&json!("over"), &json!(other.player.id)));
    let told: Vec<_> = won(&stage).into_iter().map(|(_, winner, _)| winner).collect();
    assert_eq!(told, [Some(other.player.id)]);
}

#[actix::test]
async fn a_bracket_whose_end_could_not_be_written_is_won_once() {
    won_once_in_spite_of(Fault::Fail).await;
}

#[actix::test]
async fn a_bracket_whose_end_may_have_been_written_is_won_once() {
    won_once_in_spite_of(Fault::LoseAnswer).await;
}

#[actix::test]
async fn a_bracket_whose_end_was_lost_is_won_once() {
    won_once_in_spite_of(Fault::LoseCommit).await;
}

#[actix::test]
async fn a_node_that_stops_hands_its_bracket_over() {
    let (mut stages, _network, mut two, showtime, at) = apart().await;
    stages[0].run_ms(62_000).await;
    let [one, other] = &mut two[..] else { unreachable!() };
    let session = connect(one, other).await;
    let stopping = stages.remove(at);
    stopping.cluster.drain(std::time::Duration::from_secs(5)).await;
    one.reports(&session, Some(other.player.id));
    other.reports(&session, Some(other.player.id));
    stages[0].run_ms(30_000).await;
    assert_eq!(one.bracket(showtime).await["winner"], json!(other.player.id));
    assert_eq!(stopping.cluster.active::<BracketActor>(), 0);
}
