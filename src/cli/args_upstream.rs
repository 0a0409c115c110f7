//! Where `serve` sends requests when it is a proxy. Keys are read here and shown nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use clap::Args;
use weighbridge_router::Router;

use super::args_serve::seconds;
use super::exit::{Failure, wrong_call};
use super::output::Console;
use crate::serve::{ProxyOptions, Upstream};

/// With an upstream, POST /v1/chat/completions and GET /v1/models are served too.
#[derive(Debug, Args)]
#[command(next_help_heading = "Proxy")]
pub(super) struct UpstreamArgs {
    /// Who answers for an endpoint, or for all endpoints of a model: the base address of an
    /// OpenAI-compatible server, like deepseek-v3.2=https://api.deepseek.com/v1; repeatable
    #[arg(long, value_name = "NAME=URL", value_parser = named)]
    upstream: Vec<(String, String)>,
    /// The key for the upstream of that name: ENV:VARIABLE or FILE:PATH; clients' own keys are
    /// never passed on
    #[arg(long, value_name = "NAME=SOURCE")]
    upstream_key: Vec<String>,
    /// What the upstream of that name calls the model [default: the endpoint's model]
    #[arg(long, value_name = "NAME=TEXT", value_parser = named)]
    upstream_model: Vec<(String, String)>,
    /// Seconds that an upstream may be silent: before its answer the next endpoint is asked, within
    /// it the client is told of the fault
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    upstream_silence: Duration,
    /// Seconds from a request to the first chunk of its answer, or to its end where it is not
    /// streamed, over all endpoints that are asked
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    upstream_deadline: Duration,
    /// Pass a request's `metadata` on, but for what is told the router: task, tenant, session,
    /// channel, region, value_usd, deadline_ms
    #[arg(long)]
    forward_metadata: bool,
}

impl UpstreamArgs {
    /// The endpoints and models that have an upstream.
    pub(super) fn names(&self) -> Vec<String> {
        self.upstream.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The upstreams with their keys.
    pub(super) fn options(
        &self,
        router: &Router,
        console: &Console,
    ) -> Result<ProxyOptions, Failure> {
        let mut upstreams = BTreeMap::new();
        for (name, url) in &self.upstream {
            let upstream =
                Upstream::try_new(name, url).map_err(|why| fault("upstream", name, &why))?;
            if upstreams.insert(name, upstream).is_some() {
                return Err(fault(
                    "upstream",
                    name,
                    "stands twice; leave one of them out",
                ));
            }
        }
        // Not read by clap, which would show a key that stands here by mistake.
        let keys: Vec<_> = (self.upstream_key.iter().map(|text| named(text)))
            .collect::<Result<_, _>>()
            .map_err(|why| wrong_call(format!("--upstream-key: {why}")))?;
        change("upstream-key", &keys, &mut upstreams, |upstream, source| {
            upstream.with_key(&key(source)?)
        })?;
        change(
            "upstream-model",
            &self.upstream_model,
            &mut upstreams,
            |upstream, model| Ok(upstream.with_model(model)),
        )?;
        let upstreams: Vec<Upstream> = upstreams.into_values().collect();
        for upstream in &upstreams {
            warn(upstream, router, console);
        }
        if let Some(reachable) = reachable(&self.names(), router) {
            let endpoints = router.endpoints().iter();
            for endpoint in endpoints.filter(|endpoint| !reachable.contains(&endpoint.id)) {
                console.warn(&format!(
                    "`{}` has no --upstream: what is drawn for it goes down the fallback chain",
                    endpoint.id
                ));
            }
        }
        Ok(ProxyOptions {
            upstreams,
            silence: self.upstream_silence,
            deadline: self.upstream_deadline,
            forward_metadata: self.forward_metadata,
        })
    }
}

/// The endpoints that can be reached by upstreams of these names; none: this is no proxy, and all are
/// as good.
pub(super) fn reachable(names: &[String], router: &Router) -> Option<BTreeSet<String>> {
    if names.is_empty() {
        return None;
    }
    let endpoints = router.endpoints().iter();
    let reached = endpoints.filter(|it| names.contains(&it.id) || names.contains(&it.model));
    Some(reached.map(|endpoint| endpoint.id.clone()).collect())
}

/// What is allowed and probably not meant.
fn warn(upstream: &Upstream, router: &Router, console: &Console) {
    let name = upstream.name();
    let mut endpoints = router.endpoints().iter();
    if !endpoints.any(|endpoint| endpoint.id == name || endpoint.model == name) {
        console.warn(&format!(
            "--upstream {name}: the file has neither an endpoint nor a model of that name"
        ));
    }
    if upstream.bares_its_key() {
        console.warn(&format!(
            "--upstream {name}: over http:// its key and every prompt are readable on the way"
        ));
    }
}

/// Change the upstreams that are named.
fn change(
    flag: &str,
    changes: &[(String, String)],
    upstreams: &mut BTreeMap<&String, Upstream>,
    with: impl Fn(Upstream, &str) -> Result<Upstream, String>,
) -> Result<(), Failure> {
    let mut done = Vec::new();
    for (name, value) in changes {
        if done.contains(&name) {
            return Err(fault(flag, name, "stands twice; leave one of them out"));
        }
        done.push(name);
        let Some(upstream) = upstreams.get_mut(name) else {
            let why = format!("there is no --upstream {name}=URL that it could be for");
            return Err(fault(flag, name, &why));
        };
        *upstream = with(upstream.clone(), value).map_err(|why| fault(flag, name, &why))?;
    }
    Ok(())
}

fn fault(flag: &str, name: &str, why: &str) -> Failure {
    wrong_call(format!("--{flag} {name}: {why}"))
}

/// Read a key where it is kept. It is no argument itself: those are seen by everyone on a machine.
fn key(source: &str) -> Result<String, String> {
    if let Some(variable) = source.strip_prefix("ENV:") {
        #[expect(
            clippy::disallowed_methods,
            reason = "a key on the command line could be read by others; the environment is named there"
        )]
        let key = std::env::var(variable);
        return key.map_err(|error| format!("the environment's `{variable}`: {error}"));
    }
    if let Some(path) = source.strip_prefix("FILE:") {
        return fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"));
    }
    // Not shown: it may be a key.
    Err("write ENV:VARIABLE or FILE:PATH, where the key stands".to_owned())
}

fn named(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("must be a name, `=` and a value".to_owned()),
    }
}
