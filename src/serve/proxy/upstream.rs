//! Where the requests for an endpoint are sent: named in the configuration and nowhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use weighbridge_router::{Endpoint, RequestRef, Timestamp};

use super::secrets::{SCHEME, is_too_short};
use crate::serve::live::{Active, Canary, Loaded};

/// How long an upstream may be silent unless told otherwise. Models that think before they answer a
/// request that is not streamed take minutes to their first byte.
pub const DEFAULT_SILENCE: Duration = Duration::from_secs(300);

/// How long a request may take unless told otherwise: to its first chunk, or, not streamed, to its
/// end.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(600);

/// How to proxy.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Where requests are sent; none: there is no proxy.
    pub upstreams: Vec<Upstream>,
    /// The longest time without a byte from an upstream: before its first one the next endpoint is
    /// tried, after it the answer ends with an error.
    pub silence: Duration,
    /// The longest time to the first chunk, all attempts together; to the end of an answer that is
    /// not streamed.
    pub deadline: Duration,
    /// Whether a request's metadata goes upstream, but for what is told the router.
    pub forward_metadata: bool,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            upstreams: Vec::new(),
            silence: DEFAULT_SILENCE,
            deadline: DEFAULT_DEADLINE,
            forward_metadata: false,
        }
    }
}

/// A server that answers in OpenAI's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    endpoint: String,
    chat: Uri,
    key: Option<Key>,
    model: Option<String>,
}

impl Upstream {
    /// The upstream of the endpoint of this id, at the address to which `/chat/completions` is added,
    /// like `https://api.deepseek.com/v1`.
    ///
    /// # Errors
    /// Where the address is none that can be called; a sentence.
    pub fn try_new(endpoint: &str, base: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("`{base}` {why}; write the base address, like https://api.deepseek.com/v1")
        };
        if base.contains(['?', '#']) {
            return Err(wrong("has a query or a fragment"));
        }
        if !(base.starts_with("http://") || base.starts_with("https://")) {
            return Err(wrong("begins with neither http:// nor https://"));
        }
        let chat: Uri = format!("{}/chat/completions", base.trim_end_matches('/'))
            .parse()
            .map_err(|_| wrong("is not an address"))?;
        match chat.authority() {
            None => return Err(wrong("names no host")),
            // A key in an address would be shown wherever the address is.
            Some(host) if host.as_str().contains('@') => {
                return Err(
                    "an address may not hold a name or key before `@`; give keys by --upstream-key"
                        .to_owned(),
                );
            }
            Some(_) => {}
        }
        Ok(Self {
            endpoint: endpoint.to_owned(),
            chat,
            key: None,
            model: None,
        })
    }

    /// The same, called with a key.
    ///
    /// # Errors
    /// Where the key cannot stand in a header; a sentence that does not show it.
    pub fn with_key(mut self, key: &str) -> Result<Self, String> {
        self.key = Some(Key::try_new(key)?);
        Ok(self)
    }

    /// The same, which calls the model by another name.
    #[must_use]
    pub fn with_model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// The endpoint's id.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether a key would travel readable for whoever carries it.
    #[must_use]
    pub fn bares_its_key(&self) -> bool {
        let host = self.chat.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let here = host == "localhost"
            || host
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        self.key.is_some() && !self.is_tls() && !here
    }

    /// Whether its key is too short to be hidden wherever its upstream says it.
    #[must_use]
    pub fn has_short_key(&self) -> bool {
        self.key().is_some_and(is_too_short)
    }

    /// The key itself.
    pub(super) fn key(&self) -> Option<&str> {
        let header = self.key.as_ref()?.0.as_bytes();
        let text = std::str::from_utf8(header).ok()?;
        text.strip_prefix(SCHEME)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.chat.scheme_str() == Some("https")
    }

    pub(super) fn chat(&self) -> &Uri {
        &self.chat
    }

    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.key.as_ref().map(|key| &key.0)
    }

    /// What the upstream calls the model of an endpoint.
    pub(super) fn model<'a>(&'a self, endpoint: &'a Endpoint) -> &'a str {
        self.model.as_deref().unwrap_or(&endpoint.model)
    }
}

/// A key as it stands in the header; shown nowhere.
#[derive(Clone, PartialEq, Eq)]
struct Key(HeaderValue);

impl Key {
    fn try_new(key: &str) -> Result<Self, String> {
        let key = key.trim();
        if key.is_empty() {
            return Err("the key is empty".to_owned());
        }
        let mut header = HeaderValue::try_from(format!("{SCHEME}{key}"))
            .map_err(|_| "the key has characters that no header may have".to_owned())?;
        header.set_sensitive(true);
        Ok(Self(header))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// The upstreams by endpoint.
#[derive(Debug, Default)]
pub(super) struct Upstreams(BTreeMap<String, Upstream>);

impl Upstreams {
    pub(super) fn new(upstreams: Vec<Upstream>) -> Self {
        let named = upstreams.into_iter().map(|it| (it.endpoint.clone(), it));
        Self(named.collect())
    }

    /// The upstream of an endpoint.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Option<&Upstream> {
        self.0.get(&endpoint.id)
    }

    /// The files, deciding among endpoints that have an upstream.
    pub(super) fn among(&self, active: Active) -> Active {
        let among = |loaded: Loaded| Loaded {
            router: loaded.router.among(|endpoint| self.of(endpoint).is_some()),
            ..loaded
        };
        Active {
            main: among(active.main),
            canary: active.canary.map(|canary| Canary {
                loaded: among(canary.loaded),
                ..canary
            }),
            shadow: active.shadow.map(among),
            ..active
        }
    }

    /// Whether files know every endpoint that has an upstream.
    ///
    /// # Errors
    /// Which one they do not know, as a sentence.
    pub(super) fn all_known(&self, active: &Active) -> Result<(), String> {
        let canary = active.canary.as_ref().map(|canary| &canary.loaded);
        let files = [Some(&active.main), canary, active.shadow.as_ref()];
        let knows = |id: &str| {
            let mut files = files.iter().flatten();
            files.any(|file| file.router.index_of(id).is_some())
        };
        match self.0.keys().find(|id| !knows(id)) {
            None => Ok(()),
            Some(id) => Err(format!(
                "`{id}` has an --upstream and is no endpoint of any file; start without that \
                 --upstream, or put the endpoint back"
            )),
        }
    }

    /// Why no request can be answered at that time; none where one can.
    pub(super) fn unready(&self, by: &Loaded, at: Timestamp) -> Option<String> {
        let request = RequestRef {
            at: Some(at),
            ..RequestRef::default()
        };
        let endpoints = by.router.endpoints().iter();
        let mut bound = endpoints
            .filter(|endpoint| self.of(endpoint).is_some())
            .peekable();
        let name = &by.name;
        if bound.peek().is_none() {
            return Some(format!("no endpoint of `{name}` has an --upstream"));
        }
        if bound.any(|endpoint| endpoint.admits(&request).is_ok()) {
            return None;
        }
        Some(format!(
            "no endpoint of `{name}` that has an --upstream is in service at this time"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_gets_the_path_of_chat_completions() {
        for (base, chat) in [
            (
                "https://api.deepseek.com/v1",
                "https://api.deepseek.com/v1/chat/completions",
            ),
            ("http://127.0.0.1:9/", "http://127.0.0.1:9/chat/completions"),
            ("http://[::1]:9/a/b/", "http://[::1]:9/a/b/chat/completions"),
        ] {
            assert_eq!(
                Upstream::try_new("m", base).unwrap().chat().to_string(),
                chat
            );
        }
        for (base, says) in [
            ("api.deepseek.com", "neither http"),
            ("ftp://x/v1", "neither http"),
            ("http:///v1", "is not an address"),
            ("https://x/v1?key=1", "has a query"),
            ("https://me:secret@x/v1", "before `@`"),
            ("https://a b/", "is not an address"),
            ("", "neither http"),
        ] {
            let error = Upstream::try_new("m", base).unwrap_err();
            assert!(error.contains(says), "{base}: {error}");
            assert!(!error.contains("secret"));
        }
    }

    #[test]
    fn a_key_is_shown_nowhere_and_bared_only_to_this_machine() {
        let with_key = |base: &str| {
            let upstream = Upstream::try_new("m", base).unwrap();
            upstream.with_key(" sk-secret\n").unwrap()
        };
        let shown = format!("{:?}", with_key("http://127.0.0.1:1"));
        assert!(
            shown.contains("hidden") && !shown.contains("secret"),
            "{shown}"
        );
        assert_eq!(
            with_key("http://x").authorization().unwrap(),
            "Bearer sk-secret"
        );
        for (base, bares) in [
            ("http://127.0.0.1:1", false),
            ("http://[::1]:1", false),
            ("http://localhost", false),
            ("https://x", false),
            ("http://x", true),
            ("http://10.0.0.1/v1", true),
        ] {
            assert_eq!(with_key(base).bares_its_key(), bares, "{base}");
        }
        let upstream = || Upstream::try_new("m", "http://x").unwrap();
        for (key, says) in [(" ", "the key is empty"), ("a\nb", "characters")] {
            assert!(upstream().with_key(key).unwrap_err().contains(says));
        }
    }

    #[test]
    fn an_upstream_is_of_one_endpoint() {
        let upstream = |id: &str, base: &str| Upstream::try_new(id, base).unwrap();
        let upstreams = Upstreams::new(vec![
            upstream("m@a", "http://a"),
            upstream("m@b", "http://b").with_model("other"),
        ]);
        let endpoint = |id: &str| Endpoint {
            model: "m".into(),
            ..Endpoint::recorded_only(id)
        };
        let called = |id: &str| {
            let endpoint = endpoint(id);
            let upstream = upstreams.of(&endpoint)?;
            let host = upstream.chat().host()?.to_owned();
            Some((host, upstream.model(&endpoint).to_owned()))
        };
        assert_eq!(called("m@a"), Some(("a".into(), "m".into())));
        assert_eq!(called("m@b"), Some(("b".into(), "other".into())));
        assert_eq!(called("m@c"), None);
    }
}
