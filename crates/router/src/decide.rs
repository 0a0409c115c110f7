//! The decider: which endpoint a request goes to.
//!
//! There is one, used by replay, by servers and by every export. It has no clock, no random
//! numbers and no state but the scratch space that the caller lends it.

use std::cmp::Ordering;

use crate::choose::{Choose, Rule, Threshold, Trade};
use crate::endpoint::Ineligible;
use crate::error::Error;
use crate::features::{FeatureScratch, surface};
use crate::request::RequestRef;
use crate::router::{Router, Target};
use crate::units::{Ppm, Probability};
use crate::weigh::Worths;

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

    /// A decision that was written down: each endpoint with its share; the rest is unanswered.
    ///
    /// # Errors
    /// Where the shares, or what fell back, are more than everything.
    pub fn of_shares(
        shares: impl IntoIterator<Item = (EndpointIndex, Ppm)>,
        fell_back: Ppm,
    ) -> Result<Self, Error> {
        let shares: Vec<(EndpointIndex, Ppm)> = shares.into_iter().collect();
        let sum: u64 = shares.iter().map(|(_, share)| u64::from(share.0)).sum();
        let rest = u64::from(Ppm::ONE.0).checked_sub(sum);
        match rest.and_then(|rest| u32::try_from(rest).ok()) {
            Some(unanswered) if fell_back <= Ppm::ONE => {
                Ok(Self::from_parts(shares, Ppm(unanswered), fell_back))
            }
            _ => Err(Error::value(
                "shares are parts per million and cannot be more than 1000000 together",
            )),
        }
    }

    /// The decision of a golden request, as the file says that it must be.
    pub(crate) fn from_parts(
        choice: Vec<(EndpointIndex, Ppm)>,
        unanswered: Ppm,
        fell_back: Ppm,
    ) -> Self {
        let mut decision = Self {
            masses: Vec::new(),
            unanswered,
            fell_back,
        };
        for (endpoint, share) in choice {
            decision.add(endpoint, share);
        }
        decision
    }

    pub(crate) fn clear(&mut self) {
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

/// A branch on the way through thresholds and rules.
pub(crate) enum Branch<'r> {
    /// By a quantity, and what the request has of it.
    Threshold(&'r Threshold<Target>, Option<f64>),
    /// The first rule that holds, with its place; none: the `else`.
    Rule(Option<(usize, &'r Rule<Target>)>),
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
    /// Space that has the predictions of the next request already.
    pub(crate) fn holding(predictions: &[Prediction]) -> Self {
        Self {
            predictions: predictions.to_vec(),
            ..Self::default()
        }
    }

    /// Begin with the next request, whose predictions are known.
    pub(crate) fn hold(&mut self, predictions: &[Prediction]) {
        self.begin();
        self.predictions.extend_from_slice(predictions);
    }

    /// Begin with the next request, of which nothing is known yet.
    pub fn begin(&mut self) {
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
        self.follow(request, scratch, decision);
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

    /// What [`Self::predict`] gives, for the request that was decided last with this scratch space:
    /// nothing is worked out again that deciding has worked out already.
    pub fn predictions<'s>(
        &self,
        request: &RequestRef<'_>,
        scratch: &'s mut Scratch,
    ) -> &'s [Prediction] {
        if scratch.predictions.is_empty() && request.prompt.is_some() && !self.heads().is_empty() {
            self.recipe().compute(request, &mut scratch.features);
            let entries = scratch.features.entries();
            scratch
                .predictions
                .extend(self.heads().iter().map(|heads| Prediction {
                    success: Probability::clamped(heads.success.probability(entries)),
                    output_tokens: heads.output_tokens.tokens(entries),
                }));
            if let Some(shrink) = &self.parts().shrink {
                let said = scratch.predictions.iter().map(|it| it.success.get());
                let shared = shrink.shared(said);
                for (model, it) in scratch.predictions.iter_mut().enumerate() {
                    it.success = Probability::clamped(shrink.of(model, it.success.get(), shared));
                }
            }
        }
        &scratch.predictions
    }

    pub(crate) fn follow(
        &self,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
        decision: &mut Decision,
    ) {
        match self.leaf(request, scratch, &mut |_| {}) {
            Choose::Always(target) => self.send(target, request, Ppm::ONE, scratch, decision),
            Choose::Random(weights) => {
                for (target, weight) in weights {
                    self.send(target, request, *weight, scratch, decision);
                }
            }
            Choose::Router(trade) => self.learned(trade, request, scratch, decision),
            // `leaf` goes through these.
            Choose::Threshold(_) | Choose::Rules { .. } => {}
        }
    }

    /// Send a request to the endpoint with the greatest predicted net value, else down the fallback
    /// chain.
    pub(crate) fn learned(
        &self,
        trade: &Trade,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
        decision: &mut Decision,
    ) {
        match self.best(trade, request, scratch) {
            Some(endpoint) => decision.add(endpoint, Ppm::ONE),
            None => self.fall_back(request, Ppm::ONE, scratch, decision),
        }
    }

    /// Go through thresholds and rules to what chooses at last; `step` sees each branch taken.
    pub(crate) fn leaf<'r>(
        &'r self,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
        step: &mut impl FnMut(Branch<'r>),
    ) -> &'r Choose<Target> {
        let mut choose = self.chosen();
        loop {
            choose = match choose {
                Choose::Threshold(threshold) => {
                    let found = threshold.quantity.of(request, scratch);
                    let above = found.is_some_and(|x| x > threshold.above);
                    step(Branch::Threshold(threshold, found));
                    if above {
                        &threshold.to
                    } else {
                        &threshold.otherwise
                    }
                }
                Choose::Rules { rules, otherwise } => {
                    let place = rules
                        .iter()
                        .position(|rule| rule.when.holds(request, scratch));
                    step(Branch::Rule(place.map(|i| (i, &rules[i]))));
                    place.map_or(otherwise, |i| &rules[i].to)
                }
                leaf => return leaf,
            };
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
        if !self.reaches(index) {
            return Err(Ineligible::Unreachable);
        }
        let endpoint = self.endpoint(index);
        endpoint.admits(request)?;
        if request.deadline_ms.is_none() || endpoint.recorded_only {
            return Ok(());
        }
        let tokens = self
            .prediction(index, request, scratch)
            .map(|prediction| prediction.output_tokens);
        if endpoint.meets(request.deadline_ms, tokens) {
            Ok(())
        } else {
            Err(Ineligible::Deadline)
        }
    }

    /// What the heads of an endpoint's model predict.
    pub(crate) fn prediction(
        &self,
        index: EndpointIndex,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Option<Prediction> {
        let head = self.head_of(index)?;
        self.predictions(request, scratch).get(head).copied()
    }

    /// The admitted endpoint with the greatest predicted net value; ties go to the lower
    /// predicted cost, then to the order of the file.
    fn best(
        &self,
        trade: &Trade,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Option<EndpointIndex> {
        let worth = Worths::from(trade.of(request));
        let admitted = self
            .candidates()
            .filter_map(|index| self.candidate(index, request, scratch).ok());
        self.best_of(admitted, worth)
    }

    /// Every admitted candidate, the best first, in the order that [`Self::best`] prefers them.
    pub(crate) fn ranked(
        &self,
        trade: &Trade,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Vec<(EndpointIndex, Terms)> {
        let mut ranked: Vec<_> = self
            .candidates()
            .filter_map(|index| {
                let terms = self.terms(index, trade, request, scratch).ok()?;
                Some((index, terms))
            })
            .collect();
        let order = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or(Ordering::Equal);
        // The sort is stable: what is left of a tie goes by the order of the file.
        ranked.sort_by(|(_, a), (_, b)| {
            order(b.net_usd, a.net_usd).then(order(a.cost_usd, b.cost_usd))
        });
        ranked
    }

    /// The terms of one candidate.
    pub(crate) fn terms(
        &self,
        index: EndpointIndex,
        trade: &Trade,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Result<Terms, Ineligible> {
        let candidate = self.candidate(index, request, scratch)?;
        self.weigh(&candidate, trade.of(request).into())
    }
}
