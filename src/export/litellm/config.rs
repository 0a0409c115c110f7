//! `config.yaml`: a model an endpoint, `auto`, and who stands in for whom.

use std::fmt::Write as _;

use weighbridge_router::{Endpoint, Router};

use super::AUTO;
use crate::export::endpoints::{driver, quoted, stand_ins, stems};

/// The environment variables of each endpoint, in the order of the file.
pub(super) struct Settings(Vec<Variables>);

struct Variables {
    base: String,
    key: String,
}

impl Settings {
    pub(super) fn of(router: &Router) -> Self {
        let variables = |stem: &String| Variables {
            base: format!("WB_{stem}_API_BASE"),
            key: format!("WB_{stem}_API_KEY"),
        };
        Self(stems(router).iter().map(variables).collect())
    }

    fn each<'s>(
        &'s self,
        router: &'s Router,
    ) -> impl Iterator<Item = (&'s Endpoint, &'s Variables)> {
        router.endpoints().iter().zip(&self.0)
    }
}

/// The configuration.
pub(super) fn yaml(router: &Router, settings: &Settings) -> String {
    let driver = driver(router);
    let mut text = format!(
        "# Requests for `{AUTO}` are routed by the plugin; every other model is passed through as named.\n\
         # `{AUTO}` itself points at the driver, so that a request is answered even without the plugin.\n\
         model_list:\n"
    );
    let models = settings.each(router);
    let auto = models
        .filter(|(endpoint, _)| endpoint.id == driver.id)
        .map(|held| (AUTO, held));
    let own = settings.each(router).map(|held| (held.0.id.as_str(), held));
    for (name, (endpoint, variables)) in own.chain(auto) {
        // Writing to a text does not fail.
        let _ = write!(
            text,
            "  - model_name: {}\n    litellm_params:\n      model: {}\n      api_base: os.environ/{}\n      api_key: os.environ/{}\n",
            quoted(name),
            quoted(&format!("openai/{}", endpoint.model)),
            variables.base,
            variables.key,
        );
    }
    text.push_str("\nlitellm_settings:\n  callbacks: weighbridge_plugin.hook\n");
    text.push_str("  # A failure goes to the next endpoint at once.\n  num_retries: 0\n");
    // Chains of a configuration do not look at the request.
    let chain: Vec<String> = stand_ins(router, driver)
        .iter()
        .map(|held| quoted(&held.id))
        .collect();
    let _ = write!(
        text,
        "  # The plugin sets the policy's chain for each request that it decides. This one is for those that it\n  \
         # cannot: endpoints that serve all that the driver serves.\n  \
         fallbacks: [{}]\n\n\
         general_settings:\n  \
         # A key that may ask for `{AUTO}` need not be allowed the endpoints: who stands in is the policy's to say.\n  \
         enforce_fallback_model_access: false\n",
        match chain.as_slice() {
            [] => String::new(),
            chain => format!("{{{AUTO}: [{}]}}", chain.join(", ")),
        }
    );
    text
}

/// The environment variables, to be filled in.
pub(super) fn env(router: &Router, settings: &Settings) -> String {
    let mut text = String::from(
        "# Fill in and load before the proxy starts. Keep the filled-in file out of version control.\n\
         # The key that clients of the proxy present: a random text that begins with sk-\n\
         LITELLM_MASTER_KEY=\n\
         # Keeps LiteLLM from fetching its price map over the network.\n\
         LITELLM_LOCAL_MODEL_COST_MAP=True\n\
         # 1: what clients say in `metadata` and is no hint for the router goes upstream with responses and messages.\n\
         WEIGHBRIDGE_FORWARD_METADATA=\n",
    );
    for (endpoint, variables) in settings.each(router) {
        let _ = write!(
            text,
            "\n# {}: the base of its OpenAI-compatible API, such as https://api.example.com/v1\n{}=\n{}=\n",
            endpoint.id, variables.base, variables.key
        );
    }
    text
}

/// The endpoints, for the README.
pub(super) fn table(router: &Router, settings: &Settings) -> String {
    let mut text =
        String::from("| model in config.yaml | sent upstream as | variables |\n|---|---|---|\n");
    for (endpoint, variables) in settings.each(router) {
        let _ = writeln!(
            text,
            "| `{}` | `{}` | `{}`, `{}` |",
            endpoint.id, endpoint.model, variables.base, variables.key
        );
    }
    text
}
