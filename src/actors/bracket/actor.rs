//! The bracket actor: gathers what has happened, decides it on a copy, commits the copy, and tells everybody in it.
//!
//! Every `brackets.look_ms` it looks at each match that has no winner (`matches`). What it learns while a commit is under
//! way waits for the next; what is lost on the way it learns again.

use super::{
    matches::{Found, look},
    messages::{BracketCommand, BracketReply, Opening},
    ports::BracketPorts,
    rounds::{Game, MatchEnd, Pair},
    state::{BracketState, Entrant},
};
use crate::{
    actors::duel::{DuelActor, DuelCommand, Party},
    clock::UnixMs,
    cluster::{Activation, AskError, Entity, Envelope, Factory, PeerNotice},
    config::Brackets,
    ids::PlayerId,
    protocol::{Rejection, bracket::BracketStatus, matchmaking::MatchMode},
    store::StoreError,
};
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

pub(super) type Answer = oneshot::Sender<Result<BracketReply, AskError>>;

/// What has happened and is not decided yet.
pub(super) enum News {
    Joins(Entrant, Opening, Answer),
    Begun(Uuid),
    Ended(Uuid, MatchEnd),
    /// What staff have made of the showtime, and who may not play in the round that is due.
    Checked(Option<Opening>, BTreeSet<PlayerId>),
    /// Another node asked whether it is still there: a commit says so to all.
    Renew,
}

/// A bracket of the cluster.
pub struct BracketActor {
    pub(super) activation: Activation<Self>,
    pub(super) ports: BracketPorts,
    /// As committed; `None` until the first has come.
    pub(super) state: Option<BracketState>,
    pub(super) news: VecDeque<News>,
    pub(super) committing: bool,
    /// The players of a round are being looked up.
    checking: bool,
    /// Joins whose rating is being read.
    pub(super) joining: usize,
    /// Matches that are being asked.
    asked: BTreeSet<Uuid>,
    /// Matches that nobody knows, and since when.
    missing: BTreeMap<Uuid, Instant>,
    pub(super) stopping: bool,
    pub(super) draining: bool,
    pub(super) used_at: Instant,
}

impl BracketActor {
    /// Makes brackets with these ports.
    pub fn factory(ports: BracketPorts) -> Factory<Self> {
        Arc::new(move |activation| {
            let state = match activation.epoch {
                0 => None,
                _ => Some(rmp_serde::from_slice(&activation.state).map_err(|error| error.to_string())?),
            };
            Ok(Self {
                activation,
                ports: ports.clone(),
                state,
                news: VecDeque::new(),
                committing: false,
                checking: false,
                joining: 0,
                asked: BTreeSet::new(),
                missing: BTreeMap::new(),
                stopping: false,
                draining: false,
                used_at: Instant::now(),
            })
        })
    }

    pub(super) fn now(&self) -> UnixMs {
        self.activation.cluster.clock().now()
    }

    pub(super) fn settings(&self) -> &Brackets {
        &self.activation.cluster.config().brackets
    }

    /// Something has happened.
    pub(super) fn hear(&mut self, news: News, ctx: &mut Context<Self>) {
        self.news.push_back(news);
        self.turn(ctx);
    }

    /// One who has a paid seat, as his session has seen.
    fn join(&mut self, player: Party, opening: Opening, answer: Answer, ctx: &mut Context<Self>) {
        let fresh = || BracketState::new(self.activation.key, opening.clone());
        let mut known = self.state.clone().unwrap_or_else(fresh);
        let before = known.opening.clone();
        known.moves(opening.clone()); // staff may have changed the showtime
        if let Err(rejection) = known.admits(player.player_id, self.now(), self.settings()) {
            say(answer, BracketReply::Refused(rejection));
            return self.leave_if_unmade(ctx);
        }
        if let Some(entrant) = known.entrants.iter().find(|it| it.player.player_id == player.player_id) {
            if known.opening == before {
                return say(answer, BracketReply::State(known.view()));
            }
            return self.hear(News::Joins(entrant.clone(), opening, answer), ctx);
        }
        let waiting = self.news.iter().filter(|news| matches!(news, News::Joins(..))).count();
        if waiting + self.joining >= self.settings().waiting {
            let busy = Rejection::try_again(1_000, "many come at once");
            return say(answer, BracketReply::Refused(busy));
        }
        self.joining += 1;
        let rating = self.ports.ratings.rating(player.player_id, MatchMode::Duel);
        ctx.spawn(rating.into_actor(self).map(move |rating, bracket, ctx| {
            bracket.joining -= 1;
            match rating {
                Ok(rating) => {
                    let strength = rating.rating - 2.0 * rating.deviation;
                    bracket.hear(News::Joins(Entrant { player, strength }, opening, answer), ctx);
                }
                Err(error) => {
                    tracing::warn!(player_id = %player.player_id, %error, "a rating could not be read");
                    let _ = answer.send(Err(AskError::Unavailable)); // he joins again
                    bracket.leave_if_unmade(ctx);
                }
            }
        }));
    }

    /// What time brings, and what has become of the matches.
    pub(super) fn tick(&mut self, ctx: &mut Context<Self>) {
        let Some(state) = self.state.as_ref().filter(|_| !self.stopping && !self.draining) else { return };
        let open = state.round().map_or(&[][..], |round| &round.pairs);
        let games: Vec<(Game, [Party; 2])> = open
            .iter()
            .filter(|pair| !pair.is_decided())
            .filter_map(|pair| Some((pair.game.clone()?, parties(state, pair)?)))
            .collect();
        for (game, players) in games {
            self.look(game, players, ctx);
        }
        self.turn(ctx);
    }

    fn look(&mut self, game: Game, players: [Party; 2], ctx: &mut Context<Self>) {
        if !self.asked.insert(game.id) {
            return;
        }
        let (cluster, results) = (self.activation.cluster.clone(), self.ports.results.clone());
        let ids = players.clone().map(|party| party.player_id);
        let looked = look(cluster, results, game.clone(), players);
        ctx.spawn(looked.into_actor(self).map(move |found, bracket, ctx| {
            bracket.asked.remove(&game.id);
            if found != Found::Missing {
                bracket.missing.remove(&game.id);
            }
            bracket.found(&game, ids, found, ctx);
        }));
    }

    fn found(&mut self, game: &Game, players: [PlayerId; 2], found: Found, ctx: &mut Context<Self>) {
        let (id, now) = (game.id, self.now());
        match found {
            Found::On if !game.begun => self.hear(News::Begun(id), ctx),
            Found::Busy(player) => {
                self.free(player);
                if now >= game.show_by {
                    let absent = players.map(|other| other == player);
                    self.hear(News::Ended(id, MatchEnd::Absent(absent)), ctx);
                }
            }
            Found::Ended(MatchEnd::Disputed) if game.disputed_at.is_some() => {}
            Found::Ended(end) => self.hear(News::Ended(id, end), ctx),
            // Its result may be on its way from the dispute to where results are kept.
            Found::Missing if game.disputed_at.is_none() => {
                let longest = Duration::from_millis(self.settings().missing_ms);
                let since = *self.missing.entry(id).or_insert_with(Instant::now);
                if since.elapsed() >= longest {
                    self.missing.remove(&id);
                    tracing::warn!(bracket = %self.activation.key, session_id = %id, "a match is gone");
                    self.hear(News::Ended(id, MatchEnd::NoResult), ctx);
                }
            }
            Found::On | Found::Missing | Found::Unknown => {}
        }
    }

    /// He is in a match that keeps him from his next. If it is one of this bracket it is over for it.
    fn free(&self, player: PlayerId) {
        let Some(state) = &self.state else { return };
        let decided = state.rounds.iter().flat_map(|round| &round.pairs).filter(|pair| pair.is_decided());
        let his = decided.filter(|pair| {
            parties(state, pair).is_some_and(|two| two.iter().any(|party| party.player_id == player))
        });
        self.call_off(his.filter_map(|pair| pair.game.as_ref().map(|game| game.id)));
    }

    pub(super) fn call_off(&self, matches: impl Iterator<Item = Uuid>) {
        for id in matches {
            self.activation.cluster.tell::<DuelActor>(id, DuelCommand::CallOff);
        }
    }

    /// Before a round it is looked up who still may play: his seat is paid, and he is not banned.
    pub(super) fn check(&mut self, ctx: &mut Context<Self>) {
        let Some(state) = self.state.as_ref().filter(|_| !std::mem::replace(&mut self.checking, true)) else {
            return;
        };
        let (seats, showtime, players) = (self.ports.seats.clone(), self.activation.key, state.survivors());
        let checked = async move {
            let (mut opening, mut out) = (None, BTreeSet::new());
            for player in players {
                match seats.bracket_door(showtime, player).await? {
                    Some(door) if door.paid => {
                        opening = Some(Opening { title: door.title, starts_at: door.starts_at });
                    }
                    _ => drop(out.insert(player)),
                }
            }
            Ok::<_, StoreError>((opening, out))
        };
        ctx.spawn(checked.into_actor(self).map(|checked, bracket, ctx| {
            bracket.checking = false;
            match checked {
                Ok((opening, out)) => bracket.hear(News::Checked(opening, out), ctx),
                // The next tick wants the round still.
                Err(error) => tracing::warn!(%error, "the players of a round could not be looked up"),
            }
        }));
    }
}

/// The two of a pair.
pub(super) fn parties(state: &BracketState, pair: &Pair) -> Option<[Party; 2]> {
    let party = |seed: Option<usize>| Some(state.entrants.get(seed?)?.player.clone());
    Some([party(pair.seeds[0])?, party(pair.seeds[1])?])
}

/// Whoever asked may have gone.
pub(super) fn say(answer: Answer, reply: BracketReply) {
    let _ = answer.send(Ok(reply));
}

impl Actor for BracketActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let config = self.activation.cluster.config().clone();
        let rest = Duration::from_millis(config.cluster.passivate_ms.max(2) / 2);
        ctx.run_interval(rest, |bracket, ctx| bracket.rest(ctx));
        let look = Duration::from_millis(config.brackets.look_ms.max(1));
        ctx.run_interval(look, |bracket, ctx| bracket.tick(ctx));
        let now = self.now();
        if let Some(state) = &mut self.state {
            state.restored(now, &config.brackets);
            if state.status == BracketStatus::Running {
                self.tell_all();
            }
            self.tick(ctx);
        }
    }
}

impl Handler<Envelope<Self>> for BracketActor {
    type Result = ();

    fn handle(&mut self, Envelope { command, reply, .. }: Envelope<Self>, ctx: &mut Self::Context) {
        self.used_at = Instant::now();
        tracing::debug!(key = %self.activation.key, command = command.label(), "a command");
        let answer = reply.unwrap_or_else(|| oneshot::channel().0); // nobody waits
        match command {
            BracketCommand::Peer(notice) => self.heed(notice, ctx),
            _ if self.stopping || self.draining => drop(answer.send(Err(AskError::Unavailable))),
            BracketCommand::Join { player, opening } => self.join(player, opening, answer, ctx),
            BracketCommand::State => match &self.state {
                Some(state) => say(answer, BracketReply::State(state.view())),
                None => drop(answer.send(Err(AskError::NotFound))), // it is just being made
            },
            BracketCommand::Wake { .. } => {
                say(answer, BracketReply::Done);
                self.hear(News::Renew, ctx);
            }
        }
    }
}

impl Entity for BracketActor {
    const KIND: &'static str = "bracket";
    const KEY_IS_KNOWN: bool = true; // the showtime's
    type Command = BracketCommand;
    type Reply = BracketReply;

    fn creates(command: &BracketCommand) -> bool {
        matches!(command, BracketCommand::Join { .. })
    }

    fn wake(wake_no: i64) -> BracketCommand {
        BracketCommand::Wake { wake_no }
    }

    fn peer(notice: PeerNotice) -> BracketCommand {
        BracketCommand::Peer(notice)
    }
}
