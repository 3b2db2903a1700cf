//! Where transports come in: a new session, or an old one that goes on on this socket (spec 1.1).

use super::{
    Attachment, Bounds, Mutes, Outbox, PlayerSession, ResumeMode, ResumeSession, ResumeTokens,
    messages::SessionStart,
};
use crate::{
    cluster::{Cluster, HandOver, Pass, RoomIndex, SessionHandle},
    ids::{PlayerId, SessionId, SessionRef},
    limits::KeyedBuckets,
    protocol::{
        Answer, Encoding, ErrorCode, Push, Rejection,
        messages::{Resume, Resumed, Welcome},
    },
    queue::Queues,
};
use std::{net::IpAddr, sync::Arc};

/// Who stands at the door, as the access token or ticket proved.
#[derive(Clone, Debug)]
pub struct Player {
    /// The account.
    pub id: PlayerId,
    /// Its nickname now.
    pub nickname: String,
    /// Where the socket comes from.
    pub address: IpAddr,
    /// The session ends when this is void.
    pub pass: Pass,
}

/// A socket that has a session.
pub struct Attached {
    /// The session.
    pub session: SessionId,
    /// To read from and write to.
    pub handle: SessionHandle,
    /// Which attachment of the session this socket is.
    pub attachment: Attachment,
}

/// What all sessions of a node share.
pub struct Door {
    pub(super) cluster: Cluster,
    pub(super) rooms: Arc<dyn RoomIndex>,
    pub(super) tokens: ResumeTokens,
    pub(super) failed_joins: FailedJoins,
    /// Reports of players, by account.
    pub(super) reports: KeyedBuckets<PlayerId>,
    /// Who may neither chat nor be heard.
    pub mutes: Mutes,
    /// Admission queues, if the node knows of any.
    pub(super) queues: Option<Queues>,
}

/// Guesses at room codes, by account and by address.
pub(super) struct FailedJoins {
    pub(super) accounts: KeyedBuckets<PlayerId>,
    pub(super) addresses: KeyedBuckets<IpAddr>,
}

impl Door {
    /// The door of a node. `resume_secret` outlives the process.
    pub fn new(
        cluster: Cluster,
        rooms: Arc<dyn RoomIndex>,
        resume_secret: &[u8],
        queues: Option<Queues>,
        mutes: Mutes,
    ) -> Arc<Self> {
        let per_minute = cluster.config().limits.join_failures_per_min;
        let reports = KeyedBuckets::per_minute(cluster.config().limits.reports_per_min);
        Arc::new(Self {
            tokens: ResumeTokens::new(resume_secret, cluster.me()),
            failed_joins: FailedJoins {
                accounts: KeyedBuckets::per_minute(per_minute),
                addresses: KeyedBuckets::per_minute(per_minute),
            },
            reports,
            mutes,
            queues,
            cluster,
            rooms,
        })
    }

    fn bounds(&self) -> Bounds {
        Bounds::from(&self.cluster.config().limits)
    }

    /// A new session, which replaces the account's older one. `before` goes first: a failed resume's answer.
    pub fn enter(self: &Arc<Self>, player: Player, encoding: Encoding, before: Option<Answer>) -> Attached {
        let outbox = Outbox::new(self.bounds(), 0);
        let attachment = outbox.attach(encoding);
        let (session, handle) = self.put_up(SessionId::new(), player, outbox);
        if let Some(answer) = before {
            handle.outbox.turn_away(answer);
        }
        self.cluster.hub().register(session, handle.clone());
        handle.outbox.push(self.welcome(session, &handle));
        self.announce(session, &handle);
        begin(&handle);
        Attached { session, handle, attachment }
    }

    fn put_up(
        self: &Arc<Self>,
        session: SessionId,
        player: Player,
        outbox: Arc<Outbox>,
    ) -> (SessionId, SessionHandle) {
        let (id, nickname, pass) = (player.id, player.nickname.as_str().into(), player.pass);
        let addr = PlayerSession::put_up(self.clone(), session, player, outbox.clone());
        (session, SessionHandle { player: id, nickname, pass, outbox, addr })
    }

    fn welcome(&self, session: SessionId, handle: &SessionHandle) -> Arc<Push> {
        let config = self.cluster.config();
        Push::new(
            "session.welcome",
            &Welcome {
                session_id: session,
                player_id: handle.player,
                nickname: &handle.nickname,
                resume_token: &self.tokens.issue(session, handle.player, handle.outbox.moves()),
                server_time: self.cluster.clock().now(),
                heartbeat_ms: config.session.heartbeat_ms,
                resume_window_ms: config.session.resume_window_ms,
            },
        )
    }

    /// Goes on with an old session if that may be, else answers `resume_failed` and enters anew.
    pub async fn resume(
        self: &Arc<Self>,
        player: Player,
        encoding: Encoding,
        re: Option<u32>,
        resume: Resume,
    ) -> Attached {
        match self.try_resume(&player, encoding, re, &resume).await {
            Some(attached) => attached,
            None => self.enter(player, encoding, Some(Self::resume_failed(re))),
        }
    }

    /// The answer to a resume that cannot be.
    pub fn resume_failed(re: Option<u32>) -> Answer {
        let why = "the session has ended, or this is not its token: a new session follows";
        Answer::error(re, &Rejection::new(ErrorCode::ResumeFailed, why))
    }

    async fn try_resume(
        self: &Arc<Self>,
        player: &Player,
        encoding: Encoding,
        re: Option<u32>,
        resume: &Resume,
    ) -> Option<Attached> {
        let claims = self.tokens.read(&resume.resume_token)?;
        if claims.player != player.id {
            return None;
        }
        let session = claims.session;
        let here = self.cluster.hub().session(session);
        let is_latest =
            |handle: &SessionHandle| claims.node == self.cluster.me() || handle.outbox.moves() > claims.moves;
        if let Some(handle) = here.filter(is_latest).filter(|handle| handle.pass == player.pass) {
            let message = ResumeSession { encoding, re, last_seq: resume.last_seq };
            let attachment = handle.addr.send(message).await.ok()??;
            return Some(Attached { session, handle, attachment });
        }
        // His answer may have been lost with the node that he went to from here. Else it has ended.
        let here = claims.node == self.cluster.me();
        let node = if here { self.cluster.hub().gone_to(session)? } else { claims.node };
        // What it was here before it went there: the other node could not ask for it then.
        drop(self.cluster.hub().hand_over(session, player.id, node));
        let there = SessionRef { id: session, node, moves: claims.moves };
        let outbox = match self.cluster.hand_over(there, player.id).await {
            HandOver::Done(handed) => Outbox::restored(self.bounds(), handed),
            HandOver::Lost { since } => {
                let window = i64::try_from(self.cluster.config().session.resume_window_ms);
                if self.cluster.clock().now() - since > window.unwrap_or(i64::MAX) {
                    return None;
                }
                let outbox = Outbox::new(self.bounds(), resume.last_seq);
                outbox.await_snapshot();
                outbox
            }
            HandOver::Ended => return None,
        };
        outbox.has_moved(outbox.moves().max(claims.moves) + 1);
        self.revive(session, player.clone(), encoding, re, resume.last_seq, outbox)
    }

    /// A session that was on another node, or of a run before. What it missed meanwhile a snapshot brings.
    fn revive(
        self: &Arc<Self>,
        session: SessionId,
        player: Player,
        encoding: Encoding,
        re: Option<u32>,
        last_seq: u64,
        outbox: Arc<Outbox>,
    ) -> Option<Attached> {
        let (id, moves) = (player.id, outbox.moves());
        let answer = |mode, last| self.resumed_answer(re, (session, id, moves), mode, last);
        let (attachment, mode) = outbox.resume(encoding, last_seq, answer);
        if mode == ResumeMode::Snapshot {
            outbox.await_snapshot();
        }
        let (session, handle) = self.put_up(session, player, outbox);
        if !self.cluster.hub().register_if_alone(session, handle.clone()) {
            return None; // a newer session of the account lives; this one's actor ends with its last address
        }
        self.announce(session, &handle);
        begin(&handle);
        Some(Attached { session, handle, attachment })
    }

    /// The account's older session ends, on whichever node it is.
    fn announce(&self, session: SessionId, handle: &SessionHandle) {
        let (cluster, player) = (self.cluster.clone(), handle.player);
        actix::spawn(async move { cluster.arrive(player, session).await });
    }

    pub(super) fn resumed_answer(
        &self,
        re: Option<u32>,
        (session_id, player, moves): (SessionId, PlayerId, u32),
        mode: ResumeMode,
        last_seq: u64,
    ) -> Answer {
        let mode = match mode {
            ResumeMode::Replay => "replay",
            ResumeMode::Snapshot => "snapshot",
        };
        let resume_token = &self.tokens.issue(session_id, player, moves);
        let server_time = self.cluster.clock().now();
        Answer::ok(re, &Resumed { session_id, resume_token, mode, last_seq, server_time })
    }
}

fn begin(handle: &SessionHandle) {
    if handle.addr.try_send(SessionStart).is_err() {
        tracing::error!(player_id = %handle.player, "a fresh session took no message");
    }
}
