//! The actors: sessions, rooms, bots, matchmakers, brackets, admission queues, and what duels are made of. Each decides in a pure `state`,
//! performs in its `actor`.

pub mod bot;
pub mod bracket;
pub mod duel;
pub mod duellist;
pub mod lobby;
pub mod matchmaker;
pub mod queue;
pub mod room;
pub mod session;
pub mod signal;

/// Makes known to the cluster what duels are made of: matches, presences of players, lobbies.
pub fn register_duels(cluster: &crate::cluster::Cluster) {
    cluster.register(duel::DuelActor::factory());
    cluster.register(duellist::DuellistActor::factory());
    cluster.register(lobby::LobbyActor::factory());
}
