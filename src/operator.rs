//! What an operator does on the machine itself, beside running nodes: the first ADMIN, new signing keys (spec 2.1).
//!
//! Called by the binary's `admin` subcommands. Works on the database of the settings; running nodes notice within
//! seconds. Never prints or logs a password or a key.

use crate::{
    auth::{Account, Identity},
    clock::SystemClock,
    config::Config,
    store::Store,
};
use anyhow::Context as _;
use std::{
    io::{BufRead, IsTerminal as _},
    sync::Arc,
};

/// Where a password may be given to a program that has no terminal.
pub const PASSWORD_VARIABLE: &str = "PLAYHOUSE_ADMIN_PASSWORD";

/// Makes an ADMIN who signs in with this name and password.
///
/// # Errors
/// The name is taken, the password breaks a rule, or the database is away.
pub async fn create_admin(config: Config, name: &str, password: &str) -> anyhow::Result<Account> {
    let (store, identity) = open(config).await?;
    let created = identity.create_admin(name, password).await;
    store.close().await;
    Ok(created?)
}

/// Adds a signing key and answers its name. It signs after `auth.key_settle_s`; the one before verifies on.
///
/// # Errors
/// The database is away, or `auth.key_secret` is not its own.
pub async fn rotate_keys(config: Config) -> anyhow::Result<String> {
    let (store, identity) = open(config).await?;
    let added = identity.rotate_keys().await;
    store.close().await;
    Ok(added?)
}

async fn open(config: Config) -> anyhow::Result<(Store, Identity)> {
    let clock = Arc::new(SystemClock);
    let store = Store::open(&config, clock.clone()).await.context("the database")?;
    let identity = Identity::open(&store, &Arc::new(config), clock).await.context("identity")?;
    Ok((store, identity))
}

/// The password for a new ADMIN: from the environment, from a terminal without showing it, or the first line of
/// standard input.
///
/// # Errors
/// There is none, or two that were typed differ.
pub fn read_password() -> anyhow::Result<String> {
    if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("no password on standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password = rpassword::prompt_password("Password: ")?;
    let again = rpassword::prompt_password("Again: ")?;
    anyhow::ensure!(password == again, "the two passwords differ");
    Ok(password)
}
