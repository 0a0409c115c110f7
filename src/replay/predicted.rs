//! Decisions on predictions that are kept: heads are scored once, and routers that differ in trade,
//! prices or windows decide on them as often as somebody asks.

use weighbridge_router::{Prediction, Probability, Router, Scratch, Trade};

use super::decisions::{Decider, Decisions, in_parts, join};
use super::stage::Stage;

/// What the heads of a router predict for each request of a stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Predicted {
    heads: usize,
    /// A prediction a head, request after request.
    values: Vec<Prediction>,
    /// Whether a request could be predicted.
    known: Vec<bool>,
}

/// What a router of [`decide_kept`] makes of a prediction: the place of the head, and what the head
/// says.
pub type Adjust<'a> = &'a (dyn Fn(usize, Prediction) -> Prediction + Sync);

/// A router that decides on predictions made before, as they are or adjusted.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    /// The router: of the features and heads that predicted.
    pub router: &'a Router,
    /// What it makes of each prediction.
    pub adjust: Option<Adjust<'a>>,
}

impl Predicted {
    /// The predictions for a request, in the order of the heads; none where it could not be
    /// predicted.
    #[must_use]
    pub fn of(&self, row: usize) -> &[Prediction] {
        if self.known.get(row).copied().unwrap_or(false) {
            &self.values[row * self.heads..(row + 1) * self.heads]
        } else {
            &[]
        }
    }

    /// The predictions for a request, adjusted.
    fn adjusted(&self, row: usize, adjust: Option<Adjust<'_>>, out: &mut Vec<Prediction>) {
        out.clear();
        let held = self.of(row).iter().enumerate();
        out.extend(held.map(|(head, &prediction)| {
            adjust.map_or(prediction, |adjust| adjust(head, prediction))
        }));
    }

    fn push(&mut self, predictions: &[Prediction]) {
        let known = predictions.len() == self.heads && self.heads > 0;
        self.known.push(known);
        if known {
            self.values.extend_from_slice(predictions);
        } else {
            let unknown = Prediction {
                success: Probability::clamped(0.0),
                output_tokens: 0.0,
            };
            self.values.extend((0..self.heads).map(|_| unknown));
        }
    }
}

/// What [`decide_keeping`] gives.
#[derive(Debug, Clone, Default)]
pub struct Keeping {
    /// Each router's decisions.
    pub decisions: Vec<Decisions>,
    /// What their heads predict.
    pub predicted: Predicted,
    /// For each router, which of its learned choices each request comes to; empty where it has none.
    pub places: Vec<Places>,
}

/// Which learned choice of a router a request comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(Vec<u16>);

/// None.
const NOT_LEARNED: u16 = u16::MAX;

impl Places {
    fn push(&mut self, place: Option<usize>) {
        let place = place.and_then(|place| u16::try_from(place).ok());
        self.0.push(place.unwrap_or(NOT_LEARNED));
    }
}

/// Decide every request by routers of the same features and heads, and keep what these predict. The
/// decisions are those of [`run`](super::run).
#[must_use]
pub fn decide_keeping(stage: &Stage<'_>, routers: &[(String, &Router)], threads: usize) -> Keeping {
    let rows = stage.trace().len();
    let heads = routers
        .first()
        .map_or(0, |(_, router)| router.heads().len());
    let learned = routers.iter().any(|(_, router)| is_learned(router));
    let parts = in_parts(rows, threads, |range| {
        let mut predicted = Predicted {
            heads: if learned { heads } else { 0 },
            ..Predicted::default()
        };
        let mut deciders: Vec<Decider<'_>> = routers
            .iter()
            .map(|(name, router)| Decider::new(stage, name, router, range.len()))
            .collect();
        let mut places = vec![Places::default(); routers.len()];
        let mut scratch = Scratch::default();
        for row in range {
            let request = stage.request(row);
            Decider::decide_all(&mut deciders, &request);
            for ((_, router), places) in routers.iter().zip(&mut places) {
                if is_learned(router) {
                    scratch.begin();
                    places.push(router.learned_place(&request, &mut scratch));
                }
            }
            match deciders.first_mut().filter(|_| learned) {
                Some(first) => predicted.push(first.predictions(&request)),
                None => predicted.push(&[]),
            }
        }
        let decisions = deciders.into_iter().map(|decider| decider.decisions);
        (decisions.collect::<Vec<Decisions>>(), predicted, places)
    });
    let mut keeping = Keeping::default();
    let mut decisions = Vec::new();
    for (decided, predicted, places) in parts {
        decisions.push(decided);
        keeping.predicted.heads = predicted.heads;
        keeping.predicted.values.extend(predicted.values);
        keeping.predicted.known.extend(predicted.known);
        keeping.places.resize_with(routers.len(), Places::default);
        let whole = keeping.places.iter_mut().zip(places);
        whole.for_each(|(whole, part)| whole.0.extend(part.0));
    }
    keeping.decisions = join(decisions, rows);
    keeping
}

/// Decide every request by routers that differ from a frozen one in prices and trade alone, all on
/// the same adjusted predictions: what may be chosen is worked out once a request, and only where a
/// learned choice chooses.
#[must_use]
pub fn decide_repriced(
    stage: &Stage<'_>,
    (frozen, decisions, places): (&Router, &Decisions, &Places),
    (routers, adjust): (&[&Router], Option<Adjust<'_>>),
    predicted: &Predicted,
    threads: usize,
) -> Vec<Decisions> {
    let rows = stage.trace().len();
    let trades: Vec<Vec<Trade>> = routers.iter().map(|router| router.trades()).collect();
    let parts = in_parts(rows, threads, |range| {
        let mut deciders: Vec<Decider<'_>> = routers
            .iter()
            .map(|router| Decider::new(stage, "", router, range.len()))
            .collect();
        let (mut scratch, mut candidates) = (Scratch::default(), Vec::new());
        let mut adjusted = Vec::new();
        for row in range {
            let place = usize::from(places.0[row]);
            if place == usize::from(NOT_LEARNED) {
                for decider in &mut deciders {
                    decider.decisions.push(decisions.get(row));
                }
                continue;
            }
            let request = stage.request(row);
            predicted.adjusted(row, adjust, &mut adjusted);
            frozen.candidates_given(&request, &adjusted, &mut scratch, &mut candidates);
            let each = deciders.iter_mut().zip(routers).zip(&trades);
            for ((decider, router), trades) in each {
                match router.prefer(&candidates, trades[place].of(&request)) {
                    Some(endpoint) => decider.send(endpoint),
                    None => decider.decide_holding(&request, &adjusted),
                }
            }
        }
        let decisions = deciders.into_iter().map(|decider| decider.decisions);
        decisions.collect::<Vec<Decisions>>()
    });
    join(parts, rows)
}

/// Decide every request by each router on predictions made before.
#[must_use]
pub fn decide_kept(
    stage: &Stage<'_>,
    routers: &[Kept<'_>],
    predicted: &Predicted,
    threads: usize,
) -> Vec<Decisions> {
    let rows = stage.trace().len();
    let parts = in_parts(rows, threads, |range| {
        let mut deciders: Vec<Decider<'_>> = routers
            .iter()
            .map(|kept| Decider::new(stage, "", kept.router, range.len()))
            .collect();
        let mut adjusted = Vec::new();
        for row in range {
            let request = stage.request(row);
            for (decider, kept) in deciders.iter_mut().zip(routers) {
                predicted.adjusted(row, kept.adjust, &mut adjusted);
                decider.decide_holding(&request, &adjusted);
            }
        }
        let decisions = deciders.into_iter().map(|decider| decider.decisions);
        decisions.collect::<Vec<Decisions>>()
    });
    join(parts, rows)
}

fn is_learned(router: &Router) -> bool {
    let choose = router.parts().choose.as_ref();
    choose.is_some_and(weighbridge_router::Choose::is_learned)
}
