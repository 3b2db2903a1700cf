//! Results turned into ratings: each once, whatever comes twice, in whatever order and from however many nodes.

use super::*;
use crate::{
    auth::Role,
    clock::UnixMs,
    config::RatingSection,
    ids::{MatchId, RoomId},
    liveops::{DuelFinished, DuelOutcome, DuelReport, MatchFinished, ratings::RateResults},
    store::{AuditEntry, DuelFilter, RatingRow, RatingRules, Resolved, Verdict},
};

fn rules() -> RatingRules {
    RatingRules::of(&RatingSection::default())
}

fn duel(players: [PlayerId; 2], outcome: DuelOutcome, winner: Option<PlayerId>) -> DuelFinished {
    let reports =
        players.map(|player_id| DuelReport { player_id, winner, frames: Some(900), checksum: None });
    DuelFinished { session_id: Uuid::now_v7(), players, winner, outcome, reports: reports.to_vec() }
}

const DUEL: &str = "duel";

impl Kit {
    fn rater(&self) -> Worker {
        let consumer = RateResults::new(self.store.clone(), self.clock.clone(), &RatingSection::default());
        Worker { consumer: Arc::new(consumer), ..self.worker() }
    }

    /// Sends what is due, and rates until nothing comes.
    async fn rate(&self) {
        while self.relay().turn().await {}
        while self.rater().turn().await.expect("a stream") > 0 {}
    }

    async fn rating(&self, player: PlayerId) -> Option<RatingRow> {
        self.store.ratings_of(player).await.expect("reads").into_iter().find(|row| row.mode == DUEL)
    }

    /// Rating, games, wins, draws, losses.
    async fn record(&self, player: PlayerId) -> (f64, [i64; 4]) {
        let row = self.rating(player).await.expect("rated");
        (row.rating, [row.games, row.wins, row.draws, row.losses])
    }

    async fn resolve(&self, id: Uuid, verdict: Verdict, winner: Option<PlayerId>) -> Resolved {
        let staff = PlayerId::new();
        let who = (Some(staff), Role::Operator);
        let entry = AuditEntry::new(self.clock.now(), who, "duel.resolved", format!("duel/{id}"), json!({}));
        let decided = (verdict, winner, "seen the replay");
        self.store.resolve_duel(id, decided, staff, &rules(), &entry).await.expect("the database is there")
    }
}

#[actix::test]
async fn an_agreed_result_moves_both_ratings_once() {
    let kit = Kit::memory().await;
    let players @ [ann, bob] = [PlayerId::new(), PlayerId::new()];
    let won = duel(players, DuelOutcome::Agreed, Some(ann)).fact(kit.clock.now());
    kit.add(std::slice::from_ref(&won)).await;
    kit.rate().await;
    let after = (kit.record(ann).await, kit.record(bob).await);
    // Two newcomers: as the formulas of the paper have it for 1500/350 against 1500/350.
    assert!((after.0.0 - 1_662.21).abs() < 0.1 && (after.1.0 - 1_337.79).abs() < 0.1, "{after:?}");
    assert_eq!((after.0.1, after.1.1), ([1, 1, 0, 0], [1, 0, 0, 1]));
    kit.add(std::slice::from_ref(&won)).await; // told again by the match, which came back on another node
    kit.rate().await;
    kit.clock.advance_s(10 * 86_400);
    kit.store.sweep_activity(kit.clock.now(), UnixMs(0)).await.expect("swept");
    kit.add(&[won]).await; // and once more when nobody remembers that it was handled
    kit.rate().await;
    assert_eq!((kit.record(ann).await, kit.record(bob).await), after);
}

#[actix::test]
async fn a_draw_of_equals_only_makes_surer() {
    let kit = Kit::memory().await;
    let players @ [ann, bob] = [PlayerId::new(), PlayerId::new()];
    kit.add(&[duel(players, DuelOutcome::Agreed, None).fact(kit.clock.now())]).await;
    kit.rate().await;
    for player in [ann, bob] {
        let row = kit.rating(player).await.expect("rated");
        assert!((row.rating - 1_500.0).abs() < 1e-6 && row.deviation < 300.0, "{row:?}");
        assert_eq!([row.games, row.wins, row.draws, row.losses], [1, 0, 1, 0]);
    }
}

#[actix::test]
async fn events_may_ask_for_duels_that_were_won() {
    let kit = Kit::memory().await;
    let players @ [ann, bob] = [PlayerId::new(), PlayerId::new()];
    kit.add(&[duel(players, DuelOutcome::Agreed, Some(bob)).fact(kit.clock.now())]).await;
    kit.rate().await;
    kit.run().await;
    let filter = [("game".to_owned(), "duel".to_owned())].into();
    for (player, won) in [(ann, 0), (bob, 1)] {
        let counts = kit.counters(player).await;
        assert_eq!((counts.count("game_finished", &filter), counts.count("game_won", &filter)), (1, won));
    }
}

#[actix::test]
async fn what_is_not_agreed_is_kept_and_rates_when_staff_decide() {
    let kit = Kit::memory().await;
    let players @ [ann, bob] = [PlayerId::new(), PlayerId::new()];
    let outcomes = [DuelOutcome::Disputed, DuelOutcome::Unreported, DuelOutcome::Abandoned];
    let duels = outcomes.map(|outcome| duel(players, outcome, None));
    let facts: Vec<_> = duels.iter().map(|duel| duel.fact(kit.clock.now())).collect();
    kit.add(&facts).await;
    kit.rate().await;
    assert_eq!(kit.rating(ann).await, None);
    let disputed =
        DuelFilter { outcome: Some(DuelOutcome::Disputed), resolved: Some(false), ..DuelFilter::default() };
    let found = kit.store.duels(disputed, 10).await.expect("reads");
    assert_eq!(found.iter().map(|row| row.session_id).collect::<Vec<_>>(), [duels[0].session_id]);
    assert_eq!(found[0].reports, json!(duels[0].reports));

    let [disputed_id, unreported, abandoned] = duels.map(|duel| duel.session_id);
    assert_eq!(kit.resolve(disputed_id, Verdict::Won, Some(PlayerId::new())).await, Resolved::Stranger);
    assert_eq!(kit.rating(ann).await, None, "a refused decision decides nothing");
    assert_eq!(kit.resolve(disputed_id, Verdict::Won, Some(bob)).await, Resolved::Done);
    assert_eq!(
        kit.resolve(disputed_id, Verdict::Won, Some(ann)).await,
        Resolved::Unknown,
        "of two, one decides"
    );
    assert_eq!((kit.record(ann).await.1, kit.record(bob).await.1), ([1, 0, 0, 1], [1, 1, 0, 0]));
    assert_eq!(kit.resolve(unreported, Verdict::Void, None).await, Resolved::Done);
    assert_eq!(kit.resolve(abandoned, Verdict::Draw, None).await, Resolved::Done);
    assert_eq!((kit.record(ann).await.1, kit.record(bob).await.1), ([2, 0, 1, 1], [2, 1, 1, 0]));
    assert_eq!(kit.store.duels(disputed, 10).await.expect("reads"), []);
    let audit = kit.store.audit_entries(&Default::default(), 10).await.expect("reads");
    assert_eq!(audit.len(), 3, "what was refused is not in the audit log");
}

#[actix::test]
async fn an_agreed_result_is_not_for_staff_to_change() {
    let kit = Kit::memory().await;
    let players @ [ann, bob] = [PlayerId::new(), PlayerId::new()];
    let agreed = duel(players, DuelOutcome::Agreed, Some(ann));
    kit.add(&[agreed.fact(kit.clock.now())]).await;
    kit.rate().await;
    assert_eq!(kit.resolve(agreed.session_id, Verdict::Won, Some(bob)).await, Resolved::Unknown);
    assert_eq!(kit.record(ann).await.1, [1, 1, 0, 0]);
}

#[actix::test]
async fn a_poisoned_result_is_a_dead_letter_and_holds_up_no_other() {
    let kit = Kit::memory().await;
    let (ann, bob) = (PlayerId::new(), PlayerId::new());
    let mut poisoned = duel([ann, bob], DuelOutcome::Agreed, Some(PlayerId::new()));
    poisoned.reports.clear();
    let good = duel([ann, bob], DuelOutcome::Agreed, Some(ann));
    kit.add(&[poisoned.fact(kit.clock.now()), good.fact(kit.clock.now())]).await;
    for _ in 0..8 {
        kit.rate().await;
        kit.clock.advance_s(60);
    }
    assert_eq!(kit.record(ann).await.1, [1, 1, 0, 0]);
    let (_, dead) = kit.store.activity_lag().await.expect("reads");
    assert_eq!(dead, 1);
}

#[actix::test]
async fn a_game_of_mafia_rates_each_against_the_mean_of_the_other_side_and_a_draw_nobody() {
    let kit = Kit::memory().await;
    let players: Vec<PlayerId> = (0..6).map(|_| PlayerId::new()).collect();
    let game = |game: &str, winners: &[PlayerId], losers: &[PlayerId]| MatchFinished {
        game: game.to_owned(),
        room_id: RoomId::new(),
        match_id: MatchId::new(),
        winners: winners.to_vec(),
        losers: losers.to_vec(),
    };
    let tell = |finished: &MatchFinished| finished.fact(Uuid::now_v7(), kit.clock.now());
    let won = game("mafia", &players[..2], &players[2..]);
    kit.add(&[tell(&won)]).await;
    kit.rate().await;
    kit.add(&[
        tell(&won),
        tell(&game("mafia", &[], &players)),
        tell(&game("chess", &players[..1], &players[1..])),
    ])
    .await;
    kit.rate().await;
    for (n, player) in players.iter().enumerate() {
        let rows = kit.store.ratings_of(*player).await.expect("reads");
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.mode.as_str(), row.games, row.wins), ("mafia", 1, i64::from(n < 2)));
        let by = if n < 2 { 162.2 } else { -162.2 };
        assert!((row.rating - 1_500.0 - by).abs() < 0.1, "{row:?}");
    }
}

/// A crowd on one player, rated by several workers at once: no result is lost under another.
#[actix::test]
async fn results_that_share_a_player_do_not_overwrite_each_other() {
    let kit = Kit::memory().await;
    let hub = PlayerId::new();
    let others: Vec<PlayerId> = (0..24).map(|_| PlayerId::new()).collect();
    for (n, other) in others.iter().enumerate() {
        let winner = if n % 3 == 0 { *other } else { hub };
        let players = if n % 2 == 0 { [hub, *other] } else { [*other, hub] };
        kit.add(&[duel(players, DuelOutcome::Agreed, Some(winner)).fact(kit.clock.now())]).await;
    }
    kit.relay().turn().await;
    let raters: Vec<_> = (0..4).map(|_| kit.rater()).collect();
    let turns = raters.iter().map(|rater| async { while rater.turn().await.expect("a stream") > 0 {} });
    futures_util::future::join_all(turns).await;
    assert_eq!(kit.record(hub).await.1, [24, 16, 0, 8]);
}

#[actix::test]
async fn the_leaderboard_goes_by_what_is_sure_and_pages_without_a_gap() {
    let kit = Kit::memory().await;
    let players: Vec<PlayerId> = (0..7).map(|_| PlayerId::new()).collect();
    for strong in 0..7 {
        for weak in 0..strong {
            let pair = [players[strong], players[weak]];
            kit.add(&[duel(pair, DuelOutcome::Agreed, Some(pair[0])).fact(kit.clock.now())]).await;
        }
    }
    let lucky = [PlayerId::new(), PlayerId::new()];
    kit.add(&[duel(lucky, DuelOutcome::Agreed, Some(lucky[0])).fact(kit.clock.now())]).await;
    kit.rate().await;
    let (mut board, mut after) = (Vec::new(), None);
    loop {
        let page = kit.store.leaderboard(DUEL, after, 2).await.expect("reads");
        let Some(last) = page.last() else { break };
        after = Some((last.standing, last.row.account_id));
        board.extend(page);
    }
    assert_eq!(board.len(), 9);
    assert!(board.is_sorted_by_key(|line| -line.standing));
    assert_eq!(board[0].row.account_id, players[6].0);
    let place = |of: PlayerId| board.iter().position(|line| line.row.account_id == of.0).expect("there");
    let rating = |of: PlayerId| board[place(of)].row.rating;
    assert!(rating(lucky[0]) > rating(players[3]) && place(lucky[0]) > place(players[3]), "one lucky game");
    assert_eq!(kit.store.leaderboard("mafia", None, 10).await.expect("reads"), []);
}

#[actix::test]
async fn who_was_away_is_less_sure_and_his_next_result_moves_him_more() {
    let kit = Kit::memory().await;
    let players @ [ann, bob] = [PlayerId::new(), PlayerId::new()];
    for n in 0..30 {
        let result = duel(players, DuelOutcome::Agreed, Some(players[n % 2]));
        kit.add(&[result.fact(kit.clock.now())]).await;
        kit.rate().await;
    }
    let row = kit.rating(ann).await;
    let sure = rules().now(row.as_ref(), kit.clock.now());
    let later = rules().now(row.as_ref(), kit.clock.now() + 365 * 86_400_000_u64);
    assert!(later.deviation > sure.deviation + 20.0, "{sure:?} {later:?}");
    assert_eq!(rules().now(None, kit.clock.now()).deviation, 350.0, "nobody has seen him play");
    let soon = kit.record(bob).await.0;
    kit.clock.advance_s(365 * 86_400);
    kit.add(&[duel(players, DuelOutcome::Agreed, Some(bob)).fact(kit.clock.now())]).await;
    kit.rate().await;
    assert!(kit.record(bob).await.0 - soon > 15.0);
}
