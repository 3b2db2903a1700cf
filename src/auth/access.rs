//! Access tokens: JWTs signed with Ed25519, verified without asking anyone (spec 2.1).

use super::{Account, AuthError, Role, SignInId, keys::KeyRing};
use crate::{clock::UnixMs, config, ids::PlayerId};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
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
    keys: KeyRing,
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
        Self {
            keys,
            validation,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            ttl_s: settings.access_ttl_s,
        }
    }

    /// A token for this account. Its life ends `access_ttl_s` from `now`.
    pub fn issue(&self, account: &Account, sign_in: SignInId, now: UnixMs) -> Result<String, AuthError> {
        let (kid, key) = self.keys.signing();
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
        let invalid = |_| AuthError::InvalidToken;
        let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
        let key = header.kid.and_then(|kid| self.keys.verifying(&kid)).ok_or(AuthError::InvalidToken)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation).map_err(invalid)?.claims;
        if claims.typ != TYP {
            return Err(AuthError::InvalidToken);
        }
        if claims.exp <= now.0.div_euclid(1_000) {
            return Err(AuthError::ExpiredToken);
        }
        Ok(Principal { account: claims.sub, sign_in: claims.sid, role: claims.role })
    }

    /// See [`KeyRing::jwks`].
    pub fn jwks(&self) -> serde_json::Value {
        self.keys.jwks()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::EncodingKey;
    use serde_json::{Value, json};

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    fn tokens(seeds: &[u8]) -> AccessTokens {
        let seeds: Vec<_> = seeds.iter().map(|byte| vec![*byte; 32]).collect();
        AccessTokens::new(KeyRing::from_seeds(&seeds).expect("keys"), &config::Auth::default())
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
        let (kid, key) = tokens.keys.signing();
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
        let expected = Principal { account: account.id, sign_in, role: Role::User };
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
    fn the_newest_key_signs_and_every_key_verifies() {
        let (before, after) = (tokens(&[1]), tokens(&[2, 1]));
        assert!(after.verify(&issue(&before), NOW).is_ok());
        assert_invalid(&before, &issue(&after));
        assert_eq!(after.jwks()["keys"].as_array().map(Vec::len), Some(2));
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
        let header = Header { kid: Some(ours.keys.signing().0.into()), ..Header::new(Algorithm::EdDSA) };
        let claims = claims_of(&issue(&ours));
        let forged = jsonwebtoken::encode(&header, &claims, theirs.keys.signing().1).expect("signs");
        assert_invalid(&ours, &forged);
    }

    #[test]
    fn no_other_algorithm_is_accepted() {
        let tokens = tokens(&[1]);
        let (kid, claims) = (tokens.keys.signing().0, claims_of(&issue(&tokens)));
        let none = json!({"typ": "JWT", "alg": "none", "kid": kid});
        assert_invalid(&tokens, &format!("{}.{}.", part(&none), part(&claims)));

        // The classic: our public key taken as the secret of an HMAC.
        let x = tokens.jwks()["keys"][0]["x"].as_str().expect("x").to_owned();
        let public = URL_SAFE_NO_PAD.decode(x).expect("base64");
        let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::HS256) };
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
