//! The database of a SQL test: SQLite in its folder, or a schema of its own on PostgreSQL.

use crate::config::Config;
use std::path::Path;

/// Settings of a node whose data lies in this folder. Where `PLAYHOUSE_TEST_POSTGRES` names a server they lie in a
/// schema there instead, the same each time for the same folder.
pub async fn test_config(dir: &Path) -> Config {
    let mut config = Config::default();
    config.data.dir = dir.to_owned();
    config.media.enabled = false;
    (config.auth.argon2_memory_kib, config.auth.argon2_passes) = (64, 1); // a test checks many passwords
    if let Ok(url) = std::env::var("PLAYHOUSE_TEST_POSTGRES") {
        config.database.url = Some(schema_of(&url, dir).await);
    }
    config
}

async fn schema_of(url: &str, dir: &Path) -> String {
    let name: String = dir.to_string_lossy().chars().filter(char::is_ascii_alphanumeric).collect();
    let schema = format!("t{}", name.to_ascii_lowercase());
    let pool = sqlx::PgPool::connect(url).await.unwrap_or_else(|error| panic!("PostgreSQL: {error}"));
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
    if let Err(error) = sqlx::raw_sql(create).execute(&pool).await {
        panic!("a schema for the test: {error}");
    }
    pool.close().await;
    format!("{url}?options=-csearch_path%3D{schema}")
}
