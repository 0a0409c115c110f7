//! Where a request may go beside what was decided: down the fallback chain where an endpoint does
//! not answer, or where its caller names a model itself.
//!
//! For proxies. Eligibility is judged here as everywhere; nothing is decided by a policy.

use crate::decide::{EndpointIndex, Scratch};
use crate::request::RequestRef;
use crate::router::{Router, resolve};

impl Router {
    /// Where a request may go instead of an endpoint that does not answer: every endpoint of the
    /// fallback chain that admits it, in order, each once.
    #[must_use]
    pub fn fallbacks(&self, request: &RequestRef<'_>, scratch: &mut Scratch) -> Vec<EndpointIndex> {
        scratch.begin();
        let mut places: Vec<EndpointIndex> = Vec::new();
        for &endpoint in self.fallback().iter().flatten() {
            if !places.contains(&endpoint) && self.admits(endpoint, request, scratch).is_ok() {
                places.push(endpoint);
            }
        }
        places
    }

    /// What a caller that asks for no decision means by a name: an endpoint's id, a model, or a role
    /// of the file. The endpoints in order: those that admit the request, or, where none does, all
    /// of them, since the caller has decided. Empty where the file does not know the name.
    #[must_use]
    pub fn named(
        &self,
        name: &str,
        request: &RequestRef<'_>,
        scratch: &mut Scratch,
    ) -> Vec<EndpointIndex> {
        let parts = self.parts();
        let role = parts.roles.iter().find(|(role, _)| role == name);
        let all = resolve(name, &parts.endpoints)
            .or_else(|error| role.map_or(Err(error), |(_, of)| resolve(of, &parts.endpoints)))
            .unwrap_or_default();
        scratch.begin();
        let admitted: Vec<EndpointIndex> = (all.iter().copied())
            .filter(|&endpoint| self.admits(endpoint, request, scratch).is_ok())
            .collect();
        match admitted.is_empty() {
            true => all.into(),
            false => admitted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Choose;
    use crate::endpoint::Endpoint;
    use crate::router::Parts;

    /// Two sellers of the driver, of which only the second has tools, and a specialist.
    fn router() -> Router {
        let endpoint = |id: &str, model: &str, can: &[&str]| Endpoint {
            model: model.into(),
            can: can.iter().map(|&it| it.into()).collect(),
            recorded_only: false,
            ..Endpoint::recorded_only(id)
        };
        Router::try_new(Parts {
            endpoints: vec![
                endpoint("driver@a", "driver", &[]),
                endpoint("driver@b", "driver", &["tools"]),
                endpoint("specialist@a", "specialist", &[]),
            ],
            choose: Some(Choose::from_json(r#"{"kind":"always","to":"specialist@a"}"#).unwrap()),
            fallback: vec!["driver@b".into(), "specialist".into(), "driver".into()],
            roles: vec![
                ("strong".into(), "specialist".into()),
                ("driver".into(), "driver".into()),
            ],
            ..Parts::default()
        })
        .unwrap()
    }

    fn ids(router: &Router, places: &[EndpointIndex]) -> Vec<String> {
        places
            .iter()
            .map(|&place| router.endpoint(place).id.clone())
            .collect()
    }

    #[test]
    fn the_fallback_chain_has_each_endpoint_that_admits_the_request_once() {
        let (router, tools) = (router(), ["tools".to_owned()]);
        let fallbacks = |request: RequestRef<'_>| {
            ids(
                &router,
                &router.fallbacks(&request, &mut Scratch::default()),
            )
        };
        assert_eq!(
            fallbacks(RequestRef::default()),
            ["driver@b", "specialist@a", "driver@a"]
        );
        let needs_tools = RequestRef {
            needs: &tools,
            ..RequestRef::default()
        };
        assert_eq!(fallbacks(needs_tools), ["driver@b"]);
    }

    #[test]
    fn a_name_means_an_endpoint_a_model_or_a_role() {
        let (router, needs) = (router(), ["tools".to_owned()]);
        let named = |name: &str, needs: &[String]| {
            let request = RequestRef {
                needs,
                ..RequestRef::default()
            };
            ids(
                &router,
                &router.named(name, &request, &mut Scratch::default()),
            )
        };
        assert_eq!(named("driver", &[]), ["driver@a", "driver@b"]);
        assert_eq!(named("driver", &needs), ["driver@b"]);
        assert_eq!(named("driver@a", &needs), ["driver@a"]);
        assert_eq!(named("strong", &needs), ["specialist@a"]);
        assert!(named("auto", &[]).is_empty());
    }

    #[test]
    fn what_cannot_be_reached_is_no_endpoint_of_its_model() {
        let router = router().among(|endpoint| endpoint.id != "driver@a");
        let (any, scratch) = (RequestRef::default(), &mut Scratch::default());
        let named = router.named("driver", &any, scratch);
        assert_eq!(ids(&router, &named), ["driver@b"]);
        let fallbacks = router.fallbacks(&any, scratch);
        assert_eq!(ids(&router, &fallbacks), ["driver@b", "specialist@a"]);
        // A model's first endpoint is its first that can be reached.
        let driver = Choose::from_json(r#"{"kind":"always","to":"driver"}"#).unwrap();
        let parts = Parts {
            choose: Some(driver),
            ..router.parts().clone()
        };
        let router = Router::try_new(parts).unwrap();
        let sole = |router: &Router| {
            router
                .endpoint(router.decide(&any).sole().unwrap())
                .id
                .clone()
        };
        assert_eq!(sole(&router), "driver@a");
        assert_eq!(sole(&router.among(|it| it.id != "driver@a")), "driver@b");
    }
}
