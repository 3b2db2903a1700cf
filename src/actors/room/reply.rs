//! Whoever waits for a piece of the room's work: where its outcome goes, and the span that it ends.

use super::messages::{RoomCommand, RoomReply};
use crate::{
    cluster::AskError,
    ids::RoomId,
    trace::{self, Entered, Span, TraceContext},
};
use tokio::sync::oneshot;

/// Goes with the work through its queue and its commit. Dropped without a word, whoever asked hears `Unavailable`.
#[derive(Default)]
pub(super) struct Reply {
    to: Option<oneshot::Sender<Result<RoomReply, AskError>>>,
    span: Span,
}

impl Reply {
    /// Of a command that was sent, in its trace.
    pub(super) fn of(
        to: Option<oneshot::Sender<Result<RoomReply, AskError>>>,
        trace: Option<TraceContext>,
        room: RoomId,
        command: &RoomCommand,
    ) -> Self {
        let mut span = Span::follow(trace::ROOM_COMMAND, trace);
        span.record("room_id", || room.to_string());
        span.record("command", || command.label().to_owned());
        Self { to, span }
    }

    /// Whether anybody waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.to.is_some()
    }

    /// The thread works for whoever asked, until the guard goes.
    pub(super) fn enter(&self) -> Entered {
        self.span.enter()
    }

    pub(super) fn give(mut self, reply: RoomReply) {
        if let RoomReply::Refused(rejection) = &reply {
            self.span.record("refused", || rejection.code.wire());
        }
        if let Some(to) = self.to {
            let _ = to.send(Ok(reply)); // he may have gone
        }
    }
}
