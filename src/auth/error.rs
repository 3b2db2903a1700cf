//! Why identity says no: one closed list for its callers (design rule 7).

use super::NicknameFault;
use crate::{clock::UnixMs, store::StoreError};

/// What identity may answer instead.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A token or ticket that is not ours, was used before, or belongs to a sign-in that has ended.
    #[error("the token is not valid")]
    InvalidToken,
    /// An access token or ticket whose time is over.
    #[error("the token has expired")]
    ExpiredToken,
    /// The nickname breaks a rule.
    #[error("the nickname cannot be used: {0}")]
    InvalidNickname(#[from] NicknameFault),
    /// Somebody has this nickname, or one that looks the same.
    #[error("the nickname is taken")]
    NicknameTaken,
    /// A field of a request cannot be so.
    #[error("{field}: {reason}")]
    Invalid {
        /// Its name.
        field: &'static str,
        /// What is wrong with it: a stable name.
        reason: &'static str,
    },
    /// Somebody signs in with this name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// No such user, or not his password: not said which.
    #[error("user name or password is wrong")]
    WrongCredentials,
    /// Too many log-ins have failed.
    #[error("too many failed log-ins: try again later")]
    LogInBlocked {
        /// When to try again.
        wait_ms: u64,
    },
    /// Too many passwords are being checked.
    #[error("too many are signing in")]
    Busy,
    /// The provider through which one signs in does not answer, or not as it should.
    #[error("the provider does not answer as it should")]
    ProviderAway,
    /// The account is banned.
    #[error("the account is banned: {reason}")]
    Banned {
        /// As staff wrote it.
        reason: String,
        /// Until then; `None` is without end.
        until: Option<UnixMs>,
    },
    /// The account, token or ban is not there.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It cannot be done to the account as it is: a stable name.
    #[error("{0}")]
    Conflict(&'static str),
    /// The database is away, or erred.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Ours to mend.
    #[error("identity failed: {0}")]
    Bug(String),
}
