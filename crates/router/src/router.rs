//! A router: everything that a decision needs, checked once when it is put together.

use crate::bloom::GroupFilter;
use crate::calibration::Calibration;
use crate::choose::{Choose, Trade};
use crate::decide::EndpointIndex;
use crate::endpoint::{Endpoint, PriceRow};
use crate::error::Error;
use crate::features::{Recipe, Step};
use crate::heads::{LogLinear, Shrink, Success};
use crate::time::Timestamp;

/// Endpoints to try in order.
pub(crate) type Target = Box<[EndpointIndex]>;

/// The predictors of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Heads {
    /// The model.
    pub model: String,
    /// That its answer is right.
    pub success: Success,
    /// How many tokens it puts out.
    pub output_tokens: LogLinear,
}

/// What a router is made of, unchecked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parts {
    /// Every endpoint that a decision may name.
    pub endpoints: Vec<Endpoint>,
    /// The choice; its targets name an endpoint, or a model and so its endpoints in order.
    pub choose: Option<Choose<String>>,
    /// Targets to try in order where the choice is ineligible.
    pub fallback: Vec<String>,
    /// The feature recipe of the heads.
    pub steps: Vec<Step>,
    /// A pair of heads for each model that a learned choice may choose.
    pub heads: Vec<Heads>,
    /// What takes the differences between models back towards their means; none: nothing does.
    pub shrink: Option<Shrink>,
    /// Role and endpoint or model, for people and reports.
    pub roles: Vec<(String, String)>,
    /// A sample of training rows, for dials that are solved at compile time.
    pub calibration: Calibration,
    /// The prompt groups that the heads were trained on.
    pub training: Option<GroupFilter>,
    /// Where it all came from: the text of a JSON object; empty for none.
    pub provenance: String,
}

/// A checked router, ready to decide.
#[derive(Debug, Clone, PartialEq)]
pub struct Router {
    parts: Parts,
    choose: Choose<Target>,
    fallback: Vec<Target>,
    recipe: Recipe,
    /// For each endpoint, the place of its model's heads.
    head_of: Vec<Option<usize>>,
    /// For each endpoint, whether requests can reach it at all.
    reachable: Vec<bool>,
}

impl Router {
    /// Check the parts and put them together.
    ///
    /// # Errors
    /// Where a name does not resolve, an endpoint stands twice, price rows overlap, a head does
    /// not fit the recipe, or a learned choice has no candidate whose cost it can predict.
    pub fn try_new(parts: Parts) -> Result<Self, Error> {
        check_endpoints(&parts.endpoints)?;
        let named = parts
            .choose
            .as_ref()
            .ok_or_else(|| Error::value("this field is missing").within("choose"))?;
        let resolve = |name: &String| resolve(name, &parts.endpoints);
        let choose = named
            .map_targets(&mut { resolve })
            .map_err(|error| error.within("choose"))?;
        let fallback = parts
            .fallback
            .iter()
            .enumerate()
            .map(|(i, name)| {
                resolve(name).map_err(|error| error.within(format_args!("fallback[{i}]")))
            })
            .collect::<Result<_, _>>()?;
        let recipe =
            Recipe::try_new(parts.steps.clone()).map_err(|error| error.within("features"))?;
        check_heads(&parts, &recipe)?;
        let head_of = parts
            .endpoints
            .iter()
            .map(|endpoint| {
                parts
                    .heads
                    .iter()
                    .position(|heads| heads.model == endpoint.model)
            })
            .collect();
        let router = Self {
            reachable: vec![true; parts.endpoints.len()],
            parts,
            choose,
            fallback,
            recipe,
            head_of,
        };
        router.check_learned()?;
        Ok(router)
    }

    /// Every endpoint that a decision may name, in the order of the file.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.parts.endpoints
    }

    /// One endpoint of a decision of this router.
    #[must_use]
    pub fn endpoint(&self, index: EndpointIndex) -> &Endpoint {
        &self.parts.endpoints[usize::from(index.0)]
    }

    /// The place of the endpoint of that id.
    #[must_use]
    pub fn index_of(&self, id: &str) -> Option<EndpointIndex> {
        indices(&self.parts.endpoints).find(|&index| self.endpoint(index).id == id)
    }

    /// The same router where only some of its endpoints can be reached: choice, fallback and
    /// exploration go as if the others were not eligible.
    #[must_use]
    pub fn among(mut self, reachable: impl Fn(&Endpoint) -> bool) -> Self {
        self.reachable = self.parts.endpoints.iter().map(reachable).collect();
        self
    }

    /// Whether requests can reach an endpoint at all.
    #[must_use]
    pub fn reaches(&self, index: EndpointIndex) -> bool {
        self.reachable[usize::from(index.0)]
    }

    /// The trained predictors, a pair a model.
    #[must_use]
    pub fn heads(&self) -> &[Heads] {
        &self.parts.heads
    }

    /// The feature recipe of the heads.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The parts that it was made of.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Whether a prompt group was trained on, with the filter's small rate of false alarms.
    #[must_use]
    pub fn trained_on(&self, group: &[u8; 32]) -> bool {
        self.parts
            .training
            .as_ref()
            .is_some_and(|filter| filter.contains(group))
    }

    /// The same router with another trade in every learned choice.
    #[must_use]
    pub fn with_trade(mut self, trade: Trade) -> Self {
        self.choose.trades(&mut |held| *held = trade);
        if let Some(choose) = &mut self.parts.choose {
            choose.trades(&mut |held| *held = trade);
        }
        self
    }

    /// The trade of the first learned choice.
    #[must_use]
    pub fn trade(&self) -> Option<Trade> {
        let mut first = None;
        let mut choose = self.choose.clone();
        choose.trades(&mut |trade| {
            first.get_or_insert(*trade);
        });
        first
    }

    pub(crate) fn chosen(&self) -> &Choose<Target> {
        &self.choose
    }

    pub(crate) fn fallback(&self) -> &[Target] {
        &self.fallback
    }

    pub(crate) fn head_of(&self, index: EndpointIndex) -> Option<usize> {
        self.head_of[usize::from(index.0)]
    }

    /// The endpoints that a learned choice chooses among: those whose model has heads.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = EndpointIndex> {
        self.indices()
            .filter(|&index| self.head_of(index).is_some())
    }

    /// Every endpoint's place, in order.
    pub(crate) fn indices(&self) -> impl Iterator<Item = EndpointIndex> + use<> {
        indices(&self.parts.endpoints)
    }

    fn check_learned(&self) -> Result<(), Error> {
        if !self.choose.is_learned() {
            return Ok(());
        }
        if self.candidates().next().is_none() {
            return Err(Error::value(
                "a choice of kind `router` needs heads for the models of its endpoints",
            )
            .within("heads"));
        }
        match self
            .candidates()
            .find(|&index| self.endpoint(index).prices.is_empty())
        {
            None => Ok(()),
            Some(index) => {
                let id = &self.endpoint(index).id;
                let message = format!(
                    "`{id}` has no price, and a choice of kind `router` must predict its cost; add a price row to the catalog"
                );
                Err(Error::value(message).within(format_args!("endpoints[{}]", index.0)))
            }
        }
    }
}

fn indices<T>(slice: &[T]) -> impl Iterator<Item = EndpointIndex> + use<T> {
    // `check_endpoints` bounds the number of endpoints.
    (0..u16::try_from(slice.len()).unwrap_or(u16::MAX)).map(EndpointIndex)
}

/// The endpoint of that name, else the endpoints of the model of that name.
pub(crate) fn resolve(name: &str, endpoints: &[Endpoint]) -> Result<Target, Error> {
    if let Some(exact) = indices(endpoints).find(|index| endpoints[usize::from(index.0)].id == name)
    {
        return Ok(Box::new([exact]));
    }
    let target: Target = indices(endpoints)
        .filter(|index| endpoints[usize::from(index.0)].model == name)
        .collect();
    if target.is_empty() {
        return Err(Error::value(format!(
            "`{name}` is neither an endpoint nor a model of this file"
        )));
    }
    Ok(target)
}

fn check_endpoints(endpoints: &[Endpoint]) -> Result<(), Error> {
    let limit = 1000;
    if endpoints.is_empty() || endpoints.len() > limit {
        return Err(Error::value(format!(
            "there must be 1 to {limit} endpoints, not {}",
            endpoints.len()
        ))
        .within("endpoints"));
    }
    for (i, endpoint) in endpoints.iter().enumerate() {
        let fault =
            |message: String| Err(Error::value(message).within(format_args!("endpoints[{i}]")));
        if endpoints[..i].iter().any(|other| other.id == endpoint.id) {
            return fault(format!("the endpoint `{}` stands twice", endpoint.id));
        }
        if endpoint
            .tokens_per_second
            .is_some_and(|speed| !(speed.is_finite() && speed > 0.0))
        {
            return fault("tokens_per_second must be a number above 0".into());
        }
        let unsorted = |row: &PriceRow| {
            row.tiers
                .windows(2)
                .any(|pair| pair[0].above_input_tokens >= pair[1].above_input_tokens)
        };
        if endpoint.prices.iter().any(unsorted) {
            return fault("the tiers of a price row must go from small inputs to large".into());
        }
        if let Some(pair) = endpoint
            .prices
            .windows(2)
            .find(|pair| !follows(&pair[0], &pair[1]))
        {
            let start = pair[1]
                .from
                .map_or("the beginning of time".into(), |from: Timestamp| {
                    from.to_string()
                });
            return fault(format!(
                "the price row from {start} begins before the row above it ends"
            ));
        }
    }
    Ok(())
}

fn follows(earlier: &PriceRow, later: &PriceRow) -> bool {
    matches!((earlier.until, later.from), (Some(until), Some(from)) if until <= from)
}

fn check_heads(parts: &Parts, recipe: &Recipe) -> Result<(), Error> {
    for (i, heads) in parts.heads.iter().enumerate() {
        let fault = |message: String| Err(Error::value(message).within("heads"));
        if parts.heads[..i]
            .iter()
            .any(|other| other.model == heads.model)
        {
            return fault(format!(
                "the model `{}` has two pairs of heads",
                heads.model
            ));
        }
        if !parts
            .endpoints
            .iter()
            .any(|endpoint| endpoint.model == heads.model)
        {
            return fault(format!(
                "there are heads for `{}`, but no endpoint of that model",
                heads.model
            ));
        }
        heads
            .success
            .check(recipe.columns())
            .map_err(|error| error.within("success"))
            .and_then(|()| {
                let checked = heads.output_tokens.check(recipe.columns());
                checked.map_err(|error| error.within("output_tokens"))
            })
            .map_err(|error| error.within(&heads.model).within("heads"))?;
    }
    match &parts.shrink {
        Some(shrink) => (shrink.check(parts.heads.len())).map_err(|error| error.within("shrink")),
        None => Ok(()),
    }
}
