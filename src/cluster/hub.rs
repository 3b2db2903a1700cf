//! The sessions of this node: by session for rooms that push, by account for the rule of one live session.
//!
//! Rooms resolve a member's session to its outbox here and push without a mailbox in between. Sessions
//! register themselves. Parked sessions (without a socket) are capped; the oldest is ended first.

use crate::{
    actors::session::{HandedOver, Outbox, PlayerSession, SessionNotice},
    auth::SignInId,
    ids::{NodeId, PlayerId, SessionId},
    store::EpochChange,
};
use actix::Addr;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How to reach a session of this node.
#[derive(Clone)]
pub struct SessionHandle {
    /// The account.
    pub player: PlayerId,
    /// Its nickname when the session began.
    pub nickname: Arc<str>,
    /// What it came in with.
    pub pass: Pass,
    /// Its send side.
    pub outbox: Arc<Outbox>,
    /// Its actor.
    pub addr: Addr<PlayerSession>,
}

/// What a session came in with: it ends when that is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The sign-in.
    pub sign_in: SignInId,
    /// The account's epoch.
    pub epoch: i64,
}

impl Pass {
    /// Whether this change of its account has made it void.
    pub(super) fn is_void(self, change: &EpochChange) -> bool {
        match change.sign_in_id {
            Some(sign_in) => self.sign_in.0 == sign_in,
            None => self.epoch < change.epoch,
        }
    }
}

/// All sessions of this node.
pub struct Hub(Mutex<Sessions>);

struct Sessions {
    by_id: BTreeMap<SessionId, SessionHandle>,
    by_player: HashMap<PlayerId, SessionId>,
    /// Sessions without a socket, in the order in which they lost it.
    parked: BTreeMap<u64, SessionId>,
    parked_as: HashMap<SessionId, u64>,
    parkings: u64,
    parked_cap: usize,
    /// Where sessions went that were here: their players may not have learned of it. The oldest are forgotten.
    gone_to: HashMap<SessionId, NodeId>,
    gone: VecDeque<SessionId>,
}

impl Hub {
    pub(super) fn new(parked_cap: usize) -> Self {
        Self(Mutex::new(Sessions {
            by_id: BTreeMap::new(),
            by_player: HashMap::new(),
            parked: BTreeMap::new(),
            parked_as: HashMap::new(),
            parkings: 0,
            parked_cap,
            gone_to: HashMap::new(),
            gone: VecDeque::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session of its account, which replaces the one before: that is told and returned.
    pub fn register(&self, id: SessionId, handle: SessionHandle) -> Option<SessionId> {
        let replaced = {
            let mut sessions = self.lock();
            let old = sessions.by_player.insert(handle.player, id).filter(|old| *old != id);
            sessions.by_id.insert(id, handle);
            old.and_then(|old| sessions.by_id.remove(&old).map(|handle| (old, handle)))
        };
        let (old, handle) = replaced?;
        notice(&handle, SessionNotice::Replaced);
        Some(old)
    }

    /// The account has a newer session on another node.
    pub fn replaced(&self, id: SessionId) {
        if let Some(handle) = self.session(id) {
            notice(&handle, SessionNotice::Replaced);
        }
    }

    /// The account's session ends if this change has made void what it came in with.
    pub fn end(&self, change: &EpochChange) {
        let session = self.session_of(PlayerId(change.account_id)).and_then(|id| self.session(id));
        if let Some(handle) = session.filter(|handle| handle.pass.is_void(change)) {
            notice(&handle, SessionNotice::AccountEnded);
        }
    }

    /// The session goes on on another node: all it needs for that, if it is this account's. Here it ends.
    pub fn hand_over(&self, id: SessionId, player: PlayerId, to: NodeId) -> Option<HandedOver> {
        let handle = self.session(id).filter(|handle| handle.player == player)?;
        self.unregister(id);
        self.lock().has_gone(id, to);
        notice(&handle, SessionNotice::HandedOver);
        Some(handle.outbox.hand_over())
    }

    /// To which node a session went that was here.
    pub fn gone_to(&self, id: SessionId) -> Option<NodeId> {
        self.lock().gone_to.get(&id).copied()
    }

    /// This session tells its room again where it is.
    pub fn seek_seat(&self, id: SessionId) {
        if let Some(handle) = self.session(id) {
            notice(&handle, SessionNotice::SeekSeat);
        }
    }

    /// Every session tells its room again where it is.
    pub fn seek_seats(&self) {
        for handle in self.all() {
            notice(&handle, SessionNotice::SeekSeat);
        }
    }

    /// As [`register`](Self::register), but only if the account has no live session.
    pub fn register_if_alone(&self, id: SessionId, handle: SessionHandle) -> bool {
        let mut sessions = self.lock();
        if sessions.by_player.contains_key(&handle.player) {
            return false;
        }
        sessions.by_player.insert(handle.player, id);
        sessions.by_id.insert(id, handle);
        true
    }

    /// The session has ended.
    pub fn unregister(&self, id: SessionId) {
        let mut sessions = self.lock();
        if let Some(handle) = sessions.by_id.remove(&id)
            && sessions.by_player.get(&handle.player) == Some(&id)
        {
            sessions.by_player.remove(&handle.player);
        }
        sessions.unpark(id);
    }

    /// The session lost its socket. Over the cap the longest parked one ends.
    pub fn parked(&self, id: SessionId) {
        let oldest = {
            let mut sessions = self.lock();
            sessions.park(id);
            let over = sessions.parked.len() > sessions.parked_cap;
            let oldest = if over { sessions.parked.pop_first() } else { None };
            oldest.and_then(|(_, id)| sessions.by_id.get(&id).cloned())
        };
        if let Some(handle) = oldest {
            notice(&handle, SessionNotice::EndIfParked);
        }
    }

    /// The session has a socket again.
    pub fn unparked(&self, id: SessionId) {
        self.lock().unpark(id);
    }

    /// The session, if it lives here.
    pub fn session(&self, id: SessionId) -> Option<SessionHandle> {
        self.lock().by_id.get(&id).cloned()
    }

    /// The live session of this account.
    pub fn session_of(&self, player: PlayerId) -> Option<SessionId> {
        self.lock().by_player.get(&player).copied()
    }

    /// Sessions with and without a socket.
    pub fn counts(&self) -> (usize, usize) {
        let sessions = self.lock();
        (sessions.by_id.len() - sessions.parked.len().min(sessions.by_id.len()), sessions.parked.len())
    }

    /// How often this session, if it lives here, has gone to another node.
    pub fn place_of(&self, id: SessionId) -> Option<u32> {
        self.session(id).map(|session| session.outbox.moves())
    }

    /// Every session of this node.
    pub fn all(&self) -> Vec<SessionHandle> {
        self.lock().by_id.values().cloned().collect()
    }
}

impl Sessions {
    fn has_gone(&mut self, id: SessionId, to: NodeId) {
        if self.gone_to.insert(id, to).is_none() {
            self.gone.push_back(id);
        }
        if self.gone.len() > self.parked_cap
            && let Some(oldest) = self.gone.pop_front()
        {
            self.gone_to.remove(&oldest);
        }
    }

    fn park(&mut self, id: SessionId) {
        self.unpark(id);
        self.parkings += 1;
        self.parked.insert(self.parkings, id);
        self.parked_as.insert(id, self.parkings);
    }

    fn unpark(&mut self, id: SessionId) {
        if let Some(parking) = self.parked_as.remove(&id) {
            self.parked.remove(&parking);
        }
    }
}

/// Sessions answer notices in microseconds; one whose mailbox is full or closed is ending anyway.
fn notice(handle: &SessionHandle, notice: SessionNotice) {
    if handle.addr.try_send(notice).is_err() {
        tracing::warn!(player_id = %handle.player, ?notice, "a session could not be told");
    }
}
