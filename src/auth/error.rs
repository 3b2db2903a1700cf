//! Why identity says no: one closed list for its callers (design rule 7).

use super::NicknameFault;
use crate::store::StoreError;

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
    /// The database is away, or erred.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Ours to mend.
    #[error("identity failed: {0}")]
    Bug(String),
}
