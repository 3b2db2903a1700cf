//! Who may neither chat nor be heard: what the database says, kept on each node and read anew each `moderation.poll_ms`.
//!
//! A session asks it before it sends chat to its room, and a room before it tells its media who hears whom. A mute holds
//! on every node within one poll; while the database is away, what was last known holds, and ends are kept by the clock.

use crate::{
    clock::{SharedClock, UnixMs},
    ids::PlayerId,
    protocol::{ErrorCode, Rejection},
    store::{MuteRow, Store},
};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::watch;

/// Shared by the sessions and rooms of a node; cheap to clone.
#[derive(Clone, Default)]
pub struct Mutes(Arc<Known>);

#[derive(Default)]
struct Known {
    mutes: RwLock<HashMap<PlayerId, Mute>>,
    changed: watch::Sender<()>,
}

/// Why and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mute {
    reason: String,
    ends_at: Option<UnixMs>,
}

impl Mutes {
    /// Whether this player may chat now; if not, the refusal says why and until when.
    pub fn may_chat(&self, player: PlayerId, now: UnixMs) -> Result<(), Rejection> {
        let mutes = self.0.mutes.read().unwrap_or_else(PoisonError::into_inner);
        match mutes.get(&player) {
            Some(mute) if mute.ends_at.is_none_or(|end| now < end) => Err(mute.refusal()),
            _ => Ok(()),
        }
    }

    /// Whether a moderator has silenced this player.
    pub fn silences(&self, player: PlayerId, now: UnixMs) -> bool {
        self.may_chat(player, now).is_err()
    }

    /// Is told whenever there are others than before.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// These are all.
    pub(crate) fn replace(&self, rows: Vec<MuteRow>) {
        let mute = |row: MuteRow| {
            (PlayerId(row.account_id), Mute { reason: row.reason, ends_at: row.ends_at.map(UnixMs) })
        };
        let mutes = rows.into_iter().map(mute).collect();
        let mut known = self.0.mutes.write().unwrap_or_else(PoisonError::into_inner);
        if *known != mutes {
            *known = mutes;
            drop(known);
            self.0.changed.send_replace(());
        }
    }

    /// Reads them again and again, for as long as the node lives.
    pub async fn follow(self, store: Store, clock: SharedClock, poll: Duration) {
        loop {
            match store.mutes(clock.now(), None).await {
                Ok(rows) => self.replace(rows),
                Err(error) => tracing::debug!(%error, "mutes could not be read"),
            }
            tokio::time::sleep(poll).await;
        }
    }
}

impl Mute {
    fn refusal(&self) -> Rejection {
        let end = self.ends_at.and_then(|end| chrono::DateTime::from_timestamp_millis(end.0));
        let until = end.map(|end| format!(" until {}", end.format("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
        Rejection::new(ErrorCode::Muted, format!("a moderator has silenced you{until}: {}", self.reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn row(player: PlayerId, ends_at: Option<i64>) -> MuteRow {
        MuteRow { account_id: player.0, reason: "insults".into(), ends_at, by_account: Uuid::nil(), at: 0 }
    }

    #[test]
    fn a_mute_holds_until_its_end_and_says_so() {
        let (mutes, ann, bob) = (Mutes::default(), PlayerId::new(), PlayerId::new());
        mutes.replace(vec![row(ann, Some(60_000)), row(bob, None)]);
        let refused = mutes.may_chat(ann, UnixMs(59_999)).expect_err("silenced");
        assert_eq!(refused.code, ErrorCode::Muted);
        assert!(refused.message.contains("until 1970-01-01T00:01:00Z: insults"), "{}", refused.message);
        assert!(mutes.may_chat(ann, UnixMs(60_000)).is_ok());
        assert!(mutes.may_chat(bob, UnixMs(i64::MAX)).is_err());
        mutes.replace(Vec::new());
        assert!(mutes.may_chat(bob, UnixMs(0)).is_ok());
    }

    #[test]
    fn who_watches_is_told_of_changes_and_of_nothing_else() {
        let (mutes, ann) = (Mutes::default(), PlayerId::new());
        let mut watching = mutes.changes();
        let mut told = |rows| {
            mutes.replace(rows);
            let told = watching.has_changed().expect("they are there");
            watching.mark_unchanged();
            told
        };
        assert!(!told(Vec::new()));
        assert!(told(vec![row(ann, Some(60_000))]) && !told(vec![row(ann, Some(60_000))]));
        assert!(told(vec![row(ann, None)]), "for longer");
        assert!(told(Vec::new()));
    }
}
