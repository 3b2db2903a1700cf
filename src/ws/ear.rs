//! Who listens to a socket: a session of `/ws`, or a signal session of `/ws/signal`; and what each is told when it cannot
//! hear.

use crate::{
    actors::{
        session::{Attached, Attachment, Detached, Input, Outbox, PlayerSession},
        signal::{SignalAttached, SignalSession},
    },
    ids::SessionId,
    protocol::{
        Answer, Rejection,
        signal::{SignalCode, SignalError},
    },
};
use actix::{Addr, prelude::SendError};
use std::sync::Arc;

/// A socket's session.
pub(super) struct Line {
    pub session: SessionId,
    pub outbox: Arc<Outbox>,
    pub attachment: Attachment,
    ear: Ear,
}

enum Ear {
    Play(Addr<PlayerSession>),
    Signal(Addr<SignalSession>),
}

impl From<Attached> for Line {
    fn from(attached: Attached) -> Self {
        let Attached { session, handle, attachment } = attached;
        Self { session, outbox: handle.outbox, attachment, ear: Ear::Play(handle.addr) }
    }
}

impl From<SignalAttached> for Line {
    fn from(attached: SignalAttached) -> Self {
        let SignalAttached { session, handle, attachment } = attached;
        Self { session, outbox: handle.outbox, attachment, ear: Ear::Signal(handle.addr) }
    }
}

impl Line {
    /// Hands a frame over. A full or ended session: the client is told, nothing else happens.
    pub(super) fn hear(&self, input: Input) {
        match &self.ear {
            Ear::Play(addr) => {
                if let Err(SendError::Full(Input(frame)) | SendError::Closed(Input(frame))) =
                    addr.try_send(input)
                {
                    let re = frame.map_or_else(|bad| bad.id, |frame| frame.id);
                    let busy = Rejection::try_again(100, "too much at once");
                    self.outbox.turn_away(Answer::error(re, &busy));
                }
            }
            Ear::Signal(addr) => {
                if addr.try_send(input).is_err() {
                    self.refuse(SignalCode::TooMany, "too much at once");
                }
            }
        }
    }

    /// The last word before a close for a frame that is too large.
    pub(super) fn too_large(&self) {
        if let Ear::Signal(_) = self.ear {
            self.refuse(SignalCode::TooLarge, "frame too large");
        }
    }

    fn refuse(&self, code: SignalCode, why: &str) {
        self.outbox.push(SignalError::new(code, why).push());
    }

    /// The socket is gone. False if the session had ended before it.
    pub(super) async fn detach(&self, clean: bool) -> bool {
        let detached = Detached { attachment: self.attachment, clean };
        match &self.ear {
            Ear::Play(addr) => addr.send(detached).await.is_ok(),
            Ear::Signal(addr) => addr.send(detached).await.is_ok(),
        }
    }
}
