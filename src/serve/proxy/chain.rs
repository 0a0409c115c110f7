//! The attempts of one request: the endpoint that was drawn, then those that may stand in for it,
//! each at most once and no address twice for one model, until one begins to answer or the time is
//! up.

use std::collections::VecDeque;

use tokio::time::Instant;
use weighbridge_router::{EndpointIndex, Router, Scratch};

use super::attempt::{Answer, Call};
use super::fault::Fault;
use super::ledger::Ledger;
use super::upstream::Upstreams;

/// Where a request goes, in order.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    router: &'a Router,
    next: VecDeque<EndpointIndex>,
    asked: Vec<EndpointIndex>,
    /// Whether the router's fallbacks follow.
    falls_back: bool,
}

/// How the attempts ended.
#[derive(Debug)]
pub(super) enum End {
    /// This endpoint answered.
    Answered(EndpointIndex, Answer),
    /// None did: the last that failed, and how many were asked.
    Failed(EndpointIndex, Fault, usize),
    /// There was nobody to ask: no endpoint in question has an upstream.
    Nobody,
}

impl<'a> Chain<'a> {
    /// The endpoint that was drawn, and the fallbacks after it.
    pub(super) fn drawn(router: &'a Router, endpoint: EndpointIndex) -> Self {
        Self {
            router,
            next: [endpoint].into(),
            asked: Vec::new(),
            falls_back: true,
        }
    }

    /// The endpoints that a client named itself, and no others.
    pub(super) fn named(router: &'a Router, endpoints: Vec<EndpointIndex>) -> Self {
        Self {
            router,
            next: endpoints.into(),
            asked: Vec::new(),
            falls_back: false,
        }
    }

    /// Ask one after the other.
    pub(super) async fn run(
        mut self,
        call: &Call<'_>,
        upstreams: &Upstreams,
        ledger: &mut Ledger,
    ) -> End {
        let mut last = None;
        let mut asked = Vec::new();
        while let Some(place) = self.next(ledger) {
            let endpoint = self.router.endpoint(place);
            let Some(upstream) = upstreams.of(endpoint) else {
                continue;
            };
            // Other endpoints may be the same model at the same address: it has answered.
            let question = (upstream.chat(), upstream.model(endpoint));
            if asked.contains(&question) {
                continue;
            }
            asked.push(question);
            ledger.open(endpoint);
            let failed = match call.attempt(endpoint, upstream).await {
                Ok(answer) => return End::Answered(place, answer),
                Err(failed) => failed,
            };
            ledger.close(failed.fault.status());
            last = Some((place, failed.fault));
            if failed.begun || Instant::now() >= call.until {
                break;
            }
        }
        match last {
            Some((place, fault)) => End::Failed(place, fault, asked.len()),
            None => End::Nobody,
        }
    }

    /// The next endpoint; fallbacks are worked out once they are needed, which is seldom.
    fn next(&mut self, ledger: &Ledger) -> Option<EndpointIndex> {
        loop {
            if let Some(place) = self.next.pop_front() {
                if !self.asked.contains(&place) {
                    self.asked.push(place);
                    return Some(place);
                }
            } else if std::mem::take(&mut self.falls_back) {
                let request = ledger.request()?.as_ref();
                let fallbacks = self.router.fallbacks(&request, &mut Scratch::default());
                self.next.extend(fallbacks);
            } else {
                return None;
            }
        }
    }
}
