//! What is said over a room's media line (spec 7): a member's signals in, the media's events out to whom they concern.
//!
//! Volatile: it runs on committed state and changes none. Descriptions pass unread. Speaking lights go to those alone
//! who may hear the speaker, as the media were last told.

use super::{
    actor::RoomActor,
    decide::To,
    messages::{Caller, RoomReply},
    state::OkKind,
};
use crate::{
    game::MediaKind,
    ids::PlayerId,
    media::{ClientSignal, LinkError, MediaCommand, MediaEvent, Pc, PcState, Refusal, ServerSignal},
    protocol::{
        ErrorCode, Push, Rejection,
        media::{Answered, Offered, Refused, Reset, Speaking, StateOf},
    },
};
use actix::{Context, Handler, Message};

/// What a client waits before it sends a signal again that the media had no room for.
const RETRY_AFTER_MS: u64 = 500;

/// An event of the link of this number.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct FromMedia {
    pub link: u64,
    pub event: MediaEvent,
}

impl RoomActor {
    /// Hands a member's signal to the media.
    pub(super) fn signal(&mut self, by: &Caller, signal: &ClientSignal) -> RoomReply {
        let Some(member) = self.state.as_ref().and_then(|state| state.member(by.player_id)) else {
            return RoomReply::NotMember;
        };
        if let Err(rejection) = self.may_signal(by.player_id, member.spectator, signal) {
            return self.refuse(by, rejection);
        }
        match self.media.tell(MediaCommand::Signal { player: by.player_id, signal: signal.clone() }) {
            Ok(()) => {
                self.note(by.player_id, signal); // what they say to it comes through the mailbox
                self.answer(by, Ok(OkKind::Empty));
                RoomReply::Seated
            }
            Err(error) => {
                if error == LinkError::Lost {
                    self.media.doubt();
                }
                self.refuse(by, Rejection::try_again(RETRY_AFTER_MS, "the media are busy"))
            }
        }
    }

    fn may_signal(&self, player: PlayerId, spectator: bool, signal: &ClientSignal) -> Result<(), Rejection> {
        let Some(open) = &self.media.open else {
            return Err(match self.media.lost {
                true => Rejection::try_again(RETRY_AFTER_MS, "the media are begun anew"),
                false => Rejection::new(ErrorCode::NotAllowed, "this room has no media"),
            });
        };
        if let Err(refusal) = signal.check(&self.activation.cluster.config().media) {
            return Err(Rejection::new(code_of(refusal), refusal.to_string()));
        }
        match signal {
            ClientSignal::Offer { .. } if spectator => {
                Err(Rejection::new(ErrorCode::NotAllowed, "spectators send nothing"))
            }
            ClientSignal::Answer { .. } if !open.offered.contains(&player) => {
                Err(Rejection::new(ErrorCode::BadMessage, "no offer is open"))
            }
            _ => Ok(()),
        }
    }

    /// An offer is open until it is answered or its connection is gone. Who begins has heard that he must.
    fn note(&mut self, player: PlayerId, signal: &ClientSignal) {
        let (begins, ends) = match signal {
            ClientSignal::Offer { .. } | ClientSignal::Reset { pc: Pc::Pub } => (true, false),
            ClientSignal::Reset { pc: Pc::Sub } => (true, true),
            ClientSignal::Answer { .. } => (false, true),
            ClientSignal::State { pc, state, .. } => {
                (*pc == Pc::Sub && *state == PcState::Ready, *pc == Pc::Sub && *state != PcState::Ready)
            }
        };
        if begins {
            self.media.stale.remove(&player);
        }
        if let Some(open) = self.media.open.as_mut().filter(|_| ends) {
            open.offered.remove(&player);
        }
    }

    fn server_signal(&mut self, player: PlayerId, signal: ServerSignal) {
        let Some(open) = &mut self.media.open else { return };
        let push = match &signal {
            ServerSignal::Answer { sdp } => Push::new("media.answer", &Answered { pc: Pc::Pub, sdp }),
            ServerSignal::Offer { sdp, tracks } => {
                open.offered.insert(player);
                Push::new("media.offer", &Offered { pc: Pc::Sub, sdp, tracks })
            }
            ServerSignal::Reset { pc } => {
                if *pc == Pc::Sub {
                    open.offered.remove(&player);
                }
                Push::new("media.reset", &Reset { pc: *pc })
            }
        };
        self.push(&To::Only(vec![player]), &push);
    }

    fn speaking(&mut self, player_id: PlayerId, speaking: bool) {
        let Some(open) = &self.media.open else { return };
        let streams = open.policy.streams.iter();
        let sound = streams.filter(|s| s.from == player_id && s.kind == MediaKind::Audio);
        let hearers: Vec<PlayerId> = sound.flat_map(|stream| stream.to.iter().copied()).collect();
        self.push(&To::Only(hearers), &Push::new("media.speaking", &Speaking { player_id, speaking }));
    }
}

/// A refusal in the words of `/ws`.
fn code_of(refusal: Refusal) -> ErrorCode {
    match refusal {
        Refusal::TooLarge => ErrorCode::TooLarge,
        Refusal::BadDescription => ErrorCode::BadMessage,
        Refusal::Full => ErrorCode::NotAllowed,
        Refusal::Busy => ErrorCode::TryAgain,
    }
}

impl Handler<FromMedia> for RoomActor {
    type Result = ();

    fn handle(&mut self, FromMedia { link, event }: FromMedia, ctx: &mut Context<Self>) {
        if link != self.media.links || self.media.open.is_none() {
            return; // of media that were
        }
        match event {
            MediaEvent::Signal { player, signal } => self.server_signal(player, signal),
            MediaEvent::State { player: player_id, state } => {
                self.media.states.insert(player_id, state);
                self.push(&To::All, &Push::new("media.state", &StateOf { player_id, state }));
            }
            MediaEvent::Speaking { player, speaking } => self.speaking(player, speaking),
            MediaEvent::Refused { player, pc, reason } => {
                self.push(&To::Only(vec![player]), &Push::new("media.refused", &Refused { pc, reason }));
            }
            MediaEvent::Stats { stats } => tracing::debug!(room_id = %self.room_id(), ?stats, "media"),
            MediaEvent::Lost => self.media.doubt(),
        }
        self.mend_media(ctx);
    }
}

impl RoomActor {
    /// Begins the media anew if the room cannot trust them.
    pub(super) fn mend_media(&mut self, ctx: &mut Context<Self>) {
        if self.media.is_in_doubt() {
            self.lose_media(ctx);
        }
    }
}
