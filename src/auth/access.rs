//! Access tokens: JWTs signed with Ed25519, verified without asking anyone (spec 2.1).
//!
//! A token that was good once is known by its hash until it expires, so that its signature is checked once.

use super::{Account, AuthError, Role, SignInId, keys::KeyRing};
use crate::{clock::UnixMs, config, ids::PlayerId};
use jsonwebtoken::{Algorithm, Header, Validation};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, PoisonError, RwLock};
use uuid::Uuid;

/// `typ` of an access token, so that no other token of ours passes for one.
const TYP: &str = "access";

/// Who a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub account: PlayerId,
    /// The sign-in that the token belongs to.
    pub sign_in: SignInId,
    /// What the account may do.
    pub role: Role,
    /// Of the account when the token was made.
    pub epoch: i64,
}

/// What an access token says. Times are Unix seconds, as RFC 7519 has them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub iss: String,
    pub aud: String,
    pub typ: String,
    pub sub: PlayerId,
    pub sid: SignInId,
    pub role: Role,
    pub nick: String,
    pub iat: i64,
    pub exp: i64,
    pub jti: Uuid,
    pub epoch: i64,
}

/// Makes and verifies access tokens.
pub(super) struct AccessTokens {
    keys: RwLock<Arc<KeyRing>>,
    /// By hash: who, and until when (Unix seconds). Whether the epoch is over is asked each time.
    seen: Option<Cache<[u8; 32], (Principal, i64)>>,
    validation: Validation,
    issuer: String,
    audience: String,
    ttl_s: u64,
}

impl AccessTokens {
    pub fn new(keys: KeyRing, settings: &config::Auth) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false; // it would read the machine's clock: `verify` reads ours
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        let seen = (settings.token_cache > 0).then(|| Cache::new(settings.token_cache));
        Self {
            keys: RwLock::new(Arc::new(keys)),
            seen,
            validation,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            ttl_s: settings.access_ttl_s,
        }
    }

    /// A token for this account. Its life ends `access_ttl_s` from `now`.
    pub fn issue(&self, account: &Account, sign_in: SignInId, now: UnixMs) -> Result<String, AuthError> {
        let keys = self.keys();
        let (kid, key) = keys.signing(now).ok_or_else(|| AuthError::Bug("no key signs".into()))?;
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        let iat = now.0.div_euclid(1_000);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            typ: TYP.to_owned(),
            sub: account.id,
            sid: sign_in,
            role: account.role,
            nick: account.nickname.clone(),
            iat,
            exp: iat.saturating_add_unsigned(self.ttl_s),
            jti: Uuid::new_v4(),
            epoch: account.epoch,
        };
        jsonwebtoken::encode(&header, &claims, key).map_err(|error| AuthError::Bug(error.to_string()))
    }

    /// The principal of a token with our signature, issuer and audience whose time is not over.
    pub fn verify(&self, token: &str, now: UnixMs) -> Result<Principal, AuthError> {
        let Some(seen) = &self.seen else { return self.verify_unseen(token, now).map(|(who, _)| who) };
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let (who, exp) = match seen.get(&hash) {
            Some(known) => known,
            None => {
                let known = self.verify_unseen(token, now)?;
                seen.insert(hash, known.clone());
                known
            }
        };
        if exp <= now.0.div_euclid(1_000) {
            return Err(AuthError::ExpiredToken);
        }
        Ok(who)
    }

    fn verify_unseen(&self, token: &str, now: UnixMs) -> Result<(Principal, i64), AuthError> {
        let invalid = |_| AuthError::InvalidToken;
        let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
        let keys = self.keys();
        let key = header.kid.and_then(|kid| keys.verifying(&kid, now)).ok_or(AuthError::InvalidToken)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation).map_err(invalid)?.claims;
        if claims.typ != TYP {
            return Err(AuthError::InvalidToken);
        }
        if claims.exp <= now.0.div_euclid(1_000) {
            return Err(AuthError::ExpiredToken);
        }
        let Claims { sub: account, sid: sign_in, role, epoch, exp, .. } = claims;
        Ok((Principal { account, sign_in, role, epoch }, exp))
    }

    /// The keys now.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other keys: what was seen is checked again.
    pub fn set_keys(&self, keys: KeyRing) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        if let Some(seen) = &self.seen {
            seen.clear();
        }
    }

    /// See [`KeyRing::jwks`].
    pub fn jwks(&self) -> serde_json::Value {
        self.keys().jwks()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SigningKeyRow;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::EncodingKey;
    use serde_json::{Value, json};

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    fn tokens(seeds: &[u8]) -> AccessTokens {
        AccessTokens::new(ring(seeds), &config::Auth::default())
    }

    /// Newest first; each was made a day after the one before, the newest a day ago.
    fn ring(seeds: &[u8]) -> KeyRing {
        let age = |n: usize| i64::try_from(n).expect("few") * 86_400_000;
        let row = |(n, byte): (usize, &u8)| SigningKeyRow {
            n: -age(n),
            kid: String::new(),
            seed: vec![*byte; 32],
            created_at: NOW.0 - age(n + 1),
        };
        let rows: Vec<_> = seeds.iter().enumerate().map(row).collect();
        KeyRing::of(&rows, &config::Auth::default()).expect("keys")
    }

    fn kid(tokens: &AccessTokens) -> String {
        tokens.keys().signing(NOW).expect("a key").0.to_owned()
    }

    fn account() -> Account {
        Account { id: PlayerId::new(), nickname: "보라".into(), guest: true, role: Role::User, epoch: 0 }
    }

    fn issue(tokens: &AccessTokens) -> String {
        tokens.issue(&account(), SignInId(Uuid::nil()), NOW).expect("signs")
    }

    fn claims_of(token: &str) -> Value {
        let middle = token.split('.').nth(1).expect("three parts");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(middle).expect("base64")).expect("json")
    }

    fn part(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    /// Signed with a key of ours, but with other claims.
    fn signed(tokens: &AccessTokens, claims: &Value) -> String {
        let keys = tokens.keys();
        let (kid, key) = keys.signing(NOW).expect("a key");
        let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, key).expect("signs")
    }

    fn assert_invalid(tokens: &AccessTokens, token: &str) {
        assert!(matches!(tokens.verify(token, NOW), Err(AuthError::InvalidToken)), "{token}");
    }

    #[test]
    fn a_token_names_its_account_until_it_expires() {
        let (tokens, account) = (tokens(&[1]), account());
        let sign_in = SignInId(Uuid::new_v4());
        let token = tokens.issue(&account, sign_in, NOW).expect("signs");
        let expected = Principal { account: account.id, sign_in, role: Role::User, epoch: 0 };
        assert_eq!(tokens.verify(&token, NOW + 899_999).expect("valid"), expected);
        assert!(matches!(tokens.verify(&token, NOW + 900_000), Err(AuthError::ExpiredToken)));
    }

    #[test]
    fn a_token_has_the_claims_that_other_services_rely_on() {
        let claims = claims_of(&issue(&tokens(&[1])));
        for name in ["iss", "aud", "typ", "sub", "sid", "role", "nick", "iat", "exp", "jti", "epoch"] {
            assert!(!claims[name].is_null(), "{name}");
        }
        assert_eq!((&claims["role"], &claims["nick"]), (&json!("USER"), &json!("보라")));
    }

    #[test]
    fn the_newest_key_signs_and_the_one_before_verifies_while_its_tokens_live() {
        let (before, after) = (tokens(&[1]), tokens(&[2, 1]));
        assert_invalid(&before, &issue(&after));
        assert_eq!(after.jwks()["keys"].as_array().map(Vec::len), Some(2));
        // The newest was made a day ago; what the old one signed since is not believed.
        assert_invalid(&after, &issue(&before));
        let then = UnixMs(NOW.0 - 86_400_000);
        let token = before.issue(&account(), SignInId(Uuid::nil()), then).expect("signs");
        assert!(after.verify(&token, then + 899_000).is_ok());
    }

    #[test]
    fn a_new_key_signs_once_everybody_knows_it() {
        let made = UnixMs(NOW.0 - 86_400_000);
        let keys = ring(&[2, 1]);
        let signs = |at: UnixMs| keys.signing(at).expect("a key").0.to_owned();
        assert_eq!(signs(made + 59_999), kid(&tokens(&[1])));
        assert_eq!(signs(made + 60_000), kid(&tokens(&[2])));
        assert_eq!(keys.oldest_needed(made + 60_000 + 959_999), None);
        assert!(keys.oldest_needed(made + 60_000 + 960_000).is_some(), "the old one may go");
    }

    #[test]
    fn a_token_that_was_seen_expires_and_goes_with_its_key_all_the_same() {
        let tokens = tokens(&[1]);
        let token = issue(&tokens);
        assert!(tokens.verify(&token, NOW).is_ok() && tokens.verify(&token, NOW).is_ok());
        assert!(matches!(tokens.verify(&token, NOW + 900_000), Err(AuthError::ExpiredToken)));
        tokens.set_keys(ring(&[9]));
        assert_invalid(&tokens, &token);
    }

    #[test]
    fn a_forged_token_is_refused() {
        let tokens = tokens(&[1]);
        let token = issue(&tokens);
        let mut claims = claims_of(&token);
        claims["role"] = json!("ADMIN");
        let parts: Vec<&str> = token.split('.').collect();
        assert_invalid(&tokens, &format!("{}.{}.{}", parts[0], part(&claims), parts[2]));
        assert_invalid(&tokens, &format!("{}.{}.", parts[0], parts[1]));
        assert_invalid(&tokens, "");
        assert_invalid(&tokens, "a.b.c");
    }

    #[test]
    fn another_installations_key_is_refused_even_under_our_key_id() {
        let (ours, theirs) = (tokens(&[1]), tokens(&[9]));
        assert_invalid(&ours, &issue(&theirs));
        let header = Header { kid: Some(kid(&ours)), ..Header::new(Algorithm::EdDSA) };
        let claims = claims_of(&issue(&ours));
        let keys = theirs.keys();
        let forged =
            jsonwebtoken::encode(&header, &claims, keys.signing(NOW).expect("a key").1).expect("signs");
        assert_invalid(&ours, &forged);
    }

    #[test]
    fn no_other_algorithm_is_accepted() {
        let tokens = tokens(&[1]);
        let (kid, claims) = (kid(&tokens), claims_of(&issue(&tokens)));
        let none = json!({"typ": "JWT", "alg": "none", "kid": kid});
        assert_invalid(&tokens, &format!("{}.{}.", part(&none), part(&claims)));

        // The classic: our public key taken as the secret of an HMAC.
        let x = tokens.jwks()["keys"][0]["x"].as_str().expect("x").to_owned();
        let public = URL_SAFE_NO_PAD.decode(x).expect("base64");
        let header = Header { kid: Some(kid), ..Header::new(Algorithm::HS256) };
        let forged = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&public));
        assert_invalid(&tokens, &forged.expect("signs"));
    }

    #[test]
    fn issuer_audience_and_type_must_be_ours() {
        let tokens = tokens(&[1]);
        let good = claims_of(&issue(&tokens));
        assert!(tokens.verify(&signed(&tokens, &good), NOW).is_ok());
        for name in ["iss", "aud", "typ"] {
            let mut claims = good.clone();
            claims[name] = json!("other");
            assert_invalid(&tokens, &signed(&tokens, &claims));
        }
        for name in ["iss", "aud", "exp", "sub", "sid"] {
            let mut claims = good.clone();
            claims.as_object_mut().expect("object").remove(name);
            assert_invalid(&tokens, &signed(&tokens, &claims));
        }
    }
}
