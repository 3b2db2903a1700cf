//! Sign-in through an OpenID Connect provider (spec 2.1): authorization code with PKCE.
//!
//! The page asks us where to send the player and keeps an `attempt`, a secret that is in no URL. It brings that back
//! with the `state` and `code` of the redirect; we trade the code for an ID token and check it. Attempt, nonce and
//! verifier are ours and good once: who reads a redirect in some log has nothing. The player's account is the
//! provider's subject; nothing else of him is stored.

use super::{
    Account, AuthError, Identity, Nickname, Profile, Role, SignInId, Tokens,
    accounts::{INVENTIONS, keys, new_account},
    opaque::Opaque,
    provider::{Provider, Relying, away},
};
use crate::{ids::PlayerId, store::OidcAttempt};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RequestTokenError, SignatureVerificationError, TokenResponse as _,
    core::{CoreAuthenticationFlow, CoreIdToken},
};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Where the page sends the player, and what it must bring back with the code.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Departure {
    /// The provider's page.
    pub authorize_url: String,
    /// In the redirect's address too: the page compares them.
    pub state: String,
    /// In no address: the page keeps it and sends it to `POST /sessions/oidc`.
    pub attempt: String,
}

/// The other way to sign in.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SignInProvider {
    /// Its name, to be shown.
    pub name: String,
}

/// What a player brings back from the provider.
pub struct Return {
    /// See [`Departure`].
    pub attempt: String,
    /// Of the redirect.
    pub state: String,
    /// Of the redirect.
    pub code: String,
}

impl Identity {
    /// The provider through which one may sign in, if there is one.
    pub fn sign_in_provider(&self) -> Option<SignInProvider> {
        self.0.provider.as_ref().map(|provider| SignInProvider { name: provider.name().to_owned() })
    }

    fn provider(&self) -> Result<&Provider, AuthError> {
        self.0.provider.as_ref().ok_or(AuthError::NotFound("way to sign in"))
    }

    /// Where to send a player who wants to sign in through the provider.
    pub async fn depart_to_provider(&self) -> Result<Departure, AuthError> {
        let now = self.0.clock.now();
        let (relying, fragment) = self.provider()?.relying(now, false).await?;
        let attempt = Opaque::new();
        let state = state_of(&attempt);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (flow, csrf) = (CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new(state.clone()));
        let mut asked = relying.authorize_url(flow, || csrf, Nonce::new_random);
        if fragment {
            asked = asked.add_extra_param("response_mode", "fragment"); // the code never comes to a server's log
        }
        let (url, _, nonce) = asked.set_pkce_challenge(challenge).url();
        let row = OidcAttempt {
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            expires_at: (now + self.0.config.auth.oidc_attempt_s.saturating_mul(1_000)).0,
        };
        self.0.store.begin_oidc(&attempt.hash(), &row, now).await?;
        Ok(Departure { authorize_url: url.to_string(), state, attempt: attempt.text() })
    }

    /// Signs in one who came back from the provider; makes his account when he comes for the first time.
    pub async fn return_from_provider(&self, back: Return) -> Result<(Profile, Tokens), AuthError> {
        let provider = self.provider()?;
        let attempt = Opaque::parse(&back.attempt).ok_or(AuthError::InvalidToken)?;
        if back.state != state_of(&attempt) {
            return Err(AuthError::InvalidToken); // another's redirect: the attempt stays good
        }
        let attempt = self.0.store.take_oidc(&attempt.hash()).await?.ok_or(AuthError::InvalidToken)?;
        let now = self.0.clock.now();
        if attempt.expires_at <= now.0 {
            return Err(AuthError::ExpiredToken);
        }
        let (relying, _) = provider.relying(now, false).await?;
        let trade = relying.exchange_code(AuthorizationCode::new(back.code)).map_err(|error| away(&error))?;
        let trade = trade.set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier));
        let http = |request| provider.call(request);
        let answer = trade.request_async(&http).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(_) => AuthError::InvalidToken,
            error => away(&error),
        })?;
        let token = answer.id_token().ok_or_else(|| away(&"no ID token"))?;
        let subject = self.subject(provider, relying, token, &Nonce::new(attempt.nonce)).await?;
        self.sign_in_subject(provider.issuer(), &subject).await
    }

    /// Whom an ID token names, if it is good. A key that is not known may be newer than what we keep: asked once.
    async fn subject(
        &self,
        provider: &Provider,
        relying: Relying,
        token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<String, AuthError> {
        let unknown = SignatureVerificationError::NoMatchingKey;
        let said = match self.checked(&relying, token, nonce) {
            Err(ClaimsVerificationError::SignatureVerification(error)) if error == unknown => {
                let (relying, _) = provider.relying(self.0.clock.now(), true).await?;
                self.checked(&relying, token, nonce)
            }
            said => said,
        };
        said.map_err(|error| {
            tracing::warn!(%error, "an ID token is not what it should be");
            AuthError::InvalidToken
        })
    }

    fn checked(
        &self,
        relying: &Relying,
        token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<String, ClaimsVerificationError> {
        let clock = self.0.clock.clone();
        let now = move || DateTime::<Utc>::from_timestamp_millis(clock.now().0).unwrap_or_default();
        let verifier = relying.id_token_verifier().set_time_fn(now);
        Ok(token.claims(&verifier, nonce)?.subject().to_string())
    }

    async fn sign_in_subject(&self, issuer: &str, subject: &str) -> Result<(Profile, Tokens), AuthError> {
        for _ in 0..INVENTIONS {
            let (sign_in, refresh_token) = self.new_sign_in();
            let (id, refresh) = (SignInId(sign_in.sign_in_id), &refresh_token);
            if let Some(account) = self.0.store.oidc_account(issuer, subject).await? {
                let row = self.0.store.account(PlayerId(account)).await?.ok_or(AuthError::InvalidToken)?;
                self.admit(&row)?;
                self.0.store.add_sign_in(account, &sign_in).await?;
                let tokens = self.tokens(&Account::try_from(row)?, id, refresh)?;
                return Ok((self.profile(PlayerId(account)).await?.as_ref().clone(), tokens));
            }
            let nickname = Nickname::invent(&self.0.config.limits)?;
            let row = new_account(&nickname, false, Role::User);
            let who = (issuer, subject);
            if self.0.store.create_oidc_account(&row, keys(&nickname), who, &sign_in).await? {
                let account = Account::try_from(row)?;
                let tokens = self.tokens(&account, id, refresh)?;
                return Ok((Profile { account, username: None, email: None }, tokens));
            }
        }
        Err(AuthError::Bug("no free nickname could be invented".into()))
    }
}

/// The state that goes with an attempt: tells nothing of it.
fn state_of(attempt: &Opaque) -> String {
    let digest = Sha256::new().chain_update("oidc state ").chain_update(attempt.text()).finalize();
    URL_SAFE_NO_PAD.encode(digest)
}
