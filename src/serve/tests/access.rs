//! Tokens, TLS, metrics and the log.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Client, DRIVER, Reply, Running, SPECIALIST, active, mixture, quick};
use crate::serve::app::App;
use crate::serve::record::{Attempt, Recorder};
use crate::serve::{AccessTokens, Limits, ServeOptions, Tls};

const TOKEN: &str = "a-token-for-decisions";
const ADMIN: &str = "a-token-for-administration";

fn app(options: ServeOptions) -> App {
    let limits = quick();
    App::new(
        active(mixture()),
        Recorder::off(),
        &ServeOptions { limits, ..options },
    )
}

fn ask(client: &mut Client, line: &str, token: Option<&str>) -> Reply {
    let header = token.map_or(String::new(), |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    let body = r#"{"request":{}}"#;
    let length = body.len();
    client.send(
        &format!("{line} HTTP/1.1\r\nhost: localhost\r\n{header}content-length: {length}\r\n\r\n"),
        body.as_bytes(),
    );
    client.read()
}

#[test]
fn tokens_open_what_they_are_for_and_nothing_else() {
    let server = Running::of(app(ServeOptions {
        tokens: Some(AccessTokens::parse(TOKEN).unwrap()),
        admin_tokens: Some(AccessTokens::parse(ADMIN).unwrap()),
        ..ServeOptions::default()
    }));
    for line in ["POST /v1/route", "POST /v1/route/v1/chat/completions"] {
        assert_eq!(ask(&mut server.client(), line, Some(TOKEN)).status, 200);
        for wrong in [None, Some(ADMIN), Some("a-token-for-decision")] {
            let reply = ask(&mut server.client(), line, wrong);
            assert_eq!(reply.status, 401, "{wrong:?}");
            assert_eq!(reply.body["error"]["type"], "authentication_error");
            assert!(reply.head.contains("\r\nwww-authenticate: bearer\r\n"));
        }
    }
    for wrong in [None, Some(TOKEN)] {
        assert_eq!(ask(&mut server.client(), "GET /metrics", wrong).status, 401);
    }
    let text = ask_text(&mut server.client(), ADMIN);
    assert!(
        text.contains(r#"weighbridge_requests_total{route="/v1/route",status="401"} 6"#),
        "{text}"
    );
    // Whoever looks whether the server lives has no token.
    assert_eq!(ask(&mut server.client(), "GET /healthz", None).status, 200);
    assert_eq!(ask(&mut server.client(), "GET /readyz", None).status, 200);
}

fn ask_text(client: &mut Client, token: &str) -> String {
    let head = format!(
        "GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    client.send(&head, b"");
    let (head, body) = client.read_raw();
    assert!(
        head.contains("content-type: application/openmetrics-text"),
        "{head}"
    );
    String::from_utf8(body).unwrap()
}

#[test]
fn what_happens_is_counted() {
    let app = app(ServeOptions::default());
    app.attempted(
        "r",
        &Attempt {
            model: "driver".into(),
            endpoint: DRIVER.into(),
            status: "timeout",
            input_tokens: Some(12),
            ..Attempt::default()
        },
    );
    let server = Running::of(app);
    let mut client = server.client();
    for id in ["r-0", "r-1", "r-6"] {
        let reply = client.post(
            "/v1/route",
            format!(r#"{{"id":"{id}","request":{{}}}}"#).as_bytes(),
        );
        assert_eq!(reply.status, 200);
    }
    assert_eq!(
        client
            .post("/v1/route", br#"{"request":{"needs":["vision"]}}"#)
            .status,
        200
    );
    assert_eq!(client.post("/v1/route/x", b"{").status, 400);
    assert_eq!(client.post("/made/up", b"").status, 404);
    let text = ask_text(&mut client, "");
    for line in [
        format!(r#"weighbridge_decisions_total{{endpoint="{DRIVER}",policy="main"}} 2"#),
        format!(r#"weighbridge_decisions_total{{endpoint="{SPECIALIST}",policy="main"}} 1"#),
        r#"weighbridge_decisions_total{endpoint="",policy="main"} 1"#.to_owned(),
        r#"weighbridge_requests_total{route="/v1/route",status="200"} 4"#.to_owned(),
        r#"weighbridge_requests_total{route="/v1/route",status="400"} 1"#.to_owned(),
        r#"weighbridge_requests_total{route="other",status="404"} 1"#.to_owned(),
        r#"weighbridge_request_seconds_count{route="/v1/route"} 5"#.to_owned(),
        "weighbridge_requests_in_flight 1".to_owned(),
        "weighbridge_connections 1".to_owned(),
        r#"weighbridge_reloads_total{outcome="refused"} 0"#.to_owned(),
        "weighbridge_log_lines_dropped_total 0".to_owned(),
        format!(
            r#"weighbridge_upstream_attempts_total{{endpoint="{DRIVER}",outcome="timeout"}} 1"#
        ),
        format!(r#"weighbridge_tokens_total{{endpoint="{DRIVER}",kind="input"}} 12"#),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} in:\n{text}"
        );
    }
    assert!(text.contains("\nweighbridge_body_bytes "), "{text}");
    assert!(text.ends_with("# EOF\n"));
    // Nothing that a client sends becomes a label.
    assert!(!text.contains("made"));
}

#[test]
fn a_connection_may_be_tls_and_a_plain_one_is_not_answered() {
    let (cert, key) = (
        include_bytes!("tls/certificate.pem"),
        include_bytes!("tls/key.pem"),
    );
    let server = Running::of(app(ServeOptions {
        tls: Some(Tls::try_new(cert, key).unwrap()),
        ..ServeOptions::default()
    }));
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(cert).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(server.address).unwrap());
    for _ in 0..2 {
        stream
            .write_all(
                b"POST /v1/route HTTP/1.1\r\nhost: localhost\r\ncontent-length: 14\r\n\r\n{\"request\":{}}",
            )
            .unwrap();
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        // The rest of the answer, up to the last bracket.
        let mut byte = [0; 1];
        let mut depth = 0;
        loop {
            stream.read_exact(&mut byte).unwrap();
            depth += i32::from(byte[0] == b'{') - i32::from(byte[0] == b'}');
            if byte[0] == b'}' && depth == 0 {
                break;
            }
        }
    }
    let mut plain = TcpStream::connect(server.address).unwrap();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"));
}

#[test]
fn a_handshake_that_does_not_come_is_cut_off() {
    let (cert, key) = (
        include_bytes!("tls/certificate.pem"),
        include_bytes!("tls/key.pem"),
    );
    let options = ServeOptions {
        tls: Some(Tls::try_new(cert, key).unwrap()),
        limits: Limits {
            head: Duration::from_millis(50),
            ..quick()
        },
        ..ServeOptions::default()
    };
    let server = Running::of(App::new(active(mixture()), Recorder::off(), &options));
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(&[22]).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn certificates_and_keys_that_are_none_are_told_apart_and_not_shown() {
    let (cert, key) = (
        include_bytes!("tls/certificate.pem"),
        include_bytes!("tls/key.pem"),
    );
    for (cert, key, says) in [
        (&b"x"[..], &key[..], "there is no certificate"),
        (&key[..], &key[..], "there is no certificate"),
        (&cert[..], &cert[..], "there is no private key"),
        (
            &cert[..],
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "certificate and key: ",
        ),
    ] {
        let why = Tls::try_new(cert, key).unwrap_err();
        assert!(why.starts_with(says), "{why}");
    }
}
