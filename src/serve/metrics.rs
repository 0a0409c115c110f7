//! What is counted, for `/metrics`, in OpenMetrics text.
//!
//! Counting is a few atomic additions; names of endpoints and policies come from the files in
//! force alone, so that no client can make a label.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text::encode,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::body_budget::BodyBudget;
use super::log::Log;
use super::record::{Attempt, Recorder};

/// The media type of what [`Metrics::text`] writes.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes that are told apart; all others are one.
const ROUTES: [&str; 7] = [
    "/v1/route",
    "/v1/chat/completions",
    "/v1/models",
    "/v1/feedback",
    "/healthz",
    "/readyz",
    "/metrics",
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    endpoint: String,
    policy: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    endpoint: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    endpoint: String,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

type Seconds = Family<RouteLabel, Histogram, fn() -> Histogram>;

/// All counters of a server.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    decisions: Family<DecisionLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    seconds: Seconds,
    /// Requests whose answer is not out yet.
    pub(super) in_flight: Gauge,
    /// Connections that are open.
    pub(super) connections: Gauge,
    /// Connections above the limit.
    pub(super) turned_away: Counter,
    reloads: Family<OutcomeLabel, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
}

impl Metrics {
    pub(super) fn new(recorder: &Recorder, log: &Log, bodies: &BodyBudget) -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_05, 2.0, 22));
        let mut all = Self {
            registry: Registry::with_prefix("weighbridge"),
            decisions: Family::default(),
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            turned_away: Counter::default(),
            reloads: Family::default(),
            attempts: Family::default(),
            tokens: Family::default(),
        };
        all.register(recorder, log, bodies);
        all
    }

    fn register(&mut self, recorder: &Recorder, log: &Log, bodies: &BodyBudget) {
        let to = &mut self.registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        to.register("build", "The version that serves", version);
        let help = "Decisions by the endpoint that was drawn (empty: unanswered) and the file that decided";
        to.register("decisions", help, self.decisions.clone());
        to.register(
            "requests",
            "Requests by route and status",
            self.requests.clone(),
        );
        let help = "From a request's headers to the end of its answer";
        to.register("request_seconds", help, self.seconds.clone());
        let help = "Requests whose answer is not out yet";
        to.register("requests_in_flight", help, self.in_flight.clone());
        to.register("connections", "Open connections", self.connections.clone());
        let help = "Connections above the limit";
        to.register("connections_refused", help, self.turned_away.clone());
        let help = "Attempts to load other files, by what came of them";
        to.register("reloads", help, self.reloads.clone());
        let help = "Calls of upstreams by endpoint and outcome";
        to.register("upstream_attempts", help, self.attempts.clone());
        let help = "Tokens that upstreams counted";
        to.register("tokens", help, self.tokens.clone());
        to.register_collector(Box::new(Elsewhere(
            recorder.clone(),
            log.clone(),
            bodies.clone(),
        )));
        for outcome in ["ok", "refused"] {
            drop(self.reloads.get_or_create(&OutcomeLabel { outcome }));
        }
    }

    /// A decision was drawn.
    pub(super) fn decided(&self, endpoint: Option<&str>, policy: &str) {
        let labels = DecisionLabels {
            endpoint: endpoint.unwrap_or_default().to_owned(),
            policy: policy.to_owned(),
        };
        self.decisions.get_or_create(&labels).inc();
    }

    /// A request's answer is out.
    fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests
            .get_or_create(&RequestLabels { route, status })
            .inc();
        let seconds = self.seconds.get_or_create(&RouteLabel { route });
        seconds.observe(took.as_secs_f64());
    }

    /// Other files were loaded, or refused.
    pub(super) fn reloaded(&self, fit: bool) {
        let outcome = if fit { "ok" } else { "refused" };
        self.reloads.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// An upstream was called.
    pub(super) fn attempted(&self, attempt: &Attempt) {
        let labels = AttemptLabels {
            endpoint: attempt.endpoint.clone(),
            outcome: attempt.status,
        };
        self.attempts.get_or_create(&labels).inc();
        for (kind, tokens) in [
            ("input", attempt.input_tokens),
            ("cached", attempt.cached_tokens),
            ("output", attempt.output_tokens),
            ("reasoning", attempt.reasoning_tokens),
        ] {
            if let Some(tokens) = tokens {
                let endpoint = attempt.endpoint.clone();
                let labels = TokenLabels { endpoint, kind };
                self.tokens.get_or_create(&labels).inc_by(tokens.into());
            }
        }
    }

    /// All of it, as Prometheus reads it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes everything");
        text
    }
}

/// What a path is counted under.
fn route_of(path: &str) -> &'static str {
    if path.starts_with("/v1/route/") {
        return ROUTES[0];
    }
    ROUTES
        .into_iter()
        .find(|route| *route == path)
        .unwrap_or("other")
}

/// What is counted elsewhere, read where it is.
#[derive(Debug)]
struct Elsewhere(Recorder, Log, BodyBudget);

impl Collector for Elsewhere {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Lines of the log that found no room";
        let dropped =
            encoder.encode_descriptor("log_lines_dropped", help, None, MetricType::Counter)?;
        ConstCounter::new(self.1.dropped()).encode(dropped)?;
        let help = "Bytes that bodies hold, of --body-budget-mb";
        let held = encoder.encode_descriptor("body_bytes", help, None, MetricType::Gauge)?;
        let bytes = i64::try_from(self.2.held()).unwrap_or(i64::MAX);
        ConstGauge::new(bytes).encode(held)?;
        let Some(counts) = self.0.counts() else {
            return Ok(());
        };
        let help = "Requests and reports by what became of their recording";
        let mut family = encoder.encode_descriptor("recorded", help, None, MetricType::Counter)?;
        for (outcome, count) in [
            ("written", counts.written),
            ("overflowed", counts.overflowed),
            ("lost", counts.lost),
            ("unfit", counts.unfit),
        ] {
            let labels = OutcomeLabel { outcome };
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// One request, counted from its headers to the end of its answer.
pub(super) struct Counted {
    metrics: Arc<Metrics>,
    route: &'static str,
    status: u16,
    since: tokio::time::Instant,
}

impl Counted {
    pub(super) fn begin(metrics: &Arc<Metrics>, path: &str) -> Self {
        metrics.in_flight.inc();
        Self {
            metrics: Arc::clone(metrics),
            route: route_of(path),
            // What a client that leaves before the answer leaves behind.
            status: 499,
            since: tokio::time::Instant::now(),
        }
    }

    pub(super) fn answer(&mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics
            .answered(self.route, self.status, self.since.elapsed());
    }
}
