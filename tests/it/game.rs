//! Two whole games of eight over real sockets: what each is told, in which order, and what is kept (spec 1.3, 1.8).

use crate::node::{Here, start};
use playhouse::{
    game::{Registry, replay::Recording},
    testkit::{Guest, SocketPlayer},
};
use serde_json::{Value, json};

/// Eight at a table. Nobody knows more of a role than its own player was told.
struct Table {
    here: Here,
    settings: Value,
    players: Vec<SocketPlayer>,
    mafia: Vec<usize>,
    doctor: usize,
    citizens: Vec<usize>,
    dead: Vec<usize>,
}

const SEATS: usize = 8;

impl Table {
    async fn sit_down(mut settings: Value) -> Self {
        let times = json!({"day_ms": 1_000, "vote_ms": 3_000, "defence_ms": 1_000, "verdict_ms": 3_000,
            "night_ms": 2_000, "reveal_on_death": "full"});
        settings.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        let here = start(|_| {}).await;
        let mut players = Vec::new();
        for n in 0..SEATS {
            players.push(SocketPlayer::enter(&here.base, &format!("Player{n}")).await.unwrap());
        }
        let made =
            players[0].ok("room.create", json!({"capacity": SEATS, "settings": settings})).await.unwrap();
        for player in &mut players[1..] {
            player.ok("room.join", json!({"code": made["room"]["code"]})).await.unwrap();
            player.ok("room.ready", json!({"ready": true})).await.unwrap();
        }
        assert_eq!(players[0].expect("room.startable").await.unwrap(), json!({"startable": true}));
        players[0].ok("room.start", json!({})).await.unwrap();
        let (mafia, citizens) = (Vec::new(), Vec::new());
        let mut table = Self { here, settings, players, mafia, doctor: 0, citizens, dead: Vec::new() };
        table.learn_roles().await;
        table
    }

    async fn learn_roles(&mut self) {
        let mut partners = Vec::new();
        for (n, player) in self.players.iter_mut().enumerate() {
            let role = player.expect("game.role").await.unwrap();
            match role["role"].as_str().unwrap() {
                "mafia" => self.mafia.push(n),
                "doctor" => self.doctor = n,
                "citizen" => self.citizens.push(n),
                other => panic!("a role that nobody asked for: {other}"),
            }
            partners.push(role["partners"].clone());
        }
        assert_eq!((self.mafia.len(), self.citizens.len()), (2, 5), "the default split of eight");
        let (first, second) = (self.mafia[0], self.mafia[1]);
        assert_eq!(partners[first], json!([self.id(second)]));
        assert_eq!(partners[second], json!([self.id(first)]));
        let others = (0..SEATS).filter(|n| !self.mafia.contains(n));
        assert!(others.into_iter().all(|n| partners[n].is_null()), "{partners:?}");
    }

    fn id(&self, n: usize) -> Value {
        json!(self.players[n].guest.id)
    }

    fn living(&self) -> Vec<usize> {
        (0..SEATS).filter(|n| !self.dead.contains(n)).collect()
    }

    /// The next push of this type, the same for all.
    async fn all_hear(&mut self, name: &str) -> Value {
        let first = self.players[0].expect(name).await.unwrap();
        for player in &mut self.players[1..] {
            assert_eq!(
                player.expect(name).await.unwrap(),
                first,
                "{} hears otherwise",
                player.guest.nickname
            );
        }
        first
    }

    async fn phase(&mut self, name: &str, day: u64, accused: Option<usize>) {
        let phase = self.all_hear("game.phase").await;
        assert_eq!((&phase["phase"], &phase["day"]), (&json!(name), &json!(day)), "{phase}");
        let accused = accused.map_or(Value::Null, |n| self.id(n));
        assert_eq!(phase["accused"], accused, "{phase}");
        let lasts = phase["ends_at"].as_i64().unwrap() - phase["started_at"].as_i64().unwrap();
        assert_eq!(json!(lasts), self.settings[format!("{name}_ms")], "{phase}");
    }

    async fn act(&mut self, n: usize, name: &str, payload: Value) {
        self.players[n].ok(name, payload).await.unwrap();
    }

    /// All the living name whom `choice` says; the last ballot closes the vote.
    async fn vote(&mut self, day: u64, choice: impl Fn(usize) -> Option<usize>) {
        self.phase("vote", day, None).await;
        for n in self.living() {
            let suspect = choice(n).map_or(Value::Null, |n| self.id(n));
            self.act(n, "game.vote", json!({"suspect": suspect})).await;
        }
    }

    /// Defence and verdict; the accused himself may not vote.
    async fn judge(&mut self, day: u64, accused: usize, execute: impl Fn(usize) -> bool) {
        self.phase("defence", day, Some(accused)).await;
        self.phase("verdict", day, Some(accused)).await;
        let own = self.players[accused].ask("game.verdict", json!({"execute": false})).await.unwrap();
        assert_eq!(own.unwrap_err()["code"], "not_allowed");
        for n in self.living().into_iter().filter(|n| *n != accused) {
            self.act(n, "game.verdict", json!({"execute": execute(n)})).await;
        }
    }

    async fn death(&mut self, who: usize, cause: &str, day: u64, role: &str, will: Option<&str>) {
        let death = self.all_hear("game.death").await;
        let told = json!({"player_id": self.id(who), "cause": cause, "day": day, "role": role});
        for (field, value) in told.as_object().unwrap() {
            assert_eq!(&death[field], value, "{death}");
        }
        assert_eq!(death["will"].as_str(), will, "{death}");
        self.dead.push(who);
    }

    /// A night with these choices; who is its victim.
    async fn night(&mut self, day: u64, choices: &[(usize, usize)]) -> Value {
        self.phase("night", day, None).await;
        for (by, target) in choices {
            let target = self.id(*target);
            self.act(*by, "game.night", json!({"target": target})).await;
        }
        self.all_hear("game.night_result").await["victim"].clone()
    }

    /// What everybody was told of the game's course, without ballots.
    fn story(&self, n: usize) -> Vec<String> {
        let told = self.players[n].transcript.iter().filter_map(|frame| {
            let payload = &frame["payload"];
            match frame["type"].as_str()? {
                "game.phase" => Some(format!("{}{}", payload["phase"].as_str()?, payload["day"])),
                "game.death" => Some(payload["cause"].as_str()?.to_owned()),
                "game.night_result" => {
                    Some(if payload["victim"].is_null() { "nobody" } else { "victim" }.into())
                }
                "game.over" => Some("over".into()),
                _ => None,
            }
        });
        told.collect()
    }

    /// Payloads of this type that this player was sent.
    fn heard(&self, n: usize, name: &str) -> Vec<&Value> {
        self.players[n].transcript.iter().filter(|f| f["type"] == name).map(|f| &f["payload"]).collect()
    }

    async fn over(&mut self, winner: &str, days: u64, story: &[&str]) {
        let over = self.all_hear("game.over").await;
        assert_eq!((&over["winner"], &over["days"]), (&json!(winner), &json!(days)), "{over}");
        let roles = over["roles"].as_object().unwrap();
        assert_eq!(roles.len(), SEATS);
        let is = |n: &usize, role: &str| roles[&self.players[*n].guest.id] == role;
        assert!(self.mafia.iter().all(|n| is(n, "mafia")) && is(&self.doctor, "doctor"), "{over}");
        assert!(self.citizens.iter().all(|n| is(n, "citizen")), "{over}");
        for n in 0..SEATS {
            let state = self.players[n].expect("room.state").await.unwrap();
            assert_eq!(state["room"]["status"], "waiting");
            assert_eq!(state["you"], self.id(n));
            let members = state["room"]["members"].as_array().unwrap();
            assert!(members.iter().all(|m| m["ready"] == false), "{members:?}");
            assert_eq!(self.story(n), story, "what player {n} was told");
        }
        self.record(&over).await;
    }

    /// The match can be read by who played it alone, and plays again to the same end.
    async fn record(&self, over: &Value) {
        let url = format!("{}/api/v1/matches/{}", self.here.base, over["match_id"].as_str().unwrap());
        let get = |guest: &Guest| reqwest::Client::new().get(&url).bearer_auth(&guest.access_token).send();
        let stranger = Guest::sign_in(&self.here.base, "Stranger").await.unwrap();
        assert_eq!(get(&stranger).await.unwrap().status(), 404);
        let answer = get(&self.players[self.dead[0]].guest).await.unwrap();
        assert_eq!(answer.status(), 200);
        let recording: Recording = answer.json().await.unwrap();
        assert_eq!(json!(recording.seed), over["seed"]);
        let report = recording.verify(&Registry::standard()).expect("plays again");
        assert_eq!(json!(report.winner), over["winner"]);
    }
}

#[actix::test]
async fn citizens_who_execute_all_the_mafia_win() {
    let mut table = Table::sit_down(json!({"final_words_ms": 1_000, "vote_tie": "day"})).await;
    let (first, second, doctor, saved) = (table.mafia[0], table.mafia[1], table.doctor, table.citizens[0]);
    table.phase("day", 1, None).await;
    table.act(first, "game.will", json!({"text": "I regret nothing"})).await;
    table.vote(1, |n| Some(if n < SEATS / 2 { first } else { saved })).await;
    table.phase("day", 1, None).await; // a tie: discussion again
    let votes = table.heard(0, "game.votes").last().copied().cloned().unwrap_or_default();
    let voters = |n: usize| votes["tally"][&table.players[n].guest.id].as_array().map(Vec::len);
    assert_eq!((voters(first), voters(saved)), (Some(4), Some(4)), "{votes}");
    table.vote(1, |_| Some(first)).await;
    table.judge(1, first, |n| n != second).await;
    table.phase("final_words", 1, Some(first)).await;
    assert_eq!(table.heard(saved, "game.verdict_tally").last(), Some(&&json!({"yes": 6, "no": 1})));
    table.death(first, "executed", 1, "mafia", Some("I regret nothing")).await;

    let victim = table.night(1, &[(second, saved), (doctor, saved)]).await;
    assert_eq!(victim, Value::Null, "the doctor was there");
    assert_eq!(table.heard(first, "game.night_choice").len(), 2, "the dead see all choices");
    assert_eq!(table.heard(saved, "game.night_choice").len(), 0);
    let own = table.heard(doctor, "game.night_choice").iter().all(|choice| choice["by"] == table.id(doctor));
    assert!(own, "the doctor sees his own alone");

    table.phase("day", 2, None).await;
    let refused = table.players[first].ask("game.will", json!({"text": "late"})).await.unwrap();
    assert_eq!(refused.unwrap_err()["code"], "not_allowed", "the dead write no wills");
    table.vote(2, |_| Some(second)).await;
    table.judge(2, second, |_| true).await;
    table.phase("final_words", 2, Some(second)).await;
    table.death(second, "executed", 2, "mafia", None).await;
    let story = [
        "day1",
        "vote1",
        "day1",
        "vote1",
        "defence1",
        "verdict1",
        "final_words1",
        "executed",
        "night1",
        "nobody",
        "day2",
        "vote2",
        "defence2",
        "verdict2",
        "final_words2",
        "executed",
        "over",
    ];
    table.over("citizens", 2, &story).await;
}

#[actix::test]
async fn mafia_as_many_as_the_others_win() {
    let mut table = Table::sit_down(json!({"final_words_ms": 0, "vote_tie": "night"})).await;
    let (first, second, doctor) = (table.mafia[0], table.mafia[1], table.doctor);
    let citizens = table.citizens.clone();
    table.phase("day", 1, None).await;
    table.act(citizens[1], "game.will", json!({"text": "It was them"})).await;
    table.vote(1, |_| Some(citizens[0])).await;
    table.judge(1, citizens[0], |_| false).await;
    let victim = table.night(1, &[(first, citizens[1]), (second, citizens[1]), (doctor, doctor)]).await;
    assert_eq!(table.heard(citizens[0], "game.verdict_tally").last(), Some(&&json!({"yes": 0, "no": 7})));
    assert_eq!(victim, table.id(citizens[1]));
    table.death(citizens[1], "killed", 1, "citizen", Some("It was them")).await;

    table.phase("day", 2, None).await;
    table.vote(2, |_| None).await; // nobody named: night at once
    let victim = table.night(2, &[(first, citizens[2]), (second, citizens[3])]).await;
    assert_eq!(victim, Value::Null, "the mafia did not agree");
    let shown = table.heard(second, "game.night_choice");
    assert!(shown.iter().any(|choice| choice["by"] == table.id(first)), "partners see each other's choices");

    table.phase("day", 3, None).await;
    table.vote(3, |_| Some(citizens[0])).await;
    table.judge(3, citizens[0], |_| true).await;
    table.death(citizens[0], "executed", 3, "citizen", None).await;
    let victim = table.night(3, &[(first, citizens[2]), (second, citizens[2])]).await;
    assert_eq!(victim, table.id(citizens[2]));
    table.death(citizens[2], "killed", 3, "citizen", None).await;

    table.phase("day", 4, None).await;
    table.vote(4, |_| Some(citizens[3])).await;
    table.judge(4, citizens[3], |_| true).await;
    table.death(citizens[3], "executed", 4, "citizen", None).await;
    let story = [
        "day1", "vote1", "defence1", "verdict1", "night1", "victim", "killed", "day2", "vote2", "night2",
        "nobody", "day3", "vote3", "defence3", "verdict3", "executed", "night3", "victim", "killed", "day4",
        "vote4", "defence4", "verdict4", "executed", "over",
    ];
    table.over("mafia", 4, &story).await;
}
