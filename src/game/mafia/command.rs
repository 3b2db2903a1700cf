//! What players may send (spec 1.3, 1.7, 1.8): untrusted payloads to typed commands.
//!
//! Owns the shapes of the five commands. Called for every `game.*` message. Never looks at the state of the game:
//! whether a command is allowed is for the rules to say.

use crate::{game::Refusal, ids::PlayerId};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// The longest last will, in characters.
const WILL_CHARS: usize = 300;

/// A well-formed command.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    /// `game.vote`: names a suspect; `None` abstains.
    Vote { suspect: Option<PlayerId> },
    /// `game.verdict`.
    Verdict { execute: bool },
    /// `game.night`: by role; `None` does nothing, on purpose.
    Night { target: Option<PlayerId> },
    /// `game.will`: replaces the last will; empty text takes it back.
    Will { text: String },
    /// `game.kick_vote`.
    KickVote { target: PlayerId },
}

// `deserialize_with` makes a nullable field one that must be there: nobody abstains by a slip.
#[derive(Deserialize)]
struct Vote {
    #[serde(deserialize_with = "Option::deserialize")]
    suspect: Option<PlayerId>,
}
#[derive(Deserialize)]
struct Night {
    #[serde(deserialize_with = "Option::deserialize")]
    target: Option<PlayerId>,
}
#[derive(Deserialize)]
struct Verdict {
    execute: bool,
}
#[derive(Deserialize)]
struct Will {
    text: String,
}
#[derive(Deserialize)]
struct KickVote {
    target: PlayerId,
}

impl Command {
    /// Reads a message; unknown fields are ignored, wrong types are not.
    pub(super) fn parse(name: &str, payload: &Value) -> Result<Self, Refusal> {
        match name {
            "game.vote" => {
                read(payload, "{suspect: player_id or null}").map(|Vote { suspect }| Self::Vote { suspect })
            }
            "game.verdict" => {
                read(payload, "{execute: bool}").map(|Verdict { execute }| Self::Verdict { execute })
            }
            "game.night" => {
                read(payload, "{target: player_id or null}").map(|Night { target }| Self::Night { target })
            }
            "game.will" => {
                let Will { text } = read(payload, "{text: string}")?;
                Self::will(&text)
            }
            "game.kick_vote" => {
                read(payload, "{target: player_id}").map(|KickVote { target }| Self::KickVote { target })
            }
            _ => Err(Refusal::UnknownCommand),
        }
    }

    fn will(text: &str) -> Result<Self, Refusal> {
        let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
        let text = text.trim();
        if text.chars().count() > WILL_CHARS {
            return Err(Refusal::BadPayload(format!("a last will has at most {WILL_CHARS} characters")));
        }
        Ok(Self::Will { text: text.into() })
    }
}

fn read<T: DeserializeOwned>(payload: &Value, shape: &str) -> Result<T, Refusal> {
    // An array would pass for a struct by position.
    if payload.is_object()
        && let Ok(read) = T::deserialize(payload)
    {
        return Ok(read);
    }
    Err(Refusal::BadPayload(format!("expected {shape}")))
}
