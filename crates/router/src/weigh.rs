//! Weighing the endpoints of a learned choice: what is known of each before any price or trade, and
//! the terms under this router's.

use crate::choose::Trade;
use crate::decide::{EndpointIndex, Scratch, Terms};
use crate::endpoint::Ineligible;
use crate::request::RequestRef;
use crate::router::Router;

/// An endpoint that a learned choice may choose for a request, before any price or trade: what a
/// router says of it holds for every router that differs from it in prices and trade alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    endpoint: EndpointIndex,
    success: f64,
    input_tokens: f64,
    output_tokens: f64,
    seconds: Option<f64>,
    /// The place of the price row in force, and of its tier.
    row: usize,
    tier: usize,
}

/// A trade in doubles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Worths {
    value: f64,
    wrong: f64,
    second: f64,
}

impl From<Trade> for Worths {
    fn from(trade: Trade) -> Self {
        Self {
            value: trade.value.to_f64(),
            wrong: trade.wrong.to_f64(),
            second: trade.second.to_f64(),
        }
    }
}

impl Router {
    /// The best of these under this router's prices, as [`Self::best`] prefers them.
    #[inline]
    pub(crate) fn best_of(
        &self,
        candidates: impl Iterator<Item = Candidate>,
        worth: Worths,
    ) -> Option<EndpointIndex> {
        let mut best: Option<(EndpointIndex, Terms)> = None;
        for candidate in candidates {
            let Ok(terms) = self.weigh(&candidate, worth) else {
                continue;
            };
            let better = best.is_none_or(|(_, held)| {
                terms.net_usd > held.net_usd
                    || (terms.net_usd == held.net_usd && terms.cost_usd < held.cost_usd)
            });
            if better {
                best = Some((candidate.endpoint, terms));
            }
        }
        best.map(|(index, _)| index)
    }

    /// What is known of an endpoint for a request before any price or trade. Without a prompt there
    /// is nothing to predict from, so no candidate is admitted.
    pub(crate) fn candidate(
        &self,
        index: EndpointIndex,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Result<Candidate, Ineligible> {
        self.admits(index, request, scratch)?;
        let endpoint = self.endpoint(index);
        let prediction = self
            .prediction(index, request, scratch)
            .ok_or(Ineligible::Unpredictable)?;
        let input = request.input_tokens_or_estimate();
        let (input, row) = input
            .zip(endpoint.price_place(request.at))
            .ok_or(Ineligible::Price)?;
        Ok(Candidate {
            endpoint: index,
            success: prediction.success.get(),
            input_tokens: f64::from(input.0),
            output_tokens: prediction.output_tokens,
            seconds: endpoint.seconds(prediction.output_tokens),
            row,
            tier: endpoint.prices[row].tier(input),
        })
    }

    /// The terms of a candidate under this router's prices.
    #[inline]
    pub(crate) fn weigh(&self, of: &Candidate, worth: Worths) -> Result<Terms, Ineligible> {
        let rates = self.endpoint(of.endpoint).prices[of.row].rates_of(of.tier);
        let cost_usd = rates.predicted_cost(of.input_tokens, of.output_tokens);
        let mut net_usd = worth.value * of.success - worth.wrong * (1.0 - of.success) - cost_usd;
        if worth.second > 0.0 {
            net_usd -= worth.second * of.seconds.ok_or(Ineligible::Speed)?;
        }
        Ok(Terms {
            cost_usd,
            seconds: of.seconds,
            net_usd,
        })
    }
}
