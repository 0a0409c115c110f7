//! Decisions on predictions that are kept: heads are scored once, and routers that differ in trade,
//! prices or windows decide on them as often as somebody asks.

use weighbridge_router::{Prediction, Probability, Router};

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

/// Decide every request by routers of the same features and heads, and keep what these predict. The
/// decisions are those of [`run`](super::run).
#[must_use]
pub fn decide_keeping(
    stage: &Stage<'_>,
    routers: &[(String, &Router)],
    threads: usize,
) -> (Vec<Decisions>, Predicted) {
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
        for row in range {
            let request = stage.request(row);
            Decider::decide_all(&mut deciders, &request);
            match deciders.first_mut().filter(|_| learned) {
                Some(first) => predicted.push(first.predictions(&request)),
                None => predicted.push(&[]),
            }
        }
        let decisions = deciders.into_iter().map(|decider| decider.decisions);
        (decisions.collect::<Vec<Decisions>>(), predicted)
    });
    let (decisions, predicted): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let whole = predicted.into_iter().reduce(|mut whole, part| {
        whole.values.extend(part.values);
        whole.known.extend(part.known);
        whole
    });
    (join(decisions, rows), whole.unwrap_or_default())
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
            let held = predicted.of(row);
            for (decider, kept) in deciders.iter_mut().zip(routers) {
                adjusted.clear();
                adjusted.extend(held.iter().enumerate().map(|(head, &prediction)| {
                    kept.adjust
                        .map_or(prediction, |adjust| adjust(head, prediction))
                }));
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
