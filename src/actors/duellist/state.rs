//! What is known of a player. Pure: time is an argument.

use super::messages::LobbyWish;
use crate::{
    actors::duel::Party,
    clock::UnixMs,
    config::DuelSection,
    ids::{DuelId, PlayerId, SessionRef},
    protocol::{
        Push,
        signal::{
            SignalCode, SignalError,
            pushes::{FailReason, LobbyStatus, MatchFailed, MatchRequestReceived, MatchRequestSent},
        },
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// A request between this player and another that is not answered yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Open {
    pub other: PlayerId,
    /// Of the other, if it was he who asked.
    pub requester: Option<Party>,
    /// The other has been told of it, or this player.
    pub told: bool,
    /// The match itself ends it before; this is for one whose node has died.
    pub until: UnixMs,
}

/// What a request comes to that this player's presence decides.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// It crosses one of the other: that is a match.
    Crosses(DuelId),
    /// It is new.
    New,
}

pub(super) struct DuellistState {
    pub me: PlayerId,
    pub nickname: Option<String>,
    pub session: Option<SessionRef>,
    pub lobby: Option<LobbyWish>,
    hold: Option<(DuelId, UnixMs)>,
    pub open: BTreeMap<DuelId, Open>,
}

impl DuellistState {
    pub fn new(me: PlayerId) -> Self {
        Self { me, nickname: None, session: None, lobby: None, hold: None, open: BTreeMap::new() }
    }

    /// Nothing of it would be missed.
    pub fn is_idle(&self) -> bool {
        self.session.is_none() && self.hold.is_none() && self.open.is_empty()
    }

    pub fn party(&self) -> Party {
        Party { player_id: self.me, nickname: self.nickname.clone().unwrap_or_default() }
    }

    /// The match that he is in.
    pub fn held_by(&self, now: UnixMs) -> Option<DuelId> {
        self.hold.filter(|(_, until)| *until > now).map(|(duel, _)| duel)
    }

    pub fn status(&self, now: UnixMs) -> LobbyStatus {
        if self.held_by(now).is_some() { LobbyStatus::InMatch } else { LobbyStatus::Available }
    }

    /// False if a newer session is his.
    pub fn attach(&mut self, session: SessionRef, fresh: bool) -> bool {
        let newer = self.session.is_none_or(|known| fresh || known == session || known.id < session.id);
        if newer {
            self.session = Some(session);
        }
        newer
    }

    /// He may ask another: he is in no match, and has not asked too many already.
    pub fn may_ask(&self, now: UnixMs, settings: &DuelSection) -> Result<(), SignalError> {
        if self.held_by(now).is_some() {
            return Err(SignalError::new(SignalCode::NotAllowed, "not allowed from state in_match"));
        }
        if self.open.values().filter(|open| open.requester.is_none()).count() >= settings.requests {
            return Err(SignalError::new(SignalCode::TooMany, "too many open requests"));
        }
        Ok(())
    }

    /// Whether there is a request between the two already. Asked of the presence of the lesser id alone.
    pub fn pair(&self, requester: PlayerId, target: PlayerId) -> Result<Asked, SignalError> {
        let other = if requester == self.me { target } else { requester };
        let Some((duel, open)) = self.open.iter().find(|(_, open)| open.other == other) else {
            return Ok(Asked::New);
        };
        let asked_by_me = open.requester.is_none();
        if asked_by_me == (requester == self.me) {
            let why = "not allowed from state requested: you have asked him already";
            return Err(SignalError::new(SignalCode::NotAllowed, why));
        }
        Ok(Asked::Crosses(*duel))
    }

    /// Whether he can be asked now.
    pub fn can_be_asked(&self, now: UnixMs, settings: &DuelSection) -> Result<(), SignalError> {
        if self.session.is_none() || self.lobby.is_none() {
            return Err(SignalError::new(SignalCode::NotFound, "no such player in a lobby"));
        }
        if self.held_by(now).is_some() {
            let why = "not allowed from state in_match: that player is in a match";
            return Err(SignalError::new(SignalCode::NotAllowed, why));
        }
        let theirs = self.open.values().filter(|open| open.requester.is_some() && open.told).count();
        if theirs >= settings.requests {
            return Err(SignalError::new(SignalCode::TooMany, "that player has too many open requests"));
        }
        Ok(())
    }

    /// A request of his own is open, or about to be.
    pub fn asks(&mut self, duel: DuelId, other: PlayerId, now: UnixMs, settings: &DuelSection) {
        let until = forgotten(now, settings);
        self.open.insert(duel, Open { other, requester: None, told: true, until });
    }

    /// A request to him is open, or about to be.
    pub fn is_asked(&mut self, duel: DuelId, by: Party, told: bool, now: UnixMs, settings: &DuelSection) {
        let until = forgotten(now, settings);
        let open = Open { other: by.player_id, requester: Some(by), told, until };
        self.open.insert(duel, open);
    }

    /// He is in this match from now on, and for so long. False if he is in another.
    pub fn hold(&mut self, duel: DuelId, now: UnixMs, settings: &DuelSection) -> bool {
        if self.held_by(now).is_some_and(|held| held != duel) {
            return false;
        }
        self.hold = Some((duel, now + settings.hold_ms));
        if let Some(open) = self.open.get_mut(&duel) {
            open.told = false; // it is no open request any more, unless the match does not begin
        }
        true
    }

    /// He is not in this match. True if he was.
    pub fn release(&mut self, duel: DuelId) -> bool {
        let was = self.hold.is_some_and(|(held, _)| held == duel);
        if was {
            self.hold = None;
        }
        was
    }

    /// The requests that a match makes void: they are forgotten here, and their matches told.
    pub fn others_than(&mut self, duel: DuelId) -> Vec<DuelId> {
        let others: Vec<_> = self.open.keys().copied().filter(|open| *open != duel).collect();
        self.open.retain(|open, _| *open == duel);
        others
    }

    /// The open request of this player to him.
    pub fn find(&self, requester: PlayerId) -> Option<DuelId> {
        let theirs = |open: &Open| open.other == requester && open.requester.is_some();
        self.open.iter().find(|(_, open)| theirs(open)).map(|(duel, _)| *duel)
    }

    /// What nobody has said again: requests whose match has gone without a word, and whether a hold was.
    pub fn sweep(&mut self, now: UnixMs) -> (Vec<Arc<Push>>, bool) {
        let gone: Vec<DuelId> =
            self.open.iter().filter(|(_, open)| open.until <= now).map(|(duel, _)| *duel).collect();
        let told = gone.iter().filter_map(|duel| {
            let open = self.open.remove(duel)?;
            open.told.then(|| MatchFailed { session_id: *duel, reason: FailReason::Expired }.push())
        });
        let mut told: Vec<_> = told.collect();
        let silent = self.hold.filter(|(_, until)| *until <= now);
        if let Some((duel, _)) = silent {
            self.hold = None;
            if self.open.remove(&duel).is_some() {
                // It was about to begin, and its node or its commit has gone.
                told.push(MatchFailed { session_id: duel, reason: FailReason::ServerError }.push());
            }
        }
        (told, silent.is_some())
    }

    /// Open requests, for who has come back.
    pub fn open_requests(&self) -> Vec<Arc<Push>> {
        let told = self.open.iter().filter(|(_, open)| open.told);
        told.map(|(duel, open)| match &open.requester {
            Some(by) => received(*duel, by),
            None => MatchRequestSent { target_id: open.other, session_id: *duel }.push(),
        })
        .collect()
    }
}

/// What the target of a request is told.
pub(super) fn received(duel: DuelId, by: &Party) -> Arc<Push> {
    let Party { player_id, nickname } = by.clone();
    MatchRequestReceived { requester_id: player_id, requester_name: nickname, session_id: duel }.push()
}

/// Somewhat after the match would have said so itself.
fn forgotten(now: UnixMs, settings: &DuelSection) -> UnixMs {
    now + settings.answer_ms + settings.return_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{NodeId, SessionId};

    const NOW: UnixMs = UnixMs(1_000);

    fn present() -> (DuellistState, DuelSection) {
        let mut ann = DuellistState::new(PlayerId::new());
        let session = SessionRef { id: SessionId::new(), node: NodeId::new(), moves: 0 };
        assert!(ann.attach(session, true));
        ann.lobby = Some(LobbyWish { lobby: "main".into(), delta: false });
        (ann, DuelSection::default())
    }

    fn party() -> Party {
        Party { player_id: PlayerId::new(), nickname: "bob".into() }
    }

    #[test]
    fn the_newest_session_wins_and_an_older_one_that_speaks_up_again_does_not() {
        let (mut ann, _) = present();
        let old = ann.session.expect("attached");
        let new = SessionRef { id: SessionId::new(), node: NodeId::new(), moves: 0 };
        assert!(ann.attach(new, true) && !ann.attach(old, false) && ann.attach(new, false));
        assert_eq!(ann.session, Some(new));
    }

    #[test]
    fn a_request_back_crosses_and_the_same_again_is_refused() {
        let (mut ann, settings) = present();
        let (bob, duel) = (party(), DuelId::new());
        assert_eq!(ann.pair(ann.me, bob.player_id), Ok(Asked::New));
        ann.asks(duel, bob.player_id, NOW, &settings);
        assert_eq!(ann.pair(bob.player_id, ann.me), Ok(Asked::Crosses(duel)));
        let again = ann.pair(ann.me, bob.player_id).expect_err("again");
        assert_eq!(again.code, SignalCode::NotAllowed);
        let (mut ann, settings) = present();
        ann.is_asked(duel, bob.clone(), true, NOW, &settings);
        assert_eq!(ann.pair(ann.me, bob.player_id), Ok(Asked::Crosses(duel)));
        assert_eq!(ann.pair(bob.player_id, ann.me).expect_err("again").code, SignalCode::NotAllowed);
    }

    #[test]
    fn one_match_holds_a_player_and_one_that_falls_silent_no_longer() {
        let (mut ann, settings) = present();
        let (first, second) = (DuelId::new(), DuelId::new());
        assert!(ann.hold(first, NOW, &settings) && !ann.hold(second, NOW, &settings));
        assert_eq!(ann.can_be_asked(NOW, &settings).expect_err("busy").code, SignalCode::NotAllowed);
        assert_eq!(ann.may_ask(NOW, &settings).expect_err("busy").code, SignalCode::NotAllowed);
        assert!(!ann.release(second) && ann.status(NOW) == LobbyStatus::InMatch);
        let later = NOW + settings.hold_ms;
        let (told, free) = ann.sweep(later);
        assert!(told.is_empty() && free);
        assert!(ann.hold(second, later, &settings) && ann.release(second));
        ann.asks(first, PlayerId::new(), later, &settings);
        assert!(ann.hold(first, later, &settings));
        let (told, free) = ann.sweep(later + settings.hold_ms);
        assert_eq!((told.len(), free), (1, true), "he is told of one that was about to begin");
    }

    #[test]
    fn open_requests_are_bounded_and_forgotten_with_a_word() {
        let (mut ann, settings) = present();
        for _ in 0..settings.requests {
            ann.may_ask(NOW, &settings).expect("not too many yet");
            ann.asks(DuelId::new(), PlayerId::new(), NOW, &settings);
            ann.can_be_asked(NOW, &settings).expect("not too many yet");
            ann.is_asked(DuelId::new(), party(), true, NOW, &settings);
        }
        assert_eq!(ann.may_ask(NOW, &settings).expect_err("many").code, SignalCode::TooMany);
        assert_eq!(ann.can_be_asked(NOW, &settings).expect_err("many").code, SignalCode::TooMany);
        assert_eq!(ann.open_requests().len(), 2 * settings.requests);
        let (told, free) = ann.sweep(forgotten(NOW, &settings));
        assert_eq!((told.len(), free), (2 * settings.requests, false));
        assert!(ann.open.is_empty());
    }
}
