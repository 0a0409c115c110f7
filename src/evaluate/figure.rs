//! A number with what it rests on.

use serde::Serialize;

use crate::stats::percentile_interval;

/// A figure: never a bare number.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figure {
    /// The number; `None` where it cannot be known, and then `why` says why.
    pub x: Option<f64>,
    /// Its 95% interval, where there is sampling.
    pub ci95: Option<[f64; 2]>,
    /// Its unit: `share`, `USD`, `ms`, `requests`, ...
    pub unit: &'static str,
    /// What it rests on, in a few words; `full` where every request counts.
    pub evidence: String,
    /// How many requests it rests on.
    pub n: u64,
    /// Why there is no number, or no interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The number as an exact decimal, for sums of money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
}

impl Figure {
    /// A known number without an interval.
    #[must_use]
    pub fn known(x: f64, unit: &'static str, n: u64) -> Self {
        Self {
            x: Some(x),
            unit,
            n,
            ..Self::default()
        }
    }

    /// A number that cannot be known.
    #[must_use]
    pub fn unknown(unit: &'static str, why: impl Into<String>) -> Self {
        Self {
            unit,
            why: Some(why.into()),
            ..Self::default()
        }
    }

    /// The same with the 95% percentile interval of its bootstrap replicates; a replicate that
    /// has no value (no request was drawn) leaves it without.
    #[must_use]
    pub fn with_replicates(mut self, mut replicates: Vec<f64>) -> Self {
        self.ci95 = percentile_interval(&mut replicates, 0.95).map(|(low, high)| [low, high]);
        self
    }

    /// The same, resting on that.
    #[must_use]
    pub fn on(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = evidence.into();
        self
    }

    /// The same, with the reason why something is missing.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }
}
