//! Envoy's configurations: hand-written ones with routes, clusters and the filter's table filled in.

use std::fmt::Write as _;

use weighbridge_router::{Endpoint, Router};

use crate::export::endpoints::{driver, quoted};

const BODY: &str = include_str!("../../../gateways/envoy/body.lua");
const LUA: &str = include_str!("../../../gateways/envoy/weighbridge.lua");
const AFTER_EXT_AUTHZ: &str = include_str!("../../../gateways/envoy/after-ext-authz.lua");

/// The configuration with the Lua filter.
pub(super) fn with_lua(router: &Router, stems: &[String]) -> String {
    let mut routes = String::new();
    for (endpoint, stem) in each(router, stems) {
        routes += &route(endpoint, stem, "prefix: \"/v1/\"", Picked::ByHeader, "");
    }
    let (to, stem) = driver_of(router, stems);
    routes += &route(to, stem, "prefix: \"/v1/\"", Picked::Always, "");
    include_str!("../../../gateways/envoy/envoy-lua.yaml")
        .replace("{ROUTES}\n", &routes)
        .replace("{LUA}\n", &script(LUA, router))
        .replace("{CLUSTERS}\n", &clusters(router, stems))
}

/// The configuration with ext_authz.
pub(super) fn with_ext_authz(router: &Router, stems: &[String]) -> String {
    const CHAT: &str = "path: \"/v1/chat/completions\"";
    let mut routes = String::new();
    for (endpoint, stem) in each(router, stems) {
        routes += &route(endpoint, stem, CHAT, Picked::ByHeader, "");
    }
    let (to, stem) = driver_of(router, stems);
    routes += &route(to, stem, CHAT, Picked::Always, DEGRADED);
    routes += &route(to, stem, "prefix: \"/v1/\"", Picked::Always, UNDECIDED);
    include_str!("../../../gateways/envoy/envoy-ext-authz.yaml")
        .replace("{ROUTES}\n", &routes)
        .replace("{LUA}\n", &script(AFTER_EXT_AUTHZ, router))
        .replace("{CLUSTERS}\n", &clusters(router, stems))
}

/// A filter as it stands in a configuration.
fn script(filter: &str, router: &Router) -> String {
    let body = BODY.replace("--{POLICY}", &policy(router));
    indented(&filter.replace("--{BODY}", &body), 26)
}

/// A chat completion without the sidecar's header: the sidecar was down.
const DEGRADED: &str = r#"                          response_headers_to_add: [{header: {key: x-weighbridge-degraded, value: sidecar}}]
"#;
/// Other paths are not decided.
const UNDECIDED: &str = r#"                          response_headers_to_add: [{header: {key: x-weighbridge-degraded, value: path}}]
                          typed_per_filter_config:
                            envoy.filters.http.ext_authz:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                              disabled: true
"#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Picked {
    ByHeader,
    Always,
}

fn each<'a>(
    router: &'a Router,
    stems: &'a [String],
) -> impl Iterator<Item = (&'a Endpoint, &'a str)> {
    let stems = stems.iter().map(String::as_str);
    router.endpoints().iter().zip(stems)
}

fn driver_of<'a>(router: &'a Router, stems: &'a [String]) -> (&'a Endpoint, &'a str) {
    let driver = driver(router);
    let found = each(router, stems).find(|(endpoint, _)| endpoint.id == driver.id);
    found.unwrap_or((driver, ""))
}

/// A route to an endpoint: its own path, host and key, and no limit on how long an answer takes.
fn route(endpoint: &Endpoint, stem: &str, path: &str, picked: Picked, more: &str) -> String {
    let id = quoted(&endpoint.id);
    let header = match picked {
        Picked::ByHeader => {
            format!(", headers: [{{name: x-weighbridge-endpoint, string_match: {{exact: {id}}}}}]")
        }
        Picked::Always => String::new(),
    };
    // The prefix that is matched is what is rewritten.
    let rewritten = if path.starts_with("prefix") {
        format!("\"${{WB_{stem}_PATH}}/\"")
    } else {
        format!("\"${{WB_{stem}_PATH}}/chat/completions\"")
    };
    format!(
        r#"                        - match: {{{path}{header}}}
                          route:
                            cluster: {id}
                            prefix_rewrite: {rewritten}
                            host_rewrite_literal: "${{WB_{stem}_HOST}}"
                            timeout: 0s
                          request_headers_to_add:
                            - {{header: {{key: authorization, value: "Bearer %ENVIRONMENT(WB_{stem}_API_KEY)%"}}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}
{more}"#
    )
}

/// The sidecar and the endpoints.
fn clusters(router: &Router, stems: &[String]) -> String {
    let mut text = cluster("weighbridge", "WB_SIDECAR", "1s");
    for (endpoint, stem) in each(router, stems) {
        text += &cluster(&quoted(&endpoint.id), &format!("WB_{stem}"), "5s");
        let _ = write!(
            text,
            r#"      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: "${{WB_{stem}_HOST}}"
          auto_sni_san_validation: true
          common_tls_context: {{validation_context: {{trusted_ca: {{filename: "${{WB_CA_FILE}}"}}}}}}
"#
        );
    }
    text
}

fn cluster(name: &str, variable: &str, patience: &str) -> String {
    format!(
        r#"    - name: {name}
      type: LOGICAL_DNS
      # Addresses of both families, whichever connects.
      dns_lookup_family: ALL
      connect_timeout: {patience}
      load_assignment:
        cluster_name: {name}
        endpoints:
          - lb_endpoints:
              - endpoint: {{address: {{socket_address: {{address: "${{{variable}_HOST}}", port_value: ${{{variable}_PORT}}}}}}}}
"#
    )
}

/// The filter's table.
fn policy(router: &Router) -> String {
    let mut text = format!(
        "local DRIVER = {}\nlocal MODEL = {{}}\n",
        lua(&driver(router).id)
    );
    for endpoint in router.endpoints() {
        let _ = writeln!(
            text,
            "MODEL[{}] = {}",
            lua(&endpoint.id),
            lua(&quoted(&endpoint.model))
        );
    }
    text
}

/// A text as Lua reads it back: all but plain characters as numbers.
fn lua(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'$' => {
                let _ = write!(literal, "\\{byte:03}");
            }
            b' '..=b'~' => literal.push(char::from(byte)),
            _ => {
                let _ = write!(literal, "\\{byte:03}");
            }
        }
    }
    literal.push('"');
    literal
}

fn indented(text: &str, by: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if !line.is_empty() {
            let _ = write!(out, "{:by$}{line}", "");
        }
        out.push('\n');
    }
    out
}

/// The settings, to be filled in.
pub(super) fn env(router: &Router, stems: &[String]) -> String {
    let mut text = String::from(
        "# Fill in and load; the keys and the token are read by Envoy when it starts, all else by envsubst.\n\
         # Keep the filled-in file out of version control.\n\
         WB_LISTEN_HOST=127.0.0.1\n\
         WB_LISTEN_PORT=8080\n\
         WB_SIDECAR_HOST=127.0.0.1\n\
         WB_SIDECAR_PORT=8787\n\
         # What the sidecar was given as --token-file, if it was given one; for the Lua filter.\n\
         WEIGHBRIDGE_TOKEN=\n\
         # 1: what clients say in `metadata` and is no hint for the router goes upstream. Read by Envoy.\n\
         WEIGHBRIDGE_FORWARD_METADATA=\n\
         # The certificates that upstreams are checked against.\n\
         WB_CA_FILE=/etc/ssl/certs/ca-certificates.crt\n",
    );
    for (endpoint, stem) in each(router, stems) {
        let _ = write!(
            text,
            "\n# {}: where its OpenAI-compatible API is; the path is what stands before /chat/completions\n\
             WB_{stem}_HOST=\nWB_{stem}_PORT=443\nWB_{stem}_PATH=/v1\nWB_{stem}_API_KEY=\n",
            endpoint.id
        );
    }
    text
}

/// The endpoints, for the README.
pub(super) fn table(router: &Router, stems: &[String]) -> String {
    let mut text = String::from("| endpoint | sent upstream as | settings |\n|---|---|---|\n");
    for (endpoint, stem) in each(router, stems) {
        let _ = writeln!(
            text,
            "| `{}` | `{}` | `WB_{stem}_HOST`, `_PORT`, `_PATH`, `_API_KEY` |",
            endpoint.id, endpoint.model
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lua_reads_back_what_was_written() {
        assert_eq!(lua("m@p"), "\"m@p\"");
        assert_eq!(
            lua("a\"b\\c$\u{e9}\n1"),
            "\"a\\034b\\092c\\036\\195\\169\\0101\""
        );
    }
}
