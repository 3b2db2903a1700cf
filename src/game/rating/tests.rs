//! The paper's own example, and what must hold of any results.

use super::*;
use proptest::prelude::*;

const GLICKO: Glicko = Glicko {
    newcomer: Rating { rating: 1_500.0, deviation: 350.0, volatility: 0.06 },
    tau: 0.5,
    least_deviation: 30.0,
};

fn of(rating: f64, deviation: f64) -> Rating {
    Rating { rating, deviation, volatility: 0.06 }
}

fn close(one: f64, other: f64, by: f64) -> bool {
    (one - other).abs() <= by
}

/// Glickman (2013), page 4 and on: one win, two losses.
#[test]
fn the_papers_example_comes_out_as_in_the_paper() {
    let results = [
        (of(1_400.0, 30.0), Score::Win),
        (of(1_550.0, 100.0), Score::Loss),
        (of(1_700.0, 300.0), Score::Loss),
    ];
    let after = GLICKO.rated(of(1_500.0, 200.0), &results, 1.0);
    assert!(close(after.rating, 1_464.06, 0.01), "{after:?}");
    assert!(close(after.deviation, 151.52, 0.01), "{after:?}");
    assert!(close(after.volatility, 0.059_99, 0.000_01), "{after:?}");
}

/// The paper's parts of the same example: g and E of its table.
#[test]
fn the_papers_table_comes_out_too() {
    for (rating, deviation, g_is, e_is) in
        [(1_400.0, 30.0, 0.9955, 0.639), (1_550.0, 100.0, 0.9531, 0.432), (1_700.0, 300.0, 0.7242, 0.303)]
    {
        let opponent = of(rating, deviation);
        let g = g(deviation / SCALE);
        assert!(close(g, g_is, 0.000_05), "{g}");
        assert!(close(expected(0.0, mu(opponent), g), e_is, 0.000_5));
    }
}

#[test]
fn a_side_is_its_mean_and_as_unsure_as_its_members() {
    assert_eq!(Rating::mean(&[]), None);
    let side = Rating::mean(&[of(1_400.0, 30.0), of(1_600.0, 50.0)]).expect("two");
    assert_eq!((side.rating, side.volatility), (1_500.0, 0.06));
    assert!(close(side.deviation, 41.23, 0.01), "{side:?}");
}

#[test]
fn a_surprise_makes_unsteady_and_the_expected_does_not() {
    let (strong, weak) = (of(2_200.0, 40.0), of(1_200.0, 40.0));
    let shock = GLICKO.rated(strong, &[(weak, Score::Loss); 8], 1.0);
    assert!(shock.volatility > 0.060_5, "{shock:?}");
    let routine = GLICKO.rated(strong, &[(weak, Score::Win); 8], 1.0);
    assert!(routine.volatility < shock.volatility && routine.rating < strong.rating + 1.0);
}

#[test]
fn a_side_is_rated_against_the_mean_of_the_other() {
    let played = |rating| Played { rating, periods: 0.0 };
    let (mafia, citizens) = ([of(1_500.0, 50.0)], [of(1_400.0, 50.0), of(1_600.0, 50.0)]);
    let [won, lost] = GLICKO.contest([&mafia.map(played), &citizens.map(played)], Score::Win);
    assert_eq!(won, [GLICKO.rated(mafia[0], &[(of(1_500.0, 50.0), Score::Win)], 0.0)]);
    let fell = |before: Rating, after: Rating| before.rating - after.rating;
    assert!(fell(citizens[1], lost[1]) > fell(citizens[0], lost[0]), "the stronger loses more");
    let [alone, nobody] = GLICKO.contest([&mafia.map(played), &[]], Score::Win);
    assert_eq!((alone, nobody), (mafia.to_vec(), vec![]), "there is nobody to be better than");
}

fn rating() -> impl Strategy<Value = Rating> {
    (200.0..3_000.0, 30.0..=350.0, 0.03..0.1).prop_map(|(rating, deviation, volatility)| Rating {
        rating,
        deviation,
        volatility,
    })
}

fn score() -> impl Strategy<Value = Score> {
    prop_oneof![Just(Score::Win), Just(Score::Draw), Just(Score::Loss)]
}

proptest! {
    #[test]
    fn the_order_of_results_within_a_period_does_not_matter(
        player in rating(),
        results in prop::collection::vec((rating(), score()), 1..12),
        turn in 0_usize..12,
    ) {
        let mut turned = results.clone();
        turned.rotate_left(turn % results.len());
        turned.reverse();
        let (one, other) = (GLICKO.rated(player, &results, 1.0), GLICKO.rated(player, &turned, 1.0));
        prop_assert!(close(one.rating, other.rating, 1e-6));
        prop_assert!(close(one.deviation, other.deviation, 1e-6));
        prop_assert!(close(one.volatility, other.volatility, 1e-6));
    }

    #[test]
    fn deviations_keep_their_bounds_and_everything_is_a_number(
        player in rating(),
        results in prop::collection::vec((rating(), score()), 0..40),
        periods in 0.0..1e9,
    ) {
        let after = GLICKO.rated(player, &results, periods);
        prop_assert!((30.0..=350.0).contains(&after.deviation), "{after:?}");
        prop_assert!(after.rating.is_finite());
        prop_assert!(after.volatility > 0.0 && after.volatility < 1.0, "{after:?}");
    }

    #[test]
    fn who_is_away_is_less_sure_and_as_strong(player in rating(), periods in 0.01..1e6, more in 0.01..1e6) {
        let (soon, later) = (GLICKO.aged(player, periods), GLICKO.aged(player, periods + more));
        prop_assert!(player.deviation <= soon.deviation && soon.deviation <= later.deviation);
        prop_assert!(soon.deviation > player.deviation || soon.deviation == 350.0);
        prop_assert_eq!((soon.rating, soon.volatility), (player.rating, player.volatility));
    }

    #[test]
    fn a_win_never_lowers_and_a_loss_never_raises(player in rating(), opponent in rating()) {
        let after = |score| GLICKO.rated(player, &[(opponent, score)], 0.5).rating;
        prop_assert!(after(Score::Loss) <= player.rating && player.rating <= after(Score::Win));
        prop_assert!(after(Score::Loss) <= after(Score::Draw) && after(Score::Draw) <= after(Score::Win));
    }

    #[test]
    fn what_one_gains_on_his_equal_the_other_loses(rating in 200.0..3_000.0, deviation in 30.0..=350.0) {
        let equal = of(rating, deviation);
        let [up, down] = [Score::Win, Score::Loss].map(|score| GLICKO.rated(equal, &[(equal, score)], 0.0));
        prop_assert!(close(up.rating + down.rating, 2.0 * rating, 1e-6));
        prop_assert!(close(up.deviation, down.deviation, 1e-9));
    }

    #[test]
    fn chances_of_two_sum_to_one(one in rating(), other in rating()) {
        prop_assert!(close(one.expected(other) + other.expected(one), 1.0, 1e-9));
    }
}
