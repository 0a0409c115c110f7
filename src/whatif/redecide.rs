//! What policies choose when they are compiled for a world: by the one decider, on predictions that
//! are kept.

use weighbridge_router::{Choose, Endpoint, Prediction, Probability, Router};

use super::base::Base;
use super::error::ScenarioError;
use super::expected::unclipped;
use super::recompile::recompile;
use super::resolve::Resolved;
use super::scene::Scene;
use super::setting::Op;
use crate::replay::{Adjust, Decisions, Kept, Stage, decide_kept, decide_repriced};

/// What each policy chooses in a world; none where it chooses as the frozen one.
pub(super) struct Decided {
    pub(super) decisions: Vec<Option<Decisions>>,
    /// An earlier policy that became the same router.
    pub(super) twins: Vec<Option<usize>>,
    pub(super) notes: Vec<String>,
}

/// What a router chooses by, heads aside, which are those of its family.
#[derive(Debug, Clone, PartialEq)]
struct Choices {
    family: usize,
    endpoints: Vec<Endpoint>,
    choose: Option<Choose<String>>,
    fallback: Vec<String>,
}

impl Choices {
    fn of(family: usize, router: &Router) -> Self {
        let parts = router.parts();
        Self {
            family,
            endpoints: parts.endpoints.clone(),
            choose: parts.choose.clone(),
            fallback: parts.fallback.clone(),
        }
    }
}

impl Decided {
    pub(super) fn alike(base: &Base<'_>) -> Self {
        Self {
            decisions: vec![None; base.policies.len()],
            twins: vec![None; base.policies.len()],
            notes: Vec::new(),
        }
    }
}

impl<'a> Base<'a> {
    /// What each policy chooses when it is compiled for each world.
    pub(super) fn redecided(&self, scenes: &[Scene<'a>]) -> Result<Vec<Decided>, ScenarioError> {
        let mut all: Vec<Decided> = scenes.iter().map(|_| Decided::alike(self)).collect();
        let mut met: Vec<Vec<(usize, Choices)>> = vec![Vec::new(); scenes.len()];
        for policy in 0..self.policies.len() {
            let mut repriced = Vec::new();
            for (at, scene) in scenes.iter().enumerate() {
                let parts = (&*scene.table, &scene.terms.rates);
                let recompiled = recompile(self, policy, &scene.resolved, parts)?;
                all[at].notes.extend(recompiled.notes);
                let held = &self.policies[policy];
                let router = recompiled.router.as_ref().unwrap_or(&held.router);
                let choices = Choices::of(held.family, router);
                let twin = met[at].iter().find(|(_, held)| *held == choices);
                all[at].twins[policy] = twin.map(|(twin, _)| *twin);
                if twin.is_some() {
                    continue;
                }
                met[at].push((policy, choices));
                match recompiled.router {
                    None => {}
                    Some(router) if recompiled.repriced && scene.keeps_deadlines(self) => {
                        repriced.push((at, router));
                    }
                    Some(router) => {
                        let decisions = self.decided_anew(policy, scene, &router);
                        all[at].decisions[policy] = Some(decisions);
                    }
                }
            }
            // Those with the same assumptions decide on the same predictions.
            let assumed = |at: usize| {
                let resolved = &scenes[at].resolved;
                (&resolved.tokens, &resolved.scores)
            };
            for group in repriced.chunk_by(|a, b| assumed(a.0) == assumed(b.0)) {
                let decisions = self.repriced(policy, &scenes[group[0].0], group);
                for ((at, _), decisions) in group.iter().zip(decisions) {
                    all[*at].decisions[policy] = Some(decisions);
                }
            }
        }
        Ok(all)
    }

    /// What a policy chooses by another router of the same features and heads.
    fn decided_anew(&self, policy: usize, scene: &Scene<'a>, router: &Router) -> Decisions {
        let stage = &scene.table.stage;
        let adjust = adjustment(stage, router, &scene.resolved);
        let adjust: Option<Adjust<'_>> = adjust.as_deref().map(|it| it as Adjust<'_>);
        let kept = [Kept { router, adjust }];
        let predicted = &self.families[self.policies[policy].family];
        let decided = decide_kept(stage, &kept, predicted, self.options.threads);
        decided
            .into_iter()
            .next()
            .unwrap_or_else(|| Decisions::new(""))
    }

    /// What a policy chooses by routers that differ from it in prices and trade alone, under the
    /// assumptions of one of their worlds.
    fn repriced(
        &self,
        policy: usize,
        scene: &Scene<'a>,
        routers: &[(usize, Router)],
    ) -> Vec<Decisions> {
        let stage = &scene.table.stage;
        let held = &self.policies[policy];
        let adjust = adjustment(stage, &held.router, &scene.resolved);
        let adjust: Option<Adjust<'_>> = adjust.as_deref().map(|it| it as Adjust<'_>);
        let frozen = (&held.router, &self.decisions[policy], &held.places);
        let routers: Vec<&Router> = routers.iter().map(|(_, router)| router).collect();
        let predicted = &self.families[held.family];
        decide_repriced(
            stage,
            frozen,
            (&routers, adjust),
            predicted,
            self.options.threads,
        )
    }
}

impl Scene<'_> {
    /// Whether deadlines admit what they admitted: they are held against predicted tokens.
    fn keeps_deadlines(&self, base: &Base<'_>) -> bool {
        !base.has_deadlines || self.resolved.tokens.iter().all(|&times| times == 1.0)
    }
}

type OwnedAdjust = Box<dyn Fn(usize, Prediction) -> Prediction + Sync>;

/// What the assumptions of a world make of the predictions of a router's heads.
fn adjustment(stage: &Stage<'_>, router: &Router, resolved: &Resolved) -> Option<OwnedAdjust> {
    let of_head: Vec<(f64, Vec<(Op, f64)>)> = router
        .heads()
        .iter()
        .map(|heads| {
            let mut endpoints = stage.endpoints().iter();
            let place = endpoints.position(|endpoint| endpoint.model == heads.model);
            place.map_or((1.0, Vec::new()), |place| {
                (resolved.tokens[place], resolved.scores[place].clone())
            })
        })
        .collect();
    let plain = of_head
        .iter()
        .all(|(tokens, changes)| *tokens == 1.0 && changes.is_empty());
    if plain {
        return None;
    }
    Some(Box::new(move |head, prediction| {
        let (tokens, changes) = &of_head[head];
        Prediction {
            success: Probability::clamped(unclipped(prediction.success.get(), changes)),
            output_tokens: prediction.output_tokens * tokens,
        }
    }))
}
