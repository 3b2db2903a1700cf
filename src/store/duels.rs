//! SQL of duels that are over: what was reported, what staff made of a dispute, and the ratings that follow.

use super::{
    AuditEntry, Sql, StoreError, audit, browse, confirm, fact,
    ratings::{Contest, RatingRules, rate},
    read, write,
};
use crate::{
    clock::UnixMs,
    game::rating::Score,
    ids::PlayerId,
    liveops::{DuelFinished, DuelOutcome, Fact, groups},
    protocol::matchmaking::MatchMode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::FromRow;
use uuid::Uuid;

/// A duel that is over.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, FromRow, serde::Deserialize)]
pub(crate) struct DuelRow {
    /// Its session.
    pub session_id: Uuid,
    /// Who asked.
    pub player_a: Uuid,
    /// His nickname now.
    pub nickname_a: Option<String>,
    /// Who accepted.
    pub player_b: Uuid,
    /// His nickname now.
    pub nickname_b: Option<String>,
    /// `agreed`, `disputed`, `unreported`, `abandoned`.
    pub outcome: String,
    /// Who won, as they agree or as staff decided.
    pub winner: Option<Uuid>,
    /// `[{player_id, winner, frames, checksum}]`, at most one a player.
    #[sqlx(json)]
    pub reports: Value,
    /// Unix ms.
    pub ended_at: i64,
    /// Unix ms; none while nobody of the staff has looked into it.
    pub resolved_at: Option<i64>,
    /// By whom.
    pub resolved_by: Option<Uuid>,
    /// What he decided: `won`, `draw`, `void`.
    pub verdict: Option<String>,
    /// What he found.
    pub note: Option<String>,
}

/// Which duels staff ask for.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct DuelFilter {
    pub outcome: Option<DuelOutcome>,
    /// Open ones, or resolved ones.
    pub resolved: Option<bool>,
    /// With this player.
    pub player: Option<Uuid>,
    /// Older than this one.
    pub before: Option<Uuid>,
}

/// What staff decide of a duel without an agreed result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// One has won: `winner`.
    Won,
    /// Neither has.
    Draw,
    /// It counts for nothing.
    Void,
}

/// What became of a resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Resolved {
    Done,
    /// There is no such duel, or it needs no resolution any more.
    Unknown,
    /// The winner is none of its players.
    Stranger,
}

macro_rules! duel_columns {
    ($rest:literal) => {
        concat!(
            "SELECT d.session_id, d.player_a, a.nickname AS nickname_a, d.player_b, b.nickname AS nickname_b, d.outcome,
             d.winner, d.reports, d.ended_at, d.resolved_at, d.resolved_by, d.verdict, d.note FROM duels d
             LEFT JOIN accounts a ON a.account_id = d.player_a LEFT JOIN accounts b ON b.account_id = d.player_b ",
            $rest
        )
    };
}

const KEEP: &str = "INSERT INTO duels (session_id, player_a, player_b, outcome, winner, reports, ended_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (session_id) DO NOTHING";

/// Of two of the staff one resolves it.
const RESOLVE: &str = "UPDATE duels SET winner = $2, verdict = $3, note = $4, resolved_by = $5, resolved_at = $6
                       WHERE session_id = $1 AND outcome <> 'agreed' AND resolved_at IS NULL
                       AND ($2 IS NULL OR player_a = $2 OR player_b = $2) RETURNING player_a, player_b, ended_at";

impl Sql {
    /// Keeps a duel's result and rates it if both agree on it; confirms the fact with that. What was there before stays.
    pub(crate) async fn duel_finished(
        &self,
        duel: &DuelFinished,
        (fact, at): (Uuid, UnixMs),
        rules: &RatingRules,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let contest = agreed(duel, at);
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if !confirm!(&mut *tx, groups::RATINGS, fact, now) {
                return Ok(());
            }
            let [a, b] = duel.players;
            let row = sqlx::query(KEEP).bind(duel.session_id).bind(a.0).bind(b.0).bind(duel.outcome.as_str());
            let row = row.bind(duel.winner.map(|winner| winner.0)).bind(sqlx::types::Json(&duel.reports));
            let new = row.bind(at.0).execute(&mut *tx).await?.rows_affected() == 1;
            if let Some(contest) = contest.filter(|_| new) {
                rate!(tx, &contest, rules);
                for fact in game_facts(&contest) {
                    fact!(&mut *tx, &fact);
                }
            }
            tx.commit().await?;
        });
        self.outbox_has_more();
        Ok(())
    }

    /// Ends a dispute, and rates the duel unless it is void. Its audit entry goes with it.
    pub(crate) async fn resolve_duel(
        &self,
        id: Uuid,
        (verdict, winner, note): (Verdict, Option<PlayerId>, &str),
        by: PlayerId,
        rules: &RatingRules,
        entry: &AuditEntry,
    ) -> Result<Resolved, StoreError> {
        let known = "SELECT session_id FROM duels
                     WHERE session_id = $1 AND outcome <> 'agreed' AND resolved_at IS NULL";
        let (name, won) = (json!(verdict), winner.map(|winner| winner.0));
        let resolved = write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let row = sqlx::query_as(RESOLVE).bind(id).bind(won).bind(name.as_str()).bind(note);
            let row: Option<(Uuid, Uuid, i64)> =
                row.bind(by.0).bind(entry.at).fetch_optional(&mut *tx).await?;
            let Some((a, b, ended_at)) = row else {
                let open: Option<Uuid> = sqlx::query_scalar(known).bind(id).fetch_optional(&mut *tx).await?;
                return Ok(if open.is_some() { Resolved::Stranger } else { Resolved::Unknown });
            };
            audit!(&mut *tx, entry);
            if verdict != Verdict::Void {
                let contest = contest(id, [PlayerId(a), PlayerId(b)], winner, UnixMs(ended_at));
                rate!(tx, &contest, rules);
                for fact in game_facts(&contest) {
                    fact!(&mut *tx, &fact);
                }
            }
            tx.commit().await?;
            Resolved::Done
        });
        self.outbox_has_more();
        Ok(resolved)
    }

    /// Duels, newest first.
    pub(crate) async fn duels(&self, filter: DuelFilter, limit: u32) -> Result<Vec<DuelRow>, StoreError> {
        let sql = duel_columns!(
            "WHERE ($1 = '' OR d.outcome = $1) AND ($2 IS NULL OR (d.resolved_at IS NOT NULL) = $2)
             AND ($3 IS NULL OR d.player_a = $3 OR d.player_b = $3) AND ($4 IS NULL OR d.session_id < $4)
             ORDER BY d.session_id DESC LIMIT $5"
        );
        let outcome = filter.outcome.map_or("", DuelOutcome::as_str);
        Ok(browse!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(outcome).bind(filter.resolved).bind(filter.player);
            query.bind(filter.before).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// A duel that is over.
    pub(crate) async fn duel(&self, id: Uuid) -> Result<Option<DuelRow>, StoreError> {
        let sql = duel_columns!("WHERE d.session_id = $1");
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(id).fetch_optional(pool).await?))
    }
}

/// What is to be rated of it: results that both agree on.
fn agreed(duel: &DuelFinished, at: UnixMs) -> Option<Contest> {
    let agreed = duel.outcome == DuelOutcome::Agreed;
    agreed.then(|| contest(duel.session_id, duel.players, duel.winner, at))
}

fn contest(match_id: Uuid, [a, b]: [PlayerId; 2], winner: Option<PlayerId>, at: UnixMs) -> Contest {
    let score = match winner {
        None => Score::Draw,
        Some(winner) if winner == a => Score::Win,
        Some(_) => Score::Loss,
    };
    Contest { match_id, mode: MatchMode::Duel.as_str(), sides: [vec![a], vec![b]], score, at }
}

/// What the result is to each player: conditions of events may ask for `game_won` with `game` = `duel`.
fn game_facts(contest: &Contest) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (side, score) in contest.sides.iter().zip([contest.score, contest.score.of_opponent()]) {
        for player in side {
            let won = score == Score::Win;
            let id = contest.match_id.to_string();
            let mut body = json!({"game": contest.mode, "room_id": id, "match_id": id});
            if won {
                facts.push(Fact::new("game_won", Some(*player), contest.at, body.clone()));
            }
            body["won"] = won.into();
            facts.push(Fact::new("game_finished", Some(*player), contest.at, body));
        }
    }
    facts
}
