//! Envoy: the sidecar behind a Lua filter that rewrites the model, and behind ext_authz.
//!
//! Filter, configurations and self-check are written by hand in `gateways/envoy`; routes, clusters
//! and the filter's table of endpoints depend on the router.

mod config;

use weighbridge_router::Router;

use super::bundle::Bundle;
use super::endpoints::{driver, stems};
use super::error::Unfit;

/// The folder for Envoy.
pub(super) fn bundle(router: &Router) -> Result<Bundle, Unfit> {
    let reasons: Vec<String> = router
        .endpoints()
        .iter()
        .filter(|endpoint| !fits_a_header(&endpoint.id))
        .map(|endpoint| {
            format!(
                "the endpoint `{}` cannot stand in a header, which routes are picked by; give it an id of visible ASCII characters in the catalog",
                endpoint.id
            )
        })
        .collect();
    if !reasons.is_empty() {
        return Err(Unfit {
            reasons,
            nearest: None,
        });
    }
    let stems = stems(router);
    let mut bundle = Bundle::default();
    bundle.add("envoy-lua.yaml", config::with_lua(router, &stems));
    bundle.add(
        "envoy-ext-authz.yaml",
        config::with_ext_authz(router, &stems),
    );
    bundle.add("settings.env", config::env(router, &stems));
    bundle.add(
        "check.py",
        include_bytes!("../../../gateways/envoy/check.py"),
    );
    let readme = include_str!("../../../gateways/envoy/README.md");
    bundle.add(
        "README.md",
        readme
            .replace("{DRIVER}", &driver(router).id)
            .replace("{TABLE}", &config::table(router, &stems)),
    );
    Ok(bundle)
}

/// Whether Envoy can match a header's value exactly against it, and nothing of it is cut off.
fn fits_a_header(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()) && !id.contains("${")
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_router::{Choose, Endpoint, Parts};

    #[test]
    fn an_id_that_no_header_can_hold_is_refused_by_name() {
        let router = |id: &str| {
            Router::try_new(Parts {
                endpoints: vec![Endpoint::recorded_only(id)],
                choose: Some(Choose::Always(id.into())),
                ..Parts::default()
            })
            .unwrap()
        };
        assert!(bundle(&router("m@p")).is_ok());
        for id in ["m p", "mé@p", "m\n@p", "${m}@p"] {
            let unfit = bundle(&router(id)).unwrap_err();
            assert!(unfit.reasons[0].contains(id), "{unfit}");
        }
    }
}
