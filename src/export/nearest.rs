//! The nearest policy that a target of rules can express, for one that it cannot.
//!
//! What is given up is chosen by the place, and said for each: a mixture becomes its heaviest arm, a
//! quantity that no signal tells counts as unknown, input tokens become bytes, and a learned choice a
//! table by task of what it expects most of on a trace ([`Habits`]), or the driver where there is none. What
//! that costs is for whoever has outcomes to measure.

use std::collections::BTreeMap;

use weighbridge_router::{
    Choose, Condition, EndpointIndex, Field, Limits, Parts, Quantity, RequestRef, Router, Rule,
    Scratch, Terms,
};

use super::endpoints::driver;
use super::error::Nearest;

/// By task what each model of a router would earn, as the router itself predicts it: the sum of net
/// values in USD, in the order of its heads.
type Predicted = BTreeMap<Option<String>, Vec<f64>>;

/// What each learned choice of a router expects of the models on the requests of a trace. No outcome
/// is looked at.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    models: Vec<String>,
    /// By the place of the choice among the learned ones.
    choices: BTreeMap<usize, Predicted>,
}

impl Habits {
    /// Predict each request that comes to a learned choice. Models are weighed, each by the best of
    /// its endpoints, since endpoints come and go; one that may not take a request counts as the
    /// driver there.
    pub fn of<'t>(router: &Router, requests: impl IntoIterator<Item = RequestRef<'t>>) -> Self {
        let models = router.heads().iter().map(|it| it.model.clone()).collect();
        let mut habits = Self {
            models,
            choices: BTreeMap::new(),
        };
        let (trades, driver) = (router.trades(), &driver(router).model);
        let mut scratch = Scratch::default();
        for request in requests {
            let predictions = router.predict(&request, &mut scratch).to_vec();
            let Some(place) = router.learned_place(&request, &mut scratch) else {
                continue;
            };
            if predictions.is_empty() {
                continue;
            }
            let ranked = router.weigh_given(&trades[place], &request, &predictions);
            let net_usd = |model: &String| {
                let of_model =
                    |held: &&(EndpointIndex, Terms)| router.endpoint(held.0).model == *model;
                ranked.iter().find(of_model).map(|held| held.1.net_usd)
            };
            let of_driver = net_usd(driver);
            let nets: Vec<Option<f64>> = (habits.models.iter())
                .map(|model| net_usd(model).or(of_driver))
                .collect();
            habits.add(place, request.task, &nets);
        }
        habits
    }

    /// A request whose models are not all known tells nothing.
    fn add(&mut self, place: usize, task: Option<&str>, nets_usd: &[Option<f64>]) {
        let Some(nets) = nets_usd.iter().copied().collect::<Option<Vec<f64>>>() else {
            return;
        };
        let tasks = self.choices.entry(place).or_default();
        let sums = tasks.entry(task.map(str::to_owned)).or_default();
        sums.resize(nets.len(), 0.0);
        sums.iter_mut().zip(nets).for_each(|(sum, net)| *sum += net);
    }

    /// The model that a learned choice expects most of over all, and the tasks where it expects more
    /// of another.
    fn table(&self, place: usize) -> Option<(String, BTreeMap<String, Vec<String>>)> {
        let tasks = self.choices.get(&place)?;
        let all: Vec<f64> = (0..self.models.len())
            .map(|model| tasks.values().map(|sums| sums[model]).sum())
            .collect();
        let usual = greatest(&all)?;
        let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (task, sums) in tasks {
            if let (Some(task), Some(model)) = (task, greatest(sums))
                && model != usual
            {
                let tasks = others.entry(self.models[model].clone()).or_default();
                tasks.push(task.clone());
            }
        }
        Some((self.models[usual].clone(), others))
    }
}

/// The place of the greatest; of equals the first.
fn greatest(sums: &[f64]) -> Option<usize> {
    let mut best = None;
    for (place, sum) in sums.iter().enumerate() {
        if best.is_none_or(|best: usize| sums[best] < *sum) {
            best = Some(place);
        }
    }
    best
}

/// The nearest policy without mixtures, learned choices and quantities but `prompt_bytes`.
pub(super) fn of_rules(router: &Router, habits: Option<&Habits>) -> Option<Nearest> {
    let mut plain = Plain {
        router,
        habits,
        learned: 0,
        changes: Vec::new(),
    };
    let choose = plain.choose(router.parts().choose.as_ref()?, "choose");
    if plain.changes.is_empty() {
        return None;
    }
    // Heads decide nothing any more.
    let parts = Parts {
        endpoints: router.parts().endpoints.clone(),
        choose: Some(choose),
        fallback: router.parts().fallback.clone(),
        roles: router.parts().roles.clone(),
        ..Parts::default()
    };
    Some(Nearest {
        description: plain.changes.join("; "),
        router: Router::try_new(parts).ok()?,
    })
}

struct Plain<'r> {
    router: &'r Router,
    habits: Option<&'r Habits>,
    /// How many learned choices were met.
    learned: usize,
    changes: Vec<String>,
}

impl Plain<'_> {
    fn say(&mut self, place: &str, what: impl std::fmt::Display) {
        self.changes.push(format!("{place}: {what}"));
    }

    fn choose(&mut self, choose: &Choose<String>, place: &str) -> Choose<String> {
        match choose {
            Choose::Always(to) => Choose::Always(to.clone()),
            Choose::Random(weights) => {
                let heaviest = weights.iter().rev().max_by_key(|(_, share)| share.0);
                let to = heaviest.map(|(to, _)| to.clone()).unwrap_or_default();
                self.say(
                    place,
                    format_args!("always {to}, the mixture's heaviest arm"),
                );
                Choose::Always(to)
            }
            Choose::Threshold(threshold) => {
                let (to, otherwise) = (format!("{place}.to"), format!("{place}.else"));
                let mut bent = threshold.clone();
                match threshold.quantity {
                    Quantity::PromptBytes => {}
                    Quantity::InputTokens => {
                        bent.quantity = Quantity::PromptBytes;
                        bent.above = 4.0 * threshold.above.floor();
                        self.say(place, AS_BYTES);
                    }
                    other => {
                        self.say(place, format_args!("{} {AS_UNKNOWN}", other.name()));
                        // The learned choices of the branch that is left out count all the same.
                        self.skip(&threshold.to);
                        return self.choose(&threshold.otherwise, &otherwise);
                    }
                }
                bent.to = self.choose(&threshold.to, &to);
                bent.otherwise = self.choose(&threshold.otherwise, &otherwise);
                Choose::Threshold(bent)
            }
            Choose::Rules { rules, otherwise } => {
                let mut plain = Vec::with_capacity(rules.len());
                for (i, rule) in rules.iter().enumerate() {
                    let place = format!("{place}.rule[{i}]");
                    plain.push(Rule {
                        when: self.condition(&rule.when, &format!("{place}.when")),
                        to: self.choose(&rule.to, &place),
                    });
                }
                Choose::Rules {
                    rules: plain,
                    otherwise: Box::new(self.choose(otherwise, &format!("{place}.else"))),
                }
            }
            Choose::Router(_) => self.learned(place),
        }
    }

    /// Count the learned choices of a branch that nothing comes to.
    fn skip(&mut self, choose: &Choose<String>) {
        choose.clone().trades(&mut |_| self.learned += 1);
    }

    /// What a learned choice expects most of by task; the driver where that is not known.
    fn learned(&mut self, place: &str) -> Choose<String> {
        let table = self.habits.and_then(|habits| habits.table(self.learned));
        self.learned += 1;
        let Some((usual, others)) = table else {
            let to = driver(self.router).id.clone();
            self.say(
                place,
                format_args!(
                    "always {to} in place of the trained router (a trace gives a table by task)"
                ),
            );
            return Choose::Always(to);
        };
        let mut said =
            format!("in place of the trained router the model that it expects most of, {usual}");
        let mut rules = Vec::new();
        for (model, tasks) in others {
            said += &format!(", and {model} where the task is {}", tasks.join(", "));
            rules.push(Rule {
                when: Condition::Member(Field::Task, tasks),
                to: Choose::Always(model),
            });
        }
        self.say(place, said);
        let usual = Choose::Always(usual);
        if rules.is_empty() {
            return usual;
        }
        Choose::Rules {
            rules,
            otherwise: Box::new(usual),
        }
    }

    fn condition(&mut self, condition: &Condition, place: &str) -> Condition {
        let list = |this: &mut Self, parts: &[Condition], name: &str| -> Vec<Condition> {
            let parts = parts.iter().enumerate();
            parts
                .map(|(i, part)| this.condition(part, &format!("{place}.{name}[{i}]")))
                .collect()
        };
        match condition {
            Condition::All(parts) => Condition::All(list(self, parts, "all")),
            Condition::Any(parts) => Condition::Any(list(self, parts, "any")),
            Condition::Not(part) => {
                Condition::Not(Box::new(self.condition(part, &format!("{place}.not"))))
            }
            Condition::Member(Field::Needs, needs) => {
                let (told, other): (Vec<String>, Vec<String>) = needs
                    .iter()
                    .cloned()
                    .partition(|need| matches!(need.as_str(), "tools" | "vision"));
                if !other.is_empty() {
                    let other = other.join(", ");
                    self.say(
                        &format!("{place}.needs"),
                        format_args!("{other} {AS_UNKNOWN}"),
                    );
                }
                Condition::Member(Field::Needs, told)
            }
            Condition::Range(Quantity::InputTokens, limits) => {
                self.say(place, AS_BYTES);
                Condition::Range(
                    Quantity::PromptBytes,
                    Limits {
                        // ceil(bytes / 4) >= n where bytes > 4 (n - 1).
                        min: limits.min.map(|min| 4.0 * (min.ceil() - 1.0) + 1.0),
                        max: limits.max.map(|max| 4.0 * max.floor()),
                    },
                )
            }
            Condition::Range(quantity, _) if *quantity != Quantity::PromptBytes => {
                self.say(place, format_args!("{} {AS_UNKNOWN}", quantity.name()));
                Condition::Any(Vec::new())
            }
            other => other.clone(),
        }
    }
}

const AS_UNKNOWN: &str = "counts as unknown, so that the condition is false";
const AS_BYTES: &str = "input tokens as a quarter of the prompt's bytes";

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_router::{Endpoint, Request};

    fn router(choose: &str) -> Router {
        let endpoint = |id: &str| Endpoint {
            model: id.split('@').next().unwrap().to_owned(),
            ..Endpoint::recorded_only(id)
        };
        Router::try_new(Parts {
            endpoints: vec![endpoint("small@x"), endpoint("large@x")],
            choose: Some(Choose::from_json(choose).unwrap()),
            roles: vec![("driver".into(), "small@x".into())],
            ..Parts::default()
        })
        .unwrap()
    }

    fn sent(router: &Router, request: &str) -> String {
        let decision = router.decide(&Request::from_json(request).unwrap().as_ref());
        router.endpoint(decision.sole().unwrap()).id.clone()
    }

    #[test]
    fn a_mixture_becomes_its_heaviest_arm_and_of_equals_the_first() {
        let heavy = router(r#"{"kind":"random","weights":{"small":0.4,"large":0.6}}"#);
        let nearest = of_rules(&heavy, None).unwrap();
        assert_eq!(sent(&nearest.router, "{}"), "large@x");
        let equal = router(r#"{"kind":"random","weights":{"large":0.5,"small":0.5}}"#);
        let nearest = of_rules(&equal, None).unwrap();
        assert_eq!(
            nearest.description,
            "choose: always large, the mixture's heaviest arm"
        );
    }

    #[test]
    fn tokens_become_bytes_and_what_no_signal_tells_is_unknown() {
        let held = router(
            r#"{"kind":"rules","rule":[{"when":{"not":{"hour_utc":{"min":8}}},"to":"small"},
                {"when":{"input_tokens":{"min":2,"max":3}},"to":"large"}],"else":"small"}"#,
        );
        let nearest = of_rules(&held, None).unwrap();
        assert_eq!(
            nearest.description,
            "choose.rule[0].when.not: hour_utc counts as unknown, so that the condition is false; \
             choose.rule[1].when: input tokens as a quarter of the prompt's bytes"
        );
        let night = r#"{"at":"2026-01-01T12:00:00Z","prompt":"12345"}"#;
        assert_eq!(sent(&held, night), "large@x");
        assert_eq!(sent(&nearest.router, night), "small@x");
        let tokens = router(
            r#"{"kind":"rules","rule":[{"when":{"input_tokens":{"min":2,"max":3}},"to":"large"}],
                "else":{"kind":"threshold","feature":"input_tokens","above":4.5,"to":"large","else":"small"}}"#,
        );
        let nearest = of_rules(&tokens, None).unwrap().router;
        for bytes in 0..40 {
            let request = format!(r#"{{"prompt":"{}"}}"#, "x".repeat(bytes));
            assert_eq!(sent(&tokens, &request), sent(&nearest, &request), "{bytes}");
        }
    }

    #[test]
    fn a_learned_choice_becomes_what_it_expects_most_of_by_task() {
        let mut habits = Habits {
            models: vec!["small".into(), "large".into()],
            ..Habits::default()
        };
        habits.add(0, Some("math"), &[Some(0.2), Some(0.9)]);
        habits.add(0, Some("math"), &[Some(0.8), Some(0.3)]);
        habits.add(0, Some("chat"), &[Some(0.9), Some(0.5)]);
        habits.add(0, Some("law"), &[Some(0.5), Some(0.5)]);
        habits.add(0, None, &[None, Some(9.0)]);
        let (usual, others) = habits.table(0).unwrap();
        assert_eq!(usual, "small");
        let math = BTreeMap::from([("large".to_owned(), vec!["math".to_owned()])]);
        assert_eq!(others, math);
        assert_eq!(habits.table(1), None);
    }

    #[test]
    fn a_policy_of_rules_has_nothing_nearer_than_itself() {
        assert!(of_rules(&router(r#"{"kind":"always","to":"large"}"#), None).is_none());
    }
}
