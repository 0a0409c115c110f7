//! The decider: which endpoint a request goes to.
//!
//! There is one, used by replay, by servers and by every export. It has no clock, no random
//! numbers and no state but the scratch space that the caller lends it.

use crate::choose::{Choose, Trade};
use crate::endpoint::{Endpoint, Ineligible};
use crate::features::{FeatureScratch, surface};
use crate::request::RequestRef;
use crate::router::{Router, Target};
use crate::units::{Ppm, Probability};

/// An endpoint of a router, by its place in [`Router::endpoints`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointIndex(pub u16);

/// Where a request goes: a distribution over endpoints, a point mass for most policies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    masses: Vec<(EndpointIndex, Ppm)>,
    unanswered: Ppm,
    fell_back: Ppm,
}

impl Decision {
    /// Each endpoint with its share, in the order of the file; shares are above zero.
    #[must_use]
    pub fn masses(&self) -> &[(EndpointIndex, Ppm)] {
        &self.masses
    }

    /// The one endpoint that takes everything, where there is one.
    #[must_use]
    #[inline]
    pub fn sole(&self) -> Option<EndpointIndex> {
        match self.masses[..] {
            [(endpoint, Ppm::ONE)] => Some(endpoint),
            _ => None,
        }
    }

    /// The share that no endpoint takes: the choice was ineligible and the fallback exhausted.
    #[must_use]
    #[inline]
    pub fn unanswered(&self) -> Ppm {
        self.unanswered
    }

    /// The share that went down the fallback chain, whether or not it was answered there.
    #[must_use]
    #[inline]
    pub fn fell_back(&self) -> Ppm {
        self.fell_back
    }

    fn clear(&mut self) {
        self.masses.clear();
        self.unanswered = Ppm(0);
        self.fell_back = Ppm(0);
    }

    #[inline]
    fn add(&mut self, endpoint: EndpointIndex, share: Ppm) {
        if share == Ppm(0) {
            return;
        }
        // Most decisions are a point mass.
        if self.masses.is_empty() {
            return self.masses.push((endpoint, share));
        }
        match self.masses.binary_search_by_key(&endpoint, |mass| mass.0) {
            Ok(at) => self.masses[at].1.0 += share.0,
            Err(at) => self.masses.insert(at, (endpoint, share)),
        }
    }
}

/// What the heads of one model predict for a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// That the answer is right.
    pub success: Probability,
    /// Tokens of output, reasoning included.
    pub output_tokens: f64,
}

/// The terms of a decision for one endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Predicted cost, USD.
    pub cost_usd: f64,
    /// Predicted time until the answer is complete; `None` where the card does not tell.
    pub seconds: Option<f64>,
    /// value * success - wrong * (1 - success) - cost - second * seconds, USD.
    pub net_usd: f64,
}

/// Space that deciding reuses from request to request. One for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    surface: Vec<f64>,
    surface_known: bool,
    pub(crate) features: FeatureScratch,
    predictions: Vec<Prediction>,
}

impl Scratch {
    fn begin(&mut self) {
        self.surface_known = false;
        self.predictions.clear();
    }

    /// The raw surface features of the prompt, measured once a request.
    pub(crate) fn surface(&mut self, prompt: &str) -> &[f64] {
        if !self.surface_known {
            let mut values = [0.0; surface::COUNT];
            surface::measure(prompt, &mut values);
            self.surface.clear();
            self.surface.extend_from_slice(&values);
            self.surface_known = true;
        }
        &self.surface
    }
}

impl Router {
    /// Where a request goes.
    #[must_use]
    pub fn decide(&self, request: &RequestRef<'_>) -> Decision {
        let mut decision = Decision::default();
        self.decide_into(request, &mut Scratch::default(), &mut decision);
        decision
    }

    /// Where a request goes, without allocating once scratch space and decision are warm.
    pub fn decide_into(
        &self,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
        decision: &mut Decision,
    ) {
        scratch.begin();
        decision.clear();
        self.follow(self.chosen(), request, Ppm::ONE, scratch, decision);
    }

    /// What the heads predict, in the order of [`Router::heads`]; empty where the request has no
    /// prompt or the router no heads.
    pub fn predict<'s>(
        &self,
        request: &RequestRef<'_>,
        scratch: &'s mut Scratch,
    ) -> &'s [Prediction] {
        scratch.begin();
        self.predictions(request, scratch)
    }

    fn predictions<'s>(
        &self,
        request: &RequestRef<'_>,
        scratch: &'s mut Scratch,
    ) -> &'s [Prediction] {
        if let (true, Some(prompt)) = (scratch.predictions.is_empty(), request.prompt)
            && !self.heads().is_empty()
        {
            self.recipe()
                .compute(prompt, request.task, &mut scratch.features);
            let entries = scratch.features.entries();
            scratch
                .predictions
                .extend(self.heads().iter().map(|heads| Prediction {
                    success: Probability::clamped(heads.success.probability(entries)),
                    output_tokens: heads.output_tokens.tokens(entries),
                }));
        }
        &scratch.predictions
    }

    fn follow(
        &self,
        choose: &Choose<Target>,
        request: &RequestRef<'_>,
        share: Ppm,
        scratch: &mut Scratch,
        decision: &mut Decision,
    ) {
        match choose {
            Choose::Always(target) => self.send(target, request, share, scratch, decision),
            Choose::Random(weights) => {
                for (target, weight) in weights {
                    // A random choice has no learned or random choice below it: its shares are whole.
                    self.send(target, request, *weight, scratch, decision);
                }
            }
            Choose::Threshold(threshold) => {
                let above = threshold
                    .quantity
                    .of(request, scratch)
                    .is_some_and(|x| x > threshold.above);
                let branch = if above {
                    &threshold.to
                } else {
                    &threshold.otherwise
                };
                self.follow(branch, request, share, scratch, decision);
            }
            Choose::Rules { rules, otherwise } => {
                let rule = rules.iter().find(|rule| rule.when.holds(request, scratch));
                self.follow(
                    rule.map_or(otherwise, |rule| &rule.to),
                    request,
                    share,
                    scratch,
                    decision,
                );
            }
            Choose::Router(trade) => match self.best(trade, request, scratch) {
                Some(endpoint) => decision.add(endpoint, share),
                None => self.fall_back(request, share, scratch, decision),
            },
        }
    }

    #[inline]
    fn send(
        &self,
        target: &Target,
        request: &RequestRef<'_>,
        share: Ppm,
        scratch: &mut Scratch,
        decision: &mut Decision,
    ) {
        match self.first(target, request, scratch) {
            Some(endpoint) => decision.add(endpoint, share),
            None => self.fall_back(request, share, scratch, decision),
        }
    }

    fn fall_back(
        &self,
        request: &RequestRef<'_>,
        share: Ppm,
        scratch: &mut Scratch,
        decision: &mut Decision,
    ) {
        decision.fell_back.0 += share.0;
        match self
            .fallback()
            .iter()
            .find_map(|target| self.first(target, request, scratch))
        {
            Some(endpoint) => decision.add(endpoint, share),
            None => decision.unanswered.0 += share.0,
        }
    }

    /// The first endpoint of a target that admits the request.
    #[inline]
    fn first(
        &self,
        target: &Target,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Option<EndpointIndex> {
        target
            .iter()
            .copied()
            .find(|&endpoint| self.admits(endpoint, request, scratch).is_ok())
    }

    /// Whether a request may go to an endpoint, the deadline by predicted tokens included.
    #[inline]
    pub(crate) fn admits(
        &self,
        index: EndpointIndex,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Ineligible> {
        let endpoint = self.endpoint(index);
        endpoint.admits(request)?;
        if request.deadline_ms.is_none() || endpoint.recorded_only {
            return Ok(());
        }
        let head = self.head_of(index);
        let tokens = head
            .and_then(|head| self.predictions(request, scratch).get(head))
            .map(|prediction| prediction.output_tokens);
        if endpoint.meets(request.deadline_ms, tokens) {
            Ok(())
        } else {
            Err(Ineligible::Deadline)
        }
    }

    /// The admitted endpoint with the greatest predicted net value; ties go to the lower
    /// predicted cost, then to the order of the file.
    fn best(
        &self,
        trade: &Trade,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Option<EndpointIndex> {
        let mut best: Option<(EndpointIndex, Terms)> = None;
        for index in self.candidates() {
            let Ok(terms) = self.terms(index, trade, request, scratch) else {
                continue;
            };
            let better = best.is_none_or(|(_, held)| {
                terms.net_usd > held.net_usd
                    || (terms.net_usd == held.net_usd && terms.cost_usd < held.cost_usd)
            });
            if better {
                best = Some((index, terms));
            }
        }
        best.map(|(index, _)| index)
    }

    /// The terms of one candidate. Without a prompt there is nothing to predict from, so no
    /// candidate is admitted.
    pub(crate) fn terms(
        &self,
        index: EndpointIndex,
        trade: &Trade,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Result<Terms, Ineligible> {
        self.admits(index, request, scratch)?;
        let endpoint = self.endpoint(index);
        let predicted = self
            .head_of(index)
            .and_then(|head| self.predictions(request, scratch).get(head).copied());
        let prediction = predicted.ok_or(Ineligible::Unpredictable)?;
        let cost_usd =
            predicted_cost(endpoint, request, prediction.output_tokens).ok_or(Ineligible::Price)?;
        let seconds = endpoint.seconds(prediction.output_tokens);
        let value = request.value_usd.unwrap_or(trade.value).to_f64();
        let wrong = request.wrong_usd.unwrap_or(trade.wrong).to_f64();
        let second = request.second_usd.unwrap_or(trade.second).to_f64();
        let success = prediction.success.get();
        let mut net_usd = value * success - wrong * (1.0 - success) - cost_usd;
        if second > 0.0 {
            net_usd -= second * seconds.ok_or(Ineligible::Speed)?;
        }
        Ok(Terms {
            cost_usd,
            seconds,
            net_usd,
        })
    }
}

/// Input at the price of uncached tokens and predicted output, in USD. Computed in picodollars
/// and divided once, so that every runtime gets the same double.
fn predicted_cost(
    endpoint: &Endpoint,
    request: &RequestRef<'_>,
    output_tokens: f64,
) -> Option<f64> {
    let input = request.input_tokens_or_estimate()?;
    let rates = endpoint.price_at(request.at)?.rates(input);
    let picos = f64::from(input.0) * rates.input.picos() as f64
        + output_tokens * rates.output.picos() as f64;
    Some(picos / 1e12)
}
