//! Glicko-2: how strong a player is, how sure that is, and how steady he is.
//!
//! After Mark E. Glickman, "Example of the Glicko-2 system" (2013, glicko.net/glicko/glicko2.pdf), whose numbers of steps
//! are below. Pure; called by whoever turns results into ratings (`store::ratings`) and by the matchmaker. Knows no mode,
//! no clock and no database.
//!
//! The paper rates by periods of equal length. Here every result is a period of its own, and time counts in fractions of a
//! period: the longer a player was away, the less sure his rating is.

use serde::{Deserialize, Serialize};

/// From the scale that people see to that of the formulas (step 2).
const SCALE: f64 = 173.7178;
/// The middle of the scale.
const CENTRE: f64 = 1_500.0;
/// How exact the new volatility is (step 5.1).
const EXACT: f64 = 1e-6;
/// The search for it takes about ten rounds; a bound, in case that floating point has a case that the paper has not.
const ROUNDS: usize = 100;

/// What is known of a player's strength.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// Strength: 1,500 is the middle, 200 more wins three of four.
    pub rating: f64,
    /// Standard deviation of it: he is within two of these with 95 %.
    pub deviation: f64,
    /// How much his strength changes.
    pub volatility: f64,
}

/// What the system is set to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Glicko {
    /// Whom nobody has seen play yet.
    pub newcomer: Rating,
    /// τ: how much volatility itself may change, 0.3 to 1.2.
    pub tau: f64,
    /// Nobody is known better than this: his next result still counts.
    pub least_deviation: f64,
}

/// What a game came to for one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Score {
    /// Won.
    Win,
    /// Neither.
    Draw,
    /// Lost.
    Loss,
}

impl Score {
    /// 1, ½, 0.
    pub fn points(self) -> f64 {
        match self {
            Self::Win => 1.0,
            Self::Draw => 0.5,
            Self::Loss => 0.0,
        }
    }

    /// What it came to for the other side.
    pub fn of_opponent(self) -> Self {
        match self {
            Self::Win => Self::Loss,
            Self::Draw => Self::Draw,
            Self::Loss => Self::Win,
        }
    }
}

/// One who played, as he was before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Played {
    /// As of his last result.
    pub rating: Rating,
    /// Time since then, in periods.
    pub periods: f64,
}

impl Rating {
    /// What he is worth with 97.5 %: nobody leads for few lucky games.
    pub fn conservative(self) -> f64 {
        self.rating - 2.0 * self.deviation
    }

    /// One who stands for all of these: their mean, and as unsure as they are (root mean square). `None`: nobody.
    pub fn mean(of: &[Self]) -> Option<Self> {
        let n = of.len() as f64;
        let sum = |field: fn(&Self) -> f64| of.iter().map(field).sum::<f64>();
        (!of.is_empty()).then(|| Self {
            rating: sum(|one| one.rating) / n,
            deviation: (sum(|one| one.deviation.powi(2)) / n).sqrt(),
            volatility: sum(|one| one.volatility) / n,
        })
    }

    /// How likely he wins against this one, by both deviations.
    pub fn expected(self, other: Self) -> f64 {
        let both = self.deviation.hypot(other.deviation) / SCALE;
        expected(mu(self), mu(other), g(both))
    }
}

impl Glicko {
    /// A rating after so many periods without a result (step 6 alone). Never less sure than a newcomer's.
    pub fn aged(&self, rating: Rating, periods: f64) -> Rating {
        let phi = (rating.deviation / SCALE).hypot(rating.volatility * periods.max(0.0).sqrt());
        self.bounded(Rating { deviation: phi * SCALE, ..rating })
    }

    /// A rating after a period's results, against opponents as they were at its start. `periods` is how long the period
    /// was; in the paper it is 1.
    pub fn rated(&self, player: Rating, results: &[(Rating, Score)], periods: f64) -> Rating {
        if results.is_empty() {
            return self.aged(player, periods);
        }
        let (mu, phi) = (mu(player), player.deviation / SCALE);
        let (mut information, mut surprise) = (0.0, 0.0);
        for (opponent, score) in results {
            let g = g(opponent.deviation / SCALE);
            let expected = expected(mu, self::mu(*opponent), g);
            information += g * g * expected * (1.0 - expected);
            surprise += g * (score.points() - expected);
        }
        let variance = 1.0 / information; // step 3
        let volatility = self.volatility(phi, player.volatility, variance, variance * surprise); // steps 4, 5
        let before = phi * phi + periods.max(0.0) * volatility * volatility; // step 6
        let after = 1.0 / (1.0 / before + information); // step 7
        self.bounded(Rating {
            rating: CENTRE + SCALE * (mu + after * surprise),
            deviation: SCALE * after.sqrt(),
            volatility,
        })
    }

    /// Everybody's rating after a game of two sides, the first of which made this score. Each is rated against one who
    /// stands for the whole other side; a side without anybody rates nobody.
    pub fn contest(&self, sides: [&[Played]; 2], score: Score) -> [Vec<Rating>; 2] {
        let [first, second] = sides.map(|side| {
            let aged: Vec<_> = side.iter().map(|one| self.aged(one.rating, one.periods)).collect();
            Rating::mean(&aged)
        });
        let rate = |side: &[Played], other: Option<Rating>, score| {
            let result = other.map(|other| [(other, score)]);
            let rated = |one: &Played| match &result {
                Some(result) => self.rated(one.rating, result, one.periods),
                None => one.rating,
            };
            side.iter().map(rated).collect()
        };
        [rate(sides[0], second, score), rate(sides[1], first, score.of_opponent())]
    }

    /// Step 5: the root of f between A and B, by the Illinois algorithm. `delta` is the improvement that results speak of.
    fn volatility(&self, phi: f64, sigma: f64, variance: f64, delta: f64) -> f64 {
        let a = (sigma * sigma).ln();
        let f = |x: f64| {
            let e = x.exp();
            let all = phi * phi + variance + e;
            e * (delta * delta - all) / (2.0 * all * all) - (x - a) / (self.tau * self.tau)
        };
        let mut low = a;
        let mut high = if delta * delta > phi * phi + variance {
            (delta * delta - phi * phi - variance).ln()
        } else {
            let below = (1..ROUNDS).map(|k| a - k as f64 * self.tau);
            below.into_iter().find(|x| f(*x) >= 0.0).unwrap_or(a)
        };
        let (mut f_low, mut f_high) = (f(low), f(high));
        for _ in 0..ROUNDS {
            if (high - low).abs() <= EXACT || f_high == f_low {
                break;
            }
            let middle = low + (low - high) * f_low / (f_high - f_low);
            let f_middle = f(middle);
            if f_middle * f_high <= 0.0 {
                (low, f_low) = (high, f_high);
            } else {
                f_low /= 2.0;
            }
            (high, f_high) = (middle, f_middle);
        }
        (low / 2.0).exp()
    }

    fn bounded(&self, rating: Rating) -> Rating {
        let deviation = rating.deviation.clamp(self.least_deviation, self.newcomer.deviation);
        Rating { deviation, ..rating }
    }
}

fn mu(rating: Rating) -> f64 {
    (rating.rating - CENTRE) / SCALE
}

/// How much a result against one of this deviation says.
fn g(phi: f64) -> f64 {
    1.0 / (1.0 + 3.0 * phi * phi / std::f64::consts::PI.powi(2)).sqrt()
}

fn expected(mu: f64, opponent: f64, g: f64) -> f64 {
    1.0 / (1.0 + (-g * (mu - opponent)).exp())
}

#[cfg(test)]
mod tests;
