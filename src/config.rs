//! Every setting: name, type, default, unit and reason, in tables (spec 8.3, design rule 8).
//!
//! Values come from a file (`--config`), then `PLAYHOUSE_<SECTION>__<FIELD>`, then `--set section.field=value`;
//! later wins. An unknown or ill-typed one stops the start with its name. `playhouse config` prints the tables.

mod accounts;
mod kinds;
mod load;
mod node;
mod play;
mod queues;
mod table;

pub use accounts::*;
pub use kinds::{LogFormat, Secret, TlsVersion};
pub use load::ConfigError;
pub use node::*;
pub use play::*;
pub use queues::*;
pub use table::Setting;

use serde::{Deserialize, Serialize};

/// Settings whose values are not printed.
const SECRETS: [&str; 3] = ["auth.key_secret", "auth.oidc_client_secret", "turn.secret"];

macro_rules! config {
    ($($section:ident: $Type:ident,)*) => {
        /// All settings of a node.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Config {
            $(#[doc = concat!("See [`", stringify!($Type), "`].")] pub $section: $Type,)*
        }

        impl Config {
            /// The tables behind `playhouse config`, in order.
            pub fn settings() -> Vec<Setting> {
                let mut all = Vec::new();
                $(all.extend($Type::settings(stringify!($section)));)*
                all
            }
        }
    };
}

config! {
    activity: Activity,
    server: Server,
    tcp: Tcp,
    tls: Tls,
    session_log: SessionLogSection,
    admin: Admin,
    data: Data,
    database: Database,
    db: DbRole,
    redis: Redis,
    node: NodeSection,
    cluster: ClusterSection,
    moderation: Moderation,
    limits: Limits,
    session: SessionSection,
    room: RoomSection,
    auth: Auth,
    idempotency: Idempotency,
    media: Media,
    duel: DuelSection,
    lobby: LobbySection,
    turn: Turn,
    rewards: Rewards,
    rating: RatingSection,
    matchmaking: Matchmaking,
    showtimes: Showtimes,
    brackets: Brackets,
    queue: Queue,
    log: Log,
    telemetry: Telemetry,
}

#[cfg(test)]
mod tests;
