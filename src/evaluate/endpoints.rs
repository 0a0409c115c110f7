//! What each endpoint of a replay admits and asks, and how many of the requests may go there.

use serde::Serialize;
use weighbridge_router::{Endpoint, Timestamp, Usd};

use crate::replay::{Charged, Fact, Stage};

/// One endpoint, as its card in the catalog has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointSummary {
    /// Its id, or the name of a model that only the trace knows.
    pub id: String,
    /// The model behind it.
    pub model: String,
    /// Whether the catalog knows it; if not, nothing makes it ineligible, and all below is empty.
    pub in_catalog: bool,
    /// The abilities that it has.
    pub can: Vec<String>,
    /// The channels that it serves; empty: all.
    pub channels: Vec<String>,
    /// The regions that it serves; empty: all.
    pub regions: Vec<String>,
    /// The most tokens of input and output together.
    pub context_tokens: Option<u32>,
    /// The first moment of its life.
    pub from: Option<String>,
    /// The first moment after its life.
    pub until: Option<String>,
    /// Its newest prices of a million tokens: input, cached input, output.
    pub usd_per_mtok: Option<[f64; 3]>,
    /// Time to the first token.
    pub ttft_ms: Option<u32>,
    /// Output speed.
    pub tokens_per_second: Option<f64>,
    /// Requests that may go there.
    pub eligible: u64,
    /// Requests on which the trace tells what it made of them.
    pub observed: u64,
}

/// The endpoints of a stage, in its order.
pub(super) fn endpoints(stage: &Stage<'_>, charged: &Charged) -> Vec<EndpointSummary> {
    let summary = |(place, endpoint): (u16, &crate::replay::StageEndpoint)| {
        let count = |fact: Fact| {
            let rows = 0..charged.rows();
            rows.filter(|&row| charged.facts(place, row).has(fact))
                .count() as u64
        };
        let card = endpoint.card.as_ref();
        let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
        EndpointSummary {
            id: endpoint.id.clone(),
            model: endpoint.model.clone(),
            in_catalog: card.is_some(),
            can: card.map_or_else(Vec::new, |card| card.can.clone()),
            channels: card.map_or_else(Vec::new, |card| card.channels.clone()),
            regions: card.map_or_else(Vec::new, |card| card.regions.clone()),
            context_tokens: card
                .and_then(|card| card.context_tokens)
                .map(|tokens| tokens.0),
            from: moment(card.and_then(|card| card.from)),
            until: moment(card.and_then(|card| card.until)),
            usd_per_mtok: card.and_then(newest),
            ttft_ms: card.and_then(|card| card.ttft_ms).map(|ms| ms.0),
            tokens_per_second: card.and_then(|card| card.tokens_per_second),
            eligible: count(Fact::Eligible),
            observed: count(Fact::Observed),
        }
    };
    (0..).zip(stage.endpoints()).map(summary).collect()
}

fn newest(card: &Endpoint) -> Option<[f64; 3]> {
    let rates = card.prices.last()?.rates;
    let of_million = |usd: Usd| usd.picos() as f64 / 1e6;
    Some([rates.input, rates.cached, rates.output].map(of_million))
}
