//! The two databases behind one enum: the same statements run on both (`crates.md` §5 of the design notes).

use super::{Replicas, StoreError};
use crate::{
    clock::SharedClock,
    config::{Config, Database},
};
use log::LevelFilter;
use sqlx::{
    ConnectOptions, PgPool, SqlitePool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{str::FromStr, time::Duration};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// A pool to read and a pool to write.
#[derive(Clone)]
pub(crate) enum Db {
    /// One writer, many readers that cannot write.
    Sqlite {
        /// Readers.
        r: SqlitePool,
        /// The writer: one connection.
        w: SqlitePool,
    },
    /// One pool to read and write, and one that no crowd of readers is waiting for.
    Postgres {
        /// For all but entities.
        pool: PgPool,
        /// Commits and activations: with them rooms live, however many players look theirs up.
        entities: PgPool,
        /// For lists that may be a moment old.
        replicas: Replicas,
    },
}

/// One for the writer, one to activate entities meanwhile.
const ENTITY_CONNECTIONS: u32 = 2;

/// Runs one body on whichever pool is there, for reading.
macro_rules! read {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::store::Db::Sqlite { r: $pool, .. } => $body,
            $crate::store::Db::Postgres { pool: $pool, .. } => $body,
        }
    };
}

/// As [`read!`], from a read replica if there is one and it is well: for lists in which a row may come a moment late. The
/// body runs again on the primary if the replica fails.
macro_rules! browse {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::store::Db::Sqlite { r: $pool, .. } => $body,
            $crate::store::Db::Postgres { pool: primary, replicas, .. } => {
                let run = async |$pool: &sqlx::PgPool| -> Result<_, $crate::store::StoreError> { Ok($body) };
                let from_replica = match replicas.pick() {
                    Some(replica) => {
                        run(replica.pool()).await.inspect_err(|error| replica.failed(error)).ok()
                    }
                    None => None,
                };
                match from_replica {
                    Some(found) => found,
                    None => run(primary).await?,
                }
            }
        }
    };
}

/// Runs one body on whichever pool is there, for writing.
macro_rules! write {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::store::Db::Sqlite { w: $pool, .. } => $body,
            $crate::store::Db::Postgres { pool: $pool, .. } => $body,
        }
    };
}

/// Runs one body on whichever pool is there, for writing what an entity waits for.
macro_rules! write_entity {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::store::Db::Sqlite { w: $pool, .. } => $body,
            $crate::store::Db::Postgres { entities: $pool, .. } => $body,
        }
    };
}
pub(super) use write_entity;
pub(crate) use {browse, read, write};

impl Db {
    pub(super) async fn open(config: &Config, clock: &SharedClock) -> Result<Self, StoreError> {
        let settings = &config.database;
        let db = match settings.url.as_deref() {
            Some(url) if url.starts_with("postgres") => {
                Self::postgres(PgConnectOptions::from_str(url)?, config).await?
            }
            Some(url) => Self::sqlite(SqliteConnectOptions::from_str(url)?, config).await?,
            None => {
                std::fs::create_dir_all(&config.data.dir).map_err(|error| {
                    StoreError::Unavailable(format!("data.dir {}: {error}", config.data.dir.display()))
                })?;
                let file = config.data.dir.join("playhouse.db");
                Self::sqlite(SqliteConnectOptions::new().filename(file), config).await?
            }
        };
        write!(&db, pool => MIGRATIONS.run(pool).await?);
        if let Self::Postgres { pool, replicas, .. } = &db {
            tokio::spawn(replicas.clone().watch(pool.clone(), clock.clone(), settings.clone()));
        }
        Ok(db)
    }

    /// Full sync: what was acknowledged survives a power cut, not only a crash of the process.
    async fn sqlite(options: SqliteConnectOptions, config: &Config) -> Result<Self, StoreError> {
        let options = timed(options, &config.database)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("cache_size", format!("-{}", config.database.cache_kib))
            .busy_timeout(Duration::from_millis(config.database.busy_timeout_ms));
        let w = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        let readers = SqlitePoolOptions::new().max_connections(config.database.readers);
        let r = readers.connect_with(options.pragma("query_only", "on")).await?;
        Ok(Self::Sqlite { r, w })
    }

    /// No node may hold up the others: one that was stopped in the middle of a transaction loses it and its locks.
    async fn postgres(options: PgConnectOptions, config: &Config) -> Result<Self, StoreError> {
        let settings = &config.database;
        let longest = settings.timeout_ms.to_string();
        let shared = |options: PgConnectOptions| {
            timed(options.application_name("playhouse"), settings).options([
                ("idle_in_transaction_session_timeout", longest.as_str()),
                ("lock_timeout", longest.as_str()),
                // Statements say themselves what they change on which condition: none may fail to be serialised.
                ("default_transaction_isolation", "read committed"),
            ])
        };
        let options = shared(options);
        let of = |connections| {
            let longest = Duration::from_millis(settings.timeout_ms);
            PgPoolOptions::new().max_connections(connections).acquire_timeout(longest)
        };
        let entities = of(ENTITY_CONNECTIONS).connect_with(options.clone()).await?;
        let pool = of(settings.readers + 1).connect_with(options).await?;
        let mut replicas = Vec::new();
        for url in &settings.replicas {
            let options = shared(PgConnectOptions::from_str(url)?);
            let host = format!("{}:{}", options.get_host(), options.get_port());
            replicas.push((of(settings.readers).connect_lazy_with(options), host)); // it may be away now
        }
        Ok(Self::Postgres { pool, entities, replicas: Replicas::of(replicas) })
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { r, w } => {
                r.close().await;
                w.close().await;
            }
            Self::Postgres { pool, entities, replicas } => {
                pool.close().await;
                entities.close().await;
                replicas.close().await;
            }
        }
    }
}

/// Every statement is told to `telemetry`, which times them; slow ones are logged with their text, without what is bound.
fn timed<O: ConnectOptions>(options: O, settings: &Database) -> O {
    options
        .log_statements(LevelFilter::Debug)
        .log_slow_statements(LevelFilter::Warn, Duration::from_millis(settings.slow_ms))
}
