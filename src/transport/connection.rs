//! One socket: a task that turns its bytes into messages for its peer, writes what waits for it, keeps the heartbeat,
//! and takes the socket from one that does not read its close.
//!
//! The framing may be any. Before there is a session both directions are used in one place; then the task reads, and what is
//! written is [`super::writer`]'s. An idle connection holds no buffer: bytes are read into one buffer a thread.

use super::{
    Fault, Framing, Held, Incoming, Peer,
    pulse::{Due, Pulse},
    stream::{ReceiveHalf, Stream},
    writer::{Writer, Written},
};
use crate::{
    actors::session::Outgoing,
    config::Config,
    protocol::CloseCode,
    session_log::{Journey, Reason, Traffic},
};
use bytes::BytesMut;
use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, Sleep, sleep_until, timeout, timeout_at},
};

/// Bytes taken from a socket at once, at most.
const READ_BYTES: usize = 16 << 10;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// How long things may take on a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Between two signs of life.
    pub heartbeat: Duration,
    /// For the peer to take its close.
    pub slow_grace: Duration,
    /// From the first byte of a message to its last, where the framing counts them.
    pub message: Duration,
}

impl Terms {
    /// Those of the settings.
    pub fn of(config: &Config) -> Self {
        let (limits, session) = (&config.limits, &config.session);
        Self {
            heartbeat: Duration::from_millis(session.heartbeat_ms),
            slow_grace: Duration::from_millis(limits.slow_grace_ms),
            message: Duration::from_millis(config.tcp.packet_ms),
        }
    }
}

/// A socket, and what it needs to be served.
pub(crate) struct Connection<S, F> {
    pub stream: S,
    pub framing: F,
    pub terms: Terms,
    /// The socket's place in the node's count.
    pub held: Held,
    /// What is noted of it.
    pub journey: Box<Journey>,
}

/// What a wait for bytes brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Came,
    Late,
    Gone,
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer closed with 1000: the session ends too.
    Goodbye,
    /// The peer closed in another way.
    Left,
    /// We close; the close frame may still have to go out.
    Closing,
    /// Nobody is there any more.
    Lost,
    /// Nobody has been heard of for too long.
    Silent,
}

impl End {
    /// There is nobody to take leave of.
    fn is_lost(self) -> bool {
        matches!(self, Self::Lost | Self::Silent)
    }

    /// As it is noted. `code` is that of our close, which a session that has gone to another socket does not say.
    fn reason(self, code: Option<CloseCode>) -> Reason {
        match self {
            Self::Goodbye => Reason::Goodbye,
            Self::Left => Reason::Left,
            Self::Lost => Reason::Lost,
            Self::Silent => Reason::Silent,
            Self::Closing => Reason::Closed(code.unwrap_or(CloseCode::Replaced)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, F: Framing> Connection<S, F> {
    /// Reads on before there is a session, until `deadline`.
    pub async fn more(&mut self, deadline: Instant) -> More {
        let Self { stream, framing, journey, .. } = self;
        let read = poll_fn(|cx| poll_read(stream, cx, framing, &mut journey.traffic));
        match timeout_at(deadline, read).await {
            Ok(true) => More::Came,
            Ok(false) => More::Gone,
            Err(_) => More::Late,
        }
    }

    /// Says something before there is a session. False: the peer does not take it.
    pub async fn say(&mut self, bytes: &[u8]) -> bool {
        let all = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        self.journey.traffic.bytes_out += bytes.len() as u64;
        matches!(timeout(self.terms.slow_grace, all).await, Ok(Ok(())))
    }

    /// Ends a socket that has no session, after these last words: when he has read them, or does not in time.
    pub async fn dismiss(mut self, words: &[u8]) {
        self.journey.closing(Reason::Closed(CloseCode::Normal));
        let goodbye = async {
            self.stream.write_all(words).await?;
            self.stream.shutdown().await?;
            while poll_fn(|cx| poll_taken(&mut self.stream, cx, usize::MAX, |_| ())).await {}
            io::Result::Ok(())
        };
        if !matches!(timeout(self.terms.slow_grace, goodbye).await, Ok(Ok(()))) {
            tracing::debug!("a socket without a session broke before its close");
        }
    }

    /// As [`dismiss`](Self::dismiss), with a close.
    pub async fn refuse(self, code: CloseCode, reason: &str) {
        let mut close = BytesMut::new();
        F::write(&mut close, Outgoing::Close(code, reason), Default::default());
        self.dismiss(&close).await;
    }
}

impl<F: Framing> Connection<Stream, F> {
    /// Serves a session, to the end of its socket.
    pub async fn serve(self, peer: impl Peer) {
        metrics::gauge!("playhouse_sockets").increment(1.0);
        let Self { stream, framing, terms, held, mut journey } = self;
        let (session, account) = peer.who();
        journey.attached(session, account);
        let (receive, send) = stream.split();
        let writer = Writer::new(send, &journey.traffic);
        peer.open(writer.port());
        let mut served = Served { receive, framing, writer, peer, journey };
        let end = served.until_end(&terms).await;
        let Served { mut receive, framing, mut writer, peer, mut journey } = served;
        drop(framing);
        journey.closing(end.reason(writer.closed().or_else(|| peer.closing())));
        peer.detached(end == End::Goodbye).await;
        if !end.is_lost() {
            let farewell = farewell(&mut writer, &mut receive, &peer);
            if timeout(terms.slow_grace, farewell).await.is_err() {
                tracing::debug!(session_id = %session, "a peer did not take its close in time");
            }
        }
        writer.tally(&mut journey.traffic);
        metrics::gauge!("playhouse_sockets").decrement(1.0);
        drop(journey); // before the count says that nobody is there: a stop writes the log then
        drop(held);
    }
}

/// A socket with its session.
struct Served<F, P> {
    receive: ReceiveHalf,
    framing: F,
    writer: Writer<F>,
    peer: P,
    journey: Box<Journey>,
}

/// What a turn of the loop brought.
enum Turn {
    /// Bytes, or the end of the stream.
    Read(bool),
    /// There is nothing more to write, or nobody to write to.
    Written(Written),
    Struck,
}

impl<F: Framing, P: Peer> Served<F, P> {
    async fn until_end(&mut self, terms: &Terms) -> End {
        let mut pulse = Pulse::new(terms.heartbeat, terms.message, Instant::now());
        let timer = sleep_until(pulse.next());
        tokio::pin!(timer);
        loop {
            if let Some(end) = self.deliver() {
                return end;
            }
            pulse.watch(self.framing.partial());
            if timer.deadline() != pulse.next() {
                timer.as_mut().reset(pulse.next());
            }
            let turn = poll_fn(|cx| self.poll_turn(cx, timer.as_mut())).await;
            self.writer.tally(&mut self.journey.traffic); // in case the thread ends before the socket does
            match turn {
                Turn::Read(true) => pulse.heard(),
                Turn::Read(false) => return End::Lost,
                Turn::Written(Written::All) => return End::Closing,
                Turn::Written(Written::Broken) => return End::Lost,
                Turn::Struck => match pulse.strike(Instant::now()) {
                    Due::Nothing => {}
                    Due::Ping => self.peer.ping(),
                    Due::Silent => return End::Silent,
                    Due::Dribbled => return self.give_up(Fault::Dribbled),
                },
            }
        }
    }

    /// Reading comes last: one who never stops sending keeps neither what waits for him nor the clock from its turn.
    fn poll_turn(&mut self, cx: &mut Context<'_>, timer: Pin<&mut Sleep>) -> Poll<Turn> {
        if let Poll::Ready(written) = self.writer.poll_serve(cx, &self.peer) {
            return Poll::Ready(Turn::Written(written));
        }
        if timer.poll(cx).is_ready() {
            return Poll::Ready(Turn::Struck);
        }
        let (receive, traffic) = (&mut self.receive, &mut self.journey.traffic);
        poll_read(receive, cx, &mut self.framing, traffic).map(Turn::Read)
    }

    /// Hands every whole message to the session. An end when the socket is to end.
    fn deliver(&mut self) -> Option<End> {
        loop {
            match self.framing.next() {
                Ok(None) => return None,
                Ok(Some(Incoming::Data(encoding, bytes))) => {
                    self.journey.traffic.messages_in += 1;
                    self.peer.deliver(encoding, &bytes);
                }
                Ok(Some(Incoming::Odd(why))) => self.peer.refuse(why),
                Ok(Some(Incoming::Ping(payload))) => self.peer.pong(&payload),
                Ok(Some(Incoming::Pong)) => {}
                Ok(Some(Incoming::Close { clean })) => {
                    self.peer.close(CloseCode::Normal, "goodbye");
                    return Some(if clean { End::Goodbye } else { End::Left });
                }
                Err(fault) => return Some(self.give_up(fault)),
            }
        }
    }

    fn give_up(&self, fault: Fault) -> End {
        let (code, reason) = fault.close();
        if fault == Fault::TooLarge {
            self.peer.too_large();
        }
        self.peer.close(code, reason);
        End::Closing
    }
}

/// Sends what there still is to say, then waits for the peer to close: to close first with bytes of his unread
/// would reset the connection under our last words.
async fn farewell<F: Framing>(writer: &mut Writer<F>, receive: &mut ReceiveHalf, peer: &impl Peer) {
    let said = poll_fn(|cx| writer.poll_write_all(cx, peer)).await;
    if said.is_ok() && writer.shutdown().await.is_ok() {
        while poll_fn(|cx| poll_taken(receive, cx, usize::MAX, |_| ())).await {}
    }
}

/// Feeds what has come to `framing`; false at the end of the stream.
fn poll_read(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    framing: &mut impl Framing,
    traffic: &mut Traffic,
) -> Poll<bool> {
    poll_taken(stream, cx, framing.room(), |bytes| {
        traffic.bytes_in += bytes.len() as u64;
        framing.feed(bytes);
    })
}

/// As [`poll_read`], `most` bytes, for whoever takes them.
fn poll_taken(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    most: usize,
    take: impl FnOnce(&[u8]),
) -> Poll<bool> {
    READ.with_borrow_mut(|buffer| {
        let most = buffer.len().min(most);
        let mut buffer = ReadBuf::new(&mut buffer[..most]);
        let came = ready!(Pin::new(stream).poll_read(cx, &mut buffer)).is_ok();
        take(buffer.filled());
        Poll::Ready(came && !buffer.filled().is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::SessionPeer;

    struct Nothing;

    impl Framing for Nothing {
        fn feed(&mut self, _: &[u8]) {}
        fn next(&mut self) -> Result<Option<Incoming>, Fault> {
            Ok(None)
        }
        fn write(_: &mut BytesMut, _: Outgoing<'_>, _: crate::protocol::Encoding) {}
    }

    fn size_of_task<A, T: Future>(_: impl Fn(A) -> T) -> usize {
        std::mem::size_of::<T>()
    }

    #[test]
    fn the_task_of_a_connection_is_small() {
        let serve = |(connection, peer): (Connection<Stream, Nothing>, SessionPeer)| connection.serve(peer);
        let bytes = size_of_task(serve);
        assert!(bytes <= 1_152, "each idle socket takes {bytes} bytes for its task");
    }
}
