//! Deciding on predictions that are there already: what solves a dial on a calibration sample, or
//! tries many trades, weighs and decides by the very code that will decide.

use crate::choose::{Choose, Trade};
use crate::decide::{Decision, EndpointIndex, Prediction, Scratch, Terms};
use crate::request::RequestRef;
use crate::router::Router;
use crate::weigh::Candidate;

impl Router {
    /// [`Self::decide_into`] for the request that this scratch space was last used for, by a router
    /// of the same features and heads: nothing is predicted anew that has been predicted already.
    pub fn decide_again(
        &self,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
        decision: &mut Decision,
    ) {
        decision.clear();
        self.follow(request, scratch, decision);
    }

    /// [`Self::decide_into`] on predictions in the order of [`Router::heads`]: nothing is predicted
    /// anew.
    ///
    /// A request that brings a prompt and gets no predictions is predicted all the same.
    pub fn decide_holding(
        &self,
        request: &RequestRef<'_>,
        predictions: &[Prediction],
        scratch: &mut Scratch,
        decision: &mut Decision,
    ) {
        scratch.hold(predictions);
        decision.clear();
        self.follow(request, scratch, decision);
    }

    /// Which learned choice a request comes to, through thresholds and rules: its place among them
    /// in the order of the file; none where something else chooses.
    pub fn learned_place(&self, request: &RequestRef<'_>, scratch: &mut Scratch) -> Option<usize> {
        let leaf = self.leaf(request, scratch, &mut |_| {});
        let mut learned = 0;
        let mut place = None;
        self.chosen().leaves(&mut |held| {
            if std::ptr::eq(held, leaf) && matches!(held, Choose::Router(_)) {
                place = Some(learned);
            }
            learned += usize::from(matches!(held, Choose::Router(_)));
        });
        place
    }

    /// The trade of each learned choice, in the order of the file.
    #[must_use]
    pub fn trades(&self) -> Vec<Trade> {
        let mut trades = Vec::new();
        self.chosen().leaves(&mut |held| {
            if let Choose::Router(trade) = held {
                trades.push(*trade);
            }
        });
        trades
    }

    /// Every endpoint that a learned choice may choose for a request, written to `out`;
    /// `predictions` as in [`Self::decide_given`].
    pub fn candidates_given(
        &self,
        request: &RequestRef<'_>,
        predictions: &[Prediction],
        scratch: &mut Scratch,
        out: &mut Vec<Candidate>,
    ) {
        scratch.hold(predictions);
        out.clear();
        out.extend(
            self.candidates()
                .filter_map(|index| self.candidate(index, request, scratch).ok()),
        );
    }

    /// The candidate that a learned choice of this trade, as it is for the request, prefers under
    /// this router's prices; none where there is none, so that the fallback decides.
    ///
    /// `candidates` are this router's, or those of one that differs from it in prices and trade
    /// alone.
    #[must_use]
    pub fn prefer(&self, candidates: &[Candidate], trade: Trade) -> Option<EndpointIndex> {
        self.best_of(candidates.iter().copied(), trade.into())
    }

    /// Where a learned choice of this trade sends a request, fallback included; `predictions` are
    /// in the order of [`Router::heads`], and nothing is predicted anew.
    ///
    /// A request that brings a prompt and gets no predictions is predicted all the same.
    #[must_use]
    pub fn decide_given(
        &self,
        trade: &Trade,
        request: &RequestRef<'_>,
        predictions: &[Prediction],
    ) -> Decision {
        let mut scratch = Scratch::holding(predictions);
        let mut decision = Decision::default();
        self.learned(trade, request, &mut scratch, &mut decision);
        decision
    }

    /// Every endpoint that a learned choice of this trade may send the request to, the best first,
    /// with its terms; `predictions` as in [`Self::decide_given`].
    #[must_use]
    pub fn weigh_given(
        &self,
        trade: &Trade,
        request: &RequestRef<'_>,
        predictions: &[Prediction],
    ) -> Vec<(EndpointIndex, Terms)> {
        self.ranked(trade, request, &mut Scratch::holding(predictions))
    }

    /// The place among [`Router::heads`] of those that predict an endpoint's model.
    #[must_use]
    pub fn heads_of(&self, endpoint: EndpointIndex) -> Option<usize> {
        self.head_of(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Choose;
    use crate::endpoint::{Endpoint, PriceRow, Rates};
    use crate::heads::{LogLinear, Logistic, Success};
    use crate::router::{Heads, Parts};
    use crate::units::{Ppm, Usd};

    #[test]
    fn given_predictions_are_decided_as_predicted_ones() {
        let endpoint = |model: &str, picos: i64| Endpoint {
            prices: vec![PriceRow {
                from: None,
                until: None,
                rates: Rates {
                    input: Usd::from_picos(picos),
                    cached: Usd::from_picos(picos),
                    output: Usd::from_picos(picos),
                },
                tiers: Vec::new(),
            }],
            ..Endpoint::recorded_only(model)
        };
        let heads = |model: &str, bias: f64| Heads {
            model: model.into(),
            success: Success::Logistic(Logistic {
                weights: Vec::new(),
                bias,
                platt: [1.0, 0.0],
            }),
            output_tokens: LogLinear {
                weights: Vec::new(),
                bias: 5.0,
                smearing: 1.0,
            },
        };
        let trade = Trade {
            value: Usd::from_picos(1_000_000_000),
            ..Trade::default()
        };
        let router = Router::try_new(Parts {
            endpoints: vec![endpoint("a", 1_000), endpoint("b", 2_000)],
            choose: Some(Choose::Router(trade)),
            heads: vec![heads("a", 0.0), heads("b", 1.0)],
            ..Parts::default()
        })
        .unwrap();
        let request = RequestRef {
            prompt: Some("hello"),
            ..RequestRef::default()
        };
        let mut scratch = Scratch::default();
        let predictions = router.predict(&request, &mut scratch).to_vec();
        assert_eq!(
            router.decide_given(&trade, &request, &predictions),
            router.decide(&request)
        );
        let bare = RequestRef {
            input_tokens: request.input_tokens_or_estimate(),
            ..RequestRef::default()
        };
        let weighed = router.weigh_given(&trade, &bare, &predictions);
        assert_eq!(weighed.len(), 2);
        assert_eq!(
            router.decide_given(&trade, &bare, &predictions).sole(),
            Some(weighed[0].0)
        );
        assert_eq!(router.heads_of(weighed[0].0), Some(1));
        let none = router.decide_given(&trade, &bare, &[]);
        assert_eq!(none.unanswered(), Ppm::ONE);
    }
}
