//! A recording told as text.
//!
//! Owns the wording. Called by `playhouse replay`. Knows the messages of Mafia by name and tells those of any other
//! game as they are; never plays the game.

use super::{Entry, Recording};
use crate::{
    clock::UnixMs,
    game::{Audience, Effect, Input},
    ids::PlayerId,
};
use serde_json::Value;
use std::fmt::{self, Write as _};

/// Shows a recording line by line: phases, ballots, choices, deaths, the end.
pub struct Timeline<'a>(pub(super) &'a Recording);

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let r = self.0;
        writeln!(f, "match {} · {} {} · room {}", r.match_id, r.game, r.version, r.room_id)?;
        let seats: Vec<_> = r.seats.iter().map(seat).collect();
        writeln!(f, "seats: {} · seed {}", seats.join(", "), r.seed)?;
        for entry in &r.entries {
            for line in self.lines(entry) {
                writeln!(f, "{} {line}", self.clock(entry.at))?;
            }
        }
        match (&r.winner, &r.roles) {
            (Some(winner), Some(roles)) => writeln!(f, "winner: {winner}; {}", self.plain(roles)),
            _ => writeln!(f, "(not ended)"),
        }
    }
}

fn seat(seat: &crate::game::Seat) -> String {
    if seat.bot { format!("{} (bot)", seat.nickname) } else { seat.nickname.clone() }
}

impl Timeline<'_> {
    fn lines(&self, entry: &Entry) -> Vec<String> {
        let happened = match &entry.input {
            None if entry.n == 0 => None,
            None => Some("(the server was restarted)".into()),
            Some(input) => self.input(input),
        };
        happened.into_iter().chain(entry.effects.iter().filter_map(|e| self.effect(e))).collect()
    }

    /// `+mm:ss.mmm` since the start.
    fn clock(&self, at: UnixMs) -> String {
        let ms = (at - self.0.started_at).max(0);
        format!("+{:02}:{:02}.{:03}", ms / 60_000, ms / 1_000 % 60, ms % 1_000)
    }

    fn input(&self, input: &Input) -> Option<String> {
        let who = |id: &PlayerId| self.name(&id.to_string());
        Some(match input {
            Input::Command { by, name, payload } => self.command(&who(by), name, payload),
            Input::Deadline => return None,
            Input::Left { player_id } => format!("{} leaves", who(player_id)),
            Input::Connection { player_id, connected: true } => format!("{} is back", who(player_id)),
            Input::Connection { player_id, connected: false } => format!("{} drops", who(player_id)),
            Input::Abandoned => "nobody is left to play".into(),
        })
    }

    fn command(&self, by: &str, name: &str, payload: &Value) -> String {
        let choice = |field: &str| match &payload[field] {
            Value::Null => "nobody".into(),
            other => self.plain(other),
        };
        match name {
            "game.vote" => format!("  {by} votes for {}", choice("suspect")),
            "game.verdict" if payload["execute"] == Value::Bool(true) => format!("  {by}: execute"),
            "game.verdict" => format!("  {by}: spare"),
            "game.night" => format!("  {by} chooses {}", choice("target")),
            "game.will" => format!("  {by} writes a will: {}", choice("text")),
            "game.kick_vote" => format!("  {by} wants {} expelled", choice("target")),
            _ => format!("  {by}: {} {}", self.name(name), self.plain(payload)),
        }
    }

    fn effect(&self, effect: &Effect) -> Option<String> {
        match effect {
            // Told by the push beside it, or of no interest to a reader.
            Effect::Media(_) | Effect::Show { .. } | Effect::Expel { .. } | Effect::Over { .. } => None,
            Effect::Push { to, name, payload, .. } => self.push(to, name, payload),
        }
    }

    fn push(&self, to: &Audience, name: &str, payload: &Value) -> Option<String> {
        let field = |name: &str| self.plain(&payload[name]);
        Some(match name {
            "game.votes" | "game.verdict_tally" | "game.night_choice" | "game.graveyard" | "game.over" => {
                return None;
            }
            "game.role" => self.role(to, payload),
            "game.phase" => match payload.get("accused") {
                Some(accused) => {
                    format!("── day {}: {} of {}", field("day"), field("phase"), self.plain(accused))
                }
                None => format!("── day {}: {}", field("day"), field("phase")),
            },
            "game.night_result" if payload["victim"].is_null() => "nobody is killed".into(),
            "game.night_result" => format!("{} is killed", field("victim")),
            "game.investigation" => {
                let verdict = if payload["mafia"] == Value::Bool(true) { "mafia" } else { "no mafia" };
                format!("the police learns that {} is {verdict}", field("target"))
            }
            "game.death" => self.death(payload),
            "game.absent" => format!("{} is absent", field("player_id")),
            "game.present" => format!("{} is no longer absent", field("player_id")),
            "game.kick_votes" => {
                format!("{} of {} to expel {}", field("votes"), field("needed"), field("target"))
            }
            _ => format!("→ {}: {name} {}", self.audience(to), self.plain(payload)),
        })
    }

    fn role(&self, to: &Audience, payload: &Value) -> String {
        let mut line = format!("{} is {}", self.audience(to), self.plain(&payload["role"]));
        if let Some(partners) = payload["partners"].as_array().filter(|p| !p.is_empty()) {
            let partners: Vec<_> = partners.iter().map(|p| self.plain(p)).collect();
            let _ = write!(line, ", with {}", partners.join(", "));
        }
        line
    }

    fn death(&self, payload: &Value) -> String {
        let mut line = format!("✝ {}: {}", self.plain(&payload["player_id"]), self.plain(&payload["cause"]));
        for field in ["role", "side", "will"] {
            if let Some(value) = payload.get(field) {
                let _ = write!(line, "; {field}: {}", self.plain(value));
            }
        }
        line
    }

    fn audience(&self, to: &Audience) -> String {
        match to {
            Audience::All => "all".into(),
            Audience::Only(ids) => {
                ids.iter().map(|id| self.name(&id.to_string())).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// A value as text, with nicknames in place of ids.
    fn plain(&self, value: &Value) -> String {
        match value {
            Value::String(text) => self.name(text),
            Value::Array(items) => {
                format!("[{}]", items.iter().map(|v| self.plain(v)).collect::<Vec<_>>().join(", "))
            }
            Value::Object(fields) => {
                let field = |(k, v): (&String, &Value)| format!("{}: {}", self.name(k), self.plain(v));
                format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }

    /// The nickname for an id; any other text as it is, but with nothing in it that could steer a terminal.
    fn name(&self, text: &str) -> String {
        let id = text.parse::<PlayerId>().ok();
        let seat = id.and_then(|id| self.0.seats.iter().find(|s| s.player_id == id));
        let text = seat.map_or(text, |s| &s.nickname);
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}
