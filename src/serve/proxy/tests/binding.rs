//! Upstreams are endpoints: what is decided among, how often an address is asked, whose answer it
//! is, and when the server is ready.

use std::collections::BTreeSet;

use weighbridge_router::{EndpointIndex, Timestamp};

use super::fake::{Fake, answer, respond};
use super::*;
use crate::serve::live::Canary;
use crate::serve::log::Log;
use crate::serve::reload::{Files, Source};

/// Three sellers of the driver and two of the specialist; half of all goes to each model.
fn market() -> Router {
    let ids = [
        "driver@a",
        "driver@b",
        "driver@c",
        "specialist@a",
        "specialist@b",
    ];
    market_of(
        &ids,
        r#"{"kind":"random","weights":{"driver":0.5,"specialist":0.5}}"#,
    )
}

fn market_of<'a>(ids: &[&'a str], choose: &str) -> Router {
    let model = |id: &'a str| id.split('@').next().unwrap();
    let models: BTreeSet<&str> = ids.iter().map(|id| model(id)).collect();
    let endpoint = |id: &&'a str| Endpoint {
        model: model(id).into(),
        recorded_only: false,
        ..Endpoint::recorded_only(id)
    };
    Router::try_new(Parts {
        endpoints: ids.iter().map(endpoint).collect(),
        choose: Some(Choose::from_json(choose).unwrap()),
        fallback: models.into_iter().map(str::to_owned).collect(),
        ..Parts::default()
    })
    .unwrap()
}

fn bound(upstreams: &[(&str, SocketAddr)]) -> ProxyOptions {
    let upstream = |(id, address): &(&str, SocketAddr)| {
        Upstream::try_new(id, &format!("http://{address}/v1")).unwrap()
    };
    ProxyOptions {
        upstreams: upstreams.iter().map(upstream).collect(),
        ..ProxyOptions::default()
    }
}

fn loaded(name: &str, router: Router) -> Loaded {
    Loaded {
        name: name.into(),
        router,
    }
}

fn alone(router: Router) -> Active {
    Active {
        main: loaded("m", router),
        canary: None,
        shadow: None,
        explore: Ppm(0),
    }
}

#[tokio::test]
async fn an_address_is_asked_once_and_is_the_endpoint_that_it_was_said_to_be() {
    let rate = || respond(429, "", "{}");
    let upstream = Fake::start([vec![rate()], vec![answer("b")]]).await;
    let world = World::over(market(), bound(&[("driver@b", upstream.address)])).await;
    for (turn, (status, outcome)) in [(429, "refused"), (200, "ok")].into_iter().enumerate() {
        let id = format!("bind-{turn}");
        let reply = world.chat(&id, &ask("chat", false)).await;
        assert_eq!(reply.status, status, "{reply:?}");
        // Its siblings, and the other model, are not eligible: all of it is this one's.
        assert_eq!(reply.header("x-weighbridge-endpoint"), Some("driver@b"));
        assert_eq!(reply.header("x-weighbridge-propensity"), Some("1"));
        assert_eq!(outline(&recorded(&id).await), [("driver@b", outcome)]);
    }
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn endpoints_that_share_an_address_and_a_model_are_asked_once() {
    let fails = || Fake::always([respond(500, "", "{}")]);
    let (one, other) = (fails().await, fails().await);
    let upstreams = [
        ("driver@a", one.address),
        ("driver@b", one.address),
        ("driver@c", other.address),
        ("specialist@a", one.address),
        ("specialist@b", one.address),
    ];
    let world = World::over(market(), bound(&upstreams)).await;
    let mut body = ask("chat", false);
    for (name, models) in [
        ("auto", vec!["driver", "specialist"]),
        ("driver", vec!["driver"]),
        ("specialist", vec!["specialist"]),
    ] {
        body["model"] = json!(name);
        let before = one.count();
        let reply = world.chat(&format!("shared-{name}"), &body).await;
        assert_eq!(reply.status, 502);
        let asked = &one.asked()[before..];
        let mut asked: Vec<&str> = asked
            .iter()
            .map(|it| it.body["model"].as_str().unwrap())
            .collect();
        asked.sort_unstable();
        assert_eq!(asked, models, "{name}");
    }
    assert_eq!(other.count(), 2);
}

#[tokio::test]
async fn what_is_drawn_has_an_upstream_and_the_propensity_of_that_draw() {
    let fake = || Fake::always([answer("a")]);
    let (driver, specialist) = (fake().await, fake().await);
    let upstreams = [
        ("driver@c", driver.address),
        ("specialist@b", specialist.address),
    ];
    let world = World::over(market(), bound(&upstreams)).await;
    for turn in 0..20 {
        let reply = world
            .chat(&format!("drawn-{turn}"), &ask("chat", false))
            .await;
        assert_eq!(reply.header("x-weighbridge-propensity"), Some("0.5"));
        let chosen = reply.header("x-weighbridge-endpoint");
        assert!(
            chosen.is_some() && chosen == reply.header("x-weighbridge-served"),
            "{reply:?}"
        );
    }
    assert_eq!(driver.count() + specialist.count(), 20);
    assert!(driver.count() > 0 && specialist.count() > 0);
    // The sidecar's answer is the same choice.
    let asked = r#"{"request":{}}"#;
    let route = format!(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{asked}",
        asked.len()
    );
    let choice = world.ask(&route).await.json()["choice"].clone();
    assert_eq!(
        choice,
        json!({ "driver@c": 500_000, "specialist@b": 500_000 })
    );
}

#[tokio::test]
async fn a_server_without_an_endpoint_in_service_is_not_ready_and_says_why() {
    let ask = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let nobody = nobody().await;
    let ended = Router::try_new(Parts {
        endpoints: vec![Endpoint {
            until: Some(Timestamp::parse("2025-12-15T00:00:00Z").unwrap()),
            ..market().endpoints()[0].clone()
        }],
        choose: Some(Choose::from_json(r#"{"kind":"always","to":"driver"}"#).unwrap()),
        ..Parts::default()
    });
    for (router, name, reason) in [
        (market(), "driver@a", None),
        (
            market(),
            "driver",
            Some("no endpoint of `rules` has an --upstream"),
        ),
        (
            ended.unwrap(),
            "driver@a",
            Some("is in service at this time"),
        ),
    ] {
        let world = World::over(router, bound(&[(name, nobody)])).await;
        let reply = world.ask(ask).await;
        match reason {
            None => assert_eq!(
                (reply.status, reply.body.as_str()),
                (200, r#"{"status":"ready"}"#)
            ),
            Some(reason) => {
                assert_eq!(
                    (reply.status, &reply.json()["status"]),
                    (503, &json!("unready"))
                );
                assert!(
                    reply.json()["reason"].as_str().unwrap().contains(reason),
                    "{reply:?}"
                );
            }
        }
    }
}

#[derive(Debug)]
struct Next(std::sync::Mutex<Vec<Active>>);

impl Source for Next {
    fn stamp(&self) -> u64 {
        0
    }

    fn load(&self) -> Result<Active, String> {
        Ok(self.0.lock().unwrap().remove(0))
    }
}

#[tokio::test]
async fn a_file_that_loses_an_endpoint_with_an_upstream_is_refused() {
    let driver = r#"{"kind":"always","to":"driver"}"#;
    let lost = || market_of(&["driver@a", "driver@c"], driver);
    let by_canary = Active {
        canary: Some(Canary {
            loaded: loaded("c", market()),
            share: Ppm(1),
        }),
        ..alone(lost())
    };
    let next = vec![
        alone(lost()),
        by_canary,
        alone(market_of(&["driver@a", "driver@b"], driver)),
    ];
    let files = Files {
        active: alone(market()),
        stamp: 0,
        source: Some(Arc::new(Next(next.into()))),
    };
    let proxy = Proxy::try_new(bound(&[("driver@b", nobody().await)])).unwrap();
    let options = ServeOptions::default();
    let app = App::with_log(files, Recorder::off(), Log::off(), &options)
        .unwrap()
        .with_proxy(proxy);
    let reached = || {
        let router = app.live.get().main.router.clone();
        let places = (0..router.endpoints().len()).map(|i| EndpointIndex(i as u16));
        let ids = places.filter(|&place| router.reaches(place));
        ids.map(|place| router.endpoint(place).id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(reached(), ["driver@b"]);
    let why = app.reload().await.unwrap_err();
    assert!(why.contains("`driver@b` has an --upstream"), "{why}");
    assert_eq!(app.live.get().main.router.endpoints().len(), 5);
    // Another file knows it.
    app.reload().await.unwrap();
    assert!(reached().is_empty());
    app.reload().await.unwrap();
    assert_eq!(reached(), ["driver@b"]);
}

#[tokio::test]
async fn an_answer_that_finds_no_room_is_told_and_bought_once() {
    let long = fake::completion(&"w".repeat(1 << 20));
    let specialist = Fake::start([vec![respond(200, "", &long)], vec![answer("a")]]).await;
    let driver = Fake::unused().await;
    let upstreams = [
        ("driver@x", driver.address),
        ("specialist@y", specialist.address),
    ];
    let mut options = ServeOptions {
        proxy: bound(&upstreams),
        ..ServeOptions::default()
    };
    options.limits.bodies_bytes = 1 << 20;
    let world = World::of(router(), &options).await;
    let reply = world.chat("room-1", &ask("math", false)).await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "overloaded"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(outline(&recorded("room-1").await), [(SPECIALIST, "error")]);
    // What did not fit holds nothing.
    for turn in 2..20 {
        let reply = world
            .chat(&format!("room-{turn}"), &ask("math", false))
            .await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!((specialist.count(), driver.count()), (19, 0));
}
