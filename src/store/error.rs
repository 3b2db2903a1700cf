//! What can go wrong with the database: it is away, or we erred.

/// A failed read or write.
#[derive(Clone, Debug, PartialEq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum StoreError {
    /// The database is away or too busy: try again.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Ours to mend.
    #[error("the database refused: {0}")]
    Bug(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match error {
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Self::Unavailable(error.to_string())
            }
            E::Database(ref refused) if refused.code().is_some_and(|code| passes(&code)) => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Bug(error.to_string()),
        }
    }
}

/// What says nothing of the statement: it was in another's way, or the server goes or has no room. SQLSTATEs of PostgreSQL
/// are five characters; SQLite's are numbers, the kind in the low byte (5 busy, 6 locked).
fn passes(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xFF, 5 | 6),
        _ => ["40", "53", "57", "55P03"].iter().any(|class| code.starts_with(class)),
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Bug(error.to_string())
    }
}
