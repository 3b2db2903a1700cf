//! Which facts there are, and what each is counted by.

/// What `where` of a condition may name for facts of this kind; `None` if there is no such fact.
pub(crate) fn dimensions(kind: &str) -> Option<&'static [String]> {
    static KINDS: std::sync::LazyLock<std::collections::BTreeMap<&str, Vec<String>>> =
        std::sync::LazyLock::new(|| {
            let kinds: [(&str, &[&str]); 11] = [
                ("user_registered", &["guest"]),
                ("signed_in", &[]),
                ("room_joined", &["game"]),
                ("game_started", &["game"]),
                ("game_finished", &["game", "won"]),
                ("game_won", &["game", "role"]),
                ("vote_cast", &["game"]),
                ("player_died", &["game", "cause"]),
                ("quest_completed", &["quest"]),
                ("level_up", &["level"]),
                ("user_status_changed", &["status"]),
            ];
            kinds.map(|(kind, dims)| (kind, dims.iter().map(|dim| (*dim).to_owned()).collect())).into()
        });
    KINDS.get(kind).map(Vec::as_slice)
}
