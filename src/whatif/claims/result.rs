//! What comes of claims.

use serde::Serialize;

use crate::evaluate::Figure;

/// Claims and their verdicts; the JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimsReport {
    /// `weighbridge.claims-report/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// The title of the file of claims.
    pub title: String,
    /// The seed.
    pub seed: u64,
    /// Resamples behind each interval.
    pub replicates: usize,
    /// The traces that the file asks for.
    pub traces: Vec<GroundResult>,
    /// The claims, in order of the file.
    pub claims: Vec<ClaimResult>,
    /// The facts that any reading rests on, by name.
    pub facts: Vec<Source>,
}

/// A trace that the file asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroundResult {
    /// Its name.
    pub name: String,
    /// What it is, as the file says.
    pub what: String,
    /// How many requests; null where it was not brought.
    pub requests: Option<u64>,
    /// Its fingerprint; null where it was not brought.
    pub fingerprint: Option<String>,
    /// Requests left out because a policy may have learned from their prompt group.
    pub dropped_training_rows: u64,
}

/// A claim.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimResult {
    /// Its name in the file.
    pub name: String,
    /// What is claimed.
    pub statement: String,
    /// By whom.
    pub source: String,
    /// How it can be understood.
    pub readings: Vec<ReadingResult>,
}

/// A reading of a claim, checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadingResult {
    /// The reading in words.
    pub reading: String,
    /// What is worked out.
    pub check: String,
    /// The least that is claimed.
    pub at_least: Option<f64>,
    /// The most that is claimed.
    pub at_most: Option<f64>,
    /// Under which assumption it is checked.
    pub assumes: Option<String>,
    /// What is found; one, or one for each of a list.
    pub found: Vec<Found>,
    /// What it comes to.
    pub verdict: ClaimVerdict,
    /// Names of the facts that it rests on.
    pub facts: Vec<String>,
}

/// One value that is found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// What it is of, where there is a list.
    pub of: Option<String>,
    /// The value.
    pub figure: Figure,
    /// What it comes to.
    pub verdict: ClaimVerdict,
    /// How many units (requests, graded answers) would tell it from the nearest bound, were it as
    /// found, at 80% power; where these cannot.
    pub n_to_tell: Option<u64>,
}

/// What a reading comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimVerdict {
    /// By the whole interval.
    Holds,
    /// For some of a list, and not for others.
    Partly,
    /// By no part of the interval.
    Fails,
    /// The interval has a bound in it.
    CannotTell,
    /// Something that it rests on is not known here.
    NotTestable,
}

impl ClaimVerdict {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Partly => "partly",
            Self::Fails => "fails",
            Self::CannotTell => "cannot tell",
            Self::NotTestable => "not testable here",
        }
    }

    /// Of a list: that of all of its values that can be tested; where they differ, partly if it
    /// holds for any.
    pub(super) fn of_all(found: &[Found]) -> Self {
        let verdicts = found.iter().map(|it| it.verdict);
        let tested: Vec<Self> = verdicts.filter(|it| *it != Self::NotTestable).collect();
        match tested.as_slice() {
            [] => Self::NotTestable,
            [first, rest @ ..] if rest.iter().all(|it| it == first) => *first,
            all if all.contains(&Self::Holds) => Self::Partly,
            _ => Self::CannotTell,
        }
    }
}

/// A fact, and who says so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// What it is.
    pub what: Option<String>,
    /// Its values; null where one cannot be known.
    pub values: Vec<Option<f64>>,
    /// Who says so: as the file says, or the catalog, or the trace.
    pub source: String,
}
