//! LiteLLM's proxy: a plugin on its pre-call hook around the one-file loader, and a configuration
//! that has a model for each endpoint and one, `auto`, for the plugin to route.
//!
//! The plugin and the self-check are written by hand in `gateways/litellm`; only `config.yaml`, the
//! list of settings and the README's table depend on the router.

mod config;

use weighbridge_router::Router;

use super::bundle::Bundle;
use super::endpoints::driver;
use super::error::Unfit;

/// The name of the model that the plugin routes.
const AUTO: &str = "auto";

/// The folder for LiteLLM's proxy.
pub(super) fn bundle(router: &Router) -> Result<Bundle, Unfit> {
    if router.index_of(AUTO).is_some() {
        return Err(Unfit::because(format!(
            "the endpoint `{AUTO}` has the name of the model that is routed; give it another id in the catalog"
        )));
    }
    let settings = config::Settings::of(router);
    let mut bundle = Bundle::default();
    bundle.add(
        "weighbridge_plugin.py",
        include_bytes!("../../../gateways/litellm/weighbridge_plugin.py"),
    );
    bundle.add(
        "weighbridge_router.py",
        include_bytes!("../../../gateways/python/weighbridge_router.py"),
    );
    bundle.add(
        "check.py",
        include_bytes!("../../../gateways/litellm/check.py"),
    );
    bundle.add("config.yaml", config::yaml(router, &settings));
    bundle.add("settings.env", config::env(router, &settings));
    let readme = include_str!("../../../gateways/litellm/README.md");
    bundle.add(
        "README.md",
        readme
            .replace("{DRIVER}", &driver(router).id)
            .replace("{TABLE}", &config::table(router, &settings)),
    );
    Ok(bundle)
}
