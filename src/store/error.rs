//! What can go wrong with the database: it is away, or we erred.

/// A failed read or write.
#[derive(Debug, thiserror::Error)]
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
            E::Database(ref fault) if fault.code().is_some_and(|code| passes(&code)) => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Bug(error.to_string()),
        }
    }
}

/// What the database refused for reasons that pass: a deadlock, a lock that was waited for too long, its own stop.
fn passes(code: &str) -> bool {
    const POSTGRES: [&str; 5] = ["08", "25P03", "40", "53", "55P03"];
    const POSTGRES_STOPS: [&str; 3] = ["57P01", "57P02", "57P03"];
    const SQLITE: [&str; 4] = ["5", "6", "261", "517"]; // BUSY, LOCKED, BUSY_RECOVERY, BUSY_SNAPSHOT
    match code.len() {
        5 => POSTGRES.iter().chain(&POSTGRES_STOPS).any(|known| code.starts_with(known)),
        _ => SQLITE.contains(&code),
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Bug(error.to_string())
    }
}
