//! SQL of ratings: results turned into ratings of all who played, in one transaction and once for a match.
//!
//! Called by the consumer of results (`liveops::ratings`), by staff who resolve a duel, and by leaderboards. The arithmetic
//! is `game::rating`; here is who is rated, and in which transaction.

use super::{Sql, StoreError, browse, confirm, read, write};
use crate::{
    clock::UnixMs,
    config::RatingSection,
    game::rating::{Glicko, Played, Rating, Score},
    ids::PlayerId,
    liveops::{MatchFinished, groups},
    protocol::matchmaking::MatchMode,
};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How results are turned into ratings.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct RatingRules {
    pub glicko: Glicko,
    period_ms: f64,
}

impl RatingRules {
    /// Of the settings.
    pub(crate) fn of(settings: &RatingSection) -> Self {
        let newcomer = Rating {
            rating: settings.start,
            deviation: settings.start_deviation,
            volatility: settings.start_volatility,
        };
        let glicko = Glicko { newcomer, tau: settings.tau, least_deviation: settings.least_deviation };
        Self { glicko, period_ms: settings.period_h * 3_600_000.0 }
    }

    /// Rating periods from one time to another; none backwards.
    fn periods(&self, from: i64, to: UnixMs) -> f64 {
        (to.0 - from).max(0) as f64 / self.period_ms
    }

    /// What is known of this player now, or of a newcomer.
    pub(crate) fn now(&self, row: Option<&RatingRow>, now: UnixMs) -> Rating {
        row.map_or(self.glicko.newcomer, |row| {
            self.glicko.aged(row.rating(), self.periods(row.rated_at, now))
        })
    }
}

/// A result that is to be rated: two sides, none of them empty.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Contest {
    /// The duel's session, the game's match.
    pub match_id: Uuid,
    /// `duel` …
    pub mode: &'static str,
    pub sides: [Vec<PlayerId>; 2],
    /// Of the first side.
    pub score: Score,
    pub at: UnixMs,
}

/// A rating as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, FromRow, serde::Deserialize)]
pub(crate) struct RatingRow {
    /// `duel`, `mafia` …
    pub mode: String,
    /// Whose.
    pub account_id: Uuid,
    /// 1,500 is the middle.
    pub rating: f64,
    /// How unsure it is: he is within two of these with 95 %.
    pub deviation: f64,
    /// How much his strength changes.
    pub volatility: f64,
    /// Rated ones.
    pub games: i64,
    /// Of them.
    pub wins: i64,
    /// Of them.
    pub draws: i64,
    /// Of them.
    pub losses: i64,
    /// When the last one ended, Unix ms.
    pub rated_at: i64,
}

impl RatingRow {
    fn rating(&self) -> Rating {
        Rating { rating: self.rating, deviation: self.deviation, volatility: self.volatility }
    }
}

/// A line of a leaderboard.
#[derive(Clone, Debug, PartialEq, FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct BoardRow {
    #[sqlx(flatten)]
    pub row: RatingRow,
    /// None of an account that is gone.
    pub nickname: Option<String>,
    /// What the order goes by.
    pub standing: i64,
}

/// What a result does to one player.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    pub account: Uuid,
    pub score: Score,
    pub before: f64,
    pub after: Rating,
    /// Of the leaderboard, in hundredths of a point.
    pub standing: i64,
}

impl Contest {
    /// Whether there is anybody to be better than.
    pub(super) fn counts(&self) -> bool {
        self.sides.iter().all(|side| !side.is_empty())
    }

    /// In the one order in which everybody takes rows, so that two results do not wait for each other.
    pub(super) fn accounts(&self) -> Vec<Uuid> {
        let mut accounts: Vec<Uuid> = self.sides.iter().flatten().map(|player| player.0).collect();
        accounts.sort();
        accounts
    }

    /// What it does to everybody.
    pub(super) fn changes(&self, rules: &RatingRules, before: &BTreeMap<Uuid, RatingRow>) -> Vec<Change> {
        let played = |player: &PlayerId| {
            let row = before.get(&player.0);
            let rating = row.map_or(rules.glicko.newcomer, RatingRow::rating);
            Played { rating, periods: row.map_or(0.0, |row| rules.periods(row.rated_at, self.at)) }
        };
        let [first, second] = self.sides.each_ref().map(|side| side.iter().map(played).collect::<Vec<_>>());
        let after = rules.glicko.contest([&first, &second], self.score);
        let scores = [self.score, self.score.of_opponent()];
        let before = [first, second];
        let mut changes = Vec::new();
        for n in 0..2 {
            for ((player, before), after) in self.sides[n].iter().zip(&before[n]).zip(&after[n]) {
                let standing = (after.conservative() * 100.0).floor() as i64;
                let (account, score, before) = (player.0, scores[n], before.rating.rating);
                changes.push(Change { account, score, before, after: *after, standing });
            }
        }
        changes
    }
}

/// Rates everybody who took part, within a transaction: `rate!(tx, &contest, &rules)`. A match that was rated before
/// changes nothing.
macro_rules! rate {
    ($tx:expr, $contest:expr, $rules:expr) => {{
        use $crate::store::ratings::{CHANGE, Contest, LOCK, NOTE_CHANGE, RatingRow, RatingRules};
        let (contest, rules): (&Contest, &RatingRules) = ($contest, $rules);
        let mut before = std::collections::BTreeMap::new();
        for account in contest.accounts().into_iter().filter(|_| contest.counts()) {
            let new = rules.glicko.newcomer;
            let row = sqlx::query_as(LOCK).bind(contest.mode).bind(account).bind(new.rating);
            let row = row.bind(new.deviation).bind(new.volatility).bind(contest.at.0);
            let row: RatingRow = row.fetch_one(&mut *$tx).await?;
            before.insert(account, row);
        }
        for change in contest.changes(rules, &before).into_iter().filter(|_| contest.counts()) {
            let points = change.score.points();
            let note =
                sqlx::query(NOTE_CHANGE).bind(contest.match_id).bind(change.account).bind(contest.mode);
            let note = note.bind(points).bind(change.before).bind(change.after.rating).bind(contest.at.0);
            if note.execute(&mut *$tx).await?.rows_affected() == 1 {
                let row = sqlx::query(CHANGE).bind(contest.mode).bind(change.account);
                let row = row.bind(change.after.rating).bind(change.after.deviation);
                let row =
                    row.bind(change.after.volatility).bind(change.standing).bind(points).bind(contest.at.0);
                row.execute(&mut *$tx).await?;
            }
        }
    }};
}
pub(super) use rate;

/// A newcomer's row, or the one that is there: locked until the end of the transaction.
pub(super) const LOCK: &str =
    "INSERT INTO ratings (mode, account_id, rating, deviation, volatility, standing, games, wins, draws, losses, rated_at)
     VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, 0, $6) ON CONFLICT (mode, account_id) DO UPDATE SET mode = excluded.mode
     RETURNING mode, account_id, rating, deviation, volatility, games, wins, draws, losses, rated_at";

pub(super) const NOTE_CHANGE: &str =
    "INSERT INTO rating_changes (match_id, account_id, mode, points, before, after, at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

pub(super) const CHANGE: &str = "UPDATE ratings SET rating = $3, deviation = $4, volatility = $5, standing = $6,
     games = games + 1, wins = wins + CASE WHEN $7 = 1.0 THEN 1 ELSE 0 END,
     draws = draws + CASE WHEN $7 = 0.5 THEN 1 ELSE 0 END, losses = losses + CASE WHEN $7 = 0.0 THEN 1 ELSE 0 END,
     rated_at = CASE WHEN rated_at < $8 THEN $8 ELSE rated_at END WHERE mode = $1 AND account_id = $2";

const OF: &str =
    "SELECT mode, account_id, rating, deviation, volatility, games, wins, draws, losses, rated_at
                  FROM ratings WHERE account_id = $1 AND games > 0 ORDER BY mode";

const BOARD: &str =
    "SELECT r.mode, r.account_id, r.rating, r.deviation, r.volatility, r.games, r.wins, r.draws,
                     r.losses, r.rated_at, r.standing, a.nickname FROM ratings r
                     LEFT JOIN accounts a ON a.account_id = r.account_id
                     WHERE r.mode = $1 AND r.games > 0
                     AND (r.standing < $2 OR (r.standing = $2 AND r.account_id > $3))
                     ORDER BY r.standing DESC, r.account_id LIMIT $4";

impl Sql {
    /// Rates everybody who played a game in a room, and confirms the fact with that. A draw has no sides: it rates nobody.
    pub(crate) async fn match_finished(
        &self,
        finished: &MatchFinished,
        (fact, at): (Uuid, UnixMs),
        rules: &RatingRules,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let rated = [MatchMode::Mafia].into_iter().find(|mode| mode.as_str() == finished.game);
        let contest = rated.map(|mode| Contest {
            match_id: finished.match_id.0,
            mode: mode.as_str(),
            sides: [finished.winners.clone(), finished.losers.clone()],
            score: Score::Win,
            at,
        });
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if !confirm!(&mut *tx, groups::RATINGS, fact, now) {
                return Ok(());
            }
            if let Some(contest) = &contest {
                rate!(tx, contest, rules);
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// An account's ratings, by mode; none of a mode in which it has no rated game.
    pub(crate) async fn ratings_of(&self, account: PlayerId) -> Result<Vec<RatingRow>, StoreError> {
        Ok(read!(self.db(), pool => sqlx::query_as(OF).bind(account.0).fetch_all(pool).await?))
    }

    /// What is known of a player's strength now.
    pub(crate) async fn rating_now(
        &self,
        (account, mode): (PlayerId, &str),
        rules: &RatingRules,
        now: UnixMs,
    ) -> Result<Rating, StoreError> {
        let rows = self.ratings_of(account).await?;
        Ok(rules.now(rows.iter().find(|row| row.mode == mode), now))
    }

    /// A leaderboard, best first, behind this standing and account.
    pub(crate) async fn leaderboard(
        &self,
        mode: &str,
        after: Option<(i64, Uuid)>,
        limit: u32,
    ) -> Result<Vec<BoardRow>, StoreError> {
        let (standing, account) = after.unwrap_or((i64::MAX, Uuid::nil()));
        Ok(browse!(self.db(), pool => {
            let query = sqlx::query_as(BOARD).bind(mode).bind(standing).bind(account);
            query.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }
}
