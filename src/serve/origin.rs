//! No web page may ask: what a browser sends for a page of somewhere else is refused.
//!
//! A page may have the browser of whoever looks at it send requests to this machine. Without tokens
//! nothing tells them from the user's own but what browsers say of a page (`Origin`,
//! `Sec-Fetch-Site`), and, where a page's own name was led to this machine, the name (`Host`).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The names under which a server on loopback may be asked, beside those of loopback itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    /// These names, without ports.
    ///
    /// # Errors
    /// Where one is none; a sentence.
    pub fn try_new(names: &[String]) -> Result<Self, String> {
        let name = |name: &String| {
            let is_name = name.parse::<Authority>().is_ok_and(|it| it.host() == name);
            is_name.then(|| name.clone()).ok_or_else(|| {
                format!("`{name}` is no host; write a name or address without scheme and port")
            })
        };
        let names: Result<Vec<String>, String> = names.iter().map(name).collect();
        Ok(Self(names?.into()))
    }

    /// Why a request is not taken, if it is not. Most bring a host and no origin, and cost little.
    fn refuse(&self, uri: &Uri, headers: &HeaderMap) -> Option<Refusal> {
        // One that cannot be read is none that is known; HTTP/1.0 may do without.
        let named = headers.get_all(header::HOST);
        let hosts = || {
            let named = named.iter().map(|host| host.to_str().unwrap_or_default());
            named.chain(uri.authority().map(Authority::as_str))
        };
        if !hosts().all(|host| self.knows(host_of(host))) {
            let message = "this server has no tokens and listens on this machine alone, so it is asked by \
                           its own names alone, such as localhost; --allow-host adds one, --token-file lets in \
                           whoever has a token";
            return Some(forbidden(message, "foreign_host"));
        }
        let is_own = |origin: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|it| it.split_once("://"));
            origin.is_some_and(|(_, origin)| {
                hosts().any(|host| host.eq_ignore_ascii_case(origin)) || self.adds(host_of(origin))
            })
        };
        let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
        // A page of the same machine under another port is another's, too.
        let foreign = if origins.peek().is_some() {
            !origins.all(is_own)
        } else {
            let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
            sites.any(|site| site != "same-origin" && site != "none")
        };
        foreign.then(|| {
            let message = "a web page of another origin may not ask a server without tokens; \
                           --token-file lets in whoever has a token";
            forbidden(message, "foreign_origin")
        })
    }

    fn knows(&self, host: &str) -> bool {
        const LOCAL: &str = ".localhost";
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        let below = host
            .len()
            .checked_sub(LOCAL.len())
            .and_then(|at| host.get(at..));
        host.eq_ignore_ascii_case("localhost")
            || bare.parse().is_ok_and(is_loopback)
            || below.is_some_and(|end| end.eq_ignore_ascii_case(LOCAL))
            || self.adds(host)
    }

    fn adds(&self, host: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

/// A host without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

fn forbidden(message: &str, code: &'static str) -> Refusal {
    Refusal {
        kind: "permission_error",
        ..Refusal::whole(message).coded(code)
    }
}

/// Let pass only what no web page of somewhere else can have sent.
pub(super) async fn no_pages(
    State(allowed): State<AllowedHosts>,
    request: Request,
    next: Next,
) -> Response {
    match allowed.refuse(request.uri(), request.headers()) {
        None => next.run(request).await,
        Some(refusal) => refusal.answer(StatusCode::FORBIDDEN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code of the refusal of a request with these headers.
    fn code(uri: &str, headers: &[(HeaderName, &str)]) -> Option<&'static str> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let allowed = AllowedHosts::try_new(&["Gateway.example".to_owned()]).unwrap();
        let refusal = allowed.refuse(&uri.parse().unwrap(), &headers.collect());
        refusal.map(|refusal| refusal.code.unwrap())
    }

    #[test]
    fn only_names_of_this_machine_and_those_that_were_added_are_hosts() {
        for own in [
            "localhost",
            "LocalHost:8787",
            "127.0.0.1:8787",
            "127.9.9.9",
            "[::1]:8787",
            "[::ffff:127.0.0.1]",
            "app.localhost:1",
            "gateway.example",
            "GATEWAY.example:443",
        ] {
            assert_eq!(code("/v1/route", &[(header::HOST, own)]), None, "{own}");
        }
        for foreign in [
            "evil.example",
            "evil.example:8787",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "10.0.0.1",
            "0.0.0.0:8787",
            "x.gateway.example",
            "user@localhost:x",
            "",
        ] {
            let refused = code("/v1/route", &[(header::HOST, foreign)]);
            assert_eq!(refused, Some("foreign_host"), "{foreign}");
        }
        // A target that names a host is asked for there, whatever stands beside it.
        let beside = [(header::HOST, "localhost")];
        assert_eq!(
            code("http://evil.example/v1/route", &beside),
            Some("foreign_host")
        );
        assert_eq!(code("http://127.0.0.1:1/v1/route", &beside), None);
        // HTTP/1.0 without one.
        assert_eq!(code("/v1/route", &[]), None);
    }

    #[test]
    fn only_pages_of_the_server_itself_and_those_that_were_added_may_ask() {
        let with = |name: &HeaderName, value: &str| {
            code(
                "/",
                &[(header::HOST, "localhost:8787"), (name.clone(), value)],
            )
        };
        for own in [
            "http://localhost:8787",
            "https://LOCALHOST:8787",
            "https://gateway.example",
        ] {
            assert_eq!(with(&header::ORIGIN, own), None, "{own}");
        }
        for foreign in [
            "https://evil.example",
            "http://localhost:3000",
            "http://localhost",
            "http://127.0.0.1:8787",
            "null",
            "file://",
            "chrome-extension://abcdef",
            "",
        ] {
            assert_eq!(
                with(&header::ORIGIN, foreign),
                Some("foreign_origin"),
                "{foreign}"
            );
        }
        for (site, refused) in [
            ("same-origin", false),
            ("none", false),
            ("same-site", true),
            ("cross-site", true),
            ("x", true),
        ] {
            assert_eq!(with(&SEC_FETCH_SITE, site).is_some(), refused, "{site}");
        }
        // Two of which one is foreign.
        let two = [
            (header::HOST, "localhost:1"),
            (header::ORIGIN, "http://localhost:1"),
            (header::ORIGIN, "https://evil.example"),
        ];
        assert_eq!(code("/", &two), Some("foreign_origin"));
    }

    #[test]
    fn a_host_to_be_added_is_a_bare_name() {
        for wrong in ["", "http://x", "x:1", "a b", "u@x", "x/y"] {
            let why = AllowedHosts::try_new(&[wrong.to_owned()]).unwrap_err();
            assert!(why.contains("is no host"), "{wrong}");
        }
        assert!(
            AllowedHosts::try_new(&["x.example".into(), "10.0.0.1".into(), "[::2]".into()]).is_ok()
        );
    }
}
