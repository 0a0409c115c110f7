//! What every target has to know of a router's endpoints: which is the driver, and which may stand
//! in for which.

use weighbridge_router::{Endpoint, RequestRef, Router, Scratch};

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
/// chain that have its abilities and serve its channels and regions, so that a failure never sends
/// a request where the policy would not. What is too long for one, or comes after its life, it
/// refuses itself.
pub(super) fn stand_ins<'r>(router: &'r Router, failed: &Endpoint) -> Vec<&'r Endpoint> {
    chain(router)
        .filter(|endpoint| endpoint.id != failed.id && serves_all_of(endpoint, failed))
        .collect()
}

/// Whether an endpoint can and may serve whatever `other` can and may.
fn serves_all_of(endpoint: &Endpoint, other: &Endpoint) -> bool {
    endpoint.recorded_only
        || (!other.recorded_only
            && other
                .can
                .iter()
                .all(|ability| endpoint.can.contains(ability))
            && lists_all_of(&endpoint.channels, &other.channels)
            && lists_all_of(&endpoint.regions, &other.regions))
}

/// Whether a list of what is served holds all of another; an empty one serves everything.
fn lists_all_of(own: &[String], other: &[String]) -> bool {
    own.is_empty() || (!other.is_empty() && other.iter().all(|item| own.contains(item)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_router::{Choose, Parts};

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
    fn nobody_stands_in_who_could_not_or_may_not_serve_all_requests() {
        let mut abroad = endpoint("abroad@x", &["tools"]);
        abroad.regions = vec!["us".into()];
        let mut home = endpoint("home@x", &["tools", "vision"]);
        home.regions = vec!["eu".into(), "us".into()];
        let all = vec![
            endpoint("a@x", &["tools"]),
            endpoint("b@x", &[]),
            abroad,
            home,
        ];
        let router = router(all, &["b@x", "a", "abroad@x", "home@x"], &[]);
        let behind = |at: usize| ids(&stand_ins(&router, &router.endpoints()[at]));
        assert_eq!(behind(0), Vec::<&str>::new());
        assert_eq!(behind(1), ["a@x"]);
        assert_eq!(behind(2), ["a@x", "home@x"]);
        assert_eq!(behind(3), Vec::<&str>::new());
    }
}
