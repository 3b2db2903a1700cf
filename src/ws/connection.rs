//! One socket: a task that turns its bytes into frames for the session, writes what the session's outbox
//! holds, keeps the heartbeat, and takes the socket from a peer that does not read its close.
//!
//! An idle one holds no buffer: bytes are read into one buffer a thread and frames are written from one.

use super::{
    ear::Line,
    frames::{self, FrameError, FrameReader, Incoming},
    sockets::Held,
};
use crate::{
    actors::{
        session::{Attachment, Door, Drained, Input, Outbox, Outgoing, Player},
        signal::SignalDoor,
    },
    protocol::{ClientFrame, CloseCode, Encoding, ErrorCode, Rejection, frame::BadFrame, messages::Resume},
};
use bytes::{Buf, BytesMut};
use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at},
};

/// A peer silent for so many halves of a heartbeat is gone (spec 1.1: 2.5 heartbeats).
const SILENT_HALVES: u32 = 5;

/// Bytes taken from a socket at once, at most.
const READ_BYTES: usize = 16 << 10;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    static WRITE: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// A socket that has been upgraded, and what it needs to be served.
pub(super) struct Connection {
    pub stream: TcpStream,
    pub door: Arc<Door>,
    pub encoding: Encoding,
    pub frames: FrameReader,
    pub nesting: usize,
    pub heartbeat: Duration,
    pub slow_grace: Duration,
    /// The socket's place in the node's count.
    pub held: Held,
}

impl Connection {
    /// Serves a socket as a new session, to its end.
    pub(super) async fn run(self, player: Player) {
        let attached = self.door.enter(player, self.encoding, None);
        self.serve(attached.into()).await;
    }

    /// Serves a socket of `/ws/signal`, to its end.
    pub(super) async fn run_signals(self, player: Player, door: SignalDoor) {
        let attached = door.enter(player, self.encoding);
        self.serve(attached.into()).await;
    }

    /// Serves a socket that must begin with `session.resume`, sent within `wait`.
    pub(super) async fn run_resumed(mut self, player: Player, wait: Duration) {
        let deadline = Instant::now() + wait;
        let first = loop {
            match self.frames.next() {
                Ok(Some(Incoming::Data { text, bytes })) => break Some(self.parse(text, &bytes)),
                Ok(Some(Incoming::Close { .. })) => {
                    return self.refuse(CloseCode::Normal, "goodbye").await;
                }
                Err(FrameError::TooLarge) => {
                    return self.refuse(CloseCode::TooLarge, "frame too large").await;
                }
                Err(FrameError::Malformed) => {
                    return self.refuse(CloseCode::Abuse, "not WebSocket").await;
                }
                Ok(Some(_)) => continue,
                Ok(None) => {}
            }
            let (mut socket, _) = self.stream.split();
            match timeout_at(deadline, read(&mut socket, &mut self.frames)).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => break None, // too late: a new session
            }
        };
        let attached = match first.map(as_resume) {
            Some(Ok((re, resume))) => self.door.resume(player, self.encoding, re, resume).await,
            Some(Err(re)) => self.door.enter(player, self.encoding, Some(Door::resume_failed(re))),
            None => self.door.enter(player, self.encoding, Some(Door::resume_failed(None))),
        };
        self.serve(attached.into()).await;
    }

    /// Closes a socket that has no session.
    async fn refuse(mut self, code: CloseCode, reason: &str) {
        let mut close = BytesMut::new();
        frames::write(&mut close, Outgoing::Close(code, reason), self.encoding);
        let goodbye = async {
            self.stream.write_all(&close).await?;
            self.stream.shutdown().await
        };
        if !matches!(timeout(self.slow_grace, goodbye).await, Ok(Ok(()))) {
            tracing::debug!("a socket without a session broke before its close");
        }
    }

    fn parse(&self, text: bool, bytes: &[u8]) -> Result<ClientFrame, BadFrame> {
        parse(text, bytes, self.encoding, self.nesting)
    }

    async fn serve(mut self, line: Line) {
        metrics::gauge!("playhouse_sockets").increment(1.0);
        let (mut socket, half) = self.stream.split();
        let mut served = Served {
            frames: self.frames,
            encoding: self.encoding,
            nesting: self.nesting,
            writer: Writer::new(half, &line),
            line,
        };
        let end = served.until_end(&mut socket, self.heartbeat).await;
        let Served { line, mut writer, frames, .. } = served;
        drop(frames);
        if !line.detach(end == End::Goodbye).await {
            tracing::debug!(session_id = %line.session, "the session ended before its socket");
        }
        if end != End::Lost && timeout(self.slow_grace, farewell(&mut writer, &mut socket)).await.is_err() {
            tracing::debug!(session_id = %line.session, "a peer did not take its close in time");
        }
        metrics::gauge!("playhouse_sockets").decrement(1.0);
        drop(self.held);
    }
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer closed with 1000: the session ends too.
    Goodbye,
    /// Either side closes; the close frame may still have to go out.
    Closing,
    /// Nobody is there any more.
    Lost,
}

/// A socket with its session.
struct Served<'a> {
    frames: FrameReader,
    encoding: Encoding,
    nesting: usize,
    writer: Writer<'a>,
    line: Line,
}

impl Served<'_> {
    async fn until_end(&mut self, socket: &mut ReadHalf<'_>, heartbeat: Duration) -> End {
        let half = heartbeat / 2;
        let mut beat = interval_at(Instant::now() + half, half);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut silent, mut halves) = (0, 0u32);
        loop {
            if let Some(end) = self.deliver() {
                return end;
            }
            tokio::select! {
                more = read(socket, &mut self.frames) => match more {
                    true => silent = 0,
                    false => return End::Lost,
                },
                end = self.writer.serve() => return end,
                _ = beat.tick() => {
                    silent += 1;
                    halves += 1;
                    if silent > SILENT_HALVES {
                        tracing::debug!(session_id = %self.line.session, "silent peer dropped");
                        return End::Lost;
                    }
                    if halves.is_multiple_of(2) {
                        self.line.outbox.ping();
                    }
                }
            }
        }
    }

    /// Hands every whole frame to the session. An end when the socket is to end.
    fn deliver(&mut self) -> Option<End> {
        let outbox = &self.line.outbox;
        loop {
            match self.frames.next() {
                Ok(None) => return None,
                Ok(Some(Incoming::Data { text, bytes })) => {
                    self.line.hear(Input(parse(text, &bytes, self.encoding, self.nesting)));
                }
                Ok(Some(Incoming::Ping(payload))) => outbox.pong(&payload),
                Ok(Some(Incoming::Pong)) => {}
                Ok(Some(Incoming::Close { clean })) => {
                    outbox.close(CloseCode::Normal, "goodbye");
                    return Some(if clean { End::Goodbye } else { End::Closing });
                }
                Err(FrameError::TooLarge) => {
                    self.line.too_large();
                    outbox.close(CloseCode::TooLarge, "frame too large");
                    return Some(End::Closing);
                }
                Err(FrameError::Malformed) => {
                    outbox.close(CloseCode::Abuse, "not WebSocket");
                    return Some(End::Closing);
                }
            }
        }
    }
}

/// The write side: drains the outbox of one attachment into the socket.
struct Writer<'a> {
    socket: WriteHalf<'a>,
    outbox: Arc<Outbox>,
    attachment: Attachment,
    /// What the kernel has not taken of the last burst.
    unsent: BytesMut,
    /// The outbox has said its last word.
    done: bool,
}

impl<'a> Writer<'a> {
    fn new(socket: WriteHalf<'a>, line: &Line) -> Self {
        let (outbox, attachment) = (line.outbox.clone(), line.attachment);
        Self { socket, outbox, attachment, unsent: BytesMut::new(), done: false }
    }

    /// Writes until the socket is to end: at once then, whatever is still unsent. Loses nothing when dropped.
    async fn serve(&mut self) -> End {
        poll_fn(|cx| match self.poll_write_all(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(End::Closing),
            Poll::Ready(Err(_)) => Poll::Ready(End::Lost),
            Poll::Pending if self.unsent.is_empty() => Poll::Pending,
            Poll::Pending => self.outbox.poll_ending(self.attachment, cx).map(|()| End::Closing),
        })
        .await
    }

    /// Ready when the last word has been written.
    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_unsent(cx))?;
            if self.done {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_burst(cx))?;
        }
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let n = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.unsent))?;
            self.unsent.advance(n);
        }
        self.unsent = BytesMut::new(); // gives its memory back
        Poll::Ready(Ok(()))
    }

    /// One burst out of the outbox into the socket; what the socket does not take becomes `unsent`.
    fn poll_burst(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        WRITE.with_borrow_mut(|burst| {
            burst.clear();
            let drained = self.outbox.poll_drain(self.attachment, cx, &mut |item, encoding| {
                frames::write(burst, item, encoding);
            });
            self.done = ready!(drained) == Drained::Closed;
            if burst.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let taken = match Pin::new(&mut self.socket).poll_write(cx, burst) {
                Poll::Ready(taken) => taken?,
                Poll::Pending => 0,
            };
            self.unsent.extend_from_slice(&burst[taken..]);
            Poll::Ready(Ok(()))
        })
    }
}

/// Sends what there still is to say, then waits for the peer to close: to close first with bytes of his unread
/// would reset the connection under our last words.
async fn farewell(writer: &mut Writer<'_>, socket: &mut ReadHalf<'_>) {
    if poll_fn(|cx| writer.poll_write_all(cx)).await.is_ok() && writer.socket.shutdown().await.is_ok() {
        while poll_fn(|cx| poll_read(socket, cx, |_| ())).await {}
    }
}

/// Feeds what has come to `frames`; false at the end of the stream.
async fn read(socket: &mut ReadHalf<'_>, frames: &mut FrameReader) -> bool {
    poll_fn(|cx| poll_read(socket, cx, |bytes| frames.feed(bytes))).await
}

fn poll_read(socket: &mut ReadHalf<'_>, cx: &mut Context<'_>, take: impl FnOnce(&[u8])) -> Poll<bool> {
    READ.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(buffer);
        let came = ready!(Pin::new(socket).poll_read(cx, &mut buffer)).is_ok();
        take(buffer.filled());
        Poll::Ready(came && !buffer.filled().is_empty())
    })
}

fn parse(text: bool, bytes: &[u8], encoding: Encoding, nesting: usize) -> Result<ClientFrame, BadFrame> {
    if text != (encoding == Encoding::Json) {
        let why = "text frames carry JSON, binary frames MessagePack: the subprotocol says which";
        return Err(BadFrame { id: None, rejection: Rejection::new(ErrorCode::BadMessage, why) });
    }
    ClientFrame::parse(bytes, encoding, nesting)
}

/// The first frame of a resuming socket, or the `re` to refuse.
fn as_resume(frame: Result<ClientFrame, BadFrame>) -> Result<(Option<u32>, Resume), Option<u32>> {
    let frame = frame.map_err(|bad| bad.id)?;
    let re = frame.id;
    if frame.name != "session.resume" {
        return Err(re);
    }
    serde_json::from_value(frame.payload).map(|resume| (re, resume)).map_err(|_| re)
}
