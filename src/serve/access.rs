//! Who may ask: tokens, compared in constant time, kept as hashes and shown nowhere.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest as _, Sha256};

use super::answer::Refusal;

/// The fewest characters of a token: fewer can be guessed.
const MIN_TOKEN_CHARS: usize = 16;

/// Tokens of which a request must bring one, as `Authorization: Bearer TOKEN`.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessTokens(Arc<[[u8; 32]]>);

impl AccessTokens {
    /// Read a file's text: a token a line, so that an old and a new one hold side by side; empty
    /// lines and lines that begin with `#` are passed over.
    ///
    /// # Errors
    /// Where a token is short or not visible ASCII, or there is none; the text is not shown.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut hashes = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.len() < MIN_TOKEN_CHARS || !line.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!(
                    "line {}: a token has at least {MIN_TOKEN_CHARS} visible ASCII characters, \
                     without spaces",
                    number + 1
                ));
            }
            hashes.push(Sha256::digest(line).into());
        }
        if hashes.is_empty() {
            return Err("there is no token in it; write one a line".to_owned());
        }
        Ok(Self(hashes.into()))
    }

    /// Whether the headers bring one of them. Takes the same time whatever is wrong with a token:
    /// hashes are compared, all of them, to the last byte.
    pub(super) fn admit(&self, headers: &HeaderMap) -> bool {
        let Some(token) = headers.get(header::AUTHORIZATION).and_then(bearer) else {
            return false;
        };
        let hash: [u8; 32] = Sha256::digest(token).into();
        self.0.iter().fold(false, |found, known| {
            let apart = known.iter().zip(&hash).fold(0, |acc, (a, b)| acc | (a ^ b));
            found | (apart == 0)
        })
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessTokens({})", self.0.len())
    }
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

/// Let pass only who brings a token.
pub(super) async fn guard(
    State(tokens): State<AccessTokens>,
    request: Request,
    next: Next,
) -> Response {
    if tokens.admit(request.headers()) {
        return next.run(request).await;
    }
    let refusal = Refusal {
        kind: "authentication_error",
        ..Refusal::whole("a valid token is missing; send `Authorization: Bearer TOKEN`")
    };
    let mut answer = refusal
        .coded("invalid_api_key")
        .answer(StatusCode::UNAUTHORIZED);
    let how = HeaderValue::from_static("Bearer");
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    #[test]
    fn every_token_of_a_file_is_admitted_and_nothing_else() {
        let tokens =
            AccessTokens::parse("# two\n0123456789abcdef\n\n  fedcba9876543210  \n").unwrap();
        for good in ["Bearer 0123456789abcdef", "bearer  fedcba9876543210"] {
            assert!(tokens.admit(&headers(good)), "{good}");
        }
        for bad in [
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Bearer # two",
            "Bearer ",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
            "é",
        ] {
            assert!(!tokens.admit(&headers(bad)), "{bad}");
        }
        assert!(!tokens.admit(&HeaderMap::new()));
        assert_eq!(format!("{tokens:?}"), "AccessTokens(2)");
    }

    #[test]
    fn a_file_without_a_usable_token_is_refused_and_not_shown() {
        for (text, says) in [
            ("", "there is no token"),
            ("# only\n", "there is no token"),
            ("\nshort", "line 2: a token has at least 16"),
            ("two words that are long", "line 1: a token"),
        ] {
            let error = AccessTokens::parse(text).unwrap_err();
            assert!(error.starts_with(says), "{error}");
            assert!(!error.contains("short") && !error.contains("words"));
        }
    }
}
