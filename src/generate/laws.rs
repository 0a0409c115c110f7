//! The laws that numbers are drawn from, and the one equation that has to be solved.
//!
//! All of `exp`, `ln` and the like is `libm`, so that a seed gives the same bytes everywhere.

/// A lognormal law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LogNormal {
    /// Mean of the logarithm.
    pub(super) mu: f64,
    /// Standard deviation of the logarithm.
    pub(super) sigma: f64,
}

impl LogNormal {
    /// The law with that mean: the mean of a lognormal is `exp(mu + sigma^2 / 2)`.
    pub(super) fn with_mean(mean: f64, sigma: f64) -> Self {
        Self {
            mu: libm::log(mean) - sigma * sigma / 2.0,
            sigma,
        }
    }

    /// The value at a standard normal draw.
    pub(super) fn at(self, normal: f64) -> f64 {
        libm::exp(self.mu + self.sigma * normal)
    }
}

/// The standard normal distribution function.
pub(super) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// `1 / (1 + exp(-x))`.
pub(super) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// How one model's success depends on the latent difficulty `d`, a standard normal:
/// `logistic(base - fall * d)` for an answer that is not cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Success {
    pub(super) base: f64,
    pub(super) fall: f64,
}

impl Success {
    pub(super) fn at(self, difficulty: f64) -> f64 {
        logistic(self.base - self.fall * difficulty)
    }

    /// The law whose mean over all difficulties is `mean`, answers that are cut at `cap` tokens
    /// counted as wrong; or the greatest mean that the cut answers leave, where `mean` is above.
    pub(super) fn with_mean(mean: f64, fall: f64, whole: &Whole) -> Result<Self, f64> {
        let mean_of = |base| whole.expectation(|d| Self { base, fall }.at(d));
        let (mut low, mut high) = (-BASE_LIMIT, BASE_LIMIT);
        if mean >= mean_of(high) {
            return Err(mean_of(high));
        }
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if mean_of(middle) < mean {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(Self { base: low, fall })
    }
}

/// Beyond this logit every probability of use is 0 or 1.
const BASE_LIMIT: f64 = 200.0;

/// The probability, given the difficulty, that an answer is not cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    pub(super) tokens: LogNormal,
    /// Correlation of the logarithm of the tokens with the difficulty.
    pub(super) correlation: f64,
    pub(super) cap: f64,
}

impl Whole {
    fn at(&self, difficulty: f64) -> f64 {
        let mu = self.tokens.mu + self.tokens.sigma * self.correlation * difficulty;
        let sigma = self.tokens.sigma * (1.0 - self.correlation * self.correlation).sqrt();
        let room = libm::log(self.cap) - mu;
        if sigma > 0.0 {
            normal_cdf(room / sigma)
        } else {
            f64::from(u8::from(room >= 0.0))
        }
    }

    /// The mean of `success(d)` times the probability that the answer is whole, by the trapezoid
    /// rule over plus and minus eight standard deviations.
    fn expectation(&self, success: impl Fn(f64) -> f64) -> f64 {
        const STEP: f64 = 0.05;
        let density = |d: f64| libm::exp(-d * d / 2.0) / (2.0 * std::f64::consts::PI).sqrt();
        (-160..=160)
            .map(|i| f64::from(i) * STEP)
            .map(|d| STEP * density(d) * success(d) * self.at(d))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER_CUT: Whole = Whole {
        tokens: LogNormal {
            mu: 0.0,
            sigma: 0.5,
        },
        correlation: 0.0,
        cap: 1e9,
    };

    #[test]
    fn a_lognormal_has_the_mean_that_was_asked_for() {
        let law = LogNormal::with_mean(960.0, 0.7);
        assert!((libm::exp(law.mu + 0.245) - 960.0).abs() < 1e-9);
        assert!((law.at(0.0) - 960.0 * libm::exp(-0.245)).abs() < 1e-9);
    }

    #[test]
    fn the_base_is_solved_so_that_the_mean_success_is_the_published_one() {
        for (mean, fall) in [(0.931, 3.0), (0.251, 1.0), (0.5, 0.0)] {
            let law = Success::with_mean(mean, fall, &NEVER_CUT).unwrap();
            let reached = NEVER_CUT.expectation(|d| law.at(d));
            assert!((reached - mean).abs() < 1e-9, "{mean}: {reached}");
        }
        // Without a fall the law is the plain logit.
        let flat = Success::with_mean(0.8, 0.0, &NEVER_CUT).unwrap();
        assert!((flat.base - libm::log(4.0)).abs() < 1e-9);
    }

    #[test]
    fn a_mean_that_cut_answers_forbid_is_refused_with_the_greatest_that_is_left() {
        let half = Whole {
            cap: 1.0,
            ..NEVER_CUT
        };
        let greatest = Success::with_mean(0.6, 1.0, &half).unwrap_err();
        assert!((greatest - 0.5).abs() < 1e-6, "{greatest}");
    }
}
