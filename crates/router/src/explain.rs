//! Why a request goes where it goes: the decision with everything that it was made from.
//!
//! The same functions as deciding, run once more with their steps kept. No formatting: that is
//! the caller's.

use crate::choose::{Choose, Trade};
use crate::decide::{Branch, Decision, EndpointIndex, Prediction, Scratch, Terms};
use crate::endpoint::Ineligible;
use crate::heads::Success;
use crate::request::RequestRef;
use crate::router::{Router, Target};
use crate::units::Ppm;

/// Why a request goes where it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Where it goes.
    pub decision: Decision,
    /// The branches that were taken, from the first to the one that chose, a sentence each.
    pub path: Vec<String>,
    /// The trade of the learned choice that chose, the request's own values included; `None`
    /// where a rule or a fixed choice did.
    pub trade: Option<Trade>,
    /// Every endpoint, in the order of the file.
    pub endpoints: Vec<EndpointExplanation>,
    /// How much the best endpoint's net value is above the second's, USD; `None` where nothing is
    /// learned or fewer than two endpoints are admitted.
    pub margin_usd: Option<f64>,
    /// The two models that [`FeatureExplanation::difference`] compares, by their place in
    /// [`Router::heads`]: that of the best endpoint and the best other. `None` where there are
    /// fewer than two models with heads, or no prompt.
    pub compared: Option<(usize, usize)>,
    /// The strongest features, at most [`Explanation::MAX_FEATURES`], by the size of their
    /// difference, or of their greatest logit where nothing is compared.
    pub features: Vec<FeatureExplanation>,
}

/// One endpoint's part in a decision. What cannot be known is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointExplanation {
    /// The endpoint.
    pub endpoint: EndpointIndex,
    /// Why it may not be chosen, if it may not.
    pub ineligible: Option<Ineligible>,
    /// What the heads predict: the probability of a right answer and the tokens of output.
    pub prediction: Option<Prediction>,
    /// Predicted cost, USD.
    pub cost_usd: Option<f64>,
    /// Predicted time until the answer is complete, seconds.
    pub seconds: Option<f64>,
    /// Predicted net value, USD: under the learned choice's trade, and only where admitted.
    pub net_usd: Option<f64>,
}

/// One feature's part in the predicted probabilities of success.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureExplanation {
    /// Its name, such as `len_words` or `task=math`; hashed words: the words of this prompt that
    /// fell into the column, as in `"prove"`; a word score: those that moved it most, as in
    /// `words for MODEL: "prove", "such that"`.
    pub name: String,
    /// What it adds to the log-odds of success of each model, in the order of [`Router::heads`]:
    /// the log-odds less those with 0, a prompt of average looks, in its place.
    pub logits: Vec<f64>,
    /// The first compared model's logit less the second's.
    pub difference: Option<f64>,
}

impl Explanation {
    /// The most features that are listed.
    pub const MAX_FEATURES: usize = 24;
}

impl Router {
    /// Why a request goes where it goes.
    #[must_use]
    pub fn explain(&self, request: &RequestRef<'_>) -> Explanation {
        let scratch = &mut Scratch::default();
        let mut decision = Decision::default();
        self.decide_into(request, scratch, &mut decision);
        let mut path = Vec::new();
        let leaf = self.leaf(request, scratch, &mut |branch| path.push(branch.text()));
        path.push(self.chooser(leaf));
        path.extend(self.fallen(&decision));
        let (trade, ranked) = match leaf {
            Choose::Router(trade) => (
                Some(trade.of(request)),
                self.ranked(trade, request, scratch),
            ),
            _ => (None, Vec::new()),
        };
        let endpoints = self
            .indices()
            .map(|index| self.explain_endpoint(index, trade.as_ref(), request, scratch))
            .collect();
        let margin_usd = match ranked.as_slice() {
            [(_, best), (_, second), ..] => Some(best.net_usd - second.net_usd),
            _ => None,
        };
        let compared = self
            .compared(&ranked, &decision)
            .filter(|_| request.prompt.is_some());
        let features = self.explain_features(request, compared, scratch);
        Explanation {
            decision,
            path,
            trade,
            endpoints,
            margin_usd,
            compared,
            features,
        }
    }

    fn explain_endpoint(
        &self,
        index: EndpointIndex,
        trade: Option<&Trade>,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> EndpointExplanation {
        let prediction = self.prediction(index, request, scratch);
        let endpoint = self.endpoint(index);
        let tokens = prediction.map(|prediction| prediction.output_tokens);
        // A learned choice has no use for an endpoint whose model has no heads.
        let terms = trade.map(|trade| self.terms(index, trade, request, scratch));
        let verdict = match terms {
            Some(terms) => terms.map(drop),
            None => self.admits(index, request, scratch),
        };
        EndpointExplanation {
            endpoint: index,
            ineligible: verdict.err(),
            prediction,
            cost_usd: tokens.and_then(|tokens| endpoint.predicted_cost(request, tokens)),
            seconds: tokens.and_then(|tokens| endpoint.seconds(tokens)),
            net_usd: terms.and_then(Result::ok).map(|terms| terms.net_usd),
        }
    }

    /// What chooses at last.
    fn chooser(&self, leaf: &Choose<Target>) -> String {
        let name = |target: &Target| {
            let ids = target.iter().map(|&index| &*self.endpoint(index).id);
            ids.collect::<Vec<_>>().join(", else ")
        };
        match leaf {
            Choose::Always(target) => format!("always {}", name(target)),
            Choose::Random(weights) => {
                let shares = weights.iter().map(|(target, Ppm(ppm))| {
                    format!("{} {}", f64::from(*ppm) / 1e6, name(target))
                });
                format!("at random: {}", shares.collect::<Vec<_>>().join("; "))
            }
            _ => "the greatest predicted net value".into(),
        }
    }

    fn fallen(&self, decision: &Decision) -> Option<String> {
        let (Ppm(fell), Ppm(lost)) = (decision.fell_back(), decision.unanswered());
        let share = |ppm: u32| f64::from(ppm) / 1e6;
        match (fell, lost) {
            (0, _) => None,
            (_, 0) => Some(format!(
                "the choice is not eligible for {} of it: the fallback takes that",
                share(fell)
            )),
            _ => Some(format!(
                "the choice is not eligible for {} of it, and the fallback is exhausted: {} is unanswered",
                share(fell),
                share(lost)
            )),
        }
    }

    /// The heads of the best endpoint's model (where nothing is ranked: of the endpoint with the
    /// greatest share) and of the best other.
    fn compared(
        &self,
        ranked: &[(EndpointIndex, Terms)],
        decision: &Decision,
    ) -> Option<(usize, usize)> {
        let most = decision.masses().iter().max_by_key(|(_, share)| *share);
        let mut order = ranked
            .iter()
            .map(|&(index, _)| index)
            .chain(most.map(|&(index, _)| index))
            .filter_map(|index| self.head_of(index))
            .chain(0..self.heads().len());
        let first = order.next()?;
        Some((first, order.find(|&head| head != first)?))
    }

    fn explain_features(
        &self,
        request: &RequestRef<'_>,
        compared: Option<(usize, usize)>,
        scratch: &mut Scratch,
    ) -> Vec<FeatureExplanation> {
        let (Some(prompt), false) = (request.prompt, self.heads().is_empty()) else {
            return Vec::new();
        };
        self.predictions(request, scratch);
        let entries = scratch.features.entries();
        let mut features: Vec<(f64, u32, FeatureExplanation)> = (0..entries.len())
            .map(|at| {
                let column = entries[at].0;
                let logits: Vec<f64> = self
                    .heads()
                    .iter()
                    .map(|heads| logit(&heads.success, entries, at))
                    .collect();
                let difference = compared.map(|(a, b)| logits[a] - logits[b]);
                let greatest = logits
                    .iter()
                    .fold(0.0, |size: f64, logit| size.max(logit.abs()));
                let size = difference.map_or(greatest, f64::abs);
                let feature = FeatureExplanation {
                    name: String::new(),
                    logits,
                    difference,
                };
                (size, column, feature)
            })
            .collect();
        features.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        features.truncate(Explanation::MAX_FEATURES);
        let named = features.into_iter().map(|(_, column, feature)| {
            let name = self.recipe().column_in_words(prompt, column);
            FeatureExplanation { name, ..feature }
        });
        named.collect()
    }
}

/// What one entry adds to the log-odds: how they differ from those with 0 in its place.
fn logit(head: &Success, entries: &[(u32, f64)], at: usize) -> f64 {
    if let Success::Logistic(head) = head {
        let (column, value) = entries[at];
        return head.platt[0] * f64::from(head.weights[column as usize]) * value;
    }
    let mut without = entries.to_vec();
    without[at].1 = 0.0;
    head.log_odds(entries) - head.log_odds(&without)
}

impl Branch<'_> {
    fn text(&self) -> String {
        match self {
            Self::Threshold(threshold, found) => {
                let (name, limit) = (threshold.quantity.name(), threshold.above);
                match found {
                    Some(x) if *x > limit => format!("{name} {x} is above {limit}"),
                    Some(x) => format!("{name} {x} is not above {limit}"),
                    None => format!("{name} is unknown, so not above {limit}"),
                }
            }
            Self::Rule(Some((place, rule))) => {
                format!("rule {} holds: {}", place + 1, rule.when.to_value())
            }
            Self::Rule(None) => "no rule holds".into(),
        }
    }
}
