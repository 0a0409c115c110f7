//! Exploration: a uniform choice mixed into a decision, so that what is recorded tells about
//! endpoints that the policy would not have chosen.
//!
//! It stays within eligibility, in whole parts per million, and adds nothing where nobody answers.
//! Whether to explore is the caller's wish; no router file asks for it.

use crate::decide::{Decision, EndpointIndex, Scratch};
use crate::request::RequestRef;
use crate::router::Router;
use crate::units::Ppm;

impl Router {
    /// The endpoints of the file that a request may go to, in the order of the file: abilities,
    /// channel, region, context, dates and deadline admit it, whatever the policy says.
    pub fn eligible<'a>(
        &'a self,
        request: &'a RequestRef<'_>,
        scratch: &'a mut Scratch,
    ) -> impl Iterator<Item = EndpointIndex> + 'a {
        self.indices()
            .filter(move |&index| self.admits(index, request, scratch).is_ok())
    }

    /// Mix a uniform choice among the eligible endpoints into the decision that was made last with
    /// this scratch space: `share` of what it answers. The shares still sum to one; what is
    /// unanswered stays so, and so does what the decision says of its fallback.
    pub fn explore(
        &self,
        request: &RequestRef<'_>,
        share: Ppm,
        scratch: &mut Scratch,
        decision: &mut Decision,
    ) {
        let answered = Ppm::ONE.0 - decision.unanswered().0;
        if share == Ppm(0) || answered == 0 {
            return;
        }
        let among: Vec<EndpointIndex> = self.eligible(request, scratch).collect();
        if !among.is_empty() {
            decision.mix(&among, part(answered, share.0.min(Ppm::ONE.0), Ppm::ONE.0));
        }
    }
}

impl Decision {
    /// Take `explored` of the shares, in proportion, and deal it out evenly. What does not divide
    /// goes to the first in the order of the file, a millionth each.
    fn mix(&mut self, among: &[EndpointIndex], explored: u32) {
        let answered: u32 = self.masses().iter().map(|mass| mass.1.0).sum();
        let kept = answered - explored;
        let mut mixed: Vec<(EndpointIndex, Ppm)> = self.masses().to_vec();
        for (_, share) in &mut mixed {
            share.0 = part(share.0, kept, answered);
        }
        let scaled: u32 = mixed.iter().map(|mass| mass.1.0).sum();
        // Less than a millionth of each was cut off.
        for (_, share) in mixed.iter_mut().take((kept - scaled) as usize) {
            share.0 += 1;
        }
        // There are at most 65,536 endpoints.
        let count = among.len() as u32;
        let (each, rest) = (explored / count, explored % count);
        let dealt = among.iter().zip(0..);
        mixed.extend(dealt.map(|(&index, place)| (index, Ppm(each + u32::from(place < rest)))));
        *self = Self::from_parts(mixed, self.unanswered(), self.fell_back());
    }
}

/// `whole * over / under`, cut to a whole number; `over` is at most `under`.
fn part(whole: u32, over: u32, under: u32) -> u32 {
    (u64::from(whole) * u64::from(over) / u64::from(under)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::choose::Choose;
    use crate::endpoint::Endpoint;
    use crate::request::Request;
    use crate::router::Parts;
    use crate::units::Tokens;

    /// Endpoints by what they can and how much they read; the policy names `a` and `b`.
    fn router(weight: u32, fallback: &[&str]) -> Router {
        let endpoint = |id: &str, can: &[&str], context| Endpoint {
            can: can.iter().map(|&name| name.into()).collect(),
            context_tokens: Some(Tokens(context)),
            recorded_only: false,
            ..Endpoint::recorded_only(id)
        };
        let weights = [weight, 1_000_000 - weight].map(|ppm| f64::from(ppm) / 1e6);
        let choose = format!(
            r#"{{"kind":"random","weights":{{"a@x":{},"b@x":{}}}}}"#,
            weights[0], weights[1]
        );
        Router::try_new(Parts {
            endpoints: vec![
                endpoint("a@x", &["tools"], 100),
                endpoint("b@x", &[], 1000),
                endpoint("c@x", &["tools", "vision"], 10),
                endpoint("d@x", &[], 2000),
                endpoint("e@x", &["tools"], 500),
            ],
            choose: Some(Choose::from_json(&choose).unwrap()),
            fallback: fallback.iter().map(|&id| id.into()).collect(),
            ..Parts::default()
        })
        .unwrap()
    }

    fn explored(router: &Router, request: &Request, share: Ppm) -> (Decision, Decision) {
        let (mut scratch, mut decision) = (Scratch::default(), Decision::default());
        router.decide_into(&request.as_ref(), &mut scratch, &mut decision);
        let before = decision.clone();
        router.explore(&request.as_ref(), share, &mut scratch, &mut decision);
        (before, decision)
    }

    fn share_of(decision: &Decision, index: EndpointIndex) -> u32 {
        let found = decision.masses().iter().find(|mass| mass.0 == index);
        found.map_or(0, |mass| mass.1.0)
    }

    #[test]
    fn two_percent_of_a_point_mass_is_dealt_out_evenly() {
        let request = Request {
            input_tokens: Some(Tokens(5)),
            ..Request::default()
        };
        let (_, decision) = explored(&router(1_000_000, &[]), &request, Ppm(20_000));
        let shares: Vec<u32> = decision.masses().iter().map(|mass| mass.1.0).collect();
        assert_eq!(shares, [984_000, 4_000, 4_000, 4_000, 4_000]);
        let tools = Request {
            needs: vec!["vision".into()],
            ..request
        };
        let (_, decision) = explored(&router(1_000_000, &["c@x"]), &tools, Ppm(20_000));
        assert_eq!(decision.masses(), [(EndpointIndex(2), Ppm::ONE)]);
        assert_eq!(decision.fell_back(), Ppm::ONE);
    }

    #[test]
    fn what_cannot_be_reached_is_neither_chosen_nor_explored_nor_fallen_back_to() {
        let request = Request::default();
        let open = |ids: &'static [&str]| move |endpoint: &Endpoint| ids.contains(&&*endpoint.id);
        let explored_among = |ids| {
            let router = router(1_000_000, &["d@x", "e@x"]).among(open(ids));
            explored(&router, &request, Ppm(100_000)).1
        };
        let shares = |ids| explored_among(ids).masses().to_vec();
        let of = |index, ppm| (EndpointIndex(index), Ppm(ppm));
        assert_eq!(shares(&["a@x", "b@x"]), [of(0, 950_000), of(1, 50_000)]);
        // The choice cannot be reached: the fallback takes it, by the first that can.
        assert_eq!(shares(&["b@x", "e@x"]), [of(1, 50_000), of(4, 950_000)]);
        assert_eq!(explored_among(&["b@x", "e@x"]).fell_back(), Ppm::ONE);
        assert_eq!(explored_among(&["b@x"]).unanswered(), Ppm::ONE);
    }

    proptest! {
        #[test]
        fn shares_sum_to_one_and_stay_within_eligibility(
            weight in 0u32..=1_000_000,
            share in 0u32..=1_000_000,
            tokens in 0u32..3000,
            needs in proptest::sample::subsequence(vec!["tools", "vision"], 0..=2),
            falls in any::<bool>(),
        ) {
            let request = Request {
                input_tokens: Some(Tokens(tokens)),
                needs: needs.into_iter().map(String::from).collect(),
                ..Request::default()
            };
            let router = router(weight, if falls { &["e@x"] } else { &[] });
            let (before, after) = explored(&router, &request, Ppm(share));
            let sum: u32 = after.masses().iter().map(|mass| mass.1.0).sum();
            prop_assert_eq!(sum + after.unanswered().0, 1_000_000);
            prop_assert_eq!(after.unanswered(), before.unanswered());
            let (borrowed, mut scratch) = (request.as_ref(), Scratch::default());
            let eligible: Vec<EndpointIndex> = router.eligible(&borrowed, &mut scratch).collect();
            for (index, mass) in after.masses() {
                prop_assert!(eligible.contains(index) && mass.0 > 0);
            }
            if before.unanswered() == Ppm::ONE {
                prop_assert_eq!(&after, &before);
                return Ok(());
            }
            // To a millionth or two: (1 - share) of the policy's, and an even part of the rest.
            let answered = f64::from(1_000_000 - before.unanswered().0);
            for &index in &eligible {
                let own = f64::from(share_of(&before, index)) * (1.0 - f64::from(share) / 1e6);
                let even = answered * f64::from(share) / 1e6 / eligible.len() as f64;
                let found = f64::from(share_of(&after, index));
                prop_assert!((found - own - even).abs() <= 2.5, "{index:?}: {found}");
            }
        }
    }
}
