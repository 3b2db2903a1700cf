//! One frame of a client, read and checked against who he is.

use super::{SignalCode, SignalError, payloads::*};
use crate::{
    config::Config,
    ids::{DuelId, PlayerId},
    protocol::ClientFrame,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a player wants, in the server's own terms.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// `join_lobby`
    JoinLobby {
        /// Its name.
        lobby: String,
        /// Deltas.
        delta: bool,
    },
    /// `leave_lobby`
    LeaveLobby,
    /// `request_match`
    RequestMatch {
        /// Whom.
        target: PlayerId,
    },
    /// `accept_match`
    Accept {
        /// Whose request.
        requester: PlayerId,
        /// Which, if he says so.
        session: Option<DuelId>,
    },
    /// `decline_match`
    Decline {
        /// Whose request.
        requester: PlayerId,
        /// Which, if he says so.
        session: Option<DuelId>,
    },
    /// `cancel_match_request`
    Cancel {
        /// To whom it was.
        target: PlayerId,
        /// Which.
        session: DuelId,
    },
    /// `send_sdp_offer`, `send_sdp_answer`
    Sdp {
        /// Else an answer.
        offer: bool,
        /// To whom.
        receiver: PlayerId,
        /// The description.
        sdp: String,
        /// Of which match.
        session: DuelId,
    },
    /// `send_ice_candidate`
    Candidate {
        /// To whom.
        receiver: PlayerId,
        /// An object.
        candidate: Value,
        /// Of which match.
        session: DuelId,
    },
    /// `report_connection`
    ReportConnection {
        /// Else failed.
        connected: bool,
        /// Of which match.
        session: DuelId,
    },
    /// `report_result`
    ReportResult {
        /// `None`: a draw.
        winner: Option<PlayerId>,
        /// Frames played.
        frames: Option<i64>,
        /// Of the last state.
        checksum: Option<String>,
        /// Of which match.
        session: DuelId,
    },
    /// `leave_match`
    Leave {
        /// Which.
        session: DuelId,
    },
}

impl Signal {
    /// Names of all messages of clients.
    pub const CLIENT_TYPES: [&'static str; 12] = [
        "join_lobby",
        "leave_lobby",
        "request_match",
        "accept_match",
        "decline_match",
        "cancel_match_request",
        "send_sdp_offer",
        "send_sdp_answer",
        "send_ice_candidate",
        "report_connection",
        "report_result",
        "leave_match",
    ];

    /// Reads the message of the player `me`.
    ///
    /// # Errors
    /// 400 for a shape, 403 for another's id as his own, 404 for an id that nobody can have, 413 for a bound. With the
    /// session's id, if there is one.
    pub fn read(me: PlayerId, frame: ClientFrame, config: &Config) -> Result<Self, SignalError> {
        let session = frame.payload.get("sessionId").and_then(Value::as_str).and_then(|id| id.parse().ok());
        Reader { me, config }.read(frame).map_err(|error| error.of(session))
    }
}

struct Reader<'a> {
    me: PlayerId,
    config: &'a Config,
}

impl Reader<'_> {
    fn read(&self, frame: ClientFrame) -> Result<Signal, SignalError> {
        let ClientFrame { name, payload, .. } = frame;
        match name.as_str() {
            "join_lobby" => self.join(shape(payload)?),
            "leave_lobby" => {
                let leave: LeaveLobby = shape(payload)?;
                self.mine(&leave.player_id)?;
                Ok(Signal::LeaveLobby)
            }
            "request_match" => {
                let request: RequestMatch = shape(payload)?;
                self.mine(&request.requester_id)?;
                Ok(Signal::RequestMatch { target: self.other(&request.target_id)? })
            }
            "accept_match" => {
                let accept: AcceptMatch = shape(payload)?;
                self.mine(&accept.accepter_id)?;
                let session = accept.session_id.as_deref().map(session).transpose()?;
                Ok(Signal::Accept { requester: self.other(&accept.requester_id)?, session })
            }
            "decline_match" => {
                let decline: DeclineMatch = shape(payload)?;
                self.mine(&decline.decliner_id)?;
                let session = decline.session_id.as_deref().map(session).transpose()?;
                Ok(Signal::Decline { requester: self.other(&decline.requester_id)?, session })
            }
            "cancel_match_request" => {
                let cancel: CancelRequest = shape(payload)?;
                self.mine(&cancel.requester_id)?;
                let session = session(&cancel.session_id)?;
                Ok(Signal::Cancel { target: self.other(&cancel.target_id)?, session })
            }
            "send_sdp_offer" => self.sdp(true, shape(payload)?),
            "send_sdp_answer" => self.sdp(false, shape(payload)?),
            "send_ice_candidate" => self.candidate(shape(payload)?),
            "report_connection" => {
                let report: ReportConnection = shape(payload)?;
                let connected = report.state == ConnectionState::Connected;
                Ok(Signal::ReportConnection { connected, session: session(&report.session_id)? })
            }
            "report_result" => self.result(shape(payload)?),
            "leave_match" => {
                let leave: LeaveMatch = shape(payload)?;
                Ok(Signal::Leave { session: session(&leave.session_id)? })
            }
            _ => Err(SignalError::new(SignalCode::BadMessage, "no such message type")),
        }
    }

    fn join(&self, join: JoinLobby) -> Result<Signal, SignalError> {
        self.mine(&join.player_id)?;
        let lobby = join.lobby.unwrap_or_else(|| "main".to_owned());
        let fits = (1..=self.config.lobby.name_chars).contains(&lobby.chars().count());
        if !fits || lobby.chars().any(char::is_control) {
            return Err(SignalError::new(SignalCode::BadMessage, "not a name of a lobby"));
        }
        Ok(Signal::JoinLobby { lobby, delta: join.delta })
    }

    fn sdp(&self, offer: bool, send: SendSdp) -> Result<Signal, SignalError> {
        self.mine(&send.sender_id)?;
        if send.sdp.len() > self.config.duel.sdp_bytes {
            return Err(SignalError::new(SignalCode::TooLarge, "the description is too long"));
        }
        let session = session(&send.session_id)?;
        Ok(Signal::Sdp { offer, receiver: self.other(&send.receiver_id)?, sdp: send.sdp, session })
    }

    fn candidate(&self, send: SendCandidate) -> Result<Signal, SignalError> {
        self.mine(&send.sender_id)?;
        let Value::Object(_) = &send.candidate else {
            return Err(SignalError::new(SignalCode::BadMessage, "candidate must be an object"));
        };
        if send.candidate.to_string().len() > self.config.duel.candidate_bytes {
            return Err(SignalError::new(SignalCode::TooLarge, "the candidate is too long"));
        }
        let session = session(&send.session_id)?;
        Ok(Signal::Candidate { receiver: self.other(&send.receiver_id)?, candidate: send.candidate, session })
    }

    fn result(&self, report: ReportResult) -> Result<Signal, SignalError> {
        let session = session(&report.session_id)?;
        let winner = report.winner_id.as_deref().map(player).transpose()?;
        let checksum = match report.checksum {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) => return Err(SignalError::new(SignalCode::BadMessage, "checksum is text or a number")),
        };
        if checksum.as_ref().is_some_and(|text| text.chars().count() > self.config.duel.checksum_chars) {
            return Err(SignalError::new(SignalCode::TooLarge, "the checksum is too long"));
        }
        Ok(Signal::ReportResult { winner, frames: report.frames.map(i64::from), checksum, session })
    }

    /// Before anything else: an id that says who sends must be the sender's.
    fn mine(&self, id: &str) -> Result<(), SignalError> {
        match id.parse() {
            Ok(id) if self.me == id => Ok(()),
            _ => Err(SignalError::new(SignalCode::NotYours, "that is not your id")),
        }
    }

    fn other(&self, id: &str) -> Result<PlayerId, SignalError> {
        match player(id)? {
            id if id == self.me => Err(SignalError::new(SignalCode::BadMessage, "that is you yourself")),
            id => Ok(id),
        }
    }
}

fn shape<T: DeserializeOwned>(payload: Value) -> Result<T, SignalError> {
    serde_json::from_value(payload)
        .map_err(|error| SignalError::new(SignalCode::BadMessage, error.to_string()))
}

/// What is no id is nobody's.
fn player(id: &str) -> Result<PlayerId, SignalError> {
    id.parse().map_err(|_| SignalError::new(SignalCode::NotFound, "no such player"))
}

fn session(id: &str) -> Result<DuelId, SignalError> {
    id.parse().map_err(|_| SignalError::new(SignalCode::NotFound, "no such session"))
}
