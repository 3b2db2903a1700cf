//! One kind of GET to a server, from many connections: what rates, waits and CPU it comes to, beside a bare server that is
//! this program once more. The generator writes one request a connection and waits for its answer: keep-alive, no
//! pipelining.

use super::support::{cpu_s, median};
use futures_util::future::join_all;
use std::{
    io::{BufRead, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub const ROUNDS: usize = 5;
const CONNECTIONS: usize = 64;
const WARM: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_secs(3);
/// Set for the process that is the bare server.
const BARE: &str = "PLAYHOUSE_BENCH_BARE";

/// The bare server.
pub struct Bare {
    child: Child,
    pub address: SocketAddr,
}

impl Bare {
    /// This program once more, which reads `told` to know what to answer, and prints its address.
    pub fn start(told: &[u8]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(BARE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(told).unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().parse().unwrap() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the process that is the bare server: what it was told.
pub fn told() -> Option<Vec<u8>> {
    std::env::var_os(BARE)?;
    let mut told = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut told).unwrap();
    Some(told)
}

pub fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Of one round.
#[derive(Clone)]
pub struct Figures {
    rate: f64,
    p99_ms: f64,
    server_us: f64,
    generator_us: f64,
}

pub fn tell_method() {
    println!(
        "{CONNECTIONS} connections, {} workers each; medians of {ROUNDS} rounds of {ROUND:?}",
        workers()
    );
}

/// Medians, and beside the bare server's.
pub fn tell(name: &str, rounds: &[Figures], bares: &[Figures]) {
    let of = |rounds: &[Figures], figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
    let (rate, p99) = (of(rounds, |f| f.rate), of(rounds, |f| f.p99_ms));
    println!(
        "  {name:16} {rate:8.0} requests/s ({:.2}x)   p99 {p99:6.2} ms ({:.2}x)   CPU µs a request: server {:5.1}, generator {:5.1}",
        rate / of(bares, |f| f.rate),
        p99 / of(bares, |f| f.p99_ms),
        of(rounds, |f| f.server_us),
        of(rounds, |f| f.generator_us),
    );
}

/// On a thread of its own, so that nothing else is measured.
pub fn ask(server: SocketAddr, pid: u32, request: &str) -> Figures {
    let run = |length| {
        std::thread::scope(|threads| {
            let asking = threads.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let until = Instant::now() + length;
                    join_all((0..CONNECTIONS).map(|_| connection(server, request.as_bytes(), until)))
                        .await
                        .concat()
                })
            });
            asking.join().unwrap()
        })
    };
    run(WARM);
    let cpu = || (cpu_s(pid), cpu_s(std::process::id()));
    let (began, before) = (Instant::now(), cpu());
    let mut took = run(ROUND);
    let (seconds, after) = (began.elapsed().as_secs_f64(), cpu());
    took.sort_unstable();
    let count = took.len() as f64;
    Figures {
        rate: count / seconds,
        p99_ms: took[took.len() * 99 / 100].as_secs_f64() * 1e3,
        server_us: (after.0 - before.0) / count * 1e6,
        generator_us: (after.1 - before.1) / count * 1e6,
    }
}

/// How long each answer took.
async fn connection(server: SocketAddr, request: &[u8], until: Instant) -> Vec<Duration> {
    let mut socket = TcpStream::connect(server).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (mut took, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while Instant::now() < until {
        let asked = Instant::now();
        socket.write_all(request).await.unwrap();
        let (mut read, mut length) = (0, None);
        while length.is_none_or(|length| read < length) {
            let more = socket.read(&mut buffer[read..]).await.unwrap();
            assert!(more > 0, "the server closed the connection");
            read += more;
            length = length.or_else(|| length_of(&buffer[..read]));
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&buffer[..read]));
        took.push(asked.elapsed());
    }
    took
}

/// Of a whole answer, once its head is there.
fn length_of(start: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(start).ok()?.split_once("\r\n\r\n")?.0;
    let says = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok();
    let body = head.lines().find_map(says).expect("an answer of known length");
    Some(head.len() + 4 + body)
}
