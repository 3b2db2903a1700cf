//! Kinds of values that only settings have: how they are written in a file, and what of them is printed. Used by the areas'
//! tables, and by whoever goes by such a setting. Never knows which setting that is.

use serde::{Deserialize, Serialize};

/// A setting that nobody prints.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(set)")
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum TlsVersion {
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V1_3,
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    V1_2,
}

/// From the environment and `--set` it comes as a number.
impl TryFrom<toml::Value> for TlsVersion {
    type Error = &'static str;
    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        match value.to_string().trim_matches('"') {
            "1.3" => Ok(Self::V1_3),
            "1.2" => Ok(Self::V1_2),
            _ => Err("1.3 or 1.2"),
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// For eyes.
    Pretty,
    /// For machines.
    Json,
}
