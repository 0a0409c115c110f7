//! What an answer to one request is worth: value, cost of a wrong answer, price of a second.
//!
//! Owns the one formula by which outcomes are charged. Does not know where scores, costs and
//! latencies come from.

use weighbridge_router::{RequestRef, Trade, Usd};

/// The score of a right answer: scores are counted in millionths.
pub(super) const RIGHT: i64 = 1_000_000;

/// v, e and w of one request: its own, else the trade's; without a value nothing has a net value.
#[derive(Debug, Clone, Copy)]
pub struct Worth {
    value: i64,
    wrong: i64,
    second: i64,
}

impl Worth {
    /// The request's own, else the trade's; `None` without a value.
    #[must_use]
    pub fn of(request: &RequestRef<'_>, trade: Option<Trade>) -> Option<Self> {
        let pick =
            |own: Option<Usd>, common: fn(Trade) -> Usd| own.or(trade.map(common)).map(Usd::picos);
        Some(Self {
            value: pick(request.value_usd, |trade| trade.value)?,
            wrong: pick(request.wrong_usd, |trade| trade.wrong).unwrap_or(0),
            second: pick(request.second_usd, |trade| trade.second).unwrap_or(0),
        })
    }

    /// value * s - wrong * (1 - s) - cost - second * seconds, rounded half-even to picodollars.
    #[must_use]
    pub(super) fn net(self, score: i32, cost: i64, latency_ms: Option<u32>) -> Option<i64> {
        // Nearly all answers are right or wrong; spare them the wide division.
        if self.second == 0 && (score == 0 || i64::from(score) == RIGHT) {
            let worth = if score == 0 {
                self.wrong.checked_neg()?
            } else {
                self.value
            };
            return worth.checked_sub(cost);
        }
        let score = i128::from(score);
        let right =
            i128::from(self.value) * score - i128::from(self.wrong) * (i128::from(RIGHT) - score);
        let waiting = match self.second {
            0 => 0,
            second => i128::from(second) * i128::from(latency_ms?) * 1000,
        };
        let picos = half_even(right - waiting, i128::from(RIGHT)) - i128::from(cost);
        i64::try_from(picos).ok()
    }
}

/// `a / b` rounded half-even, for a positive `b`.
#[must_use]
pub fn half_even(a: i128, b: i128) -> i128 {
    let (quotient, rest) = (a.div_euclid(b), a.rem_euclid(b));
    let up = 2 * rest > b || (2 * rest == b && quotient % 2 != 0);
    quotient + i128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_half_to_even() {
        for (a, b, is) in [
            (5, 2, 2),
            (7, 2, 4),
            (-5, 2, -2),
            (-7, 2, -4),
            (6, 4, 2),
            (10, 4, 2),
            (11, 4, 3),
            (0, 9, 0),
        ] {
            assert_eq!(half_even(a, b), is, "{a}/{b}");
        }
    }

    #[test]
    fn net_value_is_value_less_wrong_less_cost_less_waiting() {
        let worth = Worth {
            value: 2_000_000,
            wrong: 500_000,
            second: 10,
        };
        assert_eq!(
            worth.net(1_000_000, 7, Some(2_000)),
            Some(2_000_000 - 7 - 20)
        );
        assert_eq!(worth.net(0, 7, Some(0)), Some(-500_007));
        assert_eq!(worth.net(250_000, 0, Some(0)), Some(500_000 - 375_000));
        assert_eq!(
            worth.net(0, 7, None),
            None,
            "waiting has a price and the time is unknown"
        );
        assert_eq!(Worth { second: 0, ..worth }.net(0, 7, None), Some(-500_007));
    }
}
