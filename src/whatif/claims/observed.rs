//! Figures of policies on a trace, with the same resamples for all of them.

use weighbridge_router::Router;

use super::check::{Claims, Measure, Observed};
use super::column::Cell;
use super::verdict::{ClaimError, ClaimOptions};
use crate::catalog::{Catalog, nearest};
use crate::evaluate::Bootstrap;
use crate::policy::Roles;
use crate::replay::{Charged, Decisions, Stage, run, unit_keys};
use crate::trace::Trace;
use crate::whatif::always::always;

/// A trace that the caller brings.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Its name in the file of claims.
    pub name: String,
    /// Its requests, without those that a policy may have learned from.
    pub trace: Trace,
    /// How many of those there were.
    pub dropped: u64,
    /// Policies that the caller brings, by their names in the file of claims.
    pub policies: Vec<(String, Router)>,
    /// Who has which role.
    pub roles: Roles,
    /// Models that the trace knows and the catalog does not.
    pub recorded_only: Vec<String>,
}

/// The mass of a request that is answered, in millionths.
const WHOLE: u32 = 1_000_000;

/// A mean over requests that a policy decides.
struct Mean {
    /// Its value on each request.
    values: Vec<f64>,
    /// Which requests count: those where it is known of every policy that it is asked of.
    rows: Vec<bool>,
}

/// What the claims ask of one trace.
pub(super) struct Told<'a> {
    asked: Vec<(&'a Observed, usize)>,
    means: Vec<Mean>,
    /// The value of each mean on each resample.
    drawn: Vec<Vec<f64>>,
}

impl<'a> Told<'a> {
    /// Replay the policies that the claims ask about.
    pub(super) fn new(
        claims: &'a Claims,
        ground: &Ground,
        catalog: &Catalog,
        options: &ClaimOptions,
    ) -> Result<Self, ClaimError> {
        let mut named: Vec<(&str, Router)> = Vec::new();
        for name in claims.policies_on(&ground.name) {
            if let Some(router) = router(name, claims, ground, catalog)? {
                named.push((name, router));
            }
        }
        let routers: Vec<Router> = named.iter().map(|(_, router)| router.clone()).collect();
        let stage = Stage::new(&ground.trace, catalog, &routers, options.as_of);
        let runs: Vec<(String, &Router)> = named
            .iter()
            .map(|(name, router)| ((*name).to_owned(), router))
            .collect();
        let (charged, decisions) = run(&stage, &runs, None, options.threads);
        let (mut asked, mut means) = (Vec::new(), Vec::new());
        for observed in claims.observed(&ground.name) {
            let all = all_known(claims, observed, &decisions, &ground.name, |it| {
                values(&observed.measure, it, (&stage, &charged), ground, catalog)
            })?;
            for (place, values) in all.0 {
                asked.push((observed, place));
                means.push(Mean {
                    values,
                    rows: all.1.clone(),
                });
            }
        }
        let units = unit_keys(&ground.trace, options.seed, options.threads);
        let bootstrap = Bootstrap {
            units: &units,
            replicates: options.replicates,
            threads: options.threads,
        };
        let drawn = bootstrap.replicates(|weights| {
            let of = |mean: &Mean| mean.of(|row| f64::from(weights[row])).unwrap_or(f64::NAN);
            means.iter().map(of).collect()
        });
        Ok(Self {
            asked,
            means,
            drawn,
        })
    }

    /// The figure of one of the policies that it is asked of; none where the policy was not brought.
    pub(super) fn cell(&self, observed: &Observed, place: usize) -> Option<Cell> {
        let mut asked = self.asked.iter();
        let at = asked.position(|(held, of)| *held == observed && *of == place)?;
        let mean = &self.means[at];
        let Some(x) = mean.of(|_| 1.0) else {
            return Some(Cell::unknown(format!(
                "the trace `{}` tells it of no request",
                observed.trace
            )));
        };
        Some(Cell {
            x: Some(x),
            drawn: self.drawn.iter().map(|means| means[at]).collect(),
            n: Some(mean.rows.iter().filter(|known| **known).count() as u64),
            why: None,
        })
    }
}

impl Mean {
    fn of(&self, weight: impl Fn(usize) -> f64) -> Option<f64> {
        let rows = (0..self.values.len()).filter(|&row| self.rows[row]);
        let (sum, count) = rows.fold((0.0, 0.0), |(sum, count), row| {
            (sum + weight(row) * self.values[row], count + weight(row))
        });
        (count > 0.0).then(|| sum / count)
    }
}

/// A policy that the caller brings, else a fixed choice; none where it was not brought.
fn router(
    name: &str,
    claims: &Claims,
    ground: &Ground,
    catalog: &Catalog,
) -> Result<Option<Router>, ClaimError> {
    if let Some((_, router)) = ground.policies.iter().find(|(held, _)| held == name) {
        return Ok(Some(router.clone()));
    }
    if claims.policies.contains_key(name) {
        return Ok(None);
    }
    let fixed = always(name, false, catalog, &ground.roles, &ground.recorded_only);
    let (_, router) = fixed.ok_or_else(|| ClaimError::NoPolicy {
        name: name.to_owned(),
        trace: ground.name.clone(),
        hint: hint(name, claims, ground, catalog),
    })?;
    Ok(Some(router))
}

/// What to do about a policy that means nothing.
fn hint(name: &str, claims: &Claims, ground: &Ground, catalog: &Catalog) -> String {
    if name == "driver" || name == "specialist" {
        return format!("bind the role by --{name}, or in the header of the trace");
    }
    let known = claims.policies().chain(catalog.names());
    let recorded = ground.recorded_only.iter().map(String::as_str);
    nearest(name, known.chain(recorded)).map_or_else(
        || "declare it as [policy.NAME], or add it to the catalog (--catalog)".to_owned(),
        |near| format!("did you mean `{near}`?"),
    )
}

type Known = (Vec<(usize, Vec<f64>)>, Vec<bool>);

/// The values of each policy that was brought, by its place, and the requests where all are known.
fn all_known(
    claims: &Claims,
    observed: &Observed,
    decisions: &[Decisions],
    trace: &str,
    values: impl Fn(&Decisions) -> Result<Vec<Option<f64>>, ClaimError>,
) -> Result<Known, ClaimError> {
    let mut all = Vec::new();
    // Facts of one measure share their support, so that a ratio of two is of the same requests.
    let alike = claims
        .observed(trace)
        .filter(|it| it.measure == observed.measure);
    let mut rows: Vec<bool> = Vec::new();
    for other in alike {
        for (place, name) in other.policies.iter().enumerate() {
            let Some(decided) = decisions.iter().find(|it| it.name() == name) else {
                continue;
            };
            let values = values(decided)?;
            rows.resize(values.len(), true);
            for (known, value) in rows.iter_mut().zip(&values) {
                *known &= value.is_some();
            }
            if other == observed {
                let values = values.into_iter().map(Option::unwrap_or_default);
                all.push((place, values.collect()));
            }
        }
    }
    Ok((all, rows))
}

/// What a policy comes to on each request, in expectation; none where the trace does not tell.
fn values(
    measure: &Measure,
    decisions: &Decisions,
    (stage, charged): (&Stage<'_>, &Charged),
    ground: &Ground,
    catalog: &Catalog,
) -> Result<Vec<Option<f64>>, ClaimError> {
    let takers: Vec<bool> = match measure {
        Measure::Share(to) => takers(to, stage, ground, catalog)?,
        _ => Vec::new(),
    };
    let of = |endpoint: u16, row: usize| match measure {
        Measure::Success => charged.score(endpoint, row).map(|it| f64::from(it) / 1e6),
        Measure::Cost => charged.cost(endpoint, row).map(|usd| usd.to_f64()),
        Measure::Seconds => charged
            .latency_ms(endpoint, row)
            .map(|ms| f64::from(ms) / 1e3),
        Measure::Share(_) => Some(f64::from(u8::from(takers[usize::from(endpoint)]))),
    };
    let expected = |row: usize| {
        let masses = decisions.get(row).masses.iter();
        // Nobody waits for an answer that does not come.
        let answered: u32 = masses.clone().map(|(_, share)| share.0).sum();
        if *measure == Measure::Seconds && answered < WHOLE {
            return None;
        }
        masses
            .map(|&(endpoint, share)| Some(of(endpoint, row)? * f64::from(share.0) / 1e6))
            .sum()
    };
    Ok((0..decisions.len()).map(expected).collect())
}

/// The endpoints that a name means.
fn takers(
    to: &str,
    stage: &Stage<'_>,
    ground: &Ground,
    catalog: &Catalog,
) -> Result<Vec<bool>, ClaimError> {
    let roles = &ground.roles;
    let bound = roles.flags.get(to).or(roles.trace.get(to));
    let name = bound.map_or(to, String::as_str);
    let name = catalog.model(name).map_or(name, |model| model.id.as_str());
    let endpoints = stage.endpoints().iter();
    let takers: Vec<bool> = endpoints
        .map(|endpoint| endpoint.id == name || endpoint.model == name)
        .collect();
    if takers.contains(&true) || catalog.resolve(name).is_some() {
        return Ok(takers);
    }
    let endpoints = stage.endpoints().iter().map(|it| it.id.as_str());
    Err(ClaimError::NoPolicy {
        name: to.to_owned(),
        trace: ground.name.clone(),
        hint: nearest(to, endpoints.chain(catalog.names())).map_or_else(
            || "give a model, an endpoint or a role".to_owned(),
            |near| format!("did you mean `{near}`?"),
        ),
    })
}
