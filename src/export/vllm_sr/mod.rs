//! The vLLM semantic router: its configuration for policies of rules.
//!
//! Start at `bundle`. `routes` flattens a choice, `signals` carries its conditions, `logic` is what
//! must hold for a route; this file writes the configuration down. What the semantic router cannot
//! express is refused by name, never left out.

mod logic;
mod routes;
mod signals;
mod yaml;

use std::fmt::Write as _;

use weighbridge_router::{Endpoint, Router};

use super::bundle::Bundle;
use super::endpoints::{driver, stems};
use super::error::{Nearest, Unfit};
use super::nearest::{Habits, of_rules};
use routes::Routes;
use yaml::quoted;

/// The folder for the semantic router.
pub(super) fn bundle(router: &Router) -> Result<Bundle, Unfit> {
    let routes = Routes::of(router);
    if !routes.reasons.is_empty() {
        return Err(Unfit {
            reasons: routes.reasons,
            nearest: nearest(router, None).map(Box::new),
        });
    }
    let endpoints = endpoints(router, &routes);
    let mut bundle = Bundle::default();
    bundle.add("config.yaml", config(router, &routes, &endpoints));
    bundle.add(
        "check.py",
        include_str!("../../../gateways/vllm_sr/check.py"),
    );
    let readme = include_str!("../../../gateways/vllm_sr/README.md");
    let from = routes.from.map_or_else(
        || "It decides as the policy does at any time.".to_owned(),
        |from| format!("It decides as the policy does **from {from} on**: endpoints that begin until then are taken as begun, and those that have ended are left out."),
    );
    bundle.add(
        "README.md",
        readme
            .replace("{FROM}", &from)
            .replace("{TABLE}", &table(&endpoints)),
    );
    Ok(bundle)
}

/// The nearest policy that it can express, where there is one.
pub(super) fn nearest(router: &Router, habits: Option<&Habits>) -> Option<Nearest> {
    let nearest = of_rules(router, habits)?;
    let fits = Routes::of(&nearest.router).reasons.is_empty();
    fits.then_some(nearest)
}

/// An endpoint, and what its environment variables are called by.
type Named<'r> = (&'r Endpoint, String);

/// The endpoints that are routed to, and the driver, which takes what nothing else decides; in the
/// order of the file.
fn endpoints<'r>(router: &'r Router, routes: &Routes<'r>) -> Vec<Named<'r>> {
    let driver = driver(router);
    let all = router.endpoints().iter().zip(stems(router));
    all.filter(|(endpoint, _)| endpoint.id == driver.id || routes.lead_to(endpoint))
        .collect()
}

/// The configuration.
fn config(router: &Router, routes: &Routes<'_>, endpoints: &[Named<'_>]) -> String {
    let mut text = String::from(
        "# A Weighbridge policy as routes: the highest priority whose rules hold takes the request.\n\
         # Fill in the address of each model, and see README.md for what the signals read.\n\
         version: v0.3\n\
         listeners:\n  - {name: http, address: 127.0.0.1, port: 8899, timeout: 300s}\n",
    );
    let default = quoted(&driver(router).id);
    // Writing to a text does not fail.
    let _ = write!(
        text,
        "providers:\n  defaults: {{model: {default}}}\n  models:\n"
    );
    for (endpoint, stem) in endpoints {
        let _ = writeln!(
            text,
            "    - name: {}\n      provider_model_id: {}\n      backend_refs:\n        - {{name: main, base_url: {}, api_key_env: {}, weight: 100}}",
            quoted(&endpoint.id),
            quoted(&endpoint.model),
            quoted(&format!(
                "https://{}.invalid/v1",
                stem.to_lowercase().replace('_', "-")
            )),
            quoted(&format!("WB_{stem}_API_KEY")),
        );
    }
    text.push_str(
        "global:\n  router: {auto_model_names: [auto]}\n  # Words are looked for in the whole prompt.\n  model_catalog: {modules: {prompt_compression: {enabled: false}}}\n\
         routing:\n  strategy: priority\n  modelCards:\n",
    );
    for (endpoint, _) in endpoints {
        let _ = writeln!(text, "    - {{name: {}}}", quoted(&endpoint.id));
    }
    let signals = routes.signals.yaml();
    if !signals.is_empty() {
        let _ = write!(text, "  signals:\n{signals}");
    }
    text.push_str("  decisions:\n");
    for (i, route) in routes.list.iter().enumerate() {
        let end = match route.to {
            Some(endpoint) => format!(
                "modelRefs: [{{model: {}, use_reasoning: false}}]",
                quoted(&endpoint.id)
            ),
            None => format!(
                "plugins: [{{type: fast_response, configuration: {{message: {}}}}}]",
                quoted(UNANSWERED)
            ),
        };
        let _ = writeln!(
            text,
            "    - name: route-{}\n      description: {}\n      priority: {}\n      rules: {}\n      {end}",
            i + 1,
            quoted(&route.place),
            routes.list.len() - i,
            route.when.root_yaml(),
        );
    }
    text
}

/// What a client is told whose request no endpoint may take.
const UNANSWERED: &str = "No endpoint of this policy may take this request.";

/// The endpoints, for the README.
fn table(endpoints: &[Named<'_>]) -> String {
    let rows = endpoints.iter().map(|(endpoint, stem)| {
        format!(
            "| `{}` | `{}` | `WB_{stem}_API_KEY` |\n",
            endpoint.id, endpoint.model
        )
    });
    rows.collect()
}
