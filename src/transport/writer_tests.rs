//! Real sockets, plain and enciphered, that take little at a time, while several threads push.

use super::*;
use crate::{
    actors::session::{Attachment, Bounds, Outbox, flusher},
    config::{self, Limits},
    ids::{PlayerId, SessionId},
    protocol::{Encoding, Push},
    tls::Tls,
    transport::{Fault, Incoming, Stream},
};
use bytes::Bytes;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use std::time::Duration;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::TlsConnector;

const THREADS: u64 = 3;
const EACH: u64 = 300;
/// Far more together than two sockets' buffers.
const TEXT_BYTES: usize = 4_000;
const SOCKET_BYTES: u32 = 4_096;

/// A message a line.
struct Lines;

impl Framing for Lines {
    fn feed(&mut self, _: &[u8]) {}
    fn next(&mut self) -> Result<Option<Incoming>, Fault> {
        Ok(None)
    }
    fn write(out: &mut BytesMut, item: Outgoing<'_>, _: Encoding) {
        match item {
            Outgoing::Message(head, tail) => out.extend_from_slice(&[head, tail, b"\n"].concat()),
            Outgoing::Close(code, _) => out.extend_from_slice(format!("close {}\n", code as u16).as_bytes()),
            _ => {}
        }
    }
}

/// A session without an ear.
struct Deaf(Arc<Outbox>, Attachment);

impl Peer for Deaf {
    fn deliver(&self, _: Encoding, _: &[u8]) {}
    fn refuse(&self, _: &'static str) {}
    fn too_large(&self) {}
    fn ping(&self) {}
    fn pong(&self, _: &[u8]) {}
    fn close(&self, code: CloseCode, reason: &'static str) {
        self.0.close(code, reason);
    }
    fn poll_drain(&self, cx: &mut Context<'_>, port: &dyn Port) -> Poll<Drained> {
        self.0.poll_serve(self.1, cx, port)
    }
    fn open(&self, port: Arc<dyn Port>) {
        self.0.open(self.1, port);
    }
    fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_ending(self.1, cx)
    }
    fn closing(&self) -> Option<CloseCode> {
        self.0.closing()
    }
    fn who(&self) -> (SessionId, PlayerId) {
        (SessionId::new(), PlayerId::new())
    }
    async fn detached(&self, _: bool) {}
}

/// Pushes on a thread of its own, with a flusher of its own.
fn push_from_a_thread(outbox: Arc<Outbox>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        actix::System::new().block_on(async move {
            flusher::start();
            for n in 0..EACH {
                outbox.push(Push::new("load", &"x".repeat(TEXT_BYTES)));
                if n % 7 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
    })
}

/// The task of a socket to which all is pushed and which is closed then; what it has sent.
async fn serve(stream: Stream) -> Traffic {
    let bounds =
        Bounds { soft_bytes: usize::MAX, hard_bytes: usize::MAX, ..Bounds::from(&Limits::default()) };
    let outbox = Outbox::new(bounds, 0);
    let peer = Deaf(outbox.clone(), outbox.attach(Encoding::Json));
    let (receive, send) = stream.split();
    let mut writer: Writer<Lines> = Writer::new(send, &Traffic::default());
    peer.open(writer.port());
    let threads: Vec<_> = (0..THREADS).map(|_| push_from_a_thread(outbox.clone())).collect();
    let closing = outbox.clone();
    tokio::task::spawn_blocking(move || {
        threads.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
        closing.close(CloseCode::Restart, "all is said");
    });
    assert_eq!(std::future::poll_fn(|cx| writer.poll_serve(cx, &peer)).await, Written::All);
    std::future::poll_fn(|cx| writer.poll_write_all(cx, &peer)).await.expect("written");
    writer.shutdown().await.expect("shut down");
    drop(receive);
    let mut traffic = Traffic::default();
    writer.tally(&mut traffic);
    traffic
}

/// Reads by and by what comes, to the end.
async fn read(stream: impl AsyncRead + Unpin) -> (Vec<u64>, String, u64) {
    let (mut reader, mut line, mut bytes) = (BufReader::new(stream), String::new(), 0);
    let (mut seqs, mut last) = (Vec::new(), String::new());
    while let Ok(n @ 1..) = reader.read_line(&mut line).await {
        bytes += n as u64;
        match serde_json::from_str::<serde_json::Value>(&line) {
            Ok(message) => seqs.push(message["seq"].as_u64().expect("a seq")),
            Err(_) => last = std::mem::take(&mut line),
        }
        line.clear();
        if seqs.len() % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await; // the sender's buffer fills
        }
    }
    (seqs, last, bytes)
}

/// A pair of sockets with small buffers.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(SOCKET_BYTES).expect("a small buffer");
    let client = socket.connect(listener.local_addr().expect("an address")).await.expect("connected");
    let (server, _) = listener.accept().await.expect("accepted");
    socket2::SockRef::from(&server).set_send_buffer_size(SOCKET_BYTES as usize).expect("a small buffer");
    (client, server)
}

fn check((seqs, last, bytes): (Vec<u64>, String, u64), traffic: Traffic) {
    let expected: Vec<u64> = (1..=THREADS * EACH).collect();
    assert_eq!(seqs, expected, "each once, in order");
    assert_eq!(last, "close 1012\n", "and then the close");
    assert_eq!((traffic.bytes_out, traffic.messages_out), (bytes, THREADS * EACH));
}

#[actix::test]
async fn what_many_threads_push_to_a_slow_socket_comes_whole_and_in_order() {
    let (client, server) = pair().await;
    let serving = actix::spawn(serve(Stream::from(server)));
    let read = read(client).await;
    check(read, serving.await.expect("served"));
}

#[actix::test]
async fn so_it_does_under_tls() {
    let dir = tempfile::tempdir().expect("tempdir");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("cert.pem");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("key.pem");
    let settings = config::Tls { cert: Some(cert), key: Some(key), ..config::Tls::default() };
    let tls = Tls::open(&settings).expect("usable").expect("named");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();

    let (client, server) = pair().await;
    let serving = actix::spawn(async move { serve(tls.accept(server).await.expect("a handshake")).await });
    let name = ServerName::try_from("localhost").expect("a name");
    let client = TlsConnector::from(Arc::new(config)).connect(name, client).await.expect("connected");
    let read = read(client).await;
    check(read, serving.await.expect("served"));
}

/// Bytes of a ping are those of the framing, and count as no message.
#[actix::test]
async fn the_books_count_messages_alone() {
    let (_client, server) = pair().await;
    let outbox = Outbox::new(Bounds::from(&Limits::default()), 0);
    let peer = Deaf(outbox.clone(), outbox.attach(Encoding::Json));
    let mut writer: Writer<Lines> = Writer::new(Stream::from(server).split().1, &Traffic::default());
    outbox.ping();
    outbox.pong(&Bytes::from_static(b"x"));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(writer.poll_serve(&mut cx, &peer).is_pending());
    let mut traffic = Traffic::default();
    writer.tally(&mut traffic);
    assert_eq!(traffic, Traffic::default());
}
