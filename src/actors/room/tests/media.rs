//! Video and voice follow the rules of the game (spec 1.6, 7): what the media are told, and what members learn.

use super::table;
use crate::{
    config::Config,
    game::MediaKind::{Audio, Video},
    ids::{PlayerId, RoomId},
    media::MediaCommand,
    store::MuteRow,
    testkit::{ScriptedPlayer, Stage},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn with_media() -> Stage {
    Stage::with(media_config())
}

pub(super) fn media_config() -> Config {
    let mut config = Config::default();
    config.media.enabled = true;
    config.turn.urls = vec!["stun:stun.example".into()];
    config
}

pub(super) fn room_of(stage: &Stage, player: &ScriptedPlayer) -> RoomId {
    stage.store.seats()[&player.id]
}

/// Whom the player hears, sees, is heard and seen by, as he was last told.
fn allowed(player: &ScriptedPlayer) -> [Vec<PlayerId>; 4] {
    let told = player.transcript.iter().rfind(|frame| frame["type"] == "media.allowed").expect("told");
    let list = |field: &str| {
        let mut ids: Vec<PlayerId> = serde_json::from_value(told["payload"][field].clone()).expect("ids");
        ids.sort();
        ids
    };
    [list("hears"), list("sees"), list("heard_by"), list("seen_by")]
}

fn but(ids: &[PlayerId], me: PlayerId) -> Vec<PlayerId> {
    let mut others: Vec<PlayerId> = ids.iter().copied().filter(|id| *id != me).collect();
    others.sort();
    others
}

/// Phases that end while a test waits.
pub(super) fn short(mut settings: Value) -> Value {
    for (name, ms) in [("day_ms", 2_000), ("vote_ms", 2_000), ("night_ms", 3_000)] {
        settings[name] = json!(ms);
    }
    settings["vote_tie"] = json!("night");
    settings
}

/// Reads until this phase begins, for all; then all there is.
async fn until(players: &mut [ScriptedPlayer], phase: &str) {
    for player in &mut *players {
        while player.expect("game.phase").await["phase"] != phase {}
    }
    for player in players {
        player.read().await;
    }
}

#[actix::test]
async fn who_joins_is_shown_how_to_begin_and_all_hear_all() {
    let stage = with_media();
    let mut players = table(&stage, 3, json!({})).await;
    for player in &mut players {
        let shown = player.expect("room.state").await;
        assert_eq!(shown["media"]["ice_servers"][0]["urls"], json!(["stun:stun.example"]), "{shown}");
        player.read().await;
    }
    let ids: Vec<PlayerId> = players.iter().map(|p| p.id).collect();
    for player in &players {
        let others = but(&ids, player.id);
        assert_eq!(
            allowed(player),
            [others.clone(), others.clone(), others.clone(), others],
            "{}",
            player.nickname
        );
    }
}

#[actix::test]
async fn offers_and_answers_go_to_their_player_and_states_to_all() {
    let stage = with_media();
    let mut players = table(&stage, 3, json!({})).await;
    players[0].ok("media.state", json!({"pc": "sub", "state": "ready"})).await;
    assert_eq!(players[0].expect("media.offer").await["tracks"], json!([]));
    players[1].ok("media.offer", json!({"pc": "pub", "sdp": "v=0"})).await;
    assert_eq!(players[1].expect("media.answer").await, json!({"pc": "pub", "sdp": "v=0 answer"}));
    let id = players[1].id;
    let state = json!({"player_id": id, "state": "connected", "audio": true, "video": true});
    assert_eq!(players[0].expect("media.state").await, state);
    assert_eq!(players[2].expect("media.state").await, state);
    let offer = players[0].expect("media.offer").await;
    let tracks = json!([{"mid": "0", "player_id": id, "kind": "audio"}, {"mid": "1", "player_id": id, "kind": "video"}]);
    assert_eq!((&offer["pc"], &offer["tracks"]), (&json!("sub"), &tracks));
    players[0].ok("media.answer", json!({"pc": "sub", "sdp": "v=0"})).await;
    let mut late = stage.player("Late").await;
    late.ok("room.join", json!({"room_id": room_of(&stage, &players[0])})).await;
    let shown = late.expect("room.state").await;
    assert_eq!(
        shown["media"]["states"][id.to_string()]["state"],
        "connected",
        "who comes later learns it: {shown}"
    );
    players[2].read().await;
    let seen: Vec<_> = players[2].transcript.iter().filter(|f| f["type"] == "media.offer").collect();
    assert!(seen.is_empty(), "nobody else's business: {seen:?}");
}

#[actix::test]
async fn at_night_the_mafia_hear_each_other_and_a_citizen_learns_nothing() {
    let stage = with_media();
    let settings = short(json!({"roles": {"mafia": 2, "doctor": 1}, "allow_spectators": true}));
    let mut players = table(&stage, 7, settings).await;
    let ids: Vec<PlayerId> = players.iter().map(|p| p.id).collect();
    let room = room_of(&stage, &players[0]);
    players[0].ok("room.start", json!({})).await;
    let mut roles = BTreeMap::new();
    for player in &mut players {
        roles.insert(player.id, player.expect("game.role").await["role"].clone());
    }
    let mut watcher = stage.player("Watcher").await;
    watcher.ok("room.join", json!({"room_id": room, "spectate": true})).await;
    until(&mut players, "day").await;
    watcher.read().await;
    let nobody: Vec<PlayerId> = Vec::new();
    assert_eq!(
        allowed(&watcher),
        [but(&ids, watcher.id), but(&ids, watcher.id), nobody.clone(), nobody.clone()]
    );
    let others = but(&ids, ids[0]);
    assert_eq!(
        allowed(&players[0]),
        [others.clone(), others.clone(), others.clone(), others],
        "the watcher is not named"
    );
    assert!(stage.media.forwards(room, ids[0], Audio, watcher.id));
    until(&mut players, "night").await;
    watcher.read().await;
    let mafia: Vec<PlayerId> = ids.iter().copied().filter(|id| roles[id] == "mafia").collect();
    assert_eq!(mafia.len(), 2);
    for player in &players {
        let heard = if mafia.contains(&player.id) { but(&mafia, player.id) } else { nobody.clone() };
        assert_eq!(
            allowed(player),
            [heard.clone(), heard.clone(), heard.clone(), heard],
            "{}",
            roles[&player.id]
        );
    }
    assert_eq!(allowed(&watcher), [nobody.clone(), nobody.clone(), nobody.clone(), nobody]);
    let policy = stage.media.policy(room).expect("media");
    assert!(
        policy.streams.iter().all(|s| mafia.contains(&s.from) && s.to == but(&mafia, s.from)),
        "{policy:?}"
    );
    for player in players.iter().chain([&watcher]).filter(|p| !mafia.contains(&p.id)) {
        let since = player.transcript.iter().rposition(|f| f["payload"]["phase"] == "night").expect("night");
        let lights: Vec<_> =
            player.transcript[since..].iter().filter(|f| f["type"] == "media.speaking").collect();
        assert!(lights.is_empty(), "the mafia speak, and {} must not know: {lights:?}", player.nickname);
    }
}

#[actix::test]
async fn the_dead_receive_and_are_not_named_and_after_the_end_all_hear_all() {
    let stage = with_media();
    let mut players = table(&stage, 4, short(json!({"roles": {"doctor": 0}}))).await;
    let room = room_of(&stage, &players[0]);
    players[0].ok("room.start", json!({})).await;
    let mut mafia = None;
    for player in &mut players {
        if player.expect("game.role").await["role"] == "mafia" {
            mafia = Some(player.id);
        }
    }
    let mafia = mafia.expect("a mafioso");
    until(&mut players, "night").await;
    let victim = players.iter().position(|p| p.id != mafia).expect("a citizen");
    let dead = players[victim].id;
    let killer = players.iter_mut().find(|p| p.id == mafia).expect("he is here");
    killer.ok("game.night", json!({"target": dead})).await;
    until(&mut players, "day").await;
    let living: Vec<PlayerId> = players.iter().map(|p| p.id).filter(|id| *id != dead).collect();
    let all = but(&living, dead);
    assert_eq!(allowed(&players[victim]), [all.clone(), all, Vec::new(), Vec::new()]);
    for player in players.iter().filter(|p| p.id != dead) {
        assert!(stage.media.forwards(room, player.id, Video, dead), "the dead watch");
        assert!(!stage.media.forwards(room, dead, Video, player.id), "and are cut");
        assert_eq!(allowed(player)[2], but(&living, player.id), "the dead are not named");
    }
    until(&mut players, "night").await;
    assert!(stage.media.policy(room).expect("media").streams.is_empty() || living.len() > 2);
    let next = living.iter().copied().find(|id| *id != mafia).expect("a citizen lives");
    let killer = players.iter_mut().find(|p| p.id == mafia).expect("he is here");
    killer.ok("game.night", json!({"target": next})).await;
    for player in &mut players {
        player.expect("game.over").await;
        player.read().await;
    }
    let ids: Vec<PlayerId> = players.iter().map(|p| p.id).collect();
    assert_eq!(allowed(&players[victim])[2], but(&ids, dead), "after the end all hear all");
}

#[actix::test]
async fn whom_one_has_muted_one_does_not_receive_and_he_does_not_learn_of_it() {
    let stage = with_media();
    let mut players = table(&stage, 3, json!({})).await;
    let (room, me, him) = (room_of(&stage, &players[0]), players[1].id, players[2].id);
    for player in &mut players {
        player.read().await;
    }
    let lists = |p: &ScriptedPlayer| p.transcript.iter().filter(|f| f["type"] == "media.allowed").count();
    let (before, count) = (allowed(&players[2]), lists(&players[2]));
    players[1].ok("player.mute", json!({"player_id": him, "muted": true})).await;
    players[1].read().await;
    players[2].read().await;
    assert!(!stage.media.forwards(room, him, Audio, me));
    assert!(stage.media.forwards(room, him, Video, me), "his picture stays");
    assert!(!allowed(&players[1])[0].contains(&him));
    assert_eq!(allowed(&players[2]), before);
    assert_eq!(lists(&players[2]), count, "not even by a push that says the same");
    players[1].ok("player.mute", json!({"player_id": him, "muted": false})).await;
    assert!(stage.media.forwards(room, him, Audio, me));
}

#[actix::test]
async fn nobody_hears_whom_a_moderator_has_silenced_and_he_is_told() {
    let stage = with_media();
    let mut players = table(&stage, 4, short(json!({"roles": {"doctor": 0}}))).await;
    let (room, me, him) = (room_of(&stage, &players[0]), players[1].id, players[2].id);
    let others = but(&players.iter().map(|p| p.id).collect::<Vec<_>>(), him);
    for player in &mut players {
        player.read().await;
    }
    let now = stage.cluster.clock().now().0;
    let (reason, by_account) = ("insults".to_owned(), PlayerId::new().0);
    let mute = MuteRow { account_id: him.0, reason, ends_at: Some(now + 600_000), by_account, at: now };
    stage.door.mutes.replace(vec![mute]);
    for player in &mut players {
        player.read().await;
    }
    let hears = |stage: &Stage| others.iter().any(|to| stage.media.forwards(room, him, Audio, *to));
    assert!(!hears(&stage));
    assert!(stage.media.forwards(room, him, Video, me), "his picture stays");
    assert!(stage.media.forwards(room, me, Audio, him), "and he hears");
    assert!(!allowed(&players[1])[0].contains(&him));
    assert_eq!(allowed(&players[2]), [others.clone(), others.clone(), Vec::new(), others.clone()]);
    players[0].ok("room.start", json!({})).await;
    until(&mut players, "day").await;
    assert!(!hears(&stage), "nor in a game");
    stage.door.mutes.replace(Vec::new());
    players[2].read().await;
    assert!(hears(&stage), "until it ends");
    assert_eq!(allowed(&players[2])[2], others);
}

#[actix::test]
async fn the_leader_turns_media_off_and_on() {
    let stage = with_media();
    let mut players = table(&stage, 2, json!({})).await;
    let room = room_of(&stage, &players[0]);
    players[1].read().await;
    players[0].ok("room.settings", json!({"media": false})).await;
    assert_eq!(stage.media.policy(room), None, "closed");
    assert_eq!(players[1].expect("room.state").await["media"], Value::Null);
    assert_eq!(players[1].refused("media.offer", json!({"pc": "pub", "sdp": "v=0"})).await, "not_allowed");
    players[0].ok("room.settings", json!({"media": true})).await;
    assert!(players[1].expect("room.state").await["media"].is_object());
    let joins = stage.media.told(room).iter().filter(|c| matches!(c, MediaCommand::Join { .. })).count();
    assert_eq!(joins, 2);
    players[1].ok("room.leave", json!({})).await;
    assert!(stage.media.told(room).contains(&MediaCommand::Leave { player: players[1].id }));
}

#[actix::test]
async fn bots_have_no_media() {
    let stage = with_media();
    let mut players = table(&stage, 1, json!({})).await;
    players[0].ok("room.add_bot", json!({})).await;
    players[0].read().await;
    assert_eq!(allowed(&players[0]), <[Vec<PlayerId>; 4]>::default());
}

#[actix::test]
async fn a_node_without_media_makes_a_room_without_them_and_says_so() {
    let stage = Stage::new();
    let mut alone = stage.player("Alone").await;
    let room = alone.ok("room.create", json!({"settings": {"media": true}})).await["room"].clone();
    assert_eq!(room["settings"]["media"], false);
    alone.ok("room.state", json!({})).await;
    assert_eq!(alone.expect("room.state").await["media"], Value::Null);
}
