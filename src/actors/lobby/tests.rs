//! Who is told what and when.

use super::*;
use crate::ids::{NodeId, SessionId};

struct Hall {
    state: LobbyState,
    settings: LobbySection,
    now: UnixMs,
    node: NodeId,
}

impl Hall {
    fn new() -> Self {
        let settings = LobbySection::default();
        Self { state: LobbyState::default(), settings, now: UnixMs(10_000), node: NodeId::new() }
    }

    fn join(&mut self, delta: bool) -> (PlayerId, SessionRef) {
        let player = Party { player_id: PlayerId::new(), nickname: "x".into() };
        let session = SessionRef { id: SessionId::new(), node: self.node, moves: 0 };
        let id = player.player_id;
        assert!(self.state.join(player, LobbyStatus::Available, session, delta, &self.settings));
        (id, session)
    }

    /// Lets time run until there is nothing due; every flush and its time.
    fn run_ms(&mut self, ms: u64) -> Vec<(UnixMs, Flush)> {
        let (until, mut flushes) = (self.now + ms, Vec::new());
        while let Some(due) = self.state.due(&self.settings).filter(|due| *due <= until) {
            self.now = self.now.max(due);
            flushes.push((self.now, self.state.flush(self.now, &self.settings)));
        }
        self.now = until;
        flushes
    }
}

#[test]
fn a_newcomer_gets_a_base_and_the_others_what_has_changed() {
    let mut hall = Hall::new();
    let (ann, first) = hall.join(true);
    let flushes = hall.run_ms(0);
    assert_eq!(flushes[0].1.based, [first], "at once");
    assert!(flushes[0].1.delta.is_empty());
    let (bob, second) = hall.join(false);
    let flush = hall.run_ms(100).remove(0).1;
    assert_eq!((flush.delta, flush.based, flush.version), (vec![first], vec![second], 2));
    assert_eq!(flush.joined.iter().map(|player| player.player_id).collect::<Vec<_>>(), [bob]);
    hall.state.status(ann, LobbyStatus::InMatch);
    hall.state.leave(bob);
    let flush = hall.run_ms(100).remove(0).1;
    assert_eq!((flush.left, flush.changed.len(), flush.version), (vec![bob], 1, 3));
}

#[test]
fn a_snapshot_goes_to_a_connection_four_times_a_second_and_to_a_crowd_once() {
    for (crowd, most) in [(0, 4), (101, 1)] {
        let mut hall = Hall::new();
        let (_, watcher) = hall.join(false);
        for _ in 0..crowd {
            hall.join(true);
        }
        hall.run_ms(2_000);
        let mut sent: Vec<UnixMs> = Vec::new();
        for _ in 0..200 {
            let (id, _) = hall.join(true);
            hall.state.leave(id);
            let flushes = hall.run_ms(25);
            sent.extend(flushes.iter().filter(|(_, f)| f.snapshot.contains(&watcher)).map(|(at, _)| *at));
        }
        assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 100), "{sent:?}");
        assert!(sent.windows(most + 1).all(|w| w[most] - w[0] >= 1_000), "{sent:?}");
        assert!(sent.len() >= most * 4, "but not more seldom: {}", sent.len());
        let last = hall.run_ms(1_000);
        assert!(
            last.is_empty() || last.iter().any(|(_, f)| f.snapshot.contains(&watcher)),
            "the newest comes"
        );
    }
}

#[test]
fn deltas_are_gathered_for_a_tenth_of_a_second_and_end_in_the_snapshot() {
    let mut hall = Hall::new();
    let (_, watcher) = hall.join(true);
    hall.run_ms(1_000);
    let mut known: BTreeSet<PlayerId> = hall.state.snapshot().iter().map(|player| player.player_id).collect();
    let (mut here, mut flushes) = (VecDeque::new(), Vec::new());
    for n in 0..400 {
        here.push_back(hall.join(n % 3 == 0).0);
        if n % 2 == 0 {
            hall.state.leave(here.pop_front().expect("somebody"));
        }
        flushes.extend(hall.run_ms(7));
    }
    flushes.extend(hall.run_ms(1_000));
    let mut version = 1;
    for (_, flush) in flushes.iter().filter(|(_, flush)| flush.delta.contains(&watcher)) {
        version += 1;
        assert_eq!(flush.version, version);
        known.extend(flush.joined.iter().map(|player| player.player_id));
        known.retain(|player| !flush.left.contains(player));
    }
    let now: BTreeSet<PlayerId> = hall.state.snapshot().iter().map(|player| player.player_id).collect();
    assert_eq!(known, now);
    assert!(flushes.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 100));
}

/// Figures of the spec: the work of a join for those who take deltas does not grow with the lobby.
#[test]
fn a_delta_says_what_has_changed_and_no_more() {
    for size in [50, 499] {
        let mut hall = Hall::new();
        for _ in 0..size {
            hall.join(true);
        }
        hall.run_ms(1_000);
        hall.join(true);
        let flush = hall.run_ms(1_000).remove(0).1;
        assert_eq!((flush.joined.len(), flush.changed.len(), flush.left.len()), (1, 0, 0));
        assert_eq!((flush.delta.len(), flush.based.len(), flush.snapshot.len()), (size, 1, 0));
    }
}

#[test]
fn a_full_shard_takes_nobody_but_those_who_are_in_it() {
    let mut hall = Hall::new();
    hall.settings.capacity = 2;
    let (ann, session) = hall.join(false);
    hall.join(false);
    let party = |player_id| Party { player_id, nickname: "x".into() };
    let late = SessionRef { id: SessionId::new(), ..session };
    let (settings, free) = (hall.settings.clone(), LobbyStatus::Available);
    assert!(!hall.state.join(party(PlayerId::new()), free, late, false, &settings));
    assert!(hall.state.join(party(ann), free, late, false, &settings), "his newer session");
    assert!(hall.state.is_here(ann, free, late) && !hall.state.is_here(ann, free, session));
    hall.state.drop_sessions(|session| session == late);
    assert_eq!(hall.state.len(), 1);
}

#[test]
fn a_node_that_has_missed_something_gets_new_bases() {
    let mut hall = Hall::new();
    let (_, here) = hall.join(true);
    let node = hall.node;
    hall.node = NodeId::new();
    let (_, there) = hall.join(true);
    hall.run_ms(1_000);
    hall.state.resync(node);
    let flush = hall.run_ms(100).remove(0).1;
    assert_eq!((flush.based, flush.version), (vec![here], 1));
    assert!(!flush.delta.contains(&there));
}
