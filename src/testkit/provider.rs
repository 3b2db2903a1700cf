//! An OpenID Connect provider that runs in the test: codes, verifiers, signed ID tokens, and all of it to be spoilt.
//!
//! For tests of sign-in through a provider. It keeps the protocol as a real one does: a code is good once, with the
//! verifier of its challenge.

use crate::clock::SharedClock;
use actix_web::{App, HttpResponse, HttpServer, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Where the provider sends players back.
pub const REDIRECT: &str = "https://play.example/";

/// What the provider does with the next token.
#[derive(Clone)]
pub struct Behaviour {
    /// Who logs in.
    pub subject: &'static str,
    /// Claims that are other than they should be; `null` leaves one out.
    pub spoilt: Value,
    /// Signed with a key that it does not publish.
    pub forged: bool,
    /// Answers `/token` with 500.
    pub broken: bool,
}

impl Behaviour {
    /// As it should be.
    pub fn good(subject: &'static str) -> Self {
        Self { subject, spoilt: json!({}), forged: false, broken: false }
    }
}

/// See the module.
pub struct Provider {
    /// Its issuer.
    pub url: String,
    clock: SharedClock,
    key: Mutex<(SigningKey, u32)>,
    /// By code: the challenge and nonce of the one who logged in.
    codes: Mutex<HashMap<String, (String, String)>>,
    behaviour: Mutex<Behaviour>,
    asked: Mutex<HashMap<&'static str, usize>>,
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provider {
    /// Starts one, on the test's own thread.
    pub fn start(clock: SharedClock) -> Arc<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let provider = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().expect("address")),
            clock,
            key: Mutex::new((SigningKey::from_bytes(&rand::random()), 1)),
            codes: Mutex::default(),
            behaviour: Mutex::new(Behaviour::good("ann")),
            asked: Mutex::default(),
        });
        let data = web::Data::from(provider.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/.well-known/openid-configuration", web::get().to(configuration))
                .route("/keys", web::get().to(keys))
                .route("/token", web::post().to(token))
        });
        actix::spawn(server.workers(1).disable_signals().listen(listener).expect("listens").run());
        provider
    }

    /// The player logs in on the provider's page, which sends him back with this code.
    pub fn log_in(&self, authorize_url: &str) -> String {
        let (page, query) = authorize_url.split_once('?').expect("a query");
        assert_eq!(page, format!("{}/authorize", self.url));
        let query = web::Query::<HashMap<String, String>>::from_query(query).expect("a query").into_inner();
        let said = |name: &str| query.get(name).map(String::as_str);
        assert_eq!(said("response_type"), Some("code"));
        assert_eq!(said("code_challenge_method"), Some("S256"));
        assert_eq!(said("redirect_uri"), Some(REDIRECT));
        assert_eq!(said("response_mode"), Some("fragment"), "the code is to stay out of servers' logs");
        let code = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
        lock(&self.codes).insert(code.clone(), (query["code_challenge"].clone(), query["nonce"].clone()));
        code
    }

    /// What it does from now on.
    pub fn behaves(&self, behaviour: Behaviour) {
        *lock(&self.behaviour) = behaviour;
    }

    /// Signs with a new key from now on, and publishes that alone.
    pub fn rotates(&self) {
        let mut key = lock(&self.key);
        *key = (SigningKey::from_bytes(&rand::random()), key.1 + 1);
    }

    /// How often it was asked for its configuration, its keys, a token.
    pub fn asked(&self, what: &'static str) -> usize {
        lock(&self.asked).get(what).copied().unwrap_or(0)
    }

    fn note(&self, what: &'static str) {
        *lock(&self.asked).entry(what).or_default() += 1;
    }

    fn id_token(&self, nonce: &str) -> String {
        let behaviour = lock(&self.behaviour).clone();
        let now = self.clock.now().0 / 1_000;
        let mut claims = json!({
            "iss": self.url, "sub": behaviour.subject, "aud": "playhouse", "nonce": nonce,
            "iat": now, "exp": now + 300,
        });
        for (name, value) in behaviour.spoilt.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        let (mut key, number) = lock(&self.key).clone();
        if behaviour.forged {
            key = SigningKey::from_bytes(&rand::random());
        }
        let der = key.to_pkcs8_der().expect("a key");
        let header = Header { kid: Some(format!("key {number}")), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(der.as_bytes())).expect("signs")
    }
}

async fn configuration(provider: web::Data<Provider>) -> HttpResponse {
    provider.note("configuration");
    let at = |path: &str| format!("{}{path}", provider.url);
    HttpResponse::Ok().json(json!({
        "issuer": provider.url, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "response_modes_supported": ["query", "fragment"], "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

async fn keys(provider: web::Data<Provider>) -> HttpResponse {
    provider.note("keys");
    let (key, number) = lock(&provider.key).clone();
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let key = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": format!("key {number}"), "x": x});
    HttpResponse::Ok().json(json!({"keys": [key]}))
}

/// A code is good once, with the verifier of its challenge.
async fn token(provider: web::Data<Provider>, form: web::Form<HashMap<String, String>>) -> HttpResponse {
    provider.note("token");
    if lock(&provider.behaviour).broken {
        return HttpResponse::InternalServerError().body("<html>not JSON</html>");
    }
    let asked = lock(&provider.codes).remove(&form["code"]);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
    match asked {
        Some((expected, nonce)) if expected == challenge => HttpResponse::Ok().json(json!({
            "access_token": "theirs", "token_type": "Bearer", "id_token": provider.id_token(&nonce),
        })),
        _ => HttpResponse::BadRequest().json(json!({"error": "invalid_grant"})),
    }
}
