//! What a request's head must be, whatever it asks for.

use axum::http::{HeaderValue, Request, StatusCode, Version, header};
use axum::response::Response;

use super::answer::Refusal;

/// Why a request is not taken, if it is not: it does not say once and readably whom it asks, or its
/// head is longer than allowed.
pub(super) fn refuse<B>(request: &Request<B>, most_bytes: usize) -> Option<Response> {
    if bytes(request) > most_bytes {
        let message = format!("the headers are longer than {most_bytes} bytes");
        let refusal = Refusal::whole(message).coded("headers_too_large");
        return Some(refusal.answer(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let says = match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => return None,
        (None, _) if request.version() < Version::HTTP_11 => return None,
        (None, _) => "the header `Host` is missing; HTTP/1.1 demands one",
        (Some(_), None) => "the header `Host` is no name or address",
        (Some(_), Some(_)) => "the header `Host` stands twice; send one",
    };
    let refusal = Refusal::whole(says).coded("bad_host");
    Some(refusal.answer(StatusCode::BAD_REQUEST))
}

/// A name or address, and perhaps a port; an empty one is allowed to what has no host.
fn is_host(host: &HeaderValue) -> bool {
    let marks = b".-_~:[]%!$&'()*+,;=";
    let mut bytes = host.as_bytes().iter();
    bytes.all(|byte| byte.is_ascii_alphanumeric() || marks.contains(byte))
}

/// How long the request's line and headers are.
fn bytes<B>(request: &Request<B>) -> usize {
    // Two blanks and `HTTP/1.1`, and each line's end.
    const LINE: usize = 12;
    const HEADER: usize = 4;
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |it| it.as_str().len())
        + uri.authority().map_or(0, |it| it.as_str().len());
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER);
    request.method().as_str().len() + target + LINE + headers.sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, hosts: &[&str], most: usize) -> Option<u16> {
        let mut request = Request::builder().uri("/v1/route").version(version);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        let refused = refuse(&request.body(()).unwrap(), most);
        refused.map(|answer| answer.status().as_u16())
    }

    #[test]
    fn a_request_says_once_whom_it_asks() {
        for (version, hosts, expected) in [
            (Version::HTTP_11, &["x"][..], None),
            (Version::HTTP_11, &["[::1]:8787"], None),
            (Version::HTTP_11, &[""], None),
            (Version::HTTP_11, &[], Some(400)),
            (Version::HTTP_11, &["x", "x"], Some(400)),
            (Version::HTTP_11, &["x", "y"], Some(400)),
            (Version::HTTP_11, &["x y"], Some(400)),
            (Version::HTTP_11, &["x/y"], Some(400)),
            (Version::HTTP_11, &["me@x"], Some(400)),
            (Version::HTTP_10, &[], None),
            (Version::HTTP_10, &["x", "y"], Some(400)),
        ] {
            assert_eq!(status(version, hosts, 1000), expected, "{hosts:?}");
        }
    }

    #[test]
    fn the_limit_of_a_head_is_its_bytes() {
        // GET /v1/route HTTP/1.1, host: x, and what ends each line.
        let bytes = "GET /v1/route HTTP/1.1\r\nhost: x\r\n\r\n".len();
        assert_eq!(status(Version::HTTP_11, &["x"], bytes), None);
        assert_eq!(status(Version::HTTP_11, &["x"], bytes - 1), Some(431));
    }
}
