//! Where `serve` sends requests when it is a proxy. Keys are read here and shown nowhere.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use clap::Args;
use weighbridge_router::{Endpoint, Router};

use super::args_serve::seconds;
use super::exit::{Failure, wrong_call};
use super::output::Console;
use crate::catalog::nearest;
use crate::serve::{Active, ProxyOptions, Upstream};

/// With an upstream, POST /v1/chat/completions and GET /v1/models are served too.
#[derive(Debug, Args)]
#[command(next_help_heading = "Proxy")]
pub(super) struct UpstreamArgs {
    /// Who answers for an endpoint: the base address of an OpenAI-compatible server, like
    /// deepseek-v3.2@deepseek=https://api.deepseek.com/v1; a model is a name for its endpoint where
    /// it has one; repeatable
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
    /// The upstreams with their keys.
    pub(super) fn options(
        &self,
        active: &Active,
        console: &Console,
    ) -> Result<ProxyOptions, Failure> {
        let endpoints = endpoints(active);
        let mut upstreams: BTreeMap<&String, Upstream> = BTreeMap::new();
        for (name, url) in &self.upstream {
            let upstream = endpoint(name, url, &endpoints)
                .and_then(|endpoint| Upstream::try_new(endpoint, url))
                .map_err(|why| fault("upstream", name, &why))?;
            let mut others = upstreams.iter();
            let twin = others.find(|(_, other)| other.endpoint() == upstream.endpoint());
            if let Some((other, _)) = twin {
                let why = match *other == name {
                    true => "stands twice; leave one of them out".to_owned(),
                    false => {
                        format!("is the endpoint of --upstream {other}; leave one of them out")
                    }
                };
                return Err(fault("upstream", name, &why));
            }
            upstreams.insert(name, upstream);
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
        for (name, upstream) in &upstreams {
            warn(name, upstream, console);
        }
        let upstreams: Vec<Upstream> = upstreams.into_values().collect();
        if !upstreams.is_empty() {
            warn_of_others(&upstreams, &active.main.router, console);
        }
        Ok(ProxyOptions {
            upstreams,
            silence: self.upstream_silence,
            deadline: self.upstream_deadline,
            forward_metadata: self.forward_metadata,
        })
    }
}

/// The endpoints of all files that decide, each once.
fn endpoints(active: &Active) -> Vec<&Endpoint> {
    let canary = active.canary.as_ref().map(|canary| &canary.loaded);
    let files = [Some(&active.main), canary, active.shadow.as_ref()];
    let mut endpoints: Vec<&Endpoint> = Vec::new();
    for endpoint in files
        .into_iter()
        .flatten()
        .flat_map(|file| file.router.endpoints())
    {
        if !endpoints.iter().any(|known| known.id == endpoint.id) {
            endpoints.push(endpoint);
        }
    }
    endpoints
}

/// The one endpoint that a name means: its id, or the model of no other. What comes from an address
/// is charged by one endpoint's prices.
fn endpoint<'a>(name: &str, url: &str, endpoints: &[&'a Endpoint]) -> Result<&'a str, String> {
    let ids = || endpoints.iter().map(|endpoint| endpoint.id.as_str());
    if let Some(id) = ids().find(|id| *id == name) {
        return Ok(id);
    }
    let of_model = endpoints.iter().filter(|endpoint| endpoint.model == name);
    let of_model: Vec<&'a str> = of_model.map(|endpoint| endpoint.id.as_str()).collect();
    match of_model[..] {
        [id] => Ok(id),
        [first, ..] => Err(format!(
            "there are {} endpoints of this model, each with prices of its own; say which one the address is, \
             like --upstream {first}={url}: {}",
            of_model.len(),
            of_model.join(", ")
        )),
        [] => {
            let models = endpoints.iter().map(|endpoint| endpoint.model.as_str());
            let hint = nearest(name, ids().chain(models)).map_or_else(
                || format!("there are {}", ids().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            Err(format!(
                "no file has an endpoint or a model of that name; {hint}"
            ))
        }
    }
}

/// What is allowed and probably not meant.
fn warn(name: &str, upstream: &Upstream, console: &Console) {
    if upstream.bares_its_key() {
        console.warn(&format!(
            "--upstream {name}: over http:// its key and every prompt are readable on the way"
        ));
    }
    if upstream.has_short_key() {
        console.warn(&format!(
            "--upstream-key {name}: fewer than eight characters are no secret; where an upstream says them \
             they are hidden only behind `Bearer `"
        ));
    }
}

/// What no request goes to.
fn warn_of_others(upstreams: &[Upstream], router: &Router, console: &Console) {
    let has_none = |endpoint: &&Endpoint| upstreams.iter().all(|it| it.endpoint() != endpoint.id);
    let others = router.endpoints().iter().filter(has_none);
    let others: Vec<&str> = others.map(|endpoint| endpoint.id.as_str()).collect();
    if !others.is_empty() {
        console.warn(&format!(
            "not decided among, for want of an --upstream: {}",
            others.join(", ")
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
