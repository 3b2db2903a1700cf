//! Chat of a room: who may write where, who reads it, and the newest of each channel (spec 1.4).
//!
//! Volatile: in order and best effort, never in a commit. Rate limits are the players', not the sessions'.

use super::state::RoomState;
use crate::{
    clock::UnixMs,
    config::Limits,
    ids::PlayerId,
    limits::TokenBucket,
    protocol::{ErrorCode, Rejection, messages::ChatMessage},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// The channel of a room in which no game is on.
const ROOM: &str = "room";

/// What was said, newest last, and who may say how much.
#[derive(Default)]
pub(super) struct ChatLog {
    channels: BTreeMap<String, Channel>,
    buckets: HashMap<PlayerId, TokenBucket>,
}

#[derive(Default)]
struct Channel {
    messages: VecDeque<ChatMessage>,
    bytes: usize,
}

fn size(message: &ChatMessage) -> usize {
    const ENVELOPE: usize = 120;
    message.text.len() + message.nickname.len() + ENVELOPE
}

impl ChatLog {
    /// Takes a message and says who hears it, the writer included.
    pub(super) fn send(
        &mut self,
        room: &RoomState,
        limits: &Limits,
        from: PlayerId,
        text: &str,
        now: UnixMs,
    ) -> Result<(ChatMessage, Vec<PlayerId>), Rejection> {
        let member = room.member(from).ok_or_else(|| Rejection::new(ErrorCode::NotInRoom, "not a member"))?;
        let channel = room.writes_to(from).ok_or_else(closed)?;
        let text = clean(text, limits.chat_chars)?;
        let bucket = self.buckets.entry(from).or_insert_with(|| TokenBucket::full(limits.chat_burst));
        bucket.take(limits.chat_per_s, limits.chat_burst).map_err(|wait_ms| Rejection {
            code: ErrorCode::RateLimited,
            message: "too many chat messages".to_owned(),
            retry_after_ms: Some(wait_ms),
        })?;
        let message = ChatMessage {
            channel: channel.to_owned(),
            from,
            nickname: member.nickname.clone(),
            text,
            at: now,
        };
        self.keep(&message, limits);
        let hears = |m: &&super::state::Member| !m.muted.contains(&from) && room.reads(m.player_id, channel);
        let audience = room.members.iter().filter(hears).map(|m| m.player_id).collect();
        Ok((message, audience))
    }

    fn keep(&mut self, message: &ChatMessage, limits: &Limits) {
        let channel = self.channels.entry(message.channel.clone()).or_default();
        channel.bytes += size(message);
        channel.messages.push_back(message.clone());
        while channel.messages.len() > limits.chat_history || channel.bytes > limits.chat_history_bytes {
            channel.bytes -= channel.messages.pop_front().as_ref().map_or(channel.bytes, size);
        }
    }

    /// `{channel: [CHAT]}` of the channels this member may read now.
    pub(super) fn readable_by(&self, room: &RoomState, player: PlayerId) -> Value {
        let muted = room.member(player).map_or(&[][..], |member| &member.muted);
        let heard = |channel: &Channel| {
            let messages = channel.messages.iter().filter(|message| !muted.contains(&message.from));
            json!(messages.collect::<Vec<_>>())
        };
        let readable = self.channels.iter().filter(|(name, _)| room.reads(player, name));
        readable
            .map(|(name, channel)| (name.clone(), heard(channel)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// The newest of all channels, for a report to the staff.
    pub(super) fn evidence(&self) -> Value {
        let all = self.channels.values().flat_map(|channel| &channel.messages);
        json!(all.collect::<Vec<_>>())
    }

    /// A game begins: what was said in the game before belongs to it.
    pub(super) fn begin_game(&mut self) {
        self.channels.retain(|name, _| name == ROOM);
    }

    /// Forgets the rates of those who have gone.
    pub(super) fn forget(&mut self, player: PlayerId) {
        self.buckets.remove(&player);
    }
}

impl RoomState {
    /// The channel this member writes to now.
    pub(super) fn writes_to(&self, player: PlayerId) -> Option<&'static str> {
        match &self.running {
            None => Some(ROOM),
            Some(running) => running.game.writes_to(self.viewer(player)),
        }
    }

    /// Whether this member reads the channel now. What was said in the room is for all its members; what was
    /// said in a game is for those whom the game lets read it, while it is on.
    pub(super) fn reads(&self, player: PlayerId, channel: &str) -> bool {
        channel == ROOM
            || self.running.as_ref().is_some_and(|running| running.game.reads(self.viewer(player), channel))
    }
}

fn closed() -> Rejection {
    Rejection::new(ErrorCode::ChatClosed, "nobody can hear you now")
}

/// Without control characters and outer blanks; bidirectional overrides go too.
fn clean(text: &str, longest: usize) -> Result<String, Rejection> {
    let unwanted = |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let text: String = text.chars().filter(|c| !unwanted(*c)).collect();
    let text = text.trim();
    if text.is_empty() {
        return Err(Rejection::new(ErrorCode::BadMessage, "text is empty"));
    }
    if text.chars().count() > longest {
        return Err(Rejection::new(ErrorCode::TooLarge, format!("text is longer than {longest} characters")));
    }
    Ok(text.to_owned())
}
