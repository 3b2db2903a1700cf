//! Settings from their sources, and back as text.
//!
//! Owns the order in which a file, the environment and `--set` win. Called at the start, and by `playhouse config`. Never
//! guesses: what is unknown or ill-typed is an error that names the setting.

use super::{Config, SECRETS};
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};

/// A setting that cannot be: names it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Unknown, ill-typed, or unreadable.
    #[error("{0}")]
    Invalid(String),
}

impl Config {
    /// Settings from file, environment and `--set` pairs, in rising order.
    pub fn load(file: Option<&std::path::Path>, sets: &[String]) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = file {
            if !path.is_file() {
                return Err(ConfigError::Invalid(format!("--config {}: no such file", path.display())));
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        figment = figment.merge(
            // Only SECTION__FIELD names a setting: PLAYHOUSE_CONFIG, say, does not.
            Env::prefixed("PLAYHOUSE_").filter(|name| name.as_str().contains("__")).split("__"),
        );
        for set in sets {
            figment = figment.merge(Toml::string(&set_as_toml(set)?));
        }
        figment.extract().map_err(|e| ConfigError::Invalid(named(&e)))
    }

    /// The values as `section.field = value`, with units and meanings, as `playhouse config` prints them.
    pub fn describe(&self) -> String {
        let values = serde_json::to_value(self).unwrap_or_default();
        let mut out = String::new();
        for setting in Self::settings() {
            let (section, field) = setting.name.split_once('.').unwrap_or((&setting.name, ""));
            let value = &values[section][field];
            let shown = match value {
                serde_json::Value::Null => "(none)".to_owned(),
                _ if SECRETS.contains(&setting.name.as_str()) => "(set)".to_owned(),
                value => without_passwords(&value.to_string()),
            };
            out.push_str(&format!(
                "# {} ({})\n{} = {shown}\n\n",
                setting.meaning, setting.unit, setting.name
            ));
        }
        out
    }
}

/// `postgres://user:password@host` keeps its password to itself.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, rest| {
        let authority = &rest[..rest.find(['/', '"', '?']).unwrap_or(rest.len())];
        let named = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        match named {
            Some((user, password)) => {
                let after = &rest[user.len() + 1 + password.len()..];
                format!("{shown}://{user}:(set){after}")
            }
            None => format!("{shown}://{rest}"),
        }
    })
}

/// `a.b=v` as TOML; a bare word is a string.
fn set_as_toml(set: &str) -> Result<String, ConfigError> {
    let bad = || ConfigError::Invalid(format!("--set {set}: expected section.field=value"));
    let (name, value) = set.split_once('=').ok_or_else(bad)?;
    if name.split('.').count() != 2 {
        return Err(bad());
    }
    let literal = format!("{name} = {value}");
    if literal.parse::<toml::Table>().is_ok() {
        return Ok(literal);
    }
    Ok(format!("{name} = {}", toml::Value::String(value.to_owned())))
}

fn named(error: &figment::Error) -> String {
    error
        .clone()
        .into_iter()
        .map(|e| {
            let path = e.path.join(".");
            if path.is_empty() { format!("{}", e.kind) } else { format!("setting {path}: {}", e.kind) }
        })
        .collect::<Vec<_>>()
        .join("; ")
}
