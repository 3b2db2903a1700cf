//! What a node is for (spec 8.3): `node.roles`, and which of them a node must have.
//!
//! Owns the names. Read by placement, which puts entities on nodes with their kind's role alone, by the door for
//! players, and by [`crate::node`], which starts what the roles ask for. Decides nothing else.

use crate::config::Config;
use serde::{Deserialize, Deserializer, Serialize};
use std::{collections::BTreeSet, fmt};

/// One thing that a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes players: their sockets and sessions.
    Gateway,
    /// Holds rooms and their games.
    Game,
    /// Carries the video and voice of rooms.
    Media,
    /// Holds queues and their matchmakers.
    Queue,
    /// Works on claims and on the facts of the activity stream.
    Worker,
    /// Has the SQL database, for itself and for nodes without this role.
    Db,
}

impl Role {
    /// All of them: what a node has that names none.
    pub const ALL: [Self; 6] = [Self::Gateway, Self::Game, Self::Media, Self::Queue, Self::Worker, Self::Db];
    /// What nobody else would do for a node that is alone.
    const ALONE: [Self; 5] = [Self::Gateway, Self::Game, Self::Queue, Self::Worker, Self::Db];

    /// As in `node.roles`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Game => "game",
            Self::Media => "media",
            Self::Queue => "queue",
            Self::Worker => "worker",
            Self::Db => "db",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The roles of a node, as the others are told of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// These.
    pub fn of(roles: &[Role]) -> Self {
        Self(roles.iter().copied().collect())
    }

    /// What a node of these settings does for others: one whose media are off, or could not be opened, carries none.
    pub fn at_work(config: &Config) -> Self {
        let mut roles = Self::of(&config.node.roles);
        if !config.media.enabled {
            roles.0.remove(&Role::Media);
        }
        roles
    }

    /// Those of the settings.
    ///
    /// # Errors
    /// A node of these roles could not do its work: says which is missing, and why.
    pub fn of_node(config: &Config) -> anyhow::Result<Self> {
        let roles = Self::of(&config.node.roles);
        if config.redis.url.is_none() {
            let missing: Vec<_> = Role::ALONE.iter().filter(|role| !roles.has(**role)).collect();
            anyhow::ensure!(
                missing.is_empty(),
                "node.roles: {} is missing, and without redis.url there is no other node to do it",
                missing.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
            );
        }
        Ok(roles)
    }

    /// Whether this is one of them.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Their names, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|role| role.as_str()).collect()
    }
}

impl Default for Roles {
    /// All: what a node of a version without roles does.
    fn default() -> Self {
        Self::of(&Role::ALL)
    }
}

/// A role that this version does not know is passed over: a newer node is still a node.
impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        let known = Role::ALL.into_iter().filter(|role| names.iter().any(|name| name == role.as_str()));
        Ok(Self(known.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sets: &[&str]) -> Result<Roles, String> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let config = Config::load(None, &sets).map_err(|error| error.to_string())?;
        Roles::of_node(&config).map_err(|error| error.to_string())
    }

    #[test]
    fn a_node_that_names_no_roles_has_all() {
        assert_eq!(of(&[]), Ok(Roles::default()));
        assert_eq!(Roles::default().names(), ["gateway", "game", "media", "queue", "worker", "db"]);
    }

    #[test]
    fn a_node_that_is_alone_must_do_everything_but_media() {
        assert!(of(&[r#"node.roles=["gateway","game","queue","worker","db"]"#]).is_ok());
        let error = of(&[r#"node.roles=["gateway","db"]"#]).expect_err("who would hold its rooms?");
        assert!(error.contains("node.roles: game, queue, worker is missing"), "{error}");
    }

    #[test]
    fn one_of_many_may_do_little_and_needs_no_database_of_its_own() {
        let many = "redis.url=redis://127.0.0.1:6379";
        assert_eq!(of(&[many, r#"node.roles=["gateway","db"]"#]), Ok(Roles::of(&[Role::Gateway, Role::Db])));
        assert_eq!(of(&[many, r#"node.roles=["gateway"]"#]), Ok(Roles::of(&[Role::Gateway])));
        let error = of(&[r#"node.roles=["gateway","game","queue","worker"]"#]).expect_err("no other node");
        assert!(error.contains("node.roles: db is missing, and without redis.url"), "{error}");
    }

    #[test]
    fn an_unknown_role_stops_the_start_but_not_one_of_a_newer_node() {
        let error = of(&[r#"node.roles=["gateway","cook"]"#]).expect_err("unknown");
        assert!(error.contains("node.roles") && error.contains("cook"), "{error}");
        let newer: Roles = serde_json::from_str(r#"["game","cook"]"#).expect("read");
        assert_eq!(newer, Roles::of(&[Role::Game]));
    }
}
