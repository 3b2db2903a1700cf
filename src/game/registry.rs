//! The games a node knows, without their types: what the room actor stores, restores and calls.

use super::{
    BotMove, Effect, Game, GameFact, Input, InvalidSettings, MediaPolicy, Refusal, RoomRules, Setup, Viewer,
};
use crate::{clock::UnixMs, ids::PlayerId};
use serde_json::Value;
use std::{collections::BTreeMap, marker::PhantomData, sync::Arc};

/// A running game, its type forgotten. See [`Game`] for what each call promises.
#[allow(missing_docs)] // each is the method of `Game` by that name
pub trait AnyGame: Send {
    fn name(&self) -> &'static str;
    fn handle(&mut self, input: &Input, now: UnixMs) -> Result<Vec<Effect>, Refusal>;
    /// `handle`, and what became true by it ([`Game::facts`]).
    fn play(&mut self, input: &Input, now: UnixMs) -> Result<(Vec<Effect>, Vec<GameFact>), Refusal>;
    fn deadline(&self) -> Option<UnixMs>;
    fn restarted(&mut self, now: UnixMs);
    fn is_participant(&self, player: PlayerId) -> bool;
    fn view(&self, viewer: Viewer) -> Value;
    fn writes_to(&self, viewer: Viewer) -> Option<&'static str>;
    fn reads(&self, viewer: Viewer, channel: &str) -> bool;
    fn member_flags(&self, player: PlayerId) -> Option<(bool, bool)>;
    fn media(&self) -> MediaPolicy;
    /// The whole state, private parts included: for the store alone.
    fn save(&self) -> serde_json::Result<Value>;
    fn clone_box(&self) -> Box<dyn AnyGame>;
}

impl<G: Game> AnyGame for G {
    fn name(&self) -> &'static str {
        G::NAME
    }
    fn handle(&mut self, input: &Input, now: UnixMs) -> Result<Vec<Effect>, Refusal> {
        Game::handle(self, input, now)
    }
    fn play(&mut self, input: &Input, now: UnixMs) -> Result<(Vec<Effect>, Vec<GameFact>), Refusal> {
        let before = self.clone();
        let effects = Game::handle(self, input, now)?;
        let facts = self.facts(&before, input);
        Ok((effects, facts))
    }
    fn deadline(&self) -> Option<UnixMs> {
        Game::deadline(self)
    }
    fn restarted(&mut self, now: UnixMs) {
        Game::restarted(self, now);
    }
    fn is_participant(&self, player: PlayerId) -> bool {
        Game::is_participant(self, player)
    }
    fn view(&self, viewer: Viewer) -> Value {
        Game::view(self, viewer)
    }
    fn writes_to(&self, viewer: Viewer) -> Option<&'static str> {
        Game::writes_to(self, viewer)
    }
    fn reads(&self, viewer: Viewer, channel: &str) -> bool {
        Game::reads(self, viewer, channel)
    }
    fn member_flags(&self, player: PlayerId) -> Option<(bool, bool)> {
        Game::member_flags(self, player)
    }
    fn media(&self) -> MediaPolicy {
        Game::media(self)
    }
    fn save(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
    fn clone_box(&self) -> Box<dyn AnyGame> {
        Box::new(self.clone())
    }
}

/// A game that can be started, restored and configured, its type forgotten.
pub trait GameKind: Send + Sync {
    /// `ROOM.game`.
    fn name(&self) -> &'static str;
    /// All settings at their defaults.
    fn default_settings(&self) -> Value;
    /// `current` with the fields of `patch` laid over it (objects are merged), checked for ranges and,
    /// with `players`, for that head count.
    fn merge(&self, current: &Value, patch: &Value, players: Option<usize>)
    -> Result<Value, InvalidSettings>;
    /// What the room must know of the settings (which came from `merge`).
    fn room_rules(&self, settings: &Value) -> Result<RoomRules, InvalidSettings>;
    /// Starts a game.
    fn start(&self, setup: Setup<Value>) -> Result<(Box<dyn AnyGame>, Vec<Effect>), InvalidSettings>;
    /// The game that [`AnyGame::save`] wrote.
    fn restore(&self, saved: Value) -> serde_json::Result<Box<dyn AnyGame>>;
    /// See [`Game::bot_move`].
    fn bot_move(&self, view: &Value, me: PlayerId, rng: &mut rand_chacha::ChaCha8Rng) -> Option<BotMove>;
}

struct Kind<G>(PhantomData<fn() -> G>);

fn typed<G: Game>(settings: &Value) -> Result<G::Settings, InvalidSettings> {
    G::Settings::deserialize_named(settings)
}

/// Deserialises settings and names the field at fault.
trait DeserializeNamed: Sized {
    fn deserialize_named(value: &Value) -> Result<Self, InvalidSettings>;
}

impl<T: serde::de::DeserializeOwned> DeserializeNamed for T {
    fn deserialize_named(value: &Value) -> Result<Self, InvalidSettings> {
        serde_path_to_error::deserialize(value).map_err(|e: serde_path_to_error::Error<serde_json::Error>| {
            InvalidSettings { field: e.path().to_string(), message: e.inner().to_string() }
        })
    }
}

fn merge_into(base: &mut Value, patch: &Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                merge_into(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

impl<G: Game> GameKind for Kind<G> {
    fn name(&self) -> &'static str {
        G::NAME
    }
    fn default_settings(&self) -> Value {
        serde_json::to_value(G::Settings::default()).unwrap_or_default()
    }
    fn merge(
        &self,
        current: &Value,
        patch: &Value,
        players: Option<usize>,
    ) -> Result<Value, InvalidSettings> {
        let mut merged = current.clone();
        merge_into(&mut merged, patch);
        let mut settings = typed::<G>(&merged)?;
        G::follow(&mut settings, patch);
        G::validate(&settings, players)?;
        serde_json::to_value(settings)
            .map_err(|e| InvalidSettings { field: String::new(), message: e.to_string() })
    }
    fn room_rules(&self, settings: &Value) -> Result<RoomRules, InvalidSettings> {
        Ok(G::room_rules(&typed::<G>(settings)?))
    }
    fn start(&self, setup: Setup<Value>) -> Result<(Box<dyn AnyGame>, Vec<Effect>), InvalidSettings> {
        let Setup { settings, seats, seed, now, drop_grace_ms } = setup;
        let settings = typed::<G>(&settings)?;
        G::validate(&settings, Some(seats.len()))?;
        let (game, effects) = G::start(Setup { settings, seats, seed, now, drop_grace_ms });
        Ok((Box::new(game), effects))
    }
    fn restore(&self, saved: Value) -> serde_json::Result<Box<dyn AnyGame>> {
        Ok(Box::new(serde_json::from_value::<G>(saved)?))
    }
    fn bot_move(&self, view: &Value, me: PlayerId, rng: &mut rand_chacha::ChaCha8Rng) -> Option<BotMove> {
        G::bot_move(view, me, rng)
    }
}

/// The games a node can play, by name.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<&'static str, Arc<dyn GameKind>>);

impl Registry {
    /// The games that come with Playhouse.
    pub fn standard() -> Self {
        Self::default().with::<super::mafia::Mafia>()
    }
    /// This registry and one game more.
    pub fn with<G: Game>(mut self) -> Self {
        self.0.insert(G::NAME, Arc::new(Kind::<G>(PhantomData)));
        self
    }
    /// The game of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn GameKind>> {
        self.0.get(name)
    }
    /// All games, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn GameKind>> {
        self.0.values()
    }
}
