//! Refresh tokens: opaque, rotated at each use; a stolen one ends the whole sign-in when it shows (spec 2.1).

use super::{Account, AuthError, Identity, SignInId, opaque::Opaque};
use crate::{
    clock::UnixMs,
    ids::PlayerId,
    store::{NewSignIn, Rotate, Rotated},
};
use serde::Serialize;
use uuid::Uuid;

/// `TOKENS` of spec 1.8.
#[derive(Clone, Serialize, schemars::JsonSchema)]
pub struct Tokens {
    /// A JWT.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Life of the access token in seconds.
    pub expires_in: u64,
    /// Good for one use.
    pub refresh_token: String,
}

impl Identity {
    /// Trades a refresh token for new tokens. Within `auth.refresh_grace_s` of the first trade it brings the
    /// same successor (two tabs, a lost answer); later it ends the sign-in for whoever holds its tokens.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Tokens, AuthError> {
        let token = Opaque::parse(refresh_token).ok_or(AuthError::InvalidToken)?;
        let successor = token
            .successor(&self.0.refresh_secret)
            .ok_or_else(|| AuthError::Bug("the refresh secret is no key".into()))?;
        let now = self.0.clock.now();
        let rotate = Rotate {
            token_hash: token.hash(),
            successor_hash: successor.hash(),
            now,
            grace_ms: self.0.config.auth.refresh_grace_s.saturating_mul(1_000),
            expires_at: self.refresh_expiry(now),
        };
        match self.0.store.rotate(&rotate).await? {
            Rotated::Good { sign_in_id, account } => {
                self.tokens(&account.try_into()?, SignInId(sign_in_id), &successor)
            }
            Rotated::Reused(sign_in_id, change) => {
                change.into_iter().for_each(|change| self.changed(change));
                tracing::warn!(%sign_in_id, "a refresh token was used again: its sign-in is revoked");
                Err(AuthError::InvalidToken)
            }
            Rotated::Barred(account) => {
                self.admit(&account)?;
                Err(AuthError::InvalidToken)
            }
            Rotated::Refused => Err(AuthError::InvalidToken),
        }
    }

    /// Ends a sign-in: its refresh tokens fail, it gets no more tickets, its access tokens are void and its session
    /// ends, here at once and elsewhere within a second.
    pub async fn sign_out(&self, sign_in: SignInId) -> Result<(), AuthError> {
        let ended = self.0.store.end_sign_in(sign_in.0, self.0.clock.now()).await?;
        ended.into_iter().for_each(|change| self.changed(change));
        Ok(())
    }

    /// As [`sign_out`](Self::sign_out), for every sign-in of the account.
    pub async fn sign_out_everywhere(&self, account: PlayerId) -> Result<(), AuthError> {
        let change = self.0.store.end_all_sign_ins(account.0, self.0.clock.now()).await?;
        self.changed(change.ok_or(AuthError::InvalidToken)?);
        Ok(())
    }

    /// A sign-in to be stored, and its first refresh token.
    pub(super) fn new_sign_in(&self) -> (NewSignIn, Opaque) {
        let (now, token) = (self.0.clock.now(), Opaque::new());
        let expires_at = self.refresh_expiry(now);
        (NewSignIn { sign_in_id: Uuid::now_v7(), token_hash: token.hash(), now, expires_at }, token)
    }

    pub(super) fn tokens(
        &self,
        account: &Account,
        sign_in: SignInId,
        refresh_token: &Opaque,
    ) -> Result<Tokens, AuthError> {
        Ok(Tokens {
            access_token: self.0.access.issue(account, sign_in, self.0.clock.now())?,
            token_type: "Bearer",
            expires_in: self.0.config.auth.access_ttl_s,
            refresh_token: refresh_token.text(),
        })
    }

    fn refresh_expiry(&self, now: UnixMs) -> UnixMs {
        now + self.0.config.auth.refresh_ttl_s.saturating_mul(1_000)
    }
}
