//! Where one request goes: decided by the file in force, drawn by the request's id.
//!
//! The only place in the server that draws, by `Decision::draw`. Which of two files decides, what is explored and which
//! endpoint of a mixture is taken are functions of the request's id (of its session, for the
//! canary) alone, so that a request that is sent again goes the same way, on every server.

use std::cell::RefCell;
use std::sync::Arc;

use weighbridge_router::{
    Decision, Endpoint, EndpointIndex, Ppm, Prediction, Request, Router, Scratch,
};

use super::live::{Active, Canary, Loaded};
use super::record::{Attempt, Entry, Logged};

/// Keys the choice between the two files, so that it is independent of every other hash of the same
/// id.
const CANARY_KEY: &[u8] = b"weighbridge.canary/1\0";

thread_local! {
    /// Each worker thread keeps its own, so that deciding allocates nothing once they are warm.
    static WARM: RefCell<Scratch> = RefCell::default();
}

/// A decision and what was drawn from it.
#[derive(Debug)]
pub(super) struct Assigned {
    /// The files that were in force.
    active: Arc<Active>,
    /// Whether the canary decided.
    by_canary: bool,
    /// The distribution that the endpoint was drawn from, exploration included.
    pub(super) decision: Decision,
    /// Where it goes; none: unanswered.
    pub(super) drawn: Option<EndpointIndex>,
    /// The probability with which that came out.
    pub(super) propensity: Ppm,
    /// What the heads predict, in the order of the heads.
    pub(super) predictions: Vec<Prediction>,
    /// What the shadow would have drawn.
    shadow: Option<(Option<EndpointIndex>, Ppm)>,
}

impl Assigned {
    /// The file that decided.
    pub(super) fn by(&self) -> &Loaded {
        match &self.active.canary {
            Some(canary) if self.by_canary => &canary.loaded,
            _ => &self.active.main,
        }
    }

    /// Its router.
    pub(super) fn router(&self) -> &Router {
        &self.by().router
    }

    /// Where it goes.
    pub(super) fn endpoint(&self) -> Option<&Endpoint> {
        self.drawn.map(|index| self.router().endpoint(index))
    }

    /// The request as it is recorded, with what endpoints made of it.
    pub(super) fn entry(&self, id: String, request: Request, attempts: Vec<Attempt>) -> Entry {
        let shadow = self.active.shadow.as_ref().zip(self.shadow);
        Entry {
            id,
            request,
            logged: Some(logged(self.by(), self.drawn, self.propensity)),
            shadow: shadow.map(|(loaded, (drawn, propensity))| logged(loaded, drawn, propensity)),
            attempts,
        }
    }
}

fn logged(by: &Loaded, drawn: Option<EndpointIndex>, propensity: Ppm) -> Logged {
    Logged {
        endpoint: drawn.map(|index| by.router.endpoint(index).id.clone()),
        propensity,
        policy: by.name.clone(),
    }
}

/// Decide a request, mix exploration in and draw an endpoint for its id.
pub(super) fn assign(active: Arc<Active>, request: &Request, id: &str) -> Assigned {
    let canary = active.canary.as_ref();
    let by_canary = canary.is_some_and(|canary| takes(canary, request, id));
    let router = match canary {
        Some(canary) if by_canary => &canary.loaded.router,
        _ => &active.main.router,
    };
    let mut decision = Decision::default();
    let (predictions, shadow) = WARM.with_borrow_mut(|scratch| {
        let seen = request.as_ref();
        router.decide_into(&seen, scratch, &mut decision);
        router.explore(&seen, active.explore, scratch, &mut decision);
        let predictions = router.predictions(&seen, scratch).to_vec();
        let shadow = active.shadow.as_ref().map(|shadow| {
            let mut would = Decision::default();
            shadow.router.decide_into(&seen, scratch, &mut would);
            would.draw(id)
        });
        (predictions, shadow)
    });
    let (drawn, propensity) = decision.draw(id);
    Assigned {
        active,
        by_canary,
        decision,
        drawn,
        propensity,
        predictions,
        shadow,
    }
}

/// Whether the canary decides a request: sessions stay together.
fn takes(canary: &Canary, request: &Request, id: &str) -> bool {
    let unit = request.session.as_deref().unwrap_or(id);
    Ppm::drawn(CANARY_KEY, unit) < canary.share
}

#[cfg(test)]
mod tests {
    use weighbridge_router::{Choose, Parts};

    use super::*;

    fn loaded(name: &str, choose: &str) -> Loaded {
        let endpoint = |id: &str| Endpoint {
            recorded_only: false,
            ..Endpoint::recorded_only(id)
        };
        let router = Router::try_new(Parts {
            endpoints: ["a@x", "b@x", "c@x", "d@x"].map(endpoint).into(),
            choose: Some(Choose::from_json(choose).unwrap()),
            ..Parts::default()
        });
        Loaded {
            name: name.into(),
            router: router.unwrap(),
        }
    }

    fn active(explore: u32) -> Active {
        Active {
            main: loaded("main", r#"{"kind":"always","to":"a@x"}"#),
            canary: Some(Canary {
                loaded: loaded("canary", r#"{"kind":"always","to":"b@x"}"#),
                share: Ppm(100_000),
            }),
            shadow: Some(loaded("shadow", r#"{"kind":"always","to":"c@x"}"#)),
            explore: Ppm(explore),
        }
    }

    fn entry(active: &Arc<Active>, id: &str, session: Option<&str>) -> Entry {
        let request = Request {
            session: session.map(str::to_owned),
            ..Request::default()
        };
        assign(Arc::clone(active), &request, id).entry(id.into(), request, Vec::new())
    }

    #[test]
    fn draws_come_out_with_the_propensity_that_is_recorded() {
        let active = Arc::new(Active {
            canary: None,
            ..active(200_000)
        });
        let mut counts = [0u32; 4];
        for i in 0..40_000 {
            let logged = entry(&active, &format!("r-{i}"), None).logged.unwrap();
            let place = ["a@x", "b@x", "c@x", "d@x"]
                .iter()
                .position(|id| logged.endpoint.as_deref() == Some(id));
            let place = place.unwrap();
            assert_eq!(
                logged.propensity.0,
                [850_000, 50_000, 50_000, 50_000][place]
            );
            counts[place] += 1;
        }
        // Four standard errors of a share of 5% are 174.
        assert!(
            counts[1..].iter().all(|&n| n.abs_diff(2_000) < 174),
            "{counts:?}"
        );
    }

    #[test]
    fn a_canary_takes_its_share_of_sessions_and_keeps_each_whole() {
        let active = Arc::new(active(0));
        let mut by_canary = 0;
        for i in 0..10_000 {
            let session = format!("s-{i}");
            let arms: Vec<Logged> = (0..3)
                .map(|turn| entry(&active, &format!("{i}/{turn}"), Some(&session)))
                .map(|entry| entry.logged.unwrap())
                .collect();
            assert!(arms.iter().all(|arm| *arm == arms[0]));
            let expected = match arms[0].policy.as_str() {
                "canary" => "b@x",
                _ => "a@x",
            };
            assert_eq!(arms[0].endpoint.as_deref(), Some(expected));
            by_canary += u32::from(arms[0].policy == "canary");
        }
        // Four standard errors are 120.
        assert!(by_canary.abs_diff(1_000) < 120, "{by_canary}");
        assert_eq!(
            entry(&active, "9/0", Some("s")).logged,
            entry(&active, "8/0", Some("s")).logged
        );
    }

    #[test]
    fn a_shadow_is_recorded_and_changes_nothing() {
        let with = Arc::new(active(0));
        let without = Arc::new(Active {
            shadow: None,
            ..active(0)
        });
        for i in 0..200 {
            let id = format!("r-{i}");
            let (seen, alone) = (entry(&with, &id, None), entry(&without, &id, None));
            assert_eq!(seen.logged, alone.logged);
            assert_eq!(alone.shadow, None);
            let shadow = seen.shadow.unwrap();
            assert_eq!(shadow.endpoint.as_deref(), Some("c@x"));
            assert_eq!(
                (shadow.policy.as_str(), shadow.propensity),
                ("shadow", Ppm::ONE)
            );
        }
    }
}
