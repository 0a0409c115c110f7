//! What every target has to know of a router's endpoints: which is the driver, and which may stand
//! in for which.

use weighbridge_router::{Endpoint, RequestRef, Router, Scratch, Timestamp};

/// The endpoint that answers where nothing else can be decided: the first of the role `driver`,
/// else of the fallback chain, else of the file.
pub(super) fn driver(router: &Router) -> &Endpoint {
    let named = router.named("driver", &RequestRef::default(), &mut Scratch::default());
    let first = named.first().copied();
    // A checked router has an endpoint.
    first.map_or_else(
        || chain(router).next().unwrap_or(&router.endpoints()[0]),
        |index| router.endpoint(index),
    )
}

/// The fallback chain: a request that says nothing is admitted everywhere.
fn chain(router: &Router) -> impl Iterator<Item = &Endpoint> {
    let places = router.fallbacks(&RequestRef::default(), &mut Scratch::default());
    places.into_iter().map(|index| router.endpoint(index))
}

/// The endpoint of that id, else the endpoints of the model of that name, in order.
pub(super) fn named<'r>(router: &'r Router, name: &'r str) -> impl Iterator<Item = &'r Endpoint> {
    let exact = router.index_of(name).map(|index| router.endpoint(index));
    let any = exact.is_none();
    let of_model = router.endpoints().iter();
    exact
        .into_iter()
        .chain(of_model.filter(move |endpoint| any && endpoint.model == name))
}

/// For each endpoint what its environment variables are called by: names that people recognise and
/// shells take, the id in capitals with an underscore for all else; a second id that comes to the
/// same gets a number.
pub(super) fn stems(router: &Router) -> Vec<String> {
    let mut stems: Vec<String> = Vec::new();
    for endpoint in router.endpoints() {
        let plain = |c: char| match c.is_ascii_alphanumeric() {
            true => c.to_ascii_uppercase(),
            false => '_',
        };
        let stem: String = endpoint.id.chars().map(plain).collect();
        let numbered = |number: usize| match number {
            1 => stem.clone(),
            number => format!("{stem}_{number}"),
        };
        stems.extend((1..).map(numbered).find(|stem| !stems.contains(stem)));
    }
    stems
}

/// A text in double quotes, as JSON and YAML read it back.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The fallback chain behind an endpoint for a gateway whose chains are fixed: those of the file's
/// chain that may take every request that `failed` may take. One that has fewer abilities is left
/// out, so that a failure never sends a request where the policy would not.
pub(super) fn stand_ins<'r>(router: &'r Router, failed: &Endpoint) -> Vec<&'r Endpoint> {
    chain(router)
        .filter(|endpoint| endpoint.id != failed.id && takes_all_of(endpoint, failed))
        .collect()
}

/// Whether every request that `other` admits is admitted by `endpoint` too.
fn takes_all_of(endpoint: &Endpoint, other: &Endpoint) -> bool {
    if endpoint.recorded_only {
        return true;
    }
    !other.recorded_only
        && other
            .can
            .iter()
            .all(|ability| endpoint.can.contains(ability))
        && lists_all_of(&endpoint.channels, &other.channels)
        && lists_all_of(&endpoint.regions, &other.regions)
        && match (endpoint.context_tokens, other.context_tokens) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(theirs)) => own >= theirs,
        }
        && covers(window(endpoint), window(other))
}

/// Whether a list of what is served holds all of another; an empty one serves everything.
fn lists_all_of(own: &[String], other: &[String]) -> bool {
    own.is_empty() || (!other.is_empty() && other.iter().all(|item| own.contains(item)))
}

type Window = (Option<Timestamp>, Option<Timestamp>);

/// When an endpoint takes requests: its life, within its prices. Gaps between price rows are an
/// error of `catalog check` and not looked for.
fn window(endpoint: &Endpoint) -> Window {
    let first = endpoint.prices.first().and_then(|row| row.from);
    let last = endpoint.prices.last().and_then(|row| row.until);
    let until = match (endpoint.until, last) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    (endpoint.from.max(first), until)
}

fn covers(own: Window, other: Window) -> bool {
    own.0 <= other.0
        && match (own.1, other.1) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(theirs)) => own >= theirs,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_router::{Choose, Parts, Tokens};

    fn endpoint(id: &str, can: &[&str]) -> Endpoint {
        Endpoint {
            can: can.iter().map(|&ability| ability.to_owned()).collect(),
            recorded_only: false,
            model: id.split('@').next().unwrap().to_owned(),
            ..Endpoint::recorded_only(id)
        }
    }

    fn router(endpoints: Vec<Endpoint>, fallback: &[&str], roles: &[(&str, &str)]) -> Router {
        Router::try_new(Parts {
            choose: Some(Choose::Always(endpoints[0].id.clone())),
            endpoints,
            fallback: fallback.iter().map(|&name| name.to_owned()).collect(),
            roles: roles
                .iter()
                .map(|&(role, to)| (role.to_owned(), to.to_owned()))
                .collect(),
            ..Parts::default()
        })
        .unwrap()
    }

    fn ids<'a>(chain: &[&'a Endpoint]) -> Vec<&'a str> {
        chain.iter().map(|endpoint| endpoint.id.as_str()).collect()
    }

    #[test]
    fn the_driver_is_the_role_else_the_fallback_else_the_first() {
        let three = || {
            vec![
                endpoint("a@x", &[]),
                endpoint("b@x", &[]),
                endpoint("b@y", &[]),
            ]
        };
        assert_eq!(driver(&router(three(), &[], &[])).id, "a@x");
        assert_eq!(driver(&router(three(), &["b"], &[])).id, "b@x");
        assert_eq!(
            driver(&router(three(), &["b"], &[("driver", "b@y")])).id,
            "b@y"
        );
    }

    #[test]
    fn variables_are_told_apart() {
        let twins = vec![
            endpoint("a-1@x", &[]),
            endpoint("a.1@x", &[]),
            endpoint("b", &[]),
        ];
        assert_eq!(stems(&router(twins, &[], &[])), ["A_1_X", "A_1_X_2", "B"]);
    }

    #[test]
    fn nobody_stands_in_who_could_not_take_all_requests() {
        let mut small = endpoint("small@x", &["tools"]);
        small.context_tokens = Some(Tokens(10));
        let mut ended = endpoint("ended@x", &["tools"]);
        ended.until = Some(Timestamp::parse("2025-12-15").unwrap());
        let all = vec![
            endpoint("a@x", &["tools"]),
            endpoint("b@x", &[]),
            small,
            ended,
        ];
        let router = router(all, &["b@x", "a", "small@x", "ended@x"], &[]);
        let behind = |at: usize| ids(&stand_ins(&router, &router.endpoints()[at]));
        assert_eq!(behind(0), Vec::<&str>::new());
        assert_eq!(behind(1), ["a@x"]);
        assert_eq!(behind(2), ["a@x"]);
        assert_eq!(behind(3), ["a@x"]);
    }
}
