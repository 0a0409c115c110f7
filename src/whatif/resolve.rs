//! Settings with their names looked up on the trace, catalog and policies at hand, one after the
//! other.

use weighbridge_router::{Trade, Usd};

use super::error::ScenarioError;
use super::name::{LifeEnd, Name, PricePart};
use super::setting::{Amount, Op, Setting};
use crate::catalog::{Catalog, nearest};
use crate::replay::{SegmentKey, Segments, StageEndpoint};
use crate::trace::Trace;

/// The greatest factor of tokens, and the greatest amount, that mean anything.
const MOST_TIMES: f64 = 1e6;
const MOST_AMOUNT: f64 = 1e12;

/// What names can mean.
pub(super) struct Meaning<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) trace: &'a Trace,
    pub(super) endpoints: &'a [StageEndpoint],
    /// Role and model or endpoint.
    pub(super) roles: &'a std::collections::BTreeMap<String, String>,
}

/// A share of requests that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ShareOf {
    pub(super) by: SegmentKey,
    pub(super) value: String,
}

/// The settings of a world, looked up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resolved {
    /// v, e and w in USD for requests that bring none; none: nothing has a net value.
    pub(super) trade: Option<[f64; 3]>,
    /// Whether v, e or w were set.
    pub(super) trade_set: bool,
    /// Endpoint, which price, and what is done to it.
    pub(super) prices: Vec<(usize, PricePart, Op, f64)>,
    /// Output tokens of each endpoint, as a factor.
    pub(super) tokens: Vec<f64>,
    /// What is done to the scores of each endpoint, before they are clipped.
    pub(super) scores: Vec<Vec<(Op, f64)>>,
    /// USD a month of each endpoint.
    pub(super) fixed: Vec<f64>,
    pub(super) requests_per_day: Option<f64>,
    pub(super) shares: Vec<(ShareOf, Op, f64)>,
    pub(super) life: Vec<(usize, LifeEnd, Amount)>,
}

impl Resolved {
    /// Nothing is set yet.
    pub(super) fn new(
        meaning: &Meaning<'_>,
        trade: Option<Trade>,
        requests_per_day: Option<f64>,
    ) -> Self {
        let endpoints = meaning.endpoints.len();
        let fixed = |endpoint: &StageEndpoint| {
            let card = meaning.catalog.endpoint(&endpoint.id);
            card.and_then(|card| card.fixed_per_month)
                .map_or(0.0, Usd::to_f64)
        };
        Self {
            trade: trade.map(|it| [it.value, it.wrong, it.second].map(Usd::to_f64)),
            trade_set: trade.is_some(),
            prices: Vec::new(),
            tokens: vec![1.0; endpoints],
            scores: vec![Vec::new(); endpoints],
            fixed: meaning.endpoints.iter().map(fixed).collect(),
            requests_per_day,
            shares: Vec::new(),
            life: Vec::new(),
        }
    }

    /// Apply one setting more.
    pub(super) fn set(
        &mut self,
        meaning: &Meaning<'_>,
        setting: &Setting,
    ) -> Result<(), ScenarioError> {
        let fault = |message: &str| ScenarioError::value(setting, message);
        let Amount::Number(x) = setting.value else {
            let Name::Available { of, end } = &setting.name else {
                return Err(fault("a number is wanted here"));
            };
            for endpoint in meaning.endpoints_of(setting, of)? {
                self.life.push((endpoint, *end, setting.value));
            }
            return Ok(());
        };
        match &setting.name {
            Name::Value => self.worth(setting, 0, x),
            Name::Wrong => self.worth(setting, 1, x),
            Name::Second => self.worth(setting, 2, x),
            Name::RequestsPerDay => {
                let was = match (setting.op, self.requests_per_day) {
                    (Op::Set, _) => 0.0,
                    (_, Some(was)) => was,
                    (_, None) => {
                        return Err(fault(
                            "nobody knows how many requests a day there are; set it by =",
                        ));
                    }
                };
                let is = setting.op.apply(was, x);
                if is <= 0.0 || is > MOST_AMOUNT {
                    return Err(fault("must stay above 0, and at most a trillion"));
                }
                self.requests_per_day = Some(is);
                Ok(())
            }
            Name::Price { of, part } => {
                for endpoint in meaning.endpoints_of(setting, of)? {
                    self.prices.push((endpoint, *part, setting.op, x));
                }
                Ok(())
            }
            Name::Tokens(of) => {
                if setting.op != Op::Scale || x <= 0.0 || x > MOST_TIMES {
                    return Err(fault(
                        "output tokens are scaled: *= a number above 0, at most a million",
                    ));
                }
                for endpoint in meaning.endpoints_of_model(setting, of)? {
                    self.tokens[endpoint] *= x;
                }
                Ok(())
            }
            Name::Success(of) => {
                for endpoint in meaning.endpoints_of_model(setting, of)? {
                    self.scores[endpoint].push((setting.op, x));
                }
                Ok(())
            }
            Name::Share { by, value } => self.share(meaning, setting, (*by, value), x),
            Name::Fixed(of) => {
                for endpoint in meaning.endpoints_of(setting, of)? {
                    let is = setting.op.apply(self.fixed[endpoint], x);
                    if !(0.0..=MOST_AMOUNT).contains(&is) {
                        return Err(fault("must stay between 0 and a trillion USD"));
                    }
                    self.fixed[endpoint] = is;
                }
                Ok(())
            }
            Name::Available { .. } => {
                Err(fault("a date like 2025-12-15 or `never` is wanted here"))
            }
        }
    }

    fn worth(&mut self, setting: &Setting, which: usize, x: f64) -> Result<(), ScenarioError> {
        let trade = match (&mut self.trade, setting.op, which) {
            (Some(trade), ..) => trade,
            (none, Op::Set, 0) => none.insert([0.0; 3]),
            (None, _, 0) => {
                return Err(ScenarioError::value(
                    setting,
                    "there is no value of a right answer yet; set it by =, or give --value USD",
                ));
            }
            _ => {
                return Err(ScenarioError::value(
                    setting,
                    "needs the value of a right answer first: --value USD, or value=USD before it",
                ));
            }
        };
        let is = setting.op.apply(trade[which], x);
        // So much money fits.
        if !(0.0..=9e6).contains(&is) {
            return Err(ScenarioError::value(
                setting,
                "must stay between 0 and 9 million USD",
            ));
        }
        trade[which] = is;
        self.trade_set = true;
        Ok(())
    }

    fn share(
        &mut self,
        meaning: &Meaning<'_>,
        setting: &Setting,
        (by, value): (SegmentKey, &str),
        x: f64,
    ) -> Result<(), ScenarioError> {
        if let Some((held, ..)) = self.shares.iter().find(|(held, ..)| held.by != by) {
            let message = format!(
                "shares of one field at a time: share.{}.{} is set already",
                held.by.name(),
                held.value
            );
            return Err(ScenarioError::value(setting, message));
        }
        let segments = Segments::by(meaning.trace, by);
        if !segments.labels().iter().any(|label| label == value) {
            let labels = segments.labels().iter().map(String::as_str);
            let message = format!("no request has this {}{}", by.name(), hint(value, labels));
            return Err(ScenarioError::Name {
                name: setting.name.to_string(),
                message,
            });
        }
        let value = value.to_owned();
        self.shares.push((ShareOf { by, value }, setting.op, x));
        Ok(())
    }
}

impl Meaning<'_> {
    /// The endpoints that a name means: an endpoint, or all of a model, by its name, alias or role.
    fn endpoints_of(&self, setting: &Setting, name: &str) -> Result<Vec<usize>, ScenarioError> {
        let name = self.roles.get(name).map_or(name, String::as_str);
        let places = |holds: &dyn Fn(&StageEndpoint) -> bool| {
            let endpoints = self.endpoints.iter().enumerate();
            endpoints
                .filter(|(_, endpoint)| holds(endpoint))
                .map(|(place, _)| place)
                .collect::<Vec<usize>>()
        };
        let exact = places(&|endpoint| endpoint.id == name);
        if !exact.is_empty() {
            return Ok(exact);
        }
        let model = self.catalog.model(name).map_or(name, |model| &model.id);
        let of_model = places(&|endpoint| endpoint.model == model);
        if of_model.is_empty() {
            return Err(self.unknown(setting, name));
        }
        Ok(of_model)
    }

    /// The endpoints of the model that a name means, which may be that of an endpoint.
    fn endpoints_of_model(
        &self,
        setting: &Setting,
        name: &str,
    ) -> Result<Vec<usize>, ScenarioError> {
        let named = self.endpoints_of(setting, name)?;
        let model = &self.endpoints[named[0]].model;
        let places = 0..self.endpoints.len();
        Ok(places
            .filter(|&place| self.endpoints[place].model == *model)
            .collect())
    }

    fn unknown(&self, setting: &Setting, name: &str) -> ScenarioError {
        let endpoints = self.endpoints.iter();
        let known = endpoints
            .flat_map(|endpoint| [endpoint.model.as_str(), endpoint.id.as_str()])
            .chain(self.roles.keys().map(String::as_str));
        let place = if self.catalog.resolve(name).is_some() {
            "no policy at hand and no outcome of the trace has to do with"
        } else {
            "neither the policies nor the trace know"
        };
        ScenarioError::Name {
            name: setting.name.to_string(),
            message: format!("{place} `{name}`{}", hint(name, known)),
        }
    }
}

/// The nearest known name; else the known ones, where they are few.
fn hint<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let begins = || {
        let mut alike = known
            .iter()
            .filter(|it| it.starts_with(name) || name.starts_with(**it));
        alike.next().copied()
    };
    match nearest(name, known.iter().copied()).or_else(begins) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.len() <= 12 => format!("; known: {}", known.join(", ")),
        None => String::new(),
    }
}
