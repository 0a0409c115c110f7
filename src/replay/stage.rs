//! The endpoints that a replay is about, the moment of each request, and which outcome speaks for
//! which endpoint.

use weighbridge_router::{Endpoint, RequestRef, Router, Timestamp};

use crate::catalog::Catalog;
use crate::trace::{NameId, OutcomeRef, Trace};

/// One endpoint of the replay.
#[derive(Debug, Clone, PartialEq)]
pub struct StageEndpoint {
    /// Its id, or the name of a model that only the trace knows.
    pub id: String,
    /// The model behind it.
    pub model: String,
    /// Its card in the catalog in force; none for what only the trace or a router file knows.
    pub card: Option<Endpoint>,
}

/// Where the moment of a request without a time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// The caller set it (`--as-of`).
    AsOf(Timestamp),
    /// The trace's header sets it (`prices_at`).
    PricesAt(Timestamp),
    /// The caller moves every request there, whatever its own time.
    Moved(Timestamp),
    /// Nothing does: the newest price row holds.
    Newest,
}

/// A trace made ready for replay.
#[derive(Debug)]
pub struct Stage<'a> {
    trace: &'a Trace,
    endpoints: Vec<StageEndpoint>,
    time: TimeSource,
    /// For each text of the trace, where its row in `models` starts.
    model_row: Vec<usize>,
    /// For each model, whether it is the one behind each endpoint; the first row is for texts that
    /// name no model of any endpoint.
    models: Vec<bool>,
    /// For each text of the trace, the endpoint that it is.
    is_endpoint: Vec<Option<u16>>,
}

impl<'a> Stage<'a> {
    /// The stage for these routers: their endpoints and those that the trace recorded.
    ///
    /// Recorded outcomes speak for the endpoint that they name, else for the first endpoint of
    /// their model in the catalog, else for one that bears the model's name and is known by its
    /// recorded bills alone.
    #[must_use]
    pub fn new(
        trace: &'a Trace,
        catalog: &Catalog,
        routers: &[Router],
        as_of: Option<Timestamp>,
    ) -> Self {
        let mut endpoints = endpoints_of(catalog, routers);
        for (model, endpoint) in recorded_pairs(trace) {
            let model = catalog
                .model(model)
                .map_or(model, |known| known.id.as_str());
            match (endpoint, catalog.endpoints_of(model).next()) {
                (Some(endpoint), _) => add(&mut endpoints, catalog, endpoint, model),
                (None, Some(first)) => add(&mut endpoints, catalog, &first.endpoint.id, model),
                (None, None) => add(&mut endpoints, catalog, model, model),
            }
        }
        Self::with(trace, catalog, endpoints, as_of)
    }

    /// The stage of the routers' endpoints alone, which is the same for every part of a trace.
    #[must_use]
    pub fn of_routers(
        trace: &'a Trace,
        catalog: &Catalog,
        routers: &[Router],
        as_of: Option<Timestamp>,
    ) -> Self {
        Self::with(trace, catalog, endpoints_of(catalog, routers), as_of)
    }

    fn with(
        trace: &'a Trace,
        catalog: &Catalog,
        endpoints: Vec<StageEndpoint>,
        as_of: Option<Timestamp>,
    ) -> Self {
        let time = match (as_of, trace.header().prices_at) {
            (Some(at), _) => TimeSource::AsOf(at),
            (None, Some(at)) => TimeSource::PricesAt(at),
            (None, None) => TimeSource::Newest,
        };
        let mut models = vec![false; endpoints.len()];
        let texts = (0..trace.names().len()).map(|i| trace.names().text(i));
        let (model_row, is_endpoint) = texts
            .map(|text| {
                let model = catalog.model(text).map_or(text, |known| known.id.as_str());
                let is_behind = endpoints.iter().map(|endpoint| endpoint.model == model);
                let row = if is_behind.clone().any(|is| is) {
                    models.extend(is_behind);
                    models.len() - endpoints.len()
                } else {
                    0
                };
                let is_endpoint = positions(&endpoints, |endpoint| endpoint.id == text).next();
                (row, is_endpoint)
            })
            .unzip();
        Self {
            trace,
            endpoints,
            time,
            model_row,
            models,
            is_endpoint,
        }
    }

    /// The same with every request at one moment, those with a time of their own too: what would
    /// come of this traffic then.
    #[must_use]
    pub fn moved_to(mut self, at: Timestamp) -> Self {
        self.time = TimeSource::Moved(at);
        self
    }

    /// The recorded requests.
    #[must_use]
    pub fn trace(&self) -> &'a Trace {
        self.trace
    }

    /// The endpoints; everything else in a replay refers to them by place.
    #[must_use]
    pub fn endpoints(&self) -> &[StageEndpoint] {
        &self.endpoints
    }

    /// The place of an endpoint.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<u16> {
        positions(&self.endpoints, |endpoint| endpoint.id == id).next()
    }

    /// Where moments come from that the trace does not know.
    #[must_use]
    pub fn time_source(&self) -> TimeSource {
        self.time
    }

    /// A request at its moment: as recorded, else as the time source says.
    #[must_use]
    pub fn request(&self, i: usize) -> RequestRef<'a> {
        let mut request = self.trace.request(i);
        request.at = match self.time {
            TimeSource::Moved(at) => Some(at),
            TimeSource::AsOf(at) | TimeSource::PricesAt(at) => request.at.or(Some(at)),
            TimeSource::Newest => request.at,
        };
        request
    }

    /// The outcomes that speak for an endpoint on a request, all its samples: its own, else those of
    /// other endpoints of its model, whose success and tokens are its own too.
    pub fn outcomes_of(&self, row: usize, endpoint: u16) -> impl Iterator<Item = OutcomeRef<'a>> {
        let outcomes = self.trace.outcomes(row);
        let told = outcomes.clone().map(|k| self.tells_of(k, endpoint)).max();
        outcomes
            .filter(move |&k| {
                let tells = self.tells_of(k, endpoint);
                tells != Told::Nothing && Some(tells) == told
            })
            .map(|k| self.trace.outcome(k))
    }

    /// Whether an outcome tells of an endpoint: of its model, and of the endpoint itself.
    pub(super) fn tells_of(&self, outcome: usize, endpoint: u16) -> Told {
        let row = self.model_row[self.trace.outcome_model(outcome).index()];
        if !self.models[row + usize::from(endpoint)] {
            return Told::Nothing;
        }
        match self
            .trace
            .outcome_endpoint(outcome)
            .map(|name: NameId| self.is_endpoint[name.index()])
        {
            // A recorder that names no endpoint means whichever is asked about.
            None => Told::Endpoint,
            Some(Some(recorded)) if recorded == endpoint => Told::Endpoint,
            Some(_) => Told::Model,
        }
    }
}

fn endpoints_of(catalog: &Catalog, routers: &[Router]) -> Vec<StageEndpoint> {
    let mut endpoints = Vec::new();
    for endpoint in routers.iter().flat_map(Router::endpoints) {
        add(&mut endpoints, catalog, &endpoint.id, &endpoint.model);
    }
    endpoints
}

/// Add an endpoint that is not there yet.
fn add(endpoints: &mut Vec<StageEndpoint>, catalog: &Catalog, id: &str, model: &str) {
    if !endpoints.iter().any(|held| held.id == id) {
        let card = catalog.endpoint(id).map(|card| card.endpoint.clone());
        endpoints.push(StageEndpoint {
            id: id.to_owned(),
            model: model.to_owned(),
            card,
        });
    }
}

/// What an outcome tells of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    Nothing,
    /// Success and tokens, which belong to the model.
    Model,
    /// Its bill and its speed too.
    Endpoint,
}

fn positions<'e>(
    endpoints: &'e [StageEndpoint],
    holds: impl Fn(&StageEndpoint) -> bool + 'e,
) -> impl Iterator<Item = u16> + 'e {
    endpoints
        .iter()
        .enumerate()
        .filter(move |(_, endpoint)| holds(endpoint))
        .filter_map(|(i, _)| u16::try_from(i).ok())
}

/// Each pair of model and endpoint that an outcome names, in order of their names: rows without
/// times stand in the order of their file, which must not mean anything.
fn recorded_pairs(trace: &Trace) -> Vec<(&str, Option<&str>)> {
    let mut pairs: Vec<(NameId, Option<NameId>)> = Vec::new();
    let mut last = None;
    for k in 0..trace.outcome_count() {
        let pair = (trace.outcome_model(k), trace.outcome_endpoint(k));
        // Most traces alternate between few pairs; the list stays short.
        if last != Some(pair) && !pairs.contains(&pair) {
            pairs.push(pair);
        }
        last = Some(pair);
    }
    let text = |id| trace.names().get(id).unwrap_or_default();
    let mut pairs: Vec<(&str, Option<&str>)> = pairs
        .into_iter()
        .map(|(model, endpoint)| (text(model), endpoint.map(text)))
        .collect();
    pairs.sort_unstable();
    pairs
}
