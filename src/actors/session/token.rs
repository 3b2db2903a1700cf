//! Resume tokens: signed, so that a node can tell its own after a restart (spec 1.1).
//!
//! A token names the session, its account and the run of the node that gave it. Within one run the session
//! itself must still be there. After a restart the sessions are gone but rooms and seats are not, so tokens of
//! the run before are good for one resume window: that window starts anew (spec 1.5).

use crate::ids::{PlayerId, SessionId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeClaims {
    /// The session.
    pub session: SessionId,
    /// Its account.
    pub player: PlayerId,
    /// The run of the node.
    pub run: Uuid,
}

/// Makes and reads resume tokens.
pub struct ResumeTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    /// This run of the node.
    run: Uuid,
}

impl ResumeTokens {
    /// `secret` is the node's own, and outlives the process.
    pub fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false; // the session, or the run, bounds its life
        validation.validate_aud = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            run: Uuid::new_v4(),
        }
    }

    /// A token for this session.
    pub fn issue(&self, session: SessionId, player: PlayerId) -> String {
        let claims = ResumeClaims { session, player, run: self.run };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).unwrap_or_else(
            |error| {
                tracing::error!(%error, "a resume token could not be signed");
                String::new()
            },
        )
    }

    /// The claims of a token of ours, and whether this run gave it.
    pub fn read(&self, token: &str) -> Option<(ResumeClaims, bool)> {
        let data = jsonwebtoken::decode::<ResumeClaims>(token, &self.decoding, &self.validation).ok()?;
        let ours = data.claims.run == self.run;
        Some((data.claims, ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_a_restart_and_says_so() {
        let (session, player) = (SessionId::new(), PlayerId::new());
        let (before, after) = (ResumeTokens::new(b"secret"), ResumeTokens::new(b"secret"));
        let token = before.issue(session, player);
        assert_eq!(before.read(&token).map(|(c, ours)| (c.session, ours)), Some((session, true)));
        assert_eq!(after.read(&token).map(|(c, ours)| (c.player, ours)), Some((player, false)));
    }

    #[test]
    fn a_forged_or_foreign_token_is_none() {
        let tokens = ResumeTokens::new(b"secret");
        let foreign = ResumeTokens::new(b"other").issue(SessionId::new(), PlayerId::new());
        assert_eq!(tokens.read(&foreign), None);
        assert_eq!(tokens.read("a.b.c"), None);
        assert_eq!(tokens.read(""), None);
    }
}
