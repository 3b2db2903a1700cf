//! Writes `docs/protocol.md` from the types, the tables of codes and the settings, so that it cannot drift.
//!
//! Compiled for tests alone. `PLAYHOUSE_BLESS=1 cargo test --lib protocol_docs` writes the file anew. Payloads
//! that have no type here (a game's own) stand in `tables`, kept by hand; a test finds names missing there.

mod schema;
mod signal;
mod tables;

use super::{
    Encoding, ErrorCode,
    bracket::{BracketPair, BracketPlayer, BracketRound, BracketView},
    media::MediaView,
    messages::{ChatMessage, LogEntry, MemberView, RoomView},
};
use crate::{config::Config, game::mafia};
use schema::{Fields, fields_of, shape_of};
use std::fmt::Write as _;
use tables::{CLIENT, GAME_SHAPES, LISTING, Message, PUSHES};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/protocol.md");
const BLESS: &str = "PLAYHOUSE_BLESS=1 cargo test --lib protocol_docs";

/// The whole document.
fn markdown() -> String {
    let mut out = include_str!("docs/intro.md")
        .replace("{{bless}}", BLESS)
        .replace("{{json}}", Encoding::SUBPROTOCOLS[0])
        .replace("{{msgpack}}", Encoding::SUBPROTOCOLS[1]);
    client(&mut out);
    pushes(&mut out);
    shapes(&mut out);
    mafia_settings(&mut out);
    codes(&mut out);
    signal::signalling(&mut out);
    packets(&mut out);
    limits(&mut out);
    out
}

fn put(out: &mut String, line: impl AsRef<str>) {
    let _ = writeln!(out, "{}", line.as_ref()); // a String never refuses
}

/// A cell of a Markdown table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn client(out: &mut String) {
    put(out, "\n## Client → server\n");
    put(out, "A question mark marks what may be left out. Fields that are not listed are ignored,");
    put(out, "but for `settings`, where an unknown field is refused.\n");
    put(out, "| type | payload | `ok` carries | what it does |\n| --- | --- | --- | --- |");
    for Message { name, payload, answer, what } in CLIENT {
        put(out, format!("| `{name}` | {} | {} | {} |", cell(&payload()), cell(answer), cell(what)));
    }
}

fn pushes(out: &mut String) {
    put(out, "\n## Server → client\n");
    put(out, "Payloads with a name in capitals are listed under [Shapes](#shapes).\n");
    put(out, "| type | payload | to | when |\n| --- | --- | --- | --- |");
    for (name, payload, to, when) in PUSHES {
        put(out, format!("| `{name}` | `{}` | {to} | {} |", cell(payload), cell(when)));
    }
}

fn shapes(out: &mut String) {
    put(out, "\n## Shapes\n");
    let typed: [(&str, Fields); 9] = [
        ("ROOM", fields_of::<RoomView>()),
        ("MEMBER", fields_of::<MemberView>()),
        ("LOG", fields_of::<LogEntry>()),
        ("CHAT", fields_of::<ChatMessage>()),
        ("MEDIA", fields_of::<MediaView>()),
        ("BRACKET", fields_of::<BracketView>()),
        ("BRACKET_PLAYER", fields_of::<BracketPlayer>()),
        ("BRACKET_ROUND", fields_of::<BracketRound>()),
        ("BRACKET_PAIR", fields_of::<BracketPair>()),
    ];
    for (name, fields) in typed {
        put(out, format!("### {name}\n\n| field | type | meaning |\n| --- | --- | --- |"));
        for field in fields {
            let optional = if field.optional { "?" } else { "" };
            let (kind, meaning) = (cell(&field.kind), cell(&field.meaning));
            put(out, format!("| `{}{optional}` | {kind} | {meaning} |", field.name));
        }
        put(out, "");
    }
    put(out, format!("### LISTING\n\n`{LISTING}`\n"));
    put(out, "### Mafia\n\nWhat belongs to the game `mafia`; another game has shapes of its own.\n");
    put(out, "```");
    for line in GAME_SHAPES {
        put(out, line);
    }
    put(out, "```");
}

fn mafia_settings(out: &mut String) {
    put(out, "\n### Settings of `mafia`, with their defaults\n\n```json");
    let settings = serde_json::to_value(mafia::Settings::default()).expect("settings are JSON");
    put(out, serde_json::to_string_pretty(&sorted(settings)).expect("JSON is text"));
    put(
        out,
        "```\n\nUnder `roles`, `null` is by head count. Where no node carries media, `media` is false in every new room.",
    );
}

/// The same whichever map serde_json was built with.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            fields.into_iter().collect()
        }
        value => value,
    }
}

fn codes(out: &mut String) {
    put(out, "\n## Error codes\n");
    put(
        out,
        "HTTP: the status of the same fault over REST. Retry: whether the same message may succeed later.\n",
    );
    put(out, "| code | HTTP | retry | meaning |\n| --- | --- | --- | --- |");
    for code in ErrorCode::ALL {
        let retry = if code.may_retry() { "yes" } else { "no" };
        let meaning = schema::doc_before(&format!("{code:?} = "));
        put(out, format!("| `{}` | {} | {retry} | {} |", code.wire(), code.http_status(), cell(&meaning)));
    }
    put(out, "\n## Close codes\n\n| code | meaning |\n| --- | --- |");
    for (code, meaning) in schema::close_codes() {
        put(out, format!("| {code} | {} |", cell(&meaning)));
    }
    put(out, "\n4010 is not sent yet.");
}

fn packets(out: &mut String) {
    let mut table = String::from("| id | name | from | payload |\n| --- | --- | --- | --- |");
    for (id, name, from, payload) in crate::tcp::TABLE {
        let _ = write!(table, "\n| 0x{id:04X} | {name} | {from} | {} |", cell(payload));
    }
    put(out, include_str!("docs/packets.md").trim_end().replace("{{table}}", &table));
}

fn limits(out: &mut String) {
    put(out, "\n## Limits\n\nDefaults; a node may have others (`playhouse config`).\n");
    put(out, "| setting | default | unit | meaning |\n| --- | --- | --- | --- |");
    let values = serde_json::to_value(Config::default()).expect("settings are JSON");
    for setting in Config::settings() {
        let (section, field) = setting.name.split_once('.').expect("a section and a field");
        if ["limits", "session", "tcp", "duel", "lobby", "brackets"].contains(&section) {
            let (unit, meaning) = (setting.unit, cell(setting.meaning));
            let value = match &values[section][field] {
                serde_json::Value::Null => "none".to_owned(),
                value => value.to_string(),
            };
            put(out, format!("| `{}` | {value} | {unit} | {meaning} |", setting.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actors::session::CLIENT_TYPES,
        clock::UnixMs,
        ids::{PlayerId, SessionId},
        protocol::messages::{Resumed, Welcome},
    };
    use std::{collections::BTreeSet, path::Path};

    #[test]
    fn protocol_docs_are_up_to_date() {
        let now = markdown();
        if std::env::var_os("PLAYHOUSE_BLESS").is_some() {
            std::fs::write(FILE, &now).expect("docs/protocol.md is written");
        }
        let stored = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(stored == now, "docs/protocol.md is not what the types say; write it anew with: {BLESS}");
    }

    #[test]
    fn protocol_docs_have_every_client_type() {
        let known: BTreeSet<&str> = CLIENT_TYPES.iter().copied().collect();
        let own: BTreeSet<&str> = CLIENT.iter().map(|m| m.name).filter(|n| !n.starts_with("game.")).collect();
        assert_eq!(own, known);
    }

    #[test]
    fn protocol_docs_have_every_name_that_is_sent_or_read() {
        let listed: BTreeSet<&str> =
            CLIENT.iter().map(|m| m.name).chain(PUSHES.iter().map(|p| p.0)).collect();
        let mut missing = BTreeSet::new();
        for folder in ["src/actors", "src/game/mafia"] {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            names_in(&root, &mut |name| {
                if !listed.contains(name) {
                    missing.insert(name.to_owned());
                }
            });
        }
        assert!(missing.is_empty(), "not in src/protocol/docs/tables.rs: {missing:?}");
    }

    /// Wire names in the code under this folder, tests left out.
    fn names_in(path: &Path, found: &mut impl FnMut(&str)) {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).expect("a folder of the source");
            entries.for_each(|entry| names_in(&entry.expect("an entry").path(), found));
            return;
        }
        let file = path.to_string_lossy();
        if file.contains("tests") || !file.ends_with(".rs") {
            return;
        }
        let text = std::fs::read_to_string(path).expect("source");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for literal in code.split('"').skip(1).step_by(2) {
            let Some((kind, rest)) = literal.split_once('.') else { continue };
            let wire =
                ["room", "session", "chat", "game", "player", "media"].contains(&kind) && !rest.is_empty();
            if wire && rest.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                found(literal);
            }
        }
    }

    #[test]
    fn protocol_docs_have_the_fields_of_welcome_and_resume() {
        let (session_id, player_id, now) = (SessionId::new(), PlayerId::new(), UnixMs(0));
        let (nickname, resume_token) = ("a", "t");
        let (heartbeat_ms, resume_window_ms) = (0, 0);
        let server_time = now;
        let welcome = Welcome {
            session_id,
            player_id,
            nickname,
            resume_token,
            server_time,
            heartbeat_ms,
            resume_window_ms,
        };
        let resumed = Resumed { session_id, resume_token, mode: "replay", last_seq: 0, server_time };
        let listed = PUSHES.iter().find(|p| p.0 == "session.welcome").expect("listed").1;
        assert_eq!(names_of(listed), keys_of(&welcome));
        let listed = CLIENT.iter().find(|m| m.name == "session.resume").expect("listed").answer;
        assert_eq!(names_of(listed), keys_of(&resumed));
    }

    #[test]
    fn protocol_docs_have_the_fields_of_a_listing() {
        let listing = crate::store::Listing {
            room_id: crate::ids::RoomId::new(),
            code: String::new(),
            name: String::new(),
            game: String::new(),
            visibility: String::new(),
            status: String::new(),
            members: 0,
            capacity: 0,
            settings: serde_json::Value::Null,
            created_at: UnixMs(0),
        };
        assert_eq!(names_of(LISTING), keys_of(&listing));
    }

    fn keys_of(value: &impl serde::Serialize) -> BTreeSet<String> {
        let value = serde_json::to_value(value).expect("JSON");
        value.as_object().expect("an object").keys().cloned().collect()
    }

    fn names_of(shape: &str) -> BTreeSet<String> {
        let inner = shape.trim_matches(['`', '{', '}']);
        let name = |part: &str| part.split(':').next().unwrap_or_default().trim().to_owned();
        inner.split(',').map(name).collect()
    }

    #[test]
    fn protocol_docs_show_what_may_be_left_out() {
        assert_eq!(shape_of::<crate::protocol::messages::Kick>(), "{ban?: boolean, player_id: string}");
    }
}
