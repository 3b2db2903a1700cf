//! A whole game with two players over packets and two over WebSockets, in one room.

use super::{TcpPlayer, guest, start_tcp};
use playhouse::testkit::SocketPlayer;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// Somebody at the table, however he came.
enum Player {
    Packets(Box<TcpPlayer<TcpStream>>, String),
    Ws(Box<SocketPlayer>),
}

impl Player {
    fn id(&self) -> &str {
        match self {
            Self::Packets(_, id) => id,
            Self::Ws(player) => &player.guest.id,
        }
    }

    async fn ok(&mut self, name: &str, payload: Value) -> Value {
        match self {
            Self::Packets(player, _) => player.ok(name, payload).await,
            Self::Ws(player) => player.ok(name, payload).await.unwrap(),
        }
    }

    async fn expect(&mut self, name: &str) -> Value {
        match self {
            Self::Packets(player, _) => player.expect(name).await,
            Self::Ws(player) => player.expect(name).await.unwrap(),
        }
    }

    async fn phase(&mut self, name: &str) {
        while self.expect("game.phase").await["phase"] != name {}
    }
}

#[actix::test]
async fn packets_and_websockets_play_a_whole_game_together() {
    let here = start_tcp(|config| config.server.workers = 2).await;
    let mut table = Vec::new();
    for (n, name) in ["Ann", "Bob", "Cid", "Dan"].into_iter().enumerate() {
        let guest = guest(&here, name).await;
        table.push(if n % 2 == 0 {
            let id = guest.id.clone();
            Player::Packets(Box::new(TcpPlayer::enter(&here, &guest).await.0), id)
        } else {
            Player::Ws(Box::new(SocketPlayer::connect(guest).await.unwrap()))
        });
    }
    let settings = json!({"day_ms": 1_000, "vote_ms": 60_000, "defence_ms": 1_000, "verdict_ms": 60_000, "final_words_ms": 0});
    let made = table[0].ok("room.create", json!({"capacity": 4, "settings": settings})).await;
    for player in &mut table[1..] {
        player.ok("room.join", json!({"room_id": made["room"]["room_id"]})).await;
        player.ok("room.ready", json!({"ready": true})).await;
    }
    assert_eq!(table[0].expect("room.startable").await["startable"], true);
    table[0].ok("room.start", json!({})).await;
    let mut mafia = None;
    for player in &mut table {
        if player.expect("game.role").await["role"] == "mafia" {
            mafia = Some(player.id().to_owned());
        }
    }
    let mafia = mafia.expect("one of four");
    for player in &mut table {
        player.phase("vote").await;
        player.ok("game.vote", json!({"suspect": mafia})).await;
    }
    for player in &mut table {
        player.phase("verdict").await;
        if player.id() != mafia {
            player.ok("game.verdict", json!({"execute": true})).await;
        }
    }
    for player in &mut table {
        let over = player.expect("game.over").await;
        assert_eq!(
            (&over["winner"], &over["roles"][&mafia]),
            (&json!("citizens"), &json!("mafia")),
            "{over}"
        );
    }
}
