//! A bracket among real duels, on one node.

use super::kit::*;
use crate::{
    actors::bracket::BracketActor,
    protocol::bracket::DecidedBy,
    testkit::{ScriptedSignaller, Stage},
};
use serde_json::json;
use uuid::Uuid;

#[actix::test]
async fn four_with_paid_seats_play_to_the_end_and_everybody_sees_it() {
    let stage = Stage::new();
    let mut four = fighters(&stage, 4).await;
    let showtime = open(&stage, &mut four).await;
    let told = four[0].player.expect("bracket.state").await;
    assert_eq!((&told["bracket"]["status"], &told["bracket"]["title"]), (&json!("open"), &json!("The cup")));
    stage.run_ms(61_000).await;
    play(&mut four, [0, 3], 0).await;
    play(&mut four, [1, 2], 1).await;
    stage.run_ms(2_000).await;
    let semi = four[3].bracket(showtime).await;
    assert_eq!(pairs(&semi, 0), [["P0", "P3", "P0"], ["P1", "P2", "P2"]]);
    assert_eq!(semi["rounds"][0]["pairs"][1]["by"], json!(DecidedBy::Result));
    assert_eq!((&semi["status"], semi.get("winner")), (&json!("running"), None));
    play(&mut four, [0, 2], 1).await;
    for fighter in &mut four {
        let over = fighter.player.expect("bracket.over").await;
        assert_eq!(over["winner"], json!({"player_id": fighter_id(&semi, "P2"), "nickname": "P2"}));
    }
    let over = four[1].bracket(showtime).await;
    assert_eq!((&over["status"], &over["winner"]), (&json!("over"), &fighter_id(&semi, "P2")));
    let body = json!({"showtime": showtime, "mode": "single_elimination", "players": 4});
    let [(_, winner, told)] = &won(&stage)[..] else { panic!("{:?}", won(&stage)) };
    assert_eq!((winner, told), (&Some(four[2].player.id), &body));
}

#[actix::test]
async fn a_showtime_that_is_moved_once_its_bracket_is_over_has_another_which_counts_too() {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    let showtime = open(&stage, &mut two).await;
    for n in 1..=2 {
        stage.run_ms(61_000).await;
        play(&mut two, [0, 1], 0).await;
        assert_eq!(two[1].player.expect("bracket.over").await["winner"]["nickname"], "P0");
        assert_eq!(won(&stage).len(), n);
        stage.run_ms(90_000_000).await; // it is forgotten
        opens(&stage, showtime, in_s(&stage, 60), &ids(&two));
        for fighter in &mut two {
            fighter.player.ok("bracket.join", json!({"showtime": showtime})).await;
        }
    }
    assert_ne!(won(&stage)[0].0, won(&stage)[1].0, "two facts");
}

fn fighter_id(bracket: &serde_json::Value, name: &str) -> serde_json::Value {
    let players = bracket["players"].as_array().expect("players");
    players.iter().find(|player| player["nickname"] == name).expect("he is in it")["player_id"].clone()
}

#[actix::test]
async fn a_paid_seat_lets_in_while_the_doors_are_open_and_nothing_else_does() {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    let mut cat = stage.player("Cat").await;
    let (showtime, starts_at) = (Uuid::now_v7(), in_s(&stage, 3_600));
    opens(&stage, showtime, starts_at, &ids(&two));
    let wish = json!({"showtime": showtime});
    let none = json!({"showtime": Uuid::nil()});
    assert_eq!(two[0].player.refused("bracket.join", none).await, "bracket_not_found");
    assert_eq!(two[0].player.refused("bracket.state", wish.clone()).await, "bracket_not_found");
    assert_eq!(two[0].player.refused("bracket.join", wish.clone()).await, "doors_closed");
    stage.run_ms(2_701_000).await;
    assert_eq!(cat.refused("bracket.join", wish.clone()).await, "seat_required");
    assert_eq!(stage.cluster.active::<BracketActor>(), 0, "nobody has made it");
    let joined = two[0].player.ok("bracket.join", wish.clone()).await["bracket"].clone();
    assert_eq!(
        two[0].player.ok("bracket.join", wish.clone()).await["bracket"],
        joined,
        "again changes nothing"
    );
    assert_eq!(cat.refused("bracket.state", wish.clone()).await, "seat_required");
    stage.run_ms(900_000).await;
    assert_eq!(two[1].player.refused("bracket.join", wish.clone()).await, "game_in_progress");
    let over = two[0].player.expect("bracket.over").await;
    assert_eq!(over["winner"]["nickname"], "P0", "nobody else came");
    assert_eq!(won(&stage), [], "he has won against nobody");
    let late = Uuid::now_v7();
    opens(&stage, late, starts_at, &ids(&two));
    let late = json!({"showtime": late});
    assert_eq!(two[1].player.refused("bracket.join", late.clone()).await, "game_in_progress");
    assert_eq!(two[1].player.refused("bracket.state", late).await, "bracket_not_found");
    stage.run_ms(90_000_000).await;
    assert_eq!(two[0].player.refused("bracket.state", wish).await, "bracket_not_found", "it is forgotten");
}

#[actix::test]
async fn who_makes_a_bracket_behind_one_who_looks_for_it_is_not_told_that_there_is_none() {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    let showtime = Uuid::now_v7();
    opens(&stage, showtime, in_s(&stage, 60), &ids(&two));
    let wish = json!({"showtime": showtime});
    let [ann, bob] = &mut two[..] else { unreachable!() };
    let looks = ann.player.ask("bracket.state", wish.clone());
    let (looked, joined) =
        futures_util::future::join(looks, bob.player.ask("bracket.join", wish.clone())).await;
    if let Err(refused) = looked {
        assert_eq!(refused["code"], "bracket_not_found");
    }
    assert_eq!(joined.expect("he makes it")["bracket"]["status"], "open");
}

#[actix::test]
async fn five_have_three_byes_and_the_last_two_meet_first() {
    let stage = Stage::new();
    let mut five = fighters(&stage, 5).await;
    let showtime = open(&stage, &mut five).await;
    stage.run_ms(61_000).await;
    play(&mut five, [3, 4], 1).await;
    stage.run_ms(2_000).await;
    let bracket = five[0].bracket(showtime).await;
    let byes = [["P0", "-", "P0"], ["P3", "P4", "P4"], ["P1", "-", "P1"], ["P2", "-", "P2"]];
    assert_eq!(pairs(&bracket, 0), byes);
    play(&mut five, [0, 4], 0).await;
    play(&mut five, [1, 2], 0).await;
    play(&mut five, [0, 1], 1).await;
    assert_eq!(five[3].player.expect("bracket.over").await["winner"]["nickname"], "P1");
}

#[actix::test]
async fn who_never_comes_has_lost_and_who_comes_late_plays() {
    let stage = Stage::new();
    let mut four = fighters(&stage, 4).await;
    let showtime = open(&stage, &mut four).await;
    four[3].peer.drop_connection().await; // he never comes back
    four[2].peer.drop_connection().await;
    stage.run_ms(61_000).await;
    stage.run_ms(50_000).await; // two matches have failed for want of him
    let id = four[2].player.id;
    four[2].peer = ScriptedSignaller::connect(&stage, id, "P2");
    let session = four[2].bracket(showtime).await["rounds"][0]["pairs"][1]["sessionId"].clone();
    let session = session.as_str().expect("a match").to_owned();
    let (first, rest) = four.split_at_mut(2);
    connect_in(&mut first[1], &mut rest[0], &session).await;
    let winner = Some(rest[0].player.id);
    first[1].reports(&session, winner);
    rest[0].reports(&session, winner);
    stage.run_ms(60_000).await;
    let semi = four[0].bracket(showtime).await;
    assert_eq!(pairs(&semi, 0), [["P0", "P3", "-"], ["P1", "P2", "P2"]], "the absent has until show_ms");
    stage.run_ms(40_000).await;
    let semi = four[0].bracket(showtime).await;
    assert_eq!(pairs(&semi, 0)[0], ["P0", "P3", "P0"]);
    assert_eq!(semi["rounds"][0]["pairs"][0]["by"], json!(DecidedBy::NoShow));
    assert_eq!(pairs(&semi, 1), [["P0", "P2", "-"]]);
}

#[actix::test]
async fn a_match_that_fails_is_played_again_and_then_the_better_seed_goes_on() {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    let showtime = open(&stage, &mut two).await;
    stage.run_ms(61_000).await;
    for _ in 0..2 {
        let session = two[0].found().await;
        assert_eq!(two[1].found().await, session);
        two[1].peer.say("report_connection", json!({"sessionId": session, "state": "failed"}));
        stage.run_ms(3_000).await;
    }
    let bracket = two[0].bracket(showtime).await;
    assert_eq!(
        (&bracket["status"], pairs(&bracket, 0)),
        (&json!("over"), vec![["P0", "P1", "P0"].map(str::to_owned)])
    );
    assert_eq!(bracket["rounds"][0]["pairs"][0]["by"], json!(DecidedBy::Seed));
}

#[actix::test]
async fn who_leaves_has_lost_and_so_has_who_is_in_another_match() {
    let stage = Stage::new();
    let mut four = fighters(&stage, 4).await;
    let showtime = open(&stage, &mut four).await;
    let mut friend = ScriptedSignaller::enter(&stage, "Friend").await;
    four[3].peer.say("join_lobby", json!({"playerId": four[3].peer.id}));
    four[3].peer.expect("lobby_update").await;
    four[3].peer.say("request_match", json!({"requesterId": four[3].peer.id, "targetId": friend.id}));
    let session = friend.expect("match_request_received").await["sessionId"].as_str().expect("id").to_owned();
    friend.say("accept_match", json!({"accepterId": friend.id, "requesterId": four[3].peer.id}));
    four[3].peer.expect("match_request_accepted").await;
    let other = Fighter { player: stage.player("x").await, peer: friend };
    let mut both = [four.pop().expect("P3"), other];
    let [one, friend] = &mut both;
    connect_in(one, friend, &session).await;
    stage.run_ms(61_000).await;
    let (first, rest) = four.split_at_mut(2);
    let session = connect(&mut first[1], &mut rest[0]).await;
    rest[0].peer.say("leave_match", json!({"sessionId": session}));
    stage.run_ms(130_000).await;
    let bracket = four[0].bracket(showtime).await;
    assert_eq!(pairs(&bracket, 0), [["P0", "P3", "P0"], ["P1", "P2", "P1"]]);
    let by = |at: usize| bracket["rounds"][0]["pairs"][at]["by"].clone();
    assert_eq!((by(0), by(1)), (json!(DecidedBy::NoShow), json!(DecidedBy::Forfeit)));
}

#[actix::test]
async fn staff_say_who_has_won_where_its_players_do_not_agree() {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    let showtime = open(&stage, &mut two).await;
    stage.run_ms(61_000).await;
    let [one, other] = &mut two[..] else { unreachable!() };
    let session = connect(one, other).await;
    one.reports(&session, Some(one.player.id));
    other.reports(&session, Some(other.player.id));
    stage.run_ms(120_000).await;
    let bracket = one.bracket(showtime).await;
    assert_eq!(bracket["rounds"][0]["pairs"][0]["status"], "disputed");
    stage.store.resolves_duel(session.parse().expect("an id"), Some(other.player.id));
    assert_eq!(one.player.expect("bracket.over").await["winner"]["nickname"], "P1");
}

#[actix::test]
async fn whose_seat_is_gone_plays_no_further_round() {
    let stage = Stage::new();
    let mut four = fighters(&stage, 4).await;
    let showtime = open(&stage, &mut four).await;
    stage.run_ms(61_000).await;
    let banned = four[0].player.id;
    play(&mut four, [0, 3], 0).await;
    let left: Vec<_> = ids(&four).into_iter().filter(|id| *id != banned).collect();
    opens(&stage, showtime, in_s(&stage, 0), &left);
    play(&mut four, [1, 2], 0).await;
    assert_eq!(four[1].player.expect("bracket.over").await["winner"]["nickname"], "P1");
    let showtime = json!({"showtime": showtime});
    assert_eq!(four[0].player.refused("bracket.state", showtime).await, "seat_required");
}

#[actix::test]
async fn a_showtime_that_starts_later_than_it_was_to_does() {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    let showtime = open(&stage, &mut two).await;
    let later = in_s(&stage, 120);
    opens(&stage, showtime, later, &ids(&two));
    stage.run_ms(100_000).await;
    let bracket = two[0].bracket(showtime).await;
    assert_eq!((&bracket["status"], &bracket["starts_at"]), (&json!("open"), &json!(later)));
    stage.run_ms(22_000).await;
    assert_eq!(two[0].bracket(showtime).await["status"], "running");
}

#[actix::test]
async fn a_round_that_takes_too_long_calls_its_matches_off() {
    let stage = Stage::new();
    let mut two = fighters(&stage, 2).await;
    open(&stage, &mut two).await;
    stage.run_ms(61_000).await;
    let [one, other] = &mut two[..] else { unreachable!() };
    connect(one, other).await;
    stage.run_ms(1_800_000).await;
    assert_eq!(other.player.expect("bracket.over").await["winner"]["nickname"], "P0");
    assert_eq!(other.peer.expect("match_ended").await["reason"], "timed_out");
}
