//! Players of a bracket with both their sessions, who play real duels.

use crate::{
    clock::UnixMs,
    cluster::BracketDoor,
    ids::PlayerId,
    testkit::{ScriptedPlayer, ScriptedSignaller, Stage},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// On `/ws` and on `/ws/signal`.
pub struct Fighter {
    pub player: ScriptedPlayer,
    pub peer: ScriptedSignaller,
}

impl Fighter {
    pub async fn enter(stage: &Stage, name: &str) -> Self {
        let player = stage.player(name).await;
        let peer = ScriptedSignaller::connect(stage, player.id, name);
        Self { player, peer }
    }

    /// The session of his next match.
    pub async fn found(&mut self) -> String {
        let found = self.player.expect("matchmaking.found").await;
        assert_eq!(found["mode"], "duel");
        found["sessionId"].as_str().expect("a session").to_owned()
    }

    pub fn reports(&self, session: &str, winner: Option<PlayerId>) {
        self.peer.say("report_result", json!({"sessionId": session, "winnerId": winner}));
    }

    /// As it stands for him.
    pub async fn bracket(&mut self, showtime: Uuid) -> Value {
        self.player.ok("bracket.state", json!({"showtime": showtime})).await["bracket"].clone()
    }
}

pub async fn fighters(stage: &Stage, count: usize) -> Vec<Fighter> {
    let mut fighters = Vec::new();
    for n in 0..count {
        fighters.push(Fighter::enter(stage, &format!("P{n}")).await);
    }
    fighters
}

pub fn ids(fighters: &[Fighter]) -> Vec<PlayerId> {
    fighters.iter().map(|fighter| fighter.player.id).collect()
}

pub fn in_s(stage: &Stage, s: u64) -> UnixMs {
    stage.cluster.clock().now() + s * 1_000
}

/// A showtime with a bracket, which starts then, and these have paid for seats of it.
pub fn opens(stage: &Stage, showtime: Uuid, starts_at: UnixMs, paid: &[PlayerId]) {
    let door = BracketDoor { title: "The cup".to_owned(), starts_at, paid: false };
    stage.store.opens_bracket(showtime, door, paid.to_vec());
}

/// All have come in, in this order; it starts in a minute.
pub async fn open(stage: &Stage, fighters: &mut [Fighter]) -> Uuid {
    let showtime = Uuid::now_v7();
    opens(stage, showtime, in_s(stage, 60), &ids(fighters));
    for fighter in fighters.iter_mut() {
        fighter.player.ok("bracket.join", json!({"showtime": showtime})).await;
    }
    showtime
}

/// From the acceptance to the start of the match. The one who is named first offers.
pub async fn connect(one: &mut Fighter, other: &mut Fighter) -> String {
    let session = one.found().await;
    assert_eq!(other.found().await, session, "both are told of one match");
    connect_in(one, other, &session).await;
    session
}

/// The same, of those who know their session.
pub async fn connect_in(one: &mut Fighter, other: &mut Fighter, session: &str) {
    let (a, b) = (one.peer.id, other.peer.id);
    let sdp = |from: PlayerId, to: PlayerId| json!({"senderId": from, "receiverId": to, "sdp": "v=0", "sessionId": session});
    one.peer.say("send_sdp_offer", sdp(a, b));
    other.peer.expect("sdp_offer_received").await;
    other.peer.say("send_sdp_answer", sdp(b, a));
    one.peer.expect("sdp_answer_received").await;
    for fighter in [&mut *one, &mut *other] {
        fighter.peer.say("report_connection", json!({"sessionId": session, "state": "connected"}));
    }
    one.peer.expect("match_started").await;
    other.peer.expect("match_started").await;
}

/// A match that this one of the two wins.
pub async fn play(fighters: &mut [Fighter], [one, other]: [usize; 2], winner: usize) {
    let (first, second) = fighters.split_at_mut(one.max(other));
    let (one, other) =
        if one < other { (&mut first[one], &mut second[0]) } else { (&mut second[0], &mut first[other]) };
    let session = connect(one, other).await;
    let winner = if winner == 0 { one.player.id } else { other.player.id };
    one.reports(&session, Some(winner));
    other.reports(&session, Some(winner));
}

/// The pairs of a round: `[who, who, winner]`, by their names.
pub fn pairs(bracket: &Value, round: usize) -> Vec<[String; 3]> {
    let name = |id: &Value| {
        let players = bracket["players"].as_array().expect("players");
        let of = players.iter().find(|player| player["player_id"] == *id);
        of.map_or("-".to_owned(), |player| player["nickname"].as_str().expect("a name").to_owned())
    };
    let pairs = bracket["rounds"][round]["pairs"].as_array().expect("pairs");
    pairs.iter().map(|it| [name(&it["players"][0]), name(&it["players"][1]), name(&it["winner"])]).collect()
}

/// What the activity stream is told of brackets that were won: id, winner, body.
pub fn won(stage: &Stage) -> Vec<(Uuid, Option<PlayerId>, Value)> {
    let facts = stage.store.facts().into_iter().filter(|fact| fact.kind == "bracket_won");
    facts.map(|fact| (fact.id, fact.account, fact.body)).collect()
}
