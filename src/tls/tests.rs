//! Certificates: which are used, what a new file does, and what a broken one does not.

use super::{Reloaded, Speaks, Tls};
use crate::config::{self, TlsVersion};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A certificate for localhost in `cert.pem` and `key.pem` of the folder.
fn write_certificate(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    std::fs::write(dir.join("cert.pem"), made.cert.pem()).expect("cert.pem");
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).expect("key.pem");
    made.cert.der().clone()
}

fn settings(dir: &Path) -> config::Tls {
    config::Tls {
        cert: Some(dir.join("cert.pem")),
        key: Some(dir.join("key.pem")),
        handshake_ms: 2_000,
        reload_ms: 10,
        ..config::Tls::default()
    }
}

fn open(dir: &Path) -> Tls {
    Tls::open(&settings(dir)).expect("usable").expect("named")
}

/// What a client that trusts this certificate gets: whether the handshake is done, and an echo of its byte.
async fn call(
    tls: &Tls,
    trusted: &CertificateDer<'static>,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let tls = tls.clone();
    actix::spawn(async move {
        let (socket, _) = listener.accept().await.expect("a socket");
        if let Ok(mut stream) = tls.accept(socket).await {
            let mut byte = [0];
            while stream.read_exact(&mut byte).await.is_ok() {
                stream.write_all(&byte).await.expect("written");
                stream.flush().await.expect("flushed");
            }
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !alpn.is_empty() {
        config.alpn_protocols = vec![alpn.to_vec()];
    }
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream =
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await?;
    echo(&mut stream).await?;
    Ok(stream)
}

async fn echo(stream: &mut TlsStream<TcpStream>) -> std::io::Result<()> {
    stream.write_all(b"x").await?;
    let mut byte = [0];
    stream.read_exact(&mut byte).await.map(|_| ())
}

#[actix::test]
async fn the_version_is_1_3_unless_1_2_is_asked_for() {
    let dir = tempfile::tempdir().expect("tempdir");
    let cert = write_certificate(dir.path());
    let stream = call(&open(dir.path()), &cert, b"").await.expect("connected");
    assert_eq!(stream.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    let of = |set: &str| config::Config::load(None, &[set.to_owned()]).map(|config| config.tls.min_version);
    assert_eq!(of("tls.min_version=1.2").expect("a setting"), TlsVersion::V1_2);
    assert_eq!(of("tls.min_version=\"1.3\"").expect("a setting"), TlsVersion::V1_3);
    let error = of("tls.min_version=1.1").expect_err("too old").to_string();
    assert!(error.contains("tls.min_version"), "{error}");
}

#[actix::test]
async fn new_connections_see_a_new_certificate_and_old_ones_live_on() {
    let dir = tempfile::tempdir().expect("tempdir");
    let first = write_certificate(dir.path());
    let tls = open(dir.path());
    let mut old = call(&tls, &first, b"").await.expect("connected");
    assert_eq!(tls.reload(), Reloaded::Unchanged);
    let second = write_certificate(dir.path());
    assert_eq!(tls.reload(), Reloaded::Changed);
    echo(&mut old).await.expect("the old connection lives");
    call(&tls, &second, b"").await.expect("connected with the new certificate");
    assert!(call(&tls, &first, b"").await.is_err(), "the old one is shown no more");
}

#[actix::test]
async fn a_file_is_noticed_by_itself() {
    let dir = tempfile::tempdir().expect("tempdir");
    let first = write_certificate(dir.path());
    let tls = open(dir.path());
    actix::spawn(tls.clone().watch());
    call(&tls, &first, b"").await.expect("connected");
    let second = write_certificate(dir.path());
    for _ in 0..500 {
        if call(&tls, &second, b"").await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the new certificate is not in use");
}

#[actix::test]
async fn files_that_cannot_be_used_leave_the_old_certificate() {
    let dir = tempfile::tempdir().expect("tempdir");
    let cert = write_certificate(dir.path());
    let tls = open(dir.path());
    let good = std::fs::read(dir.path().join("cert.pem")).expect("cert.pem");
    let other = tempfile::tempdir().expect("tempdir");
    write_certificate(other.path());
    let of_another_key = std::fs::read(other.path().join("cert.pem")).expect("cert.pem");
    for broken in [&b""[..], b"nonsense", &good[..good.len() / 2], &of_another_key] {
        std::fs::write(dir.path().join("cert.pem"), broken).expect("written");
        assert_eq!(tls.reload(), Reloaded::Broken, "{}", String::from_utf8_lossy(broken));
        assert_eq!(tls.reload(), Reloaded::Unchanged, "said once");
        call(&tls, &cert, b"").await.expect("the old certificate");
    }
    std::fs::remove_file(dir.path().join("cert.pem")).expect("removed");
    assert_eq!(tls.reload(), Reloaded::Broken);
    std::fs::write(dir.path().join("cert.pem"), good).expect("written");
    assert_eq!(tls.reload(), Reloaded::Changed);
    call(&tls, &cert, b"").await.expect("as before");
}

#[actix::test]
async fn a_start_without_usable_files_says_which_setting_is_wrong() {
    let dir = tempfile::tempdir().expect("tempdir");
    assert!(Tls::open(&config::Tls::default()).expect("no TLS").is_none());
    let error = |settings: &config::Tls| format!("{:#}", Tls::open(settings).err().expect("refused"));
    assert!(error(&settings(dir.path())).contains("cert.pem"));
    let lonely = config::Tls { key: None, ..settings(dir.path()) };
    assert!(error(&lonely).contains("tls.key"));
    write_certificate(dir.path());
    std::fs::write(dir.path().join("key.pem"), "nonsense").expect("written");
    assert!(error(&settings(dir.path())).contains("tls.key"));
}

#[actix::test]
async fn nobody_is_made_to_speak_to_the_wrong_listener() {
    let dir = tempfile::tempdir().expect("tempdir");
    let cert = write_certificate(dir.path());
    let http = open(dir.path());
    let packets = http.speaking(Speaks::Packets, &settings(dir.path())).expect("packets");
    call(&http, &cert, b"http/1.1").await.expect("a browser");
    call(&packets, &cert, b"playhouse/1").await.expect("a client");
    assert!(call(&packets, &cert, b"http/1.1").await.is_err());
    assert!(call(&http, &cert, b"playhouse/1").await.is_err());
}

#[actix::test]
async fn garbage_and_silence_are_no_handshake() {
    let dir = tempfile::tempdir().expect("tempdir");
    write_certificate(dir.path());
    let short = config::Tls { handshake_ms: 50, ..settings(dir.path()) };
    let tls = Tls::open(&short).expect("usable").expect("named");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff], &[0; 100], b""] {
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connects");
        let (socket, _) = listener.accept().await.expect("a socket");
        client.write_all(bytes).await.expect("written");
        assert!(tls.accept(socket).await.is_err(), "{bytes:?}");
    }
}
