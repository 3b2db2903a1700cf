//! Matches, presences and lobbies together, on one node and on several, on virtual time.

use crate::{
    actors::duel::{DuelActor, DuelCommand, DuelReply, Party},
    ids::{DuelId, PlayerId},
    liveops::{DuelFinished, DuelOutcome},
    testkit::{ScriptedSignaller, Stage},
};
use serde_json::{Value, json};

pub(super) fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

pub(super) fn request(from: &ScriptedSignaller, to: &ScriptedSignaller) {
    from.say("request_match", json!({"requesterId": from.id, "targetId": to.id}));
}

/// A request that is accepted; its session.
pub(super) async fn accepted(ann: &mut ScriptedSignaller, bob: &mut ScriptedSignaller) -> String {
    request(ann, bob);
    let session = text(&bob.expect("match_request_received").await["sessionId"]);
    bob.say("accept_match", json!({"accepterId": bob.id, "requesterId": ann.id}));
    assert_eq!(ann.expect("match_request_accepted").await["sessionId"], session);
    session
}

pub(super) fn sdp(kind: &str, from: &ScriptedSignaller, to: &ScriptedSignaller, session: &str) {
    let send = json!({"senderId": from.id, "receiverId": to.id, "sdp": kind, "sessionId": session});
    from.say(&format!("send_sdp_{kind}"), send);
}

/// From the acceptance on.
pub(super) async fn connect(ann: &mut ScriptedSignaller, bob: &mut ScriptedSignaller, session: &str) {
    sdp("offer", ann, bob, session);
    bob.expect("sdp_offer_received").await;
    sdp("answer", bob, ann, session);
    ann.expect("sdp_answer_received").await;
    for peer in [&*ann, &*bob] {
        peer.say("report_connection", json!({"sessionId": session, "state": "connected"}));
    }
    assert_eq!(ann.expect("match_started").await["opponentId"], json!(bob.id));
    assert_eq!(bob.expect("match_started").await["opponentId"], json!(ann.id));
}

async fn two(stage: &Stage) -> [ScriptedSignaller; 2] {
    [ScriptedSignaller::enter(stage, "Ann").await, ScriptedSignaller::enter(stage, "Bob").await]
}

#[actix::test]
async fn a_played_match_commits_one_fact() {
    let stage = Stage::new();
    let [mut ann, mut bob] = two(&stage).await;
    let session = accepted(&mut ann, &mut bob).await;
    connect(&mut ann, &mut bob, &session).await;
    for peer in [&ann, &bob] {
        peer.say("report_result", json!({"sessionId": session, "winnerId": ann.id, "frames": 600}));
    }
    bob.expect("match_ended").await;
    let facts = stage.store.facts();
    let duels: Vec<_> = facts.iter().filter_map(DuelFinished::read).collect();
    let [duel] = &duels[..] else { panic!("{duels:?}") };
    assert_eq!((duel.outcome, duel.winner), (DuelOutcome::Agreed, Some(ann.id)));
    assert_eq!((duel.players, duel.reports.len()), ([ann.id, bob.id], 2));
    stage.run_ms(40_000).await;
    assert_eq!(stage.cluster.active::<DuelActor>(), 0, "it is forgotten after a while");
    bob.say("leave_match", json!({"sessionId": session}));
    assert_eq!(bob.expect("error").await["code"], 404);
}

#[actix::test]
async fn what_never_started_leaves_nothing_behind() {
    let stage = Stage::new();
    let [mut ann, mut bob] = two(&stage).await;
    request(&ann, &bob);
    bob.expect("match_request_received").await;
    let before = stage.store.commits();
    stage.run_ms(30_000).await;
    assert_eq!(ann.expect("match_failed").await["reason"], "expired");
    assert_eq!(stage.store.commits(), before, "a request is in memory alone");
    let session = accepted(&mut ann, &mut bob).await;
    stage.run_ms(20_000).await;
    let failed = json!({"sessionId": session, "reason": "connect_timeout"});
    assert_eq!(ann.expect("match_failed").await, failed);
    assert!(stage.store.facts().is_empty());
    accepted(&mut bob, &mut ann).await;
}

#[actix::test]
async fn an_arranged_match_waits_for_those_who_are_not_there_yet() {
    let stage = Stage::new();
    let mut ann = ScriptedSignaller::enter(&stage, "Ann").await;
    let late = PlayerId::new();
    let party = |player_id, nickname: &str| Party { player_id, nickname: nickname.to_owned() };
    let duel = DuelId::new();
    let arrange = DuelCommand::Arrange { players: [party(ann.id, "Ann"), party(late, "Late")] };
    assert_eq!(stage.cluster.ask::<DuelActor>(duel.0, arrange.clone()).await, Ok(DuelReply::Done));
    assert_eq!(stage.cluster.ask::<DuelActor>(duel.0, arrange).await, Ok(DuelReply::Done), "asked again");
    assert_eq!(ann.expect("match_request_accepted").await["accepterName"], "Late");
    stage.run_ms(15_000).await;
    let mut late = ScriptedSignaller::connect(&stage, late, "Late");
    assert_eq!(late.expect("match_request_accepted").await["requesterId"], json!(ann.id));
    connect(&mut ann, &mut late, &duel.to_string()).await;

    let third = party(PlayerId::new(), "Third");
    let busy = DuelCommand::Arrange { players: [third.clone(), party(ann.id, "Ann")] };
    let other = DuelId::new();
    assert_eq!(stage.cluster.ask::<DuelActor>(other.0, busy).await, Ok(DuelReply::Busy(ann.id)));
    let fourth = DuelCommand::Arrange { players: [third, party(PlayerId::new(), "Fourth")] };
    let reply = stage.cluster.ask::<DuelActor>(DuelId::new().0, fourth).await;
    assert_eq!(reply, Ok(DuelReply::Done), "who was not to blame is free");
}

#[actix::test]
async fn who_never_comes_fails_an_arranged_match() {
    let stage = Stage::new();
    let mut ann = ScriptedSignaller::enter(&stage, "Ann").await;
    let party = |player_id| Party { player_id, nickname: "x".to_owned() };
    let arrange = DuelCommand::Arrange { players: [party(PlayerId::new()), party(ann.id)] };
    let reply = stage.cluster.ask::<DuelActor>(DuelId::new().0, arrange).await;
    assert_eq!(reply, Ok(DuelReply::Done));
    stage.run_ms(19_000).await;
    assert_eq!(ann.count("match_failed").await, 0, "he has twenty seconds");
    assert_eq!(ann.expect("match_failed").await["reason"], "connect_timeout");
}

#[actix::test]
async fn one_player_is_accepted_by_two_at_once_and_gets_one_match() {
    let stage = Stage::new();
    let mut ann = ScriptedSignaller::enter(&stage, "Ann").await;
    let mut others = Vec::new();
    for n in 0..4 {
        others.push(ScriptedSignaller::enter(&stage, &format!("Other{n}")).await);
    }
    for other in &mut others {
        request(&ann, other);
        other.expect("match_request_received").await;
    }
    for other in &others {
        other.say("accept_match", json!({"accepterId": other.id, "requesterId": ann.id}));
    }
    stage.run_ms(1_000).await;
    assert_eq!(ann.count("match_request_accepted").await, 1);
    let mut without = 0;
    for other in &mut others {
        without += usize::from(other.count("error").await + other.count("match_request_cancelled").await > 0);
    }
    assert_eq!(without, 3);
    stage.run_ms(20_000).await;
    assert_eq!(ann.count("match_failed").await, 1);
    accepted(&mut others[3], &mut ann).await;
}

#[actix::test]
async fn requests_that_cross_between_nodes_become_one_match() {
    let mut config = crate::config::Config::default();
    (config.media.enabled, config.limits.messages_burst) = (false, 1_000.0); // they are quick
    let (stages, _network) = Stage::nodes_with(vec![config; 3]).await;
    let mut ann = ScriptedSignaller::enter(&stages[0], "Ann").await;
    let mut bob = ScriptedSignaller::enter(&stages[1], "Bob").await;
    for _ in 0..20 {
        request(&ann, &bob);
        request(&bob, &ann);
        let told = ann.expect("match_request_accepted").await;
        assert_eq!(bob.expect("match_request_accepted").await, told);
        let session = text(&told["sessionId"]);
        if told["requesterId"] == json!(ann.id) {
            connect(&mut ann, &mut bob, &session).await;
        } else {
            connect(&mut bob, &mut ann, &session).await;
        }
        bob.say("leave_match", json!({"sessionId": session}));
        ann.expect("match_ended").await;
        bob.expect("match_ended").await;
        stages[0].run_ms(100).await;
    }
    let duels: Vec<_> = stages[0].store.facts().iter().filter_map(DuelFinished::read).collect();
    assert_eq!(duels.len(), 20);
}

#[actix::test]
async fn the_newest_socket_wins_over_the_whole_cluster() {
    let (stages, _network) = Stage::nodes(2).await;
    let mut ann = ScriptedSignaller::enter(&stages[0], "Ann").await;
    let mut bob = ScriptedSignaller::enter(&stages[1], "Bob").await;
    let session = accepted(&mut ann, &mut bob).await;
    let mut newer = ScriptedSignaller::connect(&stages[1], ann.id, "Ann");
    assert_eq!(newer.expect("match_request_accepted").await["sessionId"], session);
    while ann.receive().await {}
    assert_eq!(ann.closed.map(|code| code as u16), Some(4001));
    connect(&mut newer, &mut bob, &session).await;
    assert_eq!(stages[0].cluster.signals().count(), 0);
}
