//! The log of connections (spec 5.2), as it is in the database: both transports, how they ended, and a crash.

use super::{TcpPlayer, playhouse_tcp::Client};
use crate::{
    node::{PATIENCE, Wire},
    process::Process,
};
use playhouse::testkit::{Guest, SocketPlayer, free_port};
use serde_json::json;
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use std::{path::Path, time::Duration};
use tokio::net::TcpStream;

/// Transport, reason, messages from the client.
type Row = (String, Option<String>, i64);

async fn rows(dir: &Path, account: &str) -> Vec<Row> {
    let options = SqliteConnectOptions::new().filename(dir.join("playhouse.db")).read_only(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let account = uuid::Uuid::parse_str(account).unwrap();
    let sql = "SELECT transport, reason, messages_in FROM session_log WHERE account_id = $1 ORDER BY id";
    let rows = sqlx::query_as(sql).bind(account).fetch_all(&pool).await.unwrap();
    pool.close().await;
    rows
}

/// Waits until the log of an account is so.
async fn until(dir: &Path, account: &str, wanted: impl Fn(&[Row]) -> bool) -> Vec<Row> {
    let looking = async {
        loop {
            let rows = rows(dir, account).await;
            if wanted(&rows) {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(rows) => rows,
        Err(_) => panic!("the log is {:?}", rows(dir, account).await),
    }
}

#[actix::test]
async fn connections_are_in_the_log_and_a_crash_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let listen = format!("tcp.listen=127.0.0.1:{port}");
    let settings =
        [&listen[..], "session_log.sweep_ms=100", "session_log.linger_ms=10", "cluster.lease_ms=100"];
    let mut node = Process::with(dir.path(), &settings);
    let base = node.base();
    let connect = |token: String| async move {
        let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        Client::connect(socket, &token).await.unwrap()
    };
    let guest = Guest::sign_in(&base, "Logged").await.unwrap();
    let (mut player, _) = TcpPlayer::welcomed(connect(guest.access_token.clone()).await).await;
    player.ok("room.create", json!({})).await;
    player.ok("chat.send", json!({"text": "hello"})).await;
    drop(player);
    until(dir.path(), &guest.id, |rows| rows == [("tcp".into(), Some("lost".into()), 2)]).await;
    Wire::enter(&guest).await.0.goodbye().await;
    until(dir.path(), &guest.id, |rows| rows.last() == Some(&("ws".into(), Some("goodbye".into()), 0))).await;

    let open = SocketPlayer::connect(guest.clone()).await.unwrap();
    let other = Guest::sign_in(&base, "Other").await.unwrap();
    let (still, _) = TcpPlayer::welcomed(connect(other.access_token.clone()).await).await;
    until(dir.path(), &guest.id, |rows| rows.len() == 3 && rows[2].1.is_none()).await;
    until(dir.path(), &other.id, |rows| rows == [("tcp".into(), None, 0)]).await;
    node.kill_and_restart();
    until(dir.path(), &guest.id, |rows| rows[2].1.as_deref() == Some("crash")).await;
    until(dir.path(), &other.id, |rows| rows[0].1.as_deref() == Some("crash")).await;
    drop((open, still));

    let (mut stays, _) = TcpPlayer::welcomed(connect(other.access_token).await).await;
    until(dir.path(), &other.id, |rows| rows.len() == 2 && rows[1].1.is_none()).await;
    let stopping = node.terminate_gently();
    let (status, _) = futures_util::future::join(stopping, stays.rest()).await;
    assert!(status.success());
    let rows = rows(dir.path(), &other.id).await;
    assert_eq!(rows[1].1.as_deref(), Some("restart"), "what a stop ends is written before it is over");
}
