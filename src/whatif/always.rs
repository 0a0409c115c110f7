//! The policy that always takes one name.

use weighbridge_router::Router;

use crate::catalog::Catalog;
use crate::policy::{Policy, Roles, compile};

/// A router to one endpoint, model or role, called `always NAME`; none where the name means nothing
/// to the catalog, the roles and the models that only a trace knows. With `driver_else` the driver
/// takes what the name is not eligible for.
pub(super) fn always(
    to: &str,
    driver_else: bool,
    catalog: &Catalog,
    roles: &Roles,
    recorded: &[String],
) -> Option<(String, Router)> {
    let fallback = if driver_else {
        "fallback = [\"driver\"]\n"
    } else {
        ""
    };
    // A JSON text is a TOML text too.
    let quoted = serde_json::to_string(to).ok()?;
    let text = format!(
        "format = \"weighbridge.policy/1\"\n{fallback}[choose]\nkind = \"always\"\nto = {quoted}\n"
    );
    let name = format!("always {to}");
    let policy = Policy::parse(&name, &text).ok()?;
    let router = compile(&policy, catalog, roles, recorded, None).ok()?;
    Some((name, router))
}
