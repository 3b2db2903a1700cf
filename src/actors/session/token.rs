//! Resume tokens: signed, so that a node can tell its own after a restart (spec 1.1).
//!
//! A token names the session, its account and the run of the node that gave it. Within one run the session
//! itself must still be there. After a restart the sessions are gone but rooms and seats are not, so tokens of
//! the run before are good for one resume window: that window starts anew (spec 1.5).

use crate::ids::{NodeId, PlayerId, SessionId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeClaims {
    /// The session.
    pub session: SessionId,
    /// Its account.
    pub player: PlayerId,
    /// The run of the node that held it then.
    pub node: NodeId,
    /// How often the session had gone to another node by then.
    #[serde(default)]
    pub moves: u32,
}

/// Makes and reads resume tokens.
pub struct ResumeTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    node: NodeId,
}

impl ResumeTokens {
    /// `secret` is the installation's, and outlives its processes; `node` is this run of this one.
    pub fn new(secret: &[u8], node: NodeId) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false; // the session, or the run, bounds its life
        validation.validate_aud = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            node,
        }
    }

    /// A token for this session.
    pub fn issue(&self, session: SessionId, player: PlayerId, moves: u32) -> String {
        let claims = ResumeClaims { session, player, node: self.node, moves };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).unwrap_or_else(
            |error| {
                tracing::error!(%error, "a resume token could not be signed");
                String::new()
            },
        )
    }

    /// The claims of a token of ours.
    pub fn read(&self, token: &str) -> Option<ResumeClaims> {
        let data = jsonwebtoken::decode::<ResumeClaims>(token, &self.decoding, &self.validation).ok()?;
        Some(data.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_by_every_node_and_names_the_one_that_gave_it() {
        let (session, player) = (SessionId::new(), PlayerId::new());
        let (one, other) = (NodeId::new(), NodeId::new());
        let (before, after) = (ResumeTokens::new(b"secret", one), ResumeTokens::new(b"secret", other));
        let token = before.issue(session, player, 3);
        assert_eq!(after.read(&token), Some(ResumeClaims { session, player, node: one, moves: 3 }));
    }

    #[test]
    fn a_forged_or_foreign_token_is_none() {
        let tokens = ResumeTokens::new(b"secret", NodeId::new());
        let foreign = ResumeTokens::new(b"other", NodeId::new()).issue(SessionId::new(), PlayerId::new(), 0);
        assert_eq!(tokens.read(&foreign), None);
        assert_eq!(tokens.read("a.b.c"), None);
        assert_eq!(tokens.read(""), None);
    }
}
