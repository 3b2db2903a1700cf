//! A whole game in one file: rock, paper, scissors for two; hands stay secret until both are shown or time is up.
//! `cargo run --example rock_paper_scissors [HAND]` plays it against a bot.

use playhouse::game::{
    Audience, BotMove, Effect, Game, Input, InvalidSettings, MediaPolicy, Refusal, RoomRules,
};
use playhouse::game::{Seat, Setup, Viewer};
use playhouse::{clock::UnixMs, ids::PlayerId};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const HANDS: [&str; 3] = ["rock", "paper", "scissors"];

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

#[derive(Clone, Serialize, Deserialize)]
struct Rps {
    players: Vec<PlayerId>,
    hands: Vec<Option<usize>>,
    ends_at: Option<UnixMs>,
}

fn push(name: &str, payload: Value) -> Effect {
    Effect::Push { to: Audience::All, name: name.into(), payload, droppable: false }
}

impl Rps {
    fn seat(&self, player: PlayerId) -> Option<usize> {
        self.players.iter().position(|p| *p == player)
    }
    /// Shows the hands; who has none loses against any.
    fn finish(&mut self) -> Vec<Effect> {
        self.ends_at = None;
        let winner = match (self.hands[0], self.hands[1]) {
            (a, b) if a == b => "draw".into(),
            (Some(a), Some(b)) => self.players[usize::from((a + 1) % 3 == b)].to_string(),
            (a, _) => self.players[usize::from(a.is_none())].to_string(),
        };
        let roles: Value =
            self.players.iter().zip(&self.hands).map(|(p, h)| (p.to_string(), json!(h))).collect();
        vec![push("game.over", json!({ "winner": winner, "hands": roles })), Effect::Over { winner, roles }]
    }
}

impl Game for Rps {
    const NAME: &'static str = "rock_paper_scissors";
    type Settings = Settings;

    fn validate(_: &Settings, players: Option<usize>) -> Result<(), InvalidSettings> {
        let error = || InvalidSettings { field: "players".into(), message: "it takes two".into() };
        players.is_none_or(|n| n == 2).then_some(()).ok_or_else(error)
    }
    fn room_rules(_: &Settings) -> RoomRules {
        RoomRules { min_players: 2, allow_spectators: true, media: false }
    }
    fn start(setup: Setup<Settings>) -> (Self, Vec<Effect>) {
        let ends_at = Some(setup.now + 10_000);
        let players = setup.seats.iter().map(|s| s.player_id).collect();
        (
            Self { players, hands: vec![None; 2], ends_at },
            vec![push("game.phase", json!({ "ends_at": ends_at }))],
        )
    }
    fn handle(&mut self, input: &Input, now: UnixMs) -> Result<Vec<Effect>, Refusal> {
        let late = self.ends_at.is_none_or(|ends_at| now >= ends_at);
        match input {
            Input::Command { by, name, payload } if name == "game.throw" => {
                let hand = HANDS.iter().position(|h| payload["hand"] == *h);
                let hand = hand.ok_or(Refusal::BadPayload("{hand: rock, paper or scissors}".into()))?;
                let seat = self.seat(*by).filter(|_| !late);
                let seat = seat.ok_or(Refusal::NotAllowed("not you, or not now".into()))?;
                self.hands[seat] = Some(hand);
                Ok(if self.hands.contains(&None) { vec![] } else { self.finish() })
            }
            Input::Command { .. } => Err(Refusal::UnknownCommand),
            Input::Left { player_id } if self.ends_at.is_some() && self.is_participant(*player_id) => {
                self.hands = self.players.iter().map(|p| (p != player_id).then_some(0)).collect();
                Ok(self.finish())
            }
            Input::Deadline | Input::Abandoned if self.ends_at.is_some() => Ok(self.finish()),
            _ => Ok(vec![]),
        }
    }
    fn deadline(&self) -> Option<UnixMs> {
        self.ends_at
    }
    fn restarted(&mut self, _: UnixMs) {}
    fn is_participant(&self, player: PlayerId) -> bool {
        self.seat(player).is_some()
    }
    fn view(&self, viewer: Viewer) -> Value {
        let seat = if let Viewer::Player(id) = viewer { self.seat(id) } else { None };
        json!({ "ends_at": self.ends_at, "you": { "hand": seat.and_then(|s| self.hands[s]).map(|h| HANDS[h]) } })
    }
    fn writes_to(&self, _: Viewer) -> Option<&'static str> {
        Some("room")
    }
    fn reads(&self, _: Viewer, channel: &str) -> bool {
        channel == "room"
    }
    fn member_flags(&self, player: PlayerId) -> Option<(bool, bool)> {
        self.seat(player).map(|_| (true, false))
    }
    fn media(&self) -> MediaPolicy {
        MediaPolicy::default()
    }
    fn bot_move(view: &Value, _: PlayerId, rng: &mut rand_chacha::ChaCha8Rng) -> Option<BotMove> {
        let hand = HANDS[rng.random_range(0..HANDS.len())];
        let throw = BotMove { name: "game.throw", payload: json!({ "hand": hand }) };
        view["you"]["hand"].is_null().then_some(throw)
    }
}

fn table() -> (Rps, [PlayerId; 2]) {
    let ids = [PlayerId::new(), PlayerId::new()];
    let seats = ids.map(|player_id| Seat { player_id, nickname: String::new(), bot: true }).into();
    let (settings, seed, now, drop_grace_ms) = (Settings {}, String::new(), UnixMs(0), 0);
    (Rps::start(Setup { settings, seats, seed, now, drop_grace_ms }).0, ids)
}

fn throw(by: PlayerId, payload: Value) -> Input {
    Input::Command { by, name: "game.throw".into(), payload }
}

fn main() {
    let (mut game, ids) = table();
    for (id, name) in ids.into_iter().zip(["you", "bot"]) {
        if let Some(bot) = Rps::bot_move(&game.view(Viewer::Player(id)), id, &mut rand::make_rng()) {
            let hand = std::env::args().nth(1).filter(|_| id == ids[0]);
            let payload = hand.map_or(bot.payload, |hand| json!({ "hand": hand }));
            println!("{name} throw {payload}: {:?}", game.handle(&throw(id, payload.clone()), UnixMs(1)));
        }
    }
}

#[test]
fn every_hand_beats_the_one_before_it_and_shows_only_with_the_other() {
    for (a, b, winner) in [(0, 1, Some(1)), (1, 0, Some(0)), (2, 0, Some(1)), (1, 1, None)] {
        let (mut game, ids) = table();
        let winner = winner.map_or("draw".into(), |seat: usize| ids[seat].to_string());
        assert_eq!(game.handle(&throw(ids[0], json!({ "hand": HANDS[a] })), UnixMs(1)), Ok(vec![]));
        assert_eq!(game.view(Viewer::Player(ids[1]))["you"]["hand"], Value::Null);
        let effects = game.handle(&throw(ids[1], json!({ "hand": HANDS[b] })), UnixMs(1)).unwrap();
        assert!(matches!(&effects[1], Effect::Over { winner: w, .. } if *w == winner));
    }
}
