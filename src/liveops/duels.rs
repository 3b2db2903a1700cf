//! What the activity stream tells of a duel that is over (spec 4.6): the fact `duel_finished`.
//!
//! Written by the match's own commit, read by those who rate. It names both players, so it is no single account's.

use super::Fact;
use crate::{clock::UnixMs, ids::PlayerId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// Its schema's name.
pub(crate) const DUEL_FINISHED: &str = "duel_finished";

/// What is known of a duel's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuelOutcome {
    /// Both players report the same.
    Agreed,
    /// Their reports differ: staff decide.
    Disputed,
    /// One report, or both, never came.
    Unreported,
    /// A player left before there was a result.
    Abandoned,
}

impl DuelOutcome {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Disputed => "disputed",
            Self::Unreported => "unreported",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What a player says of his duel (`report_result`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DuelReport {
    /// Who says it.
    pub player_id: PlayerId,
    /// Who won; none is a draw.
    pub winner: Option<PlayerId>,
    /// Frames that he has played.
    #[serde(default)]
    pub frames: Option<i64>,
    /// Of his last state.
    #[serde(default)]
    pub checksum: Option<String>,
}

impl DuelReport {
    /// Whether both tell of the same match: the same winner, and neither frames nor checksum that belie each other. Two
    /// machines that came apart (a desync) did not play the same match, though both call it a draw.
    pub fn agrees_with(&self, other: &Self) -> bool {
        fn belie<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
            a.zip(b).is_some_and(|(a, b)| a != b)
        }
        self.winner == other.winner
            && !belie(self.frames, other.frames)
            && !belie(self.checksum.as_ref(), other.checksum.as_ref())
    }
}

/// A duel that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuelFinished {
    /// The key of its match.
    pub session_id: Uuid,
    /// Who asked, who accepted.
    pub players: [PlayerId; 2],
    /// Of an agreed result: who won, or none for a draw. None of every other.
    pub winner: Option<PlayerId>,
    /// What is known.
    pub outcome: DuelOutcome,
    /// At most one a player.
    pub reports: Vec<DuelReport>,
}

impl DuelFinished {
    /// As it goes over the stream. The session is its id: told again, it is the same fact.
    pub fn fact(&self, at: UnixMs) -> Fact {
        let body = json!({
            "session_id": self.session_id,
            "players": self.players,
            "winner": self.winner,
            "outcome": self.outcome,
            "reports": self.reports,
        });
        Fact { id: self.session_id, kind: DUEL_FINISHED, account: None, at, body }
    }

    /// What [`DuelFinished::fact`] wrote. `None`: it is not of this kind, or not of two different players.
    pub fn read(fact: &Fact) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            session_id: Uuid,
            players: [PlayerId; 2],
            winner: Option<PlayerId>,
            outcome: DuelOutcome,
            reports: Vec<DuelReport>,
        }
        if fact.kind != DUEL_FINISHED {
            return None;
        }
        let Body { session_id, players, winner, outcome, reports } =
            serde_json::from_value(fact.body.clone()).ok()?;
        let known = winner.is_none_or(|winner| players.contains(&winner));
        let read = Self { session_id, players, winner, outcome, reports };
        (known && players[0] != players[1]).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished() -> DuelFinished {
        let players @ [ann, bob] = [PlayerId::new(), PlayerId::new()];
        let report = |player_id, winner| DuelReport { player_id, winner, frames: None, checksum: None };
        let with_frames =
            DuelReport { frames: Some(5_400), checksum: Some("9f".into()), ..report(bob, None) };
        DuelFinished {
            session_id: Uuid::now_v7(),
            players,
            winner: None,
            outcome: DuelOutcome::Disputed,
            reports: vec![report(ann, Some(ann)), with_frames],
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        for outcome in
            [DuelOutcome::Agreed, DuelOutcome::Disputed, DuelOutcome::Unreported, DuelOutcome::Abandoned]
        {
            let mut duel = DuelFinished { outcome, ..finished() };
            assert_eq!(json!(outcome), outcome.as_str());
            for reports in (0..=2).rev() {
                duel.reports.truncate(reports);
                duel.winner = (reports == 0).then_some(duel.players[1]);
                let bytes = duel.fact(UnixMs(1_700_000_000_000)).seal().expect("of its schema");
                let fact = Fact::open(&bytes).expect("a fact");
                assert_eq!((fact.id, fact.account), (duel.session_id, None));
                assert_eq!(DuelFinished::read(&fact).as_ref(), Some(&duel));
            }
        }
    }

    #[test]
    fn a_stranger_wins_no_duel_and_nobody_duels_with_himself() {
        let mut duel = finished();
        duel.winner = Some(PlayerId::new());
        assert_eq!(DuelFinished::read(&duel.fact(UnixMs(1))), None);
        let mut duel = finished();
        duel.players[1] = duel.players[0];
        assert_eq!(DuelFinished::read(&duel.fact(UnixMs(1))), None);
    }
}
