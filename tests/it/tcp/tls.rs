//! TLS on both listeners: HTTP, WebSocket and packets; a new certificate while connections live.

use super::{TcpPlayer, dial, playhouse_tcp::Client, python, start_tcp};
use crate::node::{Here, PATIENCE};
use futures_util::StreamExt;
use playhouse::config::Config;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use serde_json::{Value, json};
use std::{io, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{client_async, tungstenite::client::IntoClientRequest};

fn write_certificate(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

fn with_tls(config: &mut Config, dir: &Path) {
    config.tls.cert = Some(dir.join("cert.pem"));
    config.tls.key = Some(dir.join("key.pem"));
    config.tls.hsts_s = 60;
    config.tls.reload_ms = 20;
}

async fn over_tls(socket: TcpStream, trusted: &CertificateDer<'static>) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
    stream.flush().await?;
    Ok(stream)
}

async fn http_socket(here: &Here) -> TcpStream {
    TcpStream::connect(here.node.address).await.unwrap()
}

/// A guest's id and token, by an HTTP request over TLS; and the head of its answer.
async fn sign_in(here: &Here, cert: &CertificateDer<'static>, nickname: &str) -> (String, String, String) {
    let mut stream = over_tls(http_socket(here).await, cert).await.unwrap();
    let body = json!({"nickname": nickname}).to_string();
    let request = format!(
        "POST /api/v1/accounts/guest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&body["account"]["id"]), text(&body["tokens"]["access_token"]), head.to_ascii_lowercase())
}

#[actix::test]
async fn http_websockets_and_packets_go_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let cert = write_certificate(dir.path());
    let here = start_tcp(|config| with_tls(config, dir.path())).await;
    assert_eq!(here.node.scheme(), "https");
    let (id, token, head) = sign_in(&here, &cert, "Private").await;
    assert!(
        head.starts_with("http/1.1 201") && head.contains("strict-transport-security: max-age=60"),
        "{head}"
    );

    let mut request = "wss://localhost/ws".into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let stream = over_tls(http_socket(&here).await, &cert).await.unwrap();
    let (mut wire, _) = client_async(request, stream).await.unwrap();
    let welcome = timeout(PATIENCE, wire.next()).await.unwrap().unwrap().unwrap();
    assert!(welcome.into_text().unwrap().contains(&id));
    drop(wire);

    let stream = over_tls(dial(&here).await, &cert).await.unwrap();
    let (mut player, welcome) = TcpPlayer::welcomed(Client::connect(stream, &token).await.unwrap()).await;
    assert_eq!(welcome["player_id"], json!(id));
    for n in 0..30 {
        assert_eq!(player.ask("ping", json!({"client_time": n})).await["payload"]["client_time"], n);
    }
    let ca = dir.path().join("cert.pem");
    let said = python(&here, &[&token, ca.to_str().unwrap()]).await;
    assert_eq!(said["welcome"]["player_id"], json!(id));
}

#[actix::test]
async fn what_is_not_tls_gets_nothing_and_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let cert = write_certificate(dir.path());
    let here = start_tcp(|config| with_tls(config, dir.path())).await;
    for bytes in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3], &[0; 2_000]]
    {
        for socket in [http_socket(&here).await, dial(&here).await] {
            let mut socket = socket;
            socket.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("closed in time");
            assert!(answer.len() < 10 && !answer.starts_with(b"HTTP"), "an alert at most: {answer:?}");
        }
    }
    sign_in(&here, &cert, "Unharmed").await;
}

#[actix::test]
async fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let first = write_certificate(dir.path());
    let here = start_tcp(|config| with_tls(config, dir.path())).await;
    let (_, token, _) = sign_in(&here, &first, "Faithful").await;
    let stream = over_tls(dial(&here).await, &first).await.unwrap();
    let (mut old, _) = TcpPlayer::welcomed(Client::connect(stream, &token).await.unwrap()).await;

    std::fs::write(dir.path().join("cert.pem"), "nonsense").unwrap();
    sleep(Duration::from_millis(200)).await;
    over_tls(dial(&here).await, &first).await.expect("the old certificate stays");

    let second = write_certificate(dir.path());
    let changed = async {
        while over_tls(dial(&here).await, &second).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, changed).await.expect("the new certificate is used");
    assert!(over_tls(http_socket(&here).await, &first).await.is_err(), "by the other listener too");
    sign_in(&here, &second, "Newcomer").await;
    assert_eq!(old.ask("ping", json!({"client_time": 1})).await["type"], "pong", "the old connection lives");
}
