//! From a file of claims to claims whose every name means something.

use std::collections::BTreeMap;

use weighbridge_router::Timestamp;

use super::expression::Expression;
use super::wire::{ClaimWire, FactWire, FileWire, KindWire, NamedWire, ReadingWire};
use crate::catalog::{Place, TomlError, nearest};

/// The article's statements, as they ship with the tool.
const ARTICLE: (&str, &str) = (
    "docs/claims.toml",
    include_str!("../../../docs/claims.toml"),
);

/// A share of more graded answers than these is as good as exact.
const MOST_GRADED: u32 = 100_000;

/// A file of claims.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    pub(super) title: String,
    /// Names of traces that the caller brings, and what they are.
    pub(super) traces: BTreeMap<String, String>,
    /// Names of policies that the caller brings, and what they are.
    pub(super) policies: BTreeMap<String, String>,
    pub(super) facts: BTreeMap<String, Fact>,
    pub(super) claims: Vec<Claim>,
}

/// Something that is known, measured, or known to be unknown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    pub(super) what: Option<String>,
    pub(super) source: Option<String>,
    /// What each value is of; empty for one value.
    pub(super) of: Vec<String>,
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// Where a fact's values come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Somebody says so; shares of that many graded answers each, where it is a sample.
    Numbers(Vec<f64>, Option<u32>),
    /// The catalog: USD for a million tokens.
    Prices(Part, Vec<String>, Option<Timestamp>),
    /// A trace: the figure of each policy.
    Figures(Observed),
    /// Nobody says so.
    Unknown(String),
}

/// Which price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Input,
    Cached,
    Output,
}

/// A figure of policies on a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) trace: String,
    pub(super) policies: Vec<String>,
    pub(super) measure: Measure,
}

/// A mean over requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Measure {
    /// Share of right answers.
    Success,
    /// USD a request.
    Cost,
    /// Seconds of waiting.
    Seconds,
    /// Share of requests that go to this model, endpoint or role.
    Share(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    pub(super) name: String,
    pub(super) statement: String,
    pub(super) source: String,
    pub(super) readings: Vec<Reading>,
}

/// One way to understand a claim.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub(super) reading: String,
    /// The expression as it is written.
    pub(super) check: String,
    pub(super) expression: Expression,
    pub(super) unit: &'static str,
    pub(super) at_least: Option<f64>,
    pub(super) at_most: Option<f64>,
    pub(super) assumes: Option<String>,
}

const UNITS: [&str; 8] = [
    "share", "USD", "times", "seconds", "minutes", "tokens", "problems", "requests",
];
const PARTS: [(&str, Part); 3] = [
    ("input", Part::Input),
    ("cached", Part::Cached),
    ("output", Part::Output),
];
const MEASURES: [&str; 4] = ["success", "cost_usd", "seconds", "share"];

impl Claims {
    /// The claims of the article that the tool began with.
    #[must_use]
    pub fn article() -> Self {
        let (file, text) = ARTICLE;
        Self::parse(file, text).expect("the shipped claims are read by a test")
    }

    /// Read a file of claims.
    ///
    /// # Errors
    /// The first fault, with file, line and field.
    pub fn parse(file: &str, text: &str) -> Result<Self, TomlError> {
        let wire = FileWire::read(file, text)?;
        let mut claims = Self {
            title: wire.title,
            traces: declared(wire.traces),
            policies: declared(wire.policies),
            facts: BTreeMap::new(),
            claims: Vec::new(),
        };
        for fact in wire.facts {
            let (name, fact) = claims.fact(fact)?;
            claims.facts.insert(name, fact);
        }
        for claim in wire.claims {
            let claim = claims.claim(claim)?;
            claims.claims.push(claim);
        }
        Ok(claims)
    }

    /// The traces that it asks for, by name.
    pub fn traces(&self) -> impl Iterator<Item = &str> {
        self.traces.keys().map(String::as_str)
    }

    /// The policies that it asks for, by name.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str)
    }

    /// The policies whose figures it asks for on a trace, fixed choices among them.
    #[must_use]
    pub fn policies_on(&self, trace: &str) -> Vec<&str> {
        let figures = self.observed(trace);
        let mut names: Vec<&str> = figures
            .flat_map(|it| it.policies.iter().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(super) fn observed<'a>(&'a self, trace: &str) -> impl Iterator<Item = &'a Observed> {
        self.facts
            .values()
            .filter_map(move |fact| match &fact.kind {
                Kind::Figures(observed) if observed.trace == trace => Some(observed),
                _ => None,
            })
    }

    fn fact(&self, wire: FactWire) -> Result<(String, Fact), TomlError> {
        let (kind, names) = self.kind(wire.kind, &wire.place)?;
        let of = if wire.of.is_empty() { names } else { wire.of };
        let values = match &kind {
            Kind::Numbers(values, _) => values.len(),
            Kind::Prices(_, endpoints, _) => endpoints.len(),
            Kind::Figures(observed) => observed.policies.len(),
            Kind::Unknown(_) => of.len().max(1),
        };
        if values > 1 && of.is_empty() {
            return Err(wire.place.fault("a list needs `of`: what each value is of"));
        }
        if !of.is_empty() && of.len() != values {
            return Err(wire.place.fault(format!(
                "`of` has {} names, and there are {values} values",
                of.len()
            )));
        }
        if matches!(kind, Kind::Numbers(..)) && wire.source.is_none() {
            return Err(wire
                .place
                .fault("`source` is missing; say who says so, or that it is an assumption"));
        }
        let fact = Fact {
            what: wire.what,
            source: wire.source,
            of: if values == 1 { Vec::new() } else { of },
            kind,
            place: wire.place,
        };
        Ok((wire.name, fact))
    }

    /// Where values come from, and what each is of.
    fn kind(&self, wire: KindWire, place: &Place) -> Result<(Kind, Vec<String>), TomlError> {
        Ok(match wire {
            KindWire::Unknown(why) => (Kind::Unknown(why), Vec::new()),
            KindWire::Numbers { values, graded } => {
                let graded = graded.map(|graded| sample(graded, &values)).transpose()?;
                (Kind::Numbers(values, graded), Vec::new())
            }
            KindWire::Prices {
                part: (name, part_place),
                endpoints,
                at,
            } => {
                let part = PARTS.iter().find(|(known, _)| *known == name);
                let part = part.map(|&(_, part)| part).ok_or_else(|| {
                    unknown(&part_place, "price", &name, &PARTS.map(|(known, _)| known))
                })?;
                (Kind::Prices(part, endpoints.clone(), at), endpoints)
            }
            KindWire::Figures {
                figure: (name, figure_place),
                policies,
                trace: (trace, trace_place),
                to,
            } => {
                if !self.traces.contains_key(&trace) {
                    let known: Vec<&str> = self.traces().collect();
                    return Err(unknown(&trace_place, "[trace.NAME]", &trace, &known));
                }
                let measure = match (name.as_str(), to) {
                    ("success", None) => Measure::Success,
                    ("cost_usd", None) => Measure::Cost,
                    ("seconds", None) => Measure::Seconds,
                    ("share", Some(to)) => Measure::Share(to),
                    ("share", None) => {
                        return Err(place.fault("a share needs `to`: of whom it is the share"));
                    }
                    (known, Some(_)) if MEASURES.contains(&known) => {
                        return Err(place.fault("`to` belongs to the figure `share` alone"));
                    }
                    _ => return Err(unknown(&figure_place, "figure", &name, &MEASURES)),
                };
                let observed = Observed {
                    trace,
                    policies: policies.clone(),
                    measure,
                };
                (Kind::Figures(observed), policies)
            }
        })
    }

    fn claim(&self, wire: ClaimWire) -> Result<Claim, TomlError> {
        let readings = wire.readings.into_iter().map(|it| self.reading(it));
        Ok(Claim {
            readings: readings.collect::<Result<_, _>>()?,
            name: wire.name,
            statement: wire.statement,
            source: wire.source,
        })
    }

    fn reading(&self, wire: ReadingWire) -> Result<Reading, TomlError> {
        let (check, place) = wire.check;
        let expression = Expression::parse(&check).map_err(|why| place.fault(why))?;
        for name in expression.facts() {
            if !self.facts.contains_key(name) {
                let known: Vec<&str> = self.facts.keys().map(String::as_str).collect();
                return Err(unknown(&place, "[fact.NAME]", name, &known));
            }
        }
        let width = |name: &str| self.facts[name].of.len().max(1);
        expression.width(&width).map_err(|why| place.fault(why))?;
        let (unit, unit_place) = wire.unit;
        let known = UNITS.iter().find(|known| **known == unit);
        let unit = known.ok_or_else(|| unknown(&unit_place, "unit", &unit, &UNITS))?;
        match (wire.at_least, wire.at_most) {
            (None, None) => {
                return Err(wire
                    .place
                    .fault("what is claimed? give `at_least`, `at_most` or both"));
            }
            (Some(low), Some(high)) if low > high => {
                let message = format!("nothing is at least {low} and at most {high}");
                return Err(wire.place.fault(message));
            }
            _ => {}
        }
        Ok(Reading {
            reading: wire.reading,
            check,
            expression,
            unit,
            at_least: wire.at_least,
            at_most: wire.at_most,
            assumes: wire.assumes,
        })
    }
}

fn declared(named: Vec<NamedWire>) -> BTreeMap<String, String> {
    named.into_iter().map(|it| (it.name, it.what)).collect()
}

/// How many answers shares are of.
fn sample((graded, place): (u32, Place), values: &[f64]) -> Result<u32, TomlError> {
    if !(1..=MOST_GRADED).contains(&graded) {
        return Err(place.fault(format!(
            "must be from 1 to {MOST_GRADED}; a share of more answers is as good as exact"
        )));
    }
    if values.iter().any(|x| !(0.0..=1.0).contains(x)) {
        return Err(place.fault("a share of graded answers is from 0 to 1"));
    }
    Ok(graded)
}

fn unknown(place: &Place, what: &str, name: &str, known: &[&str]) -> TomlError {
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the file has none".to_owned(),
        None => format!("known: {}", known.join(", ")),
    };
    place.fault(format!("there is no {what} `{name}`; {hint}"))
}
