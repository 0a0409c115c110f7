//! Checking claims: facts to values, readings to verdicts.

use std::collections::BTreeMap;

use rand::Rng;
use weighbridge_router::{Timestamp, Tokens, Usage};

use super::check::{Claims, Fact, Kind, Part, Reading};
use super::column::{Cell, Column};
use super::observed::{Ground, Told};
use super::result::{
    ClaimResult, ClaimVerdict, ClaimsReport, Found, GroundResult, ReadingResult, Source,
};
use crate::catalog::{Catalog, TomlError, nearest};
use crate::evaluate::{Figure, with_interval};
use crate::stats::{Keyed, standard_error, units_to_tell};

/// How claims are checked.
#[derive(Debug, Clone, Copy)]
pub struct ClaimOptions {
    /// The date whose prices hold for requests without a time.
    pub as_of: Option<Timestamp>,
    /// The seed of every draw.
    pub seed: u64,
    /// Resamples behind each interval.
    pub replicates: usize,
    /// Threads; they change no byte.
    pub threads: usize,
}

/// Why claims cannot be checked; one line with the mend in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// A price of what nobody sells.
    #[error(transparent)]
    Unsold(TomlError),
    /// A policy or model that means nothing.
    #[error(
        "`{name}` is no policy of the file of claims, and neither in the catalog nor in the trace `{trace}`; {hint}"
    )]
    NoPolicy {
        /// The name.
        name: String,
        /// The trace on which it is asked about.
        trace: String,
        /// What to do.
        hint: String,
    },
}

/// A value as near to a bound as this is on it: 1 - 0.05 is 0.95.
const ROUNDING: f64 = 1e-9;

/// Check every claim, with the traces that are at hand.
///
/// # Errors
/// A name that means nothing to the catalog or the traces.
pub fn check_claims(
    claims: &Claims,
    catalog: &Catalog,
    grounds: &[Ground],
    options: &ClaimOptions,
) -> Result<ClaimsReport, ClaimError> {
    let mut told = BTreeMap::new();
    for ground in grounds {
        let figures = Told::new(claims, ground, catalog, options)?;
        told.insert(ground.name.as_str(), figures);
    }
    let mut known = BTreeMap::new();
    for (name, fact) in &claims.facts {
        known.insert(name.as_str(), values(name, fact, catalog, &told, options)?);
    }
    let readings = |claim: &super::check::Claim| {
        let all = claim.readings.iter();
        all.map(|reading| checked(reading, claims, &known))
            .collect()
    };
    let results: Vec<ClaimResult> = claims
        .claims
        .iter()
        .map(|claim| ClaimResult {
            name: claim.name.clone(),
            statement: claim.statement.clone(),
            source: claim.source.clone(),
            readings: readings(claim),
        })
        .collect();
    let rested: Vec<&String> = results
        .iter()
        .flat_map(|claim| claim.readings.iter().flat_map(|it| &it.facts))
        .collect();
    let facts = claims
        .facts
        .iter()
        .filter(|(name, _)| rested.contains(name));
    Ok(ClaimsReport {
        format: "weighbridge.claims-report/1",
        version: env!("CARGO_PKG_VERSION"),
        title: claims.title.clone(),
        seed: options.seed,
        replicates: options.replicates,
        traces: brought(claims, grounds),
        facts: facts
            .map(|(name, fact)| source(name, fact, catalog, &known[name.as_str()]))
            .collect(),
        claims: results,
    })
}

fn brought(claims: &Claims, grounds: &[Ground]) -> Vec<GroundResult> {
    let result = |(name, what): (&String, &String)| {
        let ground = grounds.iter().find(|ground| ground.name == *name);
        GroundResult {
            name: name.clone(),
            what: what.clone(),
            requests: ground.map(|it| it.trace.len() as u64),
            fingerprint: ground.map(|it| it.trace.fingerprint().to_string()),
            dropped_training_rows: ground.map_or(0, |it| it.dropped),
        }
    };
    claims.traces.iter().map(result).collect()
}

/// The values of a fact.
fn values(
    name: &str,
    fact: &Fact,
    catalog: &Catalog,
    told: &BTreeMap<&str, Told<'_>>,
    options: &ClaimOptions,
) -> Result<Column, ClaimError> {
    let cells = match &fact.kind {
        Kind::Unknown(why) => vec![Cell::unknown(why); fact.of.len().max(1)],
        Kind::Numbers(values, graded) => {
            let number = |(place, x): (usize, &f64)| match graded {
                None => Cell::exact(*x),
                Some(n) => sampled(&format!("{name} {place}"), *x, *n, options),
            };
            values.iter().enumerate().map(number).collect()
        }
        Kind::Prices(part, endpoints, at) => {
            let price = |id: &String| price(fact, id, *part, *at, catalog);
            endpoints.iter().map(price).collect::<Result<_, _>>()?
        }
        Kind::Figures(observed) => {
            let figure = |(place, policy): (usize, &String)| {
                let Some(told) = told.get(observed.trace.as_str()) else {
                    return Cell::unknown(format!("give --trace {}=FILE", observed.trace));
                };
                let missing = || Cell::unknown(format!("give -p {policy}=FILE"));
                told.cell(observed, place).unwrap_or_else(missing)
            };
            observed.policies.iter().enumerate().map(figure).collect()
        }
    };
    Ok(Column {
        of: fact.of.clone(),
        cells,
    })
}

/// A share of graded answers: each resample grades as many anew, at that rate; but at most at
/// (n + 1/2) / (n + 1) and at least at (1/2) / (n + 1), so that all right or none is not taken for
/// certain.
fn sampled(name: &str, x: f64, n: u32, options: &ClaimOptions) -> Cell {
    let edge = 0.5 / (f64::from(n) + 1.0);
    let rate = x.clamp(edge, 1.0 - edge);
    let resample = |replicate: usize| {
        let unit = format!("{name} {replicate}");
        let mut draws = Keyed::new(options.seed, "claim", unit.as_bytes());
        let right = (0..n).filter(|_| draws.r#gen::<f64>() < rate).count();
        right as f64 / f64::from(n)
    };
    Cell {
        drawn: (0..options.replicates).map(resample).collect(),
        n: Some(u64::from(n)),
        ..Cell::exact(x)
    }
}

/// USD for a million tokens, of a request of a thousand: tiers by context begin far above.
fn price(
    fact: &Fact,
    id: &str,
    part: Part,
    at: Option<Timestamp>,
    catalog: &Catalog,
) -> Result<Cell, ClaimError> {
    let card = catalog.endpoint(id).ok_or_else(|| {
        let ids = catalog.cards().iter().map(|card| card.endpoint.id.as_str());
        let hint = nearest(id, ids).map_or_else(
            || "add it to the catalog (--catalog)".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        ClaimError::Unsold(
            fact.place
                .fault(format!("the catalog has no endpoint `{id}`; {hint}")),
        )
    })?;
    let thousand = Tokens(1000);
    let (input, cached, output) = match part {
        Part::Input => (thousand, Tokens(0), Tokens(0)),
        Part::Cached => (thousand, thousand, Tokens(0)),
        Part::Output => (Tokens(0), Tokens(0), thousand),
    };
    let usage = Usage {
        input,
        cached,
        output,
    };
    Ok(match card.endpoint.price_at(at) {
        Some(row) => Cell::exact(row.cost(usage).to_f64() * 1000.0),
        None => Cell::unknown(format!("the catalog has no price of `{id}` on that day")),
    })
}

fn checked(reading: &Reading, claims: &Claims, known: &BTreeMap<&str, Column>) -> ReadingResult {
    let facts = reading.expression.facts();
    let column = reading.expression.column(&|name: &str| known[name].clone());
    let evidence = evidence(facts.iter().map(|name| &claims.facts[*name]));
    let cells = column.cells.iter().enumerate();
    let found: Vec<Found> = cells
        .map(|(place, cell)| found(cell, column.of.get(place).cloned(), reading, &evidence))
        .collect();
    ReadingResult {
        reading: reading.reading.clone(),
        check: reading.check.clone(),
        at_least: reading.at_least,
        at_most: reading.at_most,
        assumes: reading.assumes.clone(),
        verdict: ClaimVerdict::of_all(&found),
        found,
        facts: facts.into_iter().map(str::to_owned).collect(),
    }
}

fn found(cell: &Cell, of: Option<String>, reading: &Reading, evidence: &str) -> Found {
    let Some(x) = cell.x else {
        let why = cell.why.clone().unwrap_or_default();
        return Found {
            of,
            figure: Figure::unknown(reading.unit, why),
            verdict: ClaimVerdict::NotTestable,
            n_to_tell: None,
        };
    };
    let figure = Figure::known(x, reading.unit, cell.n.unwrap_or(0)).on(evidence);
    let finite = |x: &f64| x.is_finite().then_some(*x);
    let drawn: Vec<Option<f64>> = cell.drawn.iter().map(finite).collect();
    let figure = with_interval(figure, &drawn);
    if figure.ci95.is_none() && !drawn.is_empty() {
        return Found {
            of,
            figure,
            verdict: ClaimVerdict::CannotTell,
            n_to_tell: None,
        };
    }
    let interval = figure.ci95.unwrap_or([x, x]);
    let verdict = verdict(interval, reading);
    let to_tell = || {
        let known: Vec<f64> = drawn.iter().copied().flatten().collect();
        let error = standard_error(&known)?;
        let within = |bound: &f64| interval[0] <= *bound && *bound <= interval[1];
        let bounds = [reading.at_least, reading.at_most].into_iter().flatten();
        let far = |bound: f64| x - bound;
        let nearest = bounds.filter(within).map(far);
        let nearest = nearest.min_by(|a, b| a.abs().total_cmp(&b.abs()))?;
        units_to_tell(nearest, figure.n, error)
    };
    Found {
        of,
        verdict,
        n_to_tell: to_tell().filter(|_| verdict == ClaimVerdict::CannotTell),
        figure,
    }
}

fn verdict([low, high]: [f64; 2], reading: &Reading) -> ClaimVerdict {
    let least = reading.at_least.unwrap_or(f64::NEG_INFINITY);
    let most = reading.at_most.unwrap_or(f64::INFINITY);
    let slack = |x: f64| ROUNDING * x.abs().max(1.0);
    let (above, below) = (low >= least - slack(low), high <= most + slack(high));
    match (
        above && below,
        high < least - slack(high) || low > most + slack(low),
    ) {
        (true, _) => ClaimVerdict::Holds,
        (_, true) => ClaimVerdict::Fails,
        _ => ClaimVerdict::CannotTell,
    }
}

/// What facts rest on, in a few words.
fn evidence<'a>(facts: impl Iterator<Item = &'a Fact>) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for fact in facts {
        let kind = match &fact.kind {
            Kind::Numbers(_, None) => "published".to_owned(),
            Kind::Numbers(_, Some(n)) => format!("shares of {n} graded answers"),
            Kind::Prices(..) => "price list".to_owned(),
            Kind::Figures(observed) => format!("trace {}", observed.trace),
            Kind::Unknown(_) => "unknown".to_owned(),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.join(", ")
}

/// A fact and who says so.
fn source(name: &str, fact: &Fact, catalog: &Catalog, known: &Column) -> Source {
    let mut sources: Vec<String> = fact.source.iter().cloned().collect();
    match &fact.kind {
        Kind::Prices(_, endpoints, at) => {
            for id in endpoints {
                let said = price_source(catalog, id, *at);
                if let Some(said) = said.filter(|said| !sources.contains(said)) {
                    sources.push(said);
                }
            }
        }
        Kind::Figures(observed) => sources.push(format!("the trace {}", observed.trace)),
        Kind::Unknown(why) => sources.push(format!("not known: {why}")),
        Kind::Numbers(..) => {}
    }
    Source {
        name: name.to_owned(),
        what: fact.what.clone(),
        values: known.cells.iter().map(|cell| cell.x).collect(),
        source: sources.join("; "),
    }
}

/// Who says what an endpoint charges at a time.
fn price_source(catalog: &Catalog, id: &str, at: Option<Timestamp>) -> Option<String> {
    let card = catalog.endpoint(id)?;
    let row = card.endpoint.price_at(at)?;
    let prices = card.endpoint.prices.iter();
    let place = prices.into_iter().position(|held| held == row)?;
    Some(card.price_sources.get(place)?.source.clone())
}
