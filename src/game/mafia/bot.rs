//! What a bot does (spec 1.2): the same messages as people, decided from its own view alone.
//!
//! Owns the bots' judgement by day; each role's file says whom its bot chooses at night. Called by the room's bots
//! some times in each phase, with a randomness that is no part of the game. Never sees the state, and never repeats
//! a move that its view shows to be made.

use super::shapes::{GameView, SeatView, Votes};
use crate::{game::BotMove, ids::PlayerId};
use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize as _;
use serde_json::{Value, json};

/// One call in so many by day says something.
const CHATTINESS: u32 = 12;
/// A juror who knows nothing says yes so often, in percent: where the living are an odd number, and where they are
/// even, for then an execution costs the town more: with it, one day less is left to find the mafia in.
const YES_PERCENT: [u32; 2] = [90, 20];
/// A voter follows the leading suspect so often, in percent.
const BANDWAGON_PERCENT: u32 = 60;
/// A voter distrusts one who abstains so often, in percent.
const DISTRUST_PERCENT: u32 = 80;
/// The town abstains so often, in percent, and the mafia, who would rather not be seen to accuse.
const ABSTAIN_PERCENT: [u32; 2] = [5, 50];

/// The table as one bot sees it.
pub(super) struct Table {
    /// The bot.
    pub me: PlayerId,
    view: GameView,
}

/// What the bot would do now; `None` if nothing, or nothing new.
pub(super) fn next_move(view: &Value, me: PlayerId, rng: &mut ChaCha8Rng) -> Option<BotMove> {
    let table = Table { me, view: GameView::deserialize(view).ok()? };
    if !table.view.you.alive || table.view.winner.is_some() {
        return None;
    }
    if let Some(target) = table.absentee() {
        return Some(BotMove { name: "game.kick_vote", payload: json!({ "target": target }) });
    }
    match table.view.phase.phase.as_str() {
        "day" => table.talk(rng),
        "vote" => table.vote(rng),
        "verdict" => table.judge(rng),
        "night" => table.night(rng),
        _ => None,
    }
}

impl Table {
    /// Any living player but the bot itself, if he is fit.
    pub(super) fn pick(&self, rng: &mut ChaCha8Rng, fit: impl Fn(PlayerId) -> bool) -> Option<PlayerId> {
        let fit = |p: &&SeatView| p.alive && p.player_id != self.me && fit(p.player_id);
        let choice: Vec<PlayerId> = self.view.players.iter().filter(fit).map(|p| p.player_id).collect();
        choice.choose(rng).copied()
    }
    /// Whether the bot is mafia, and so is this player.
    pub(super) fn is_partner(&self, player: PlayerId) -> bool {
        self.view.you.partners.as_ref().is_some_and(|partners| partners.contains(&player))
    }
    /// What the bot has found out about this player as police.
    pub(super) fn finding(&self, player: PlayerId) -> Option<bool> {
        self.view.you.investigations.iter().find(|f| f.target == player).map(|f| f.mafia)
    }
    /// Whom the bot has named in this phase.
    pub(super) fn chosen(&self) -> Option<PlayerId> {
        self.view.you.choice.as_ref().and_then(|choice| PlayerId::deserialize(choice).ok())
    }
    /// Tonight's choices of the living partners, by their ids.
    pub(super) fn partner_choices(&self) -> Vec<(PlayerId, PlayerId)> {
        let choices = self.view.night.iter().flat_map(|n| &n.choices);
        let others = choices.filter(|c| c.by != self.me && self.is_partner(c.by));
        let mut named: Vec<_> =
            others.filter_map(|c| Some((c.by, c.target.filter(|t| self.is_alive(*t))?))).collect();
        named.sort_unstable();
        named
    }

    fn is_alive(&self, player: PlayerId) -> bool {
        self.view.players.iter().any(|p| p.player_id == player && p.alive)
    }

    fn living(&self) -> usize {
        self.view.players.iter().filter(|p| p.alive).count()
    }

    fn absentee(&self) -> Option<PlayerId> {
        let wanted = |p: &&SeatView| {
            p.absent && p.player_id != self.me && !self.view.you.kick_votes.contains(&p.player_id)
        };
        self.view.players.iter().find(wanted).map(|p| p.player_id)
    }

    fn talk(&self, rng: &mut ChaCha8Rng) -> Option<BotMove> {
        self.view.you.chat.as_ref()?;
        if !rng.random_ratio(1, CHATTINESS) {
            return None;
        }
        const LINES: [&str; 5] = [
            "Who is so quiet today?",
            "I am a citizen.",
            "Somebody here is lying.",
            "I trust nobody.",
            "Hm.",
        ];
        LINES.choose(rng).map(|text| BotMove { name: "chat.send", payload: json!({ "text": text }) })
    }

    /// Whom to name: whom the police bot knows for mafia; else one who abstains, for the mafia lie low; else one of
    /// whom others are suspicious too; else anybody. Never a partner, nor whom it has cleared.
    fn vote(&self, rng: &mut ChaCha8Rng) -> Option<BotMove> {
        let guilty = self.view.players.iter().map(|p| p.player_id).find(|p| self.finding(*p) == Some(true));
        let guilty = guilty.filter(|p| self.is_alive(*p));
        if self.view.you.choice.is_some() && (guilty.is_none() || self.chosen() == guilty) {
            return None;
        }
        let fit = |p: &PlayerId| *p != self.me && !self.is_partner(*p) && self.finding(*p) != Some(false);
        let lies_low = rng.random_ratio(ABSTAIN_PERCENT[usize::from(self.view.you.partners.is_some())], 100);
        let quiet: Vec<PlayerId> = self.abstained().into_iter().filter(fit).collect();
        let quiet = quiet.choose(rng).copied().filter(|_| rng.random_ratio(DISTRUST_PERCENT, 100));
        let leader = self.leading_suspect().filter(|p| self.is_alive(*p) && fit(p));
        let leader = leader.filter(|_| rng.random_ratio(BANDWAGON_PERCENT, 100));
        let suspect = match guilty {
            None if lies_low => None,
            None => quiet.or(leader).or_else(|| self.pick(rng, |p| fit(&p))),
            guilty => guilty,
        };
        Some(BotMove { name: "game.vote", payload: json!({ "suspect": suspect }) })
    }

    fn abstained(&self) -> Vec<PlayerId> {
        match &self.view.votes {
            Some(Votes::Named { abstained, .. }) => abstained.clone(),
            _ => Vec::new(),
        }
    }

    fn leading_suspect(&self) -> Option<PlayerId> {
        let counts: Vec<(usize, PlayerId)> = match self.view.votes.as_ref()? {
            Votes::Named { tally, .. } => tally.iter().map(|(s, voters)| (voters.len(), *s)).collect(),
            Votes::Anonymous { counts, .. } => counts.iter().map(|(s, n)| (*n, *s)).collect(),
        };
        counts.into_iter().max().map(|(_, suspect)| suspect)
    }

    fn judge(&self, rng: &mut ChaCha8Rng) -> Option<BotMove> {
        let accused = self.view.phase.accused.filter(|a| *a != self.me)?;
        if self.view.you.choice.is_some() {
            return None;
        }
        let execute = match self.finding(accused) {
            _ if self.is_partner(accused) => false,
            Some(mafia) => mafia,
            None => rng.random_ratio(YES_PERCENT[usize::from(self.living().is_multiple_of(2))], 100),
        };
        Some(BotMove { name: "game.verdict", payload: json!({ "execute": execute }) })
    }

    fn night(&self, rng: &mut ChaCha8Rng) -> Option<BotMove> {
        let rules = self.view.you.role?.spec().night.as_ref()?;
        if self.view.you.choice.is_some() && !rules.shared {
            return None;
        }
        let target = (rules.bot)(self, rng);
        if self.view.you.choice.is_some() && target == self.chosen() {
            return None;
        }
        Some(BotMove { name: "game.night", payload: json!({ "target": target }) })
    }
}
