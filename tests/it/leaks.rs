//! Nothing private leaks: every frame to every socket of a thousand random games, with drops, resumes, new
//! sessions, leavers and spectators, is checked against a statement of who may know what (spec 1.3).
//!
//! The statement is made here, from the spec and from what each socket was told before; it uses nothing of the
//! rules' own audiences. The truth (roles) is taken from `game.over`.

use playhouse::{
    config::Config,
    ids::PlayerId,
    testkit::{ScriptedPlayer, Stage},
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Four tests of so many games each, so that cores share them.
const GAMES: u64 = 250;
const ROLES: [&str; 6] = ["citizen", "mafia", "doctor", "police", "escort", "jester"];

macro_rules! shards {
    ($($name:ident: $first:expr;)*) => {
        $(#[actix::test]
        async fn $name() {
            nothing_private_leaks($first).await;
        })*
    };
}

shards! {
    nothing_private_leaks_in_games_1_to_250: 0;
    nothing_private_leaks_in_games_251_to_500: GAMES;
    nothing_private_leaks_in_games_501_to_750: 2 * GAMES;
    nothing_private_leaks_in_games_751_to_1000: 3 * GAMES;
}

async fn nothing_private_leaks(first: u64) {
    const OFTEN: u32 = 25;
    let mut reached = BTreeMap::new();
    let stage = Stage::with(patient());
    for seed in first..first + GAMES {
        for transcript in play(&stage, seed).await {
            check(&transcript, &mut reached);
        }
    }
    let kinds =
        ["game.role", "game.night_choice", "game.investigation", "game.graveyard", "game.over", "room.state"];
    let media = ["media.allowed", "media.speaking", "media.offer", "heard at night"];
    for kind in kinds.into_iter().chain(["mafia", "graveyard"]).chain(media) {
        assert!(reached.get(kind).copied().unwrap_or(0) > OFTEN, "{kind} was hardly ever seen: {reached:?}");
    }
}

/// Limits that do not get into the way of random play.
fn patient() -> Config {
    let mut config = Config::default();
    config.limits.messages_burst = 1e6;
    config.limits.chat_burst = 1e6;
    config.media.enabled = true;
    config
}

/// Everything one socket's owner was sent in a game, and who he is.
struct Heard {
    who: PlayerId,
    frames: Vec<Value>,
    truth: BTreeMap<String, String>,
    reveal: String,
    anonymous: bool,
}

fn settings(rng: &mut StdRng, players: usize) -> Value {
    let reveal = *["none", "side", "full"].choose(rng).unwrap();
    let tie = *["day", "night"].choose(rng).unwrap();
    json!({
        "day_ms": 5_000, "vote_ms": 5_000, "defence_ms": 2_000, "verdict_ms": 4_000, "night_ms": 6_000,
        "final_words_ms": if rng.random_bool(0.5) { 0 } else { 1_000 },
        "night_early_close": rng.random_bool(0.3), "anonymous_votes": rng.random_bool(0.3),
        "reveal_on_death": reveal,
        "allow_spectators": true, "max_days": 6, "vote_tie": tie,
        "roles": {"police": u32::from(players > 4), "escort": u32::from(players > 5), "jester": u32::from(players > 6)},
    })
}

/// Plays one random game; what each socket heard.
async fn play(stage: &Stage, seed: u64) -> Vec<Heard> {
    let mut rng = StdRng::seed_from_u64(seed);
    let count = rng.random_range(4..=8);
    let mut players = Vec::new();
    for n in 0..count {
        players.push(stage.player(&format!("P{n}")).await);
    }
    let settings = settings(&mut rng, count);
    let room = players[0].ok("room.create", json!({"settings": settings})).await["room"].clone();
    for player in &mut players[1..] {
        player.ok("room.join", json!({"code": room["code"]})).await;
        player.ok("room.ready", json!({"ready": true})).await;
    }
    for player in &players {
        publish(player, count);
    }
    players[0].ok("room.start", json!({})).await;
    let mut watcher = stage.player("Watcher").await;
    watcher.ok("room.join", json!({"code": room["code"], "spectate": true})).await;
    players.push(watcher);
    let ids: Vec<PlayerId> = players.iter().map(|p| p.id).collect();
    let mut over = false;
    for _ in 0..600 {
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..players.len());
            act(stage, &mut players[at], &ids, &mut rng).await;
        }
        stage.run_ms(rng.random_range(50..2_500)).await;
        for player in &mut players {
            over |= player.is_connected() && player.read().await.contains(&"game.over".to_owned());
        }
        if over {
            break;
        }
    }
    assert!(over, "game {seed} did not end");
    stage.run_ms(1).await;
    for player in &mut players {
        if player.is_connected() {
            player.read().await;
        }
        player.close().await;
    }
    heard(players, &settings)
}

fn heard(players: Vec<ScriptedPlayer>, settings: &Value) -> Vec<Heard> {
    let over = players.iter().flat_map(|p| &p.transcript).find(|f| f["type"] == "game.over").cloned();
    let truth: BTreeMap<String, String> =
        serde_json::from_value(over.expect("over")["payload"]["roles"].clone()).unwrap();
    let one = |p: ScriptedPlayer| Heard {
        who: p.id,
        frames: p.transcript,
        truth: truth.clone(),
        reveal: settings["reveal_on_death"].as_str().unwrap().to_owned(),
        anonymous: settings["anonymous_votes"] == true,
    };
    players.into_iter().map(one).collect()
}

/// He sends sound and pictures, and wants to receive; ids so high that no request of his has them.
fn publish(player: &ScriptedPlayer, n: usize) {
    let id = 1_000_000 + u32::try_from(n).expect("few");
    player.send_with(id, "media.offer", json!({"pc": "pub", "sdp": "v=0"}));
    player.send_with(id + 1, "media.state", json!({"pc": "sub", "state": "ready"}));
}

/// One random thing, legal or not.
async fn act(stage: &Stage, player: &mut ScriptedPlayer, ids: &[PlayerId], rng: &mut StdRng) {
    if !player.is_connected() {
        if rng.random_bool(0.5) {
            if rng.random_bool(0.8) {
                let _ = player.resume(stage).await; // refused after a leave or a replacement: a new session
            } else {
                player.enter_again(stage);
            }
        }
        return;
    }
    let target = ids.choose(rng).copied();
    let or_null = if rng.random_bool(0.15) { None } else { target };
    match rng.next_u32() % 100 {
        0..35 => drop(player.send("game.night", json!({"target": or_null}))),
        35..60 => drop(player.send("game.vote", json!({"suspect": or_null}))),
        60..72 => drop(player.send("game.verdict", json!({"execute": rng.random_bool(0.7)}))),
        72..84 => drop(player.send("chat.send", json!({"text": "between us"}))),
        84..86 => drop(player.send("game.will", json!({"text": "remember me"}))),
        86..88 => drop(player.send("game.kick_vote", json!({"target": target}))),
        88..90 => drop(player.send("room.state", json!({}))),
        90 => drop(player.send("media.reset", json!({"pc": "sub"}))),
        91 => drop(player.send("player.mute", json!({"player_id": target, "muted": rng.random_bool(0.5)}))),
        92..96 => player.drop_connection().await,
        96..98 => player.enter_again(stage),
        98 if rng.random_bool(0.2) => drop(player.send("room.leave", json!({}))),
        _ => {}
    }
}

/// What a socket's owner knows so far, by the spec's rules alone.
#[derive(Default)]
struct Knows {
    dead: BTreeSet<String>,
    over: bool,
    /// Of the game that is on.
    phase: String,
    accused: Option<String>,
}

fn check(heard: &Heard, reached: &mut BTreeMap<String, u32>) {
    let me = heard.who.to_string();
    let my_role = heard.truth.get(&me).map(String::as_str);
    let mafia: BTreeSet<&str> =
        heard.truth.iter().filter(|(_, role)| *role == "mafia").map(|(id, _)| id.as_str()).collect();
    let mut knows = Knows::default();
    for frame in &heard.frames {
        let kind = frame["type"].as_str().unwrap_or_default();
        let payload = &frame["payload"];
        *reached.entry(kind.to_owned()).or_default() += 1;
        let dead = knows.dead.contains(&me);
        let context = || format!("{me} ({my_role:?}, dead: {dead}) was sent {frame}");
        match kind {
            "game.role" => own_role(payload, my_role, &mafia, &me, &context()),
            "game.night_choice" => night_choice(payload, &me, my_role, dead || knows.over, &context()),
            "game.investigation" => assert!(dead || my_role == Some("police"), "{}", context()),
            "game.graveyard" => assert!(dead, "{}", context()),
            "game.votes" if heard.anonymous => assert!(payload.get("tally").is_none(), "{}", context()),
            "game.death" => {
                death(payload, &heard.reveal, &context());
                knows.dead.insert(text(&payload["player_id"]));
            }
            "room.started" => knows = Knows::default(), // before it there is nothing to hide
            "game.over" => knows.over = true,
            "game.phase" => knows.turn_to(payload),
            "media.allowed" if !knows.over => {
                allowed(payload, &knows, my_role, &mafia, &me, reached, &context())
            }
            "media.speaking" if !knows.over => {
                speaking(&text(&payload["player_id"]), &knows, my_role, &mafia, &me, &context());
            }
            "media.offer" => assert!(!frame["payload"]["tracks"].to_string().contains(&me), "{}", context()),
            "chat.message" => chat(payload, my_role, dead, knows.over, reached, &context()),
            "room.state" => {
                for gone in payload["game"]["deaths"].as_array().into_iter().flatten() {
                    death(gone, &heard.reveal, &context());
                    knows.dead.insert(text(&gone["player_id"]));
                }
                knows.over |= payload["room"]["status"] == "waiting";
                knows.turn_to(&payload["game"]);
                let all = knows.over || knows.dead.contains(&me);
                state(payload, heard, my_role, &mafia, all, reached, &context());
            }
            _ => {}
        }
        if !knows.over && !knows.dead.contains(&me) {
            let shown = ["game.role", "game.death", "game.night_choice", "room.state"].contains(&kind);
            assert!(shown || !names_a_role(payload), "{}", context());
            assert!(!frame.to_string().contains("\"seed\""), "{}", context());
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Knows {
    fn turn_to(&mut self, phase: &Value) {
        self.phase = text(&phase["phase"]);
        self.accused = phase["accused"].as_str().map(str::to_owned);
    }
}

/// Who hears and sees whom, as the spec has it (1.6): nobody learns more, and nobody is told who listens in secret.
fn allowed(
    lists: &Value,
    knows: &Knows,
    mine: Option<&str>,
    mafia: &BTreeSet<&str>,
    me: &str,
    reached: &mut BTreeMap<String, u32>,
    context: &str,
) {
    for list in ["hears", "sees", "heard_by", "seen_by"] {
        let ids: Vec<String> = serde_json::from_value(lists[list].clone()).expect("ids");
        assert!(ids.iter().all(|id| id != me && !knows.dead.contains(id)), "{list}: {context}");
        let of_others = list.ends_with("_by");
        if knows.dead.contains(me) || mine.is_none() {
            assert!(!of_others || ids.is_empty(), "{list}: {context}");
        }
        let sound = list.starts_with("hear");
        for id in ids {
            let (from, to) = if of_others { (me, id.as_str()) } else { (id.as_str(), me) };
            hears(from, to, sound, knows, mine, mafia, context);
            if knows.phase == "night" {
                *reached.entry("heard at night".to_owned()).or_default() += 1;
            }
        }
    }
}

/// `from` may be heard, or seen, by `to`, who is dead, or not.
fn hears(
    from: &str,
    to: &str,
    sound: bool,
    knows: &Knows,
    mine: Option<&str>,
    mafia: &BTreeSet<&str>,
    context: &str,
) {
    match knows.phase.as_str() {
        "night" => {
            assert!(mafia.contains(from), "{context}");
            assert!(knows.dead.contains(to) || (mafia.contains(to) && mine == Some("mafia")), "{context}");
        }
        "defence" | "final_words" if sound => assert_eq!(knows.accused.as_deref(), Some(from), "{context}"),
        _ => {}
    }
}

fn speaking(who: &str, knows: &Knows, mine: Option<&str>, mafia: &BTreeSet<&str>, me: &str, context: &str) {
    assert_ne!(who, me, "{context}");
    assert!(!knows.dead.contains(who), "{context}");
    hears(who, me, true, knows, mine, mafia, context);
}

fn own_role(payload: &Value, mine: Option<&str>, mafia: &BTreeSet<&str>, me: &str, context: &str) {
    assert_eq!(payload["role"].as_str(), mine, "{context}");
    partners(&payload["partners"], mine, mafia, me, context);
}

fn partners(shown: &Value, mine: Option<&str>, mafia: &BTreeSet<&str>, me: &str, context: &str) {
    let shown: BTreeSet<&str> = shown.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut expected = if mine == Some("mafia") { mafia.clone() } else { BTreeSet::new() };
    expected.remove(me);
    assert_eq!(shown, expected, "{context}");
}

/// Each his own; the mafia theirs; the dead all.
fn night_choice(choice: &Value, me: &str, mine: Option<&str>, knows_all: bool, context: &str) {
    let of_the_mafia = mine == Some("mafia") && choice["role"] == "mafia";
    assert!(knows_all || choice["by"] == me || of_the_mafia, "{context}");
}

fn death(death: &Value, reveal: &str, context: &str) {
    assert!(death.get("role").is_none() || reveal == "full", "{context}");
    assert!(death.get("side").is_none() || reveal == "side", "{context}");
}

fn chat(
    message: &Value,
    mine: Option<&str>,
    dead: bool,
    over: bool,
    reached: &mut BTreeMap<String, u32>,
    context: &str,
) {
    let channel = text(&message["channel"]);
    *reached.entry(channel.clone()).or_default() += 1;
    match channel.as_str() {
        "room" => assert!(over, "nobody writes to the room during a game: {context}"),
        "day" => {}
        "mafia" => assert!(dead || mine == Some("mafia"), "{context}"),
        "graveyard" => assert!(dead, "{context}"),
        _ => panic!("no such channel: {context}"),
    }
}

fn state(
    payload: &Value,
    heard: &Heard,
    mine: Option<&str>,
    mafia: &BTreeSet<&str>,
    knows_all: bool,
    reached: &mut BTreeMap<String, u32>,
    context: &str,
) {
    let game = &payload["game"];
    let me = heard.who.to_string();
    for (channel, messages) in payload["chat"].as_object().into_iter().flatten() {
        for message in messages.as_array().into_iter().flatten().filter(|m| m["channel"] != "room") {
            assert_eq!(message["channel"], channel.as_str(), "{context}");
            chat(message, mine, knows_all, false, reached, context);
        }
    }
    if game.is_null() || payload["room"]["status"] == "waiting" {
        return;
    }
    let my_game_role = game["you"]["role"].as_str();
    assert!(my_game_role.is_none() || my_game_role == mine, "{context}");
    partners(&game["you"]["partners"], my_game_role.and(mine), mafia, &me, context);
    assert!(game.get("roles").is_none() || knows_all, "{context}");
    for choice in game["night"]["choices"].as_array().into_iter().flatten() {
        night_choice(choice, &me, mine, knows_all, context);
    }
    let findings = game["you"]["investigations"].as_array().is_some_and(|f| !f.is_empty());
    assert!(!findings || mine == Some("police"), "{context}");
    assert!(!heard.anonymous || game["votes"].get("tally").is_none(), "{context}");
    let mut rest = game.clone();
    for known in ["you", "roles", "night", "deaths"] {
        rest.as_object_mut().unwrap().remove(known);
    }
    assert!(!names_a_role(&rest), "{context}");
}

/// Whether any string in here is the name of a role. Settings name roles as keys, not as values.
fn names_a_role(value: &Value) -> bool {
    match value {
        Value::String(text) => ROLES.contains(&text.as_str()),
        Value::Array(items) => items.iter().any(names_a_role),
        Value::Object(fields) => {
            let settings_or_game = |key: &str| ["settings", "game", "channel"].contains(&key);
            fields.iter().any(|(key, value)| !settings_or_game(key) && names_a_role(value))
        }
        _ => false,
    }
}
