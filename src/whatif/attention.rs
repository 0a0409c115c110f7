//! What a token costs on hardware of one's own, where that depends on its position in the context.
//!
//! Under dense attention a token at position L costs a + b L. DeepSeek Sparse Attention looks at
//! 2,048 tokens at most, after a light indexer has looked at all: a + b min(L, 2048) + e L, e far
//! below b. a and b come from two prices that an operator knows, e from how much cheaper the token
//! at position 131,072 gets: the published readings are 50% and 70%.
//!
//! The curve becomes a price row with tiers, so that deciding, charging and exporting need no second
//! way to price a request: one tier for each 4,096 tokens of input, at the prices of its middle.

use weighbridge_router::{PriceRow, Rates, Tier, Tokens, Usd};

/// Tokens that sparse attention looks at.
const SELECTED: f64 = 2048.0;
/// The position that prices and savings are told of.
const FAR: f64 = 131_072.0;
/// Tokens of input that share a tier.
const STEP: u32 = 4096;
const TIERS: u32 = 32;

/// How attention grows with the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attention {
    /// With every token before.
    Dense,
    /// Sparse: so many hundredths of a token's cost are saved at position 131,072.
    Sparse(u8),
}

impl Attention {
    /// The presets, by name.
    pub(super) const NAMES: [(&'static str, Self); 3] = [
        ("dense", Self::Dense),
        ("sparse-50", Self::Sparse(50)),
        ("sparse-70", Self::Sparse(70)),
    ];
}

/// The cost of a token by its position, picodollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve {
    near: f64,
    selected: f64,
    all: f64,
}

impl Curve {
    /// From what the first token and a token at position 131,072 cost under dense attention.
    ///
    /// # Errors
    /// Where the second is below the first, or what is looked at anyway costs more than is left
    /// after the saving.
    pub(super) fn new(near: Usd, far: Usd, attention: Attention) -> Result<Self, String> {
        let (near, far) = (near.picos() as f64, far.picos() as f64);
        if far < near {
            return Err("a token far into the context must not cost less than the first".into());
        }
        let slope = (far - near) / FAR;
        let curve = match attention {
            Attention::Dense => Self {
                near,
                selected: 0.0,
                all: slope,
            },
            Attention::Sparse(saved) => Self {
                near,
                selected: slope,
                all: (far * (1.0 - f64::from(saved) / 100.0) - near - slope * SELECTED) / FAR,
            },
        };
        if curve.all < 0.0 {
            return Err(format!(
                "so much cannot be saved: the first token alone costs {} of the {} a million that one at position 131,072 costs under dense attention",
                near / 1e6,
                far / 1e6
            ));
        }
        Ok(curve)
    }

    /// What all tokens before a position cost.
    fn before(&self, position: f64) -> f64 {
        let within = position.min(SELECTED);
        let selected = within * within / 2.0 + SELECTED * (position - within);
        self.near * position + self.selected * selected + self.all * position * position / 2.0
    }

    /// The mean cost of the tokens from one position to another.
    fn mean(&self, from: f64, to: f64) -> Usd {
        let mean = (self.before(to) - self.before(from)) / (to - from);
        Usd::from_picos(mean.round_ties_even() as i64)
    }
}

/// A price row of such an endpoint: input by the mean over the prompt, output by the mean over an
/// answer of the typical length behind it.
pub(super) fn price_row(input: Curve, output: Curve, typical_output: Tokens) -> PriceRow {
    let answer = f64::from(typical_output.0.max(1));
    let rates = |step: u32| {
        let middle = (f64::from(step) + 0.5) * f64::from(STEP);
        let fresh = input.mean(0.0, middle);
        Rates {
            input: fresh,
            // A prefix that is kept costs nothing to attend to until it is attended to.
            cached: Usd::ZERO,
            output: output.mean(middle, middle + answer),
        }
    };
    PriceRow {
        from: None,
        until: None,
        rates: rates(0),
        tiers: (1..TIERS)
            .map(|step| Tier {
                above_input_tokens: Tokens(step * STEP),
                rates: rates(step),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        Usd::from_picos(Usd::parse(text).unwrap().picos() / 1_000_000)
    }

    #[test]
    fn the_presets_save_what_they_are_called_at_the_far_position() {
        let dense = Curve::new(usd("0.1"), usd("2.2"), Attention::Dense).unwrap();
        for (attention, saved) in [(Attention::Sparse(50), 0.5), (Attention::Sparse(70), 0.7)] {
            let sparse = Curve::new(usd("0.1"), usd("2.2"), attention).unwrap();
            let at = |curve: &Curve| curve.mean(FAR - 0.5, FAR + 0.5).picos() as f64;
            let ratio = at(&sparse) / at(&dense);
            assert!((ratio - (1.0 - saved)).abs() < 1e-3, "{ratio}");
            // Within what is selected the two differ by the indexer alone.
            assert!(sparse.before(2048.0) < dense.before(2048.0) * 1.5);
        }
        let refused = Curve::new(usd("1"), usd("1.5"), Attention::Sparse(70)).unwrap_err();
        assert!(refused.contains("cannot be saved"), "{refused}");
    }

    #[test]
    fn a_prompt_costs_the_integral_and_not_the_last_price_times_its_length() {
        let dense = Curve::new(Usd::ZERO, usd("2"), Attention::Dense).unwrap();
        let row = price_row(dense, dense, Tokens(1));
        let rates = row.rates(Tokens(100_000));
        let whole = 2.0 * 100_000.0 / FAR;
        let mean = rates.input.picos() as f64 / 1e6;
        assert!((mean - whole / 2.0).abs() < 0.03 * whole, "{mean}");
        assert!((rates.output.picos() as f64 / 1e6 - whole).abs() < 0.03 * whole);
        let rising = row
            .tiers
            .windows(2)
            .all(|pair| pair[0].rates.output < pair[1].rates.output);
        assert!(rising && row.tiers.len() == 31);
    }
}
