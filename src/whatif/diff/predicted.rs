//! What the heads say of a move: for traces that recorded only what was chosen.

use weighbridge_router::{EndpointIndex, Router, Scratch, Trade};

use super::moves::Move;
use crate::replay::Stage;

/// What is known of an answer, recorded or predicted. What cannot be known is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Answer {
    /// 0 to 1.
    pub(super) success: Option<f64>,
    /// USD.
    pub(super) cost: Option<f64>,
    /// USD.
    pub(super) net: Option<f64>,
    /// Milliseconds.
    pub(super) latency: Option<f64>,
}

impl Answer {
    /// Of a request that nobody answers: it fails at no cost, and takes no time that could be
    /// compared.
    pub(super) const NONE: Self = Self {
        success: Some(0.0),
        cost: Some(0.0),
        net: Some(0.0),
        latency: None,
    };

    /// This one less another.
    pub(super) fn less(self, other: Self) -> Self {
        let of = |x: Option<f64>, y: Option<f64>| Some(x? - y?);
        Self {
            success: of(self.success, other.success),
            cost: of(self.cost, other.cost),
            net: of(self.net, other.net),
            latency: of(self.latency, other.latency),
        }
    }
}

/// Predicted differences of the moves.
pub(super) struct Forecast {
    /// Whose heads predict: 0 the first router's, 1 the second's; none where neither has any.
    pub(super) by: Option<usize>,
    /// For each move, what the heads expect of the endpoint that it goes to, less what they expect
    /// of the one that it leaves.
    pub(super) differences: Vec<Answer>,
}

impl Forecast {
    /// By the second router's heads where it has some, else by the first's.
    pub(super) fn new(
        stage: &Stage<'_>,
        routers: [&Router; 2],
        trade: Option<Trade>,
        moves: &[Move],
    ) -> Self {
        let by = [1, 0]
            .into_iter()
            .find(|&at| !routers[at].heads().is_empty());
        let Some(router) = by.map(|at| routers[at]) else {
            return Self {
                by,
                differences: vec![Answer::default(); moves.len()],
            };
        };
        let places: Vec<Option<Place>> = stage
            .endpoints()
            .iter()
            .map(|endpoint| place(router, &endpoint.id, &endpoint.model))
            .collect();
        let mut scratch = Scratch::default();
        let differences = moves.iter().map(|it| {
            let mut of = |endpoint: Option<u16>| match endpoint {
                None => Answer::NONE,
                Some(endpoint) => {
                    let place = places[usize::from(endpoint)];
                    answer(stage, router, place, trade, it.row, &mut scratch)
                }
            };
            let before = of(it.from);
            of(it.to).less(before)
        });
        Self {
            by,
            differences: differences.collect(),
        }
    }
}

/// Where a router knows an endpoint and its model's heads.
#[derive(Debug, Clone, Copy)]
struct Place {
    endpoint: Option<EndpointIndex>,
    heads: usize,
}

fn place(router: &Router, id: &str, model: &str) -> Option<Place> {
    let heads = router.heads().iter().position(|it| it.model == model)?;
    Some(Place {
        endpoint: router.index_of(id),
        heads,
    })
}

fn answer(
    stage: &Stage<'_>,
    router: &Router,
    place: Option<Place>,
    trade: Option<Trade>,
    row: usize,
    scratch: &mut Scratch,
) -> Answer {
    let request = stage.request(row);
    let Some(place) = place else {
        return Answer::default();
    };
    let Some(&said) = router.predict(&request, scratch).get(place.heads) else {
        return Answer::default();
    };
    let success = said.success.get();
    let card = place.endpoint.map(|at| router.endpoint(at));
    let cost = card.and_then(|card| card.predicted_cost(&request, said.output_tokens));
    let seconds = card.and_then(|card| card.seconds(said.output_tokens));
    // A request's own value holds where no trade does.
    let trade = match (trade, request.value_usd) {
        (Some(trade), _) => Some(trade.of(&request)),
        (None, Some(_)) => Some(Trade::default().of(&request)),
        (None, None) => None,
    };
    let net = trade.and_then(|trade| {
        let waiting = match trade.second.picos() {
            0 => 0.0,
            _ => trade.second.to_f64() * seconds?,
        };
        let worth = trade.value.to_f64() * success - trade.wrong.to_f64() * (1.0 - success);
        Some(worth - cost? - waiting)
    });
    Answer {
        success: Some(success),
        cost,
        net,
        latency: seconds.map(|seconds| seconds * 1000.0),
    }
}
