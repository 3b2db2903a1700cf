//! Passwords: argon2id on threads of its own, a few, with little priority and a bounded queue (spec 2.1).
//!
//! A hash takes tens of milliseconds and megabytes. Games run on the arbiters, so it never runs there, and a flood of
//! log-ins is refused rather than queued. Whoever is not there is verified too, against a hash that nothing matches:
//! the answer takes as long.

use super::AuthError;
use crate::config;
use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::phc::PasswordHash,
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use unicode_normalization::UnicodeNormalization as _;

type Job = Box<dyn FnOnce() + Send>;

/// Lower than everything else of the process: what is left of the cores is theirs.
#[cfg(target_os = "linux")]
const NICE: i32 = 15;

/// See the module.
pub(super) struct Passwords {
    places: Semaphore,
    jobs: SyncSender<Job>,
    argon2: Argon2<'static>,
    /// Matches no password.
    nobodys: Arc<str>,
}

/// See [`Passwords::place`].
pub(super) struct Place<'a> {
    passwords: &'a Passwords,
    _permit: SemaphorePermit<'a>,
}

/// A password as it came, in NFC: the same on every keyboard. Not shown by `Debug`, because it has none.
pub(super) struct Password(String);

impl Password {
    /// Any password, for comparison. One that is too long for any account matches none.
    pub fn given(text: &str, settings: &config::Auth) -> Self {
        let longest = settings.password_max;
        Self(text.chars().take(longest.saturating_add(1)).nfc().collect())
    }

    /// A new password that keeps the rules: length alone, as NIST and OWASP have it.
    pub fn chosen(text: &str, username: &str, settings: &config::Auth) -> Result<Self, AuthError> {
        let password = Self::given(text, settings);
        let reason = match password.0.chars().count() {
            n if n < settings.password_min => "too_short",
            n if n > settings.password_max => "too_long",
            _ if password.0.eq_ignore_ascii_case(username) => "is_username",
            _ => return Ok(password),
        };
        Err(AuthError::Invalid { field: "password", reason })
    }
}

impl Passwords {
    /// Starts the threads. They end with this.
    pub fn start(settings: &config::Auth) -> Result<Self, AuthError> {
        let bug = |error: &dyn std::fmt::Display| AuthError::Bug(format!("auth.argon2_*: {error}"));
        let (memory, passes, lanes) =
            (settings.argon2_memory_kib, settings.argon2_passes, settings.argon2_lanes);
        let params = Params::new(memory, passes, lanes, None).map_err(|error| bug(&error))?;
        let (jobs, queue) = sync_channel(settings.password_queue);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads(settings) {
            let queue = queue.clone();
            let thread = thread::Builder::new().name("passwords".to_owned());
            thread.spawn(move || work(&queue)).map_err(|error| bug(&error))?;
        }
        let salt = STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>());
        let hash = STANDARD_NO_PAD.encode(rand::random::<[u8; 32]>());
        let nobodys = format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}").into();
        let places = Semaphore::new(settings.password_queue);
        Ok(Self { places, jobs, argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), nobodys })
    }

    /// A place in the queue, to be taken before anything else is done for a log-in: a flood of them costs nothing more
    /// than this.
    ///
    /// # Errors
    /// [`AuthError::Busy`]: all are taken.
    pub fn place(&self) -> Result<Place<'_>, AuthError> {
        let permit = self.places.try_acquire();
        let outcome = if permit.is_ok() { "queued" } else { "refused" };
        metrics::counter!("playhouse_passwords_total", "outcome" => outcome).increment(1);
        permit.map(|permit| Place { passwords: self, _permit: permit }).map_err(|_| AuthError::Busy)
    }
}

impl Place<'_> {
    /// The PHC string of a password.
    pub async fn hash(&self, password: Password) -> Result<String, AuthError> {
        let argon2 = self.passwords.argon2.clone();
        let hash = self.run(move || argon2.hash_password(password.0.as_bytes()).map(|hash| hash.to_string()));
        hash.await?.map_err(|error| AuthError::Bug(error.to_string()))
    }

    /// Whether this is the password of the hash. Without a hash it takes as long, and is not.
    pub async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool, AuthError> {
        let (argon2, nobodys) = (self.passwords.argon2.clone(), self.passwords.nobodys.clone());
        let verify = move || {
            let known = hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok());
            let against = known.clone().or_else(|| PasswordHash::new(&nobodys).ok());
            let equal =
                against.is_some_and(|hash| argon2.verify_password(password.0.as_bytes(), &hash).is_ok());
            equal && known.is_some()
        };
        self.run(verify).await
    }

    async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, AuthError> {
        let (answer, answered) = oneshot::channel();
        let job = move || {
            if !answer.is_closed() {
                let _ = answer.send(job()); // he may have gone meanwhile
            }
        };
        // Jobs of those who have gone may still lie in the queue.
        self.passwords.jobs.try_send(Box::new(job)).map_err(|_| AuthError::Busy)?;
        answered.await.map_err(|_| AuthError::Bug("a password's thread ended".into()))
    }
}

fn threads(settings: &config::Auth) -> usize {
    match settings.password_threads {
        0 => (thread::available_parallelism().map_or(1, usize::from) / 2).max(1),
        n => n,
    }
}

/// Until the queue's other end is gone.
fn work(queue: &Mutex<Receiver<Job>>) {
    #[cfg(target_os = "linux")] // elsewhere it would be the whole process
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "the passwords' threads run as others do");
    }
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> config::Auth {
        config::Auth {
            argon2_memory_kib: 64,
            argon2_passes: 1,
            password_threads: 1,
            ..config::Auth::default()
        }
    }

    fn given(text: &str) -> Password {
        Password::given(text, &settings())
    }

    #[actix::test]
    async fn a_password_matches_its_hash_alone_and_nothing_matches_nobodys() {
        let passwords = Passwords::start(&settings()).expect("started");
        let passwords = passwords.place().expect("a place");
        let hash = passwords.hash(given("correct horse")).await.expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(passwords.verify(given("correct horse"), Some(hash.clone())).await.expect("verified"));
        assert!(!passwords.verify(given("correct hors"), Some(hash.clone())).await.expect("verified"));
        assert!(!passwords.verify(given("correct horse"), None).await.expect("verified"));
        assert!(!passwords.verify(given(""), Some(String::new())).await.expect("a deleted account's"));
        assert!(hash != passwords.hash(given("correct horse")).await.expect("hashed"), "salted");
    }

    #[test]
    fn the_defaults_are_owasps() {
        let auth = config::Auth::default();
        assert_eq!((auth.argon2_memory_kib, auth.argon2_passes, auth.argon2_lanes), (19_456, 2, 1));
        assert_eq!(auth.password_min, 10);
    }

    #[test]
    fn a_new_password_has_its_length_and_is_not_the_name() {
        let fault = |text: &str| match Password::chosen(text, "somebody-new", &settings()) {
            Err(AuthError::Invalid { field: "password", reason }) => Some(reason),
            Ok(_) => None,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(fault("ninechars"), Some("too_short"));
        assert_eq!(fault("ten chars."), None);
        assert_eq!(fault("비밀번호는열글자이상"), None, "characters, not bytes");
        assert_eq!(fault(&"x".repeat(129)), Some("too_long"));
        assert_eq!(fault("SOMEBODY-new"), Some("is_username"));
    }

    #[actix::test]
    async fn a_flood_is_refused_once_every_place_is_taken() {
        let passwords = Passwords::start(&config::Auth { password_queue: 2, ..settings() }).expect("started");
        let (one, other) = (passwords.place().expect("a place"), passwords.place().expect("a place"));
        assert!(matches!(passwords.place(), Err(AuthError::Busy)));
        assert!(!one.verify(given("x"), None).await.expect("verified"));
        drop(other);
        assert!(passwords.place().is_ok());
    }
}
