//! From a policy to the router that decides as it says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use weighbridge_router::{Calibration, Choose, Endpoint, Heads, Parts, Ppm, Router, Trade};

use super::check::Policy;
use super::dial::{DialError, Goal, Promise, SolveOptions};
use super::error::PolicyError;
use super::names::{Names, Roles};
use super::solve::solve;
use crate::catalog::Catalog;

/// A policy compiled, and what its dials promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// The router.
    pub router: Router,
    /// For each learned choice, in the order in which the policy's choice visits them, what is to
    /// be expected of it; none where its dial is a value and the trained router has no calibration
    /// sample.
    pub promises: Vec<Promise>,
}

/// [`compile_solved`] under the default options, without the promises.
///
/// # Errors
/// As [`compile_solved`].
pub fn compile(
    policy: &Policy,
    catalog: &Catalog,
    roles: &Roles,
    recorded_only: &[String],
    trained: Option<&Router>,
) -> Result<Router, PolicyError> {
    let options = SolveOptions::default();
    compile_solved(policy, catalog, roles, recorded_only, trained, &options)
        .map(|compiled| compiled.router)
}

/// Put a policy together with the endpoints that it names, and solve its dials.
///
/// Every endpoint of a named model goes in, in the order of the catalog, and those of the
/// trained router's models where a learned choice stands in the policy; then `recorded_only`,
/// the models of a trace that the catalog does not have. `trained` is the router that
/// [`Policy::router_file`] names, loaded by the caller.
///
/// # Errors
/// Where a name means nothing (all such names are listed), a role is not bound, the trained
/// router is missing, a learned choice would have to predict a cost without a price, or a dial
/// cannot be solved.
pub fn compile_solved(
    policy: &Policy,
    catalog: &Catalog,
    roles: &Roles,
    recorded_only: &[String],
    trained: Option<&Router>,
    options: &SolveOptions,
) -> Result<Compiled, PolicyError> {
    let router = unsolved(policy, catalog, roles, recorded_only, trained)?;
    let mut trades = Vec::new();
    let mut promises = Vec::new();
    for (dial, place) in &policy.dials {
        let nested = !matches!(policy.choose, Choose::Router(_));
        let solved = match dial.goal {
            Goal::SpendPerDay(_) if nested => Err(DialError::NestedSpend),
            _ => solve(&router, dial, options),
        };
        match (solved, dial.goal) {
            (Ok((trade, promise)), _) => {
                trades.push(trade);
                // Nobody knows how many requests come to a part of a policy.
                let spend = promise.spend_usd_per_day.filter(|_| !nested);
                promises.push(Promise {
                    nested,
                    spend_usd_per_day: spend,
                    ..promise
                });
            }
            // A value needs nothing to be solved on; there is but no promise.
            (Err(_), Goal::Value(value)) => trades.push(Trade {
                value,
                wrong: dial.wrong,
                second: dial.second,
            }),
            (Err(error), _) => {
                let fault = place.fault(error.to_string());
                return Err(match error {
                    DialError::Unattainable { .. } => PolicyError::Unattainable(fault),
                    _ => PolicyError::File(fault),
                });
            }
        }
    }
    let router = if promises.is_empty() {
        router
    } else {
        dialled(policy, &router, trades, &promises)?
    };
    Ok(Compiled { router, promises })
}

/// The router with the trades that its dials come to, and their promises in its provenance.
fn dialled(
    policy: &Policy,
    router: &Router,
    trades: Vec<Trade>,
    promises: &[Promise],
) -> Result<Router, PolicyError> {
    let mut parts = router.parts().clone();
    let mut trades = trades.into_iter();
    if let Some(choose) = &mut parts.choose {
        choose.trades(&mut |held| *held = trades.next().unwrap_or(*held));
    }
    let mut map: Map<String, Value> = serde_json::from_str(&parts.provenance).unwrap_or_default();
    let mut promises: Vec<Value> = promises.iter().map(Promise::to_json).collect();
    // In the place of the trained router's own.
    let dial = match promises.len() {
        1 => promises.remove(0),
        _ => Value::Array(promises),
    };
    map.insert("dial".into(), dial);
    parts.provenance = Value::Object(map).to_string();
    Router::try_new(parts).map_err(|source| PolicyError::Router {
        file: policy.file.clone(),
        source,
    })
}

fn unsolved(
    policy: &Policy,
    catalog: &Catalog,
    roles: &Roles,
    recorded_only: &[String],
    trained: Option<&Router>,
) -> Result<Router, PolicyError> {
    let names = Names::new(policy, catalog, roles, recorded_only)?;
    names.check(&policy.targets)?;
    let resolve = |name: &String| names.resolve(name).unwrap_or(name).to_owned();
    let fault = |source| PolicyError::Router {
        file: policy.file.clone(),
        source,
    };
    let mut choose = policy
        .choose
        .map_targets(&mut |name| Ok(resolve(name)))
        .map_err(fault)?;
    join_shares(&mut choose);
    let fallback: Vec<String> = policy.fallback.iter().map(resolve).collect();

    let mut parts = match (policy.choose.is_learned(), trained) {
        (false, _) => Parts::default(),
        (true, Some(trained)) => learned(policy, &names, trained)?,
        (true, None) => {
            return Err(PolicyError::Untrained {
                file: policy.file.clone(),
                router: policy
                    .router_file
                    .as_ref()
                    .map_or_else(String::new, |file| file.path.clone()),
            });
        }
    };
    let mut named: BTreeSet<String> = fallback.iter().cloned().collect();
    named.extend(parts.heads.iter().map(|heads| heads.model.clone()));
    choose.targets(&mut |name| {
        named.insert(name.clone());
    });
    let is_named =
        |endpoint: &Endpoint| named.contains(&endpoint.id) || named.contains(&endpoint.model);
    let sold = catalog.cards().iter().map(|card| card.endpoint.clone());
    let recorded = recorded_only
        .iter()
        .filter(|name| names.sold(name).is_none())
        .map(|name| Endpoint::recorded_only(name));
    parts.endpoints = sold.chain(recorded).filter(is_named).collect();
    parts.roles = names
        .roles
        .iter()
        .filter(|(_, bound)| {
            let holds = |endpoint: &Endpoint| endpoint.id == **bound || endpoint.model == **bound;
            parts.endpoints.iter().any(holds)
        })
        .map(|(role, bound)| (role.clone(), bound.clone()))
        .collect();
    parts.provenance = provenance(policy, catalog, &parts);
    parts.choose = Some(choose);
    parts.fallback = fallback;
    Router::try_new(parts).map_err(fault)
}

/// What a policy takes from its trained router, models by the names of the catalog.
fn learned(policy: &Policy, names: &Names<'_>, trained: &Router) -> Result<Parts, PolicyError> {
    let trained = trained.parts();
    let model = |name: &String| {
        names
            .plain(name)
            .map(str::to_owned)
            .ok_or_else(|| PolicyError::Predicted {
                file: policy.file.clone(),
                model: name.clone(),
            })
    };
    let heads = trained.heads.iter().map(|heads| {
        Ok(Heads {
            model: model(&heads.model)?,
            ..heads.clone()
        })
    });
    let mut calibration: Calibration = trained.calibration.clone();
    for predicted in &mut calibration.models {
        predicted.model = model(&predicted.model)?;
    }
    Ok(Parts {
        steps: trained.steps.clone(),
        heads: heads.collect::<Result<_, PolicyError>>()?,
        shrink: trained.shrink.clone(),
        calibration,
        training: trained.training.clone(),
        provenance: trained.provenance.clone(),
        ..Parts::default()
    })
}

/// Two names of a random choice may mean the same endpoint; a router file holds each once.
fn join_shares(choose: &mut Choose<String>) {
    match choose {
        Choose::Always(_) | Choose::Router(_) => {}
        Choose::Random(weights) => {
            let mut joined: BTreeMap<String, u32> = BTreeMap::new();
            for (name, share) in weights.drain(..) {
                *joined.entry(name).or_default() += share.0;
            }
            weights.extend(joined.into_iter().map(|(name, share)| (name, Ppm(share))));
        }
        Choose::Threshold(threshold) => {
            join_shares(&mut threshold.to);
            join_shares(&mut threshold.otherwise);
        }
        Choose::Rules { rules, otherwise } => {
            rules.iter_mut().for_each(|rule| join_shares(&mut rule.to));
            join_shares(otherwise);
        }
    }
}

/// What the trained router says of its origin, the policy, and the source of each price.
fn provenance(policy: &Policy, catalog: &Catalog, parts: &Parts) -> String {
    let mut map: Map<String, Value> = serde_json::from_str(&parts.provenance).unwrap_or_default();
    let mut about = Map::new();
    about.insert("name".into(), json!(policy.name));
    if let Some(description) = &policy.description {
        about.insert("description".into(), json!(description));
    }
    map.insert("policy".into(), Value::Object(about));
    let sources: Map<String, Value> = parts
        .endpoints
        .iter()
        .filter_map(|endpoint| {
            let rows = &catalog.endpoint(&endpoint.id)?.price_sources;
            let sources: Vec<&str> = rows.iter().map(|row| row.source.as_str()).collect();
            Some((endpoint.id.clone(), json!(sources)))
        })
        .collect();
    map.insert("price_sources".into(), Value::Object(sources));
    Value::Object(map).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use weighbridge_router::{LogLinear, Logistic, RequestRef, Success, Timestamp};

    fn policy(choose: &str) -> Policy {
        let text = format!(
            "format = \"weighbridge.policy/1\"\nfallback = [\"driver\"]\n[choose]\n{choose}"
        );
        Policy::parse("own.toml", &text).unwrap()
    }

    fn shipped(name: &str) -> Policy {
        let path = format!("{}/policies/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        Policy::parse(name, &std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(role, name)| ((*role).to_owned(), (*name).to_owned()))
            .collect()
    }

    fn roles(flags: &[(&str, &str)]) -> Roles {
        Roles {
            flags: map(flags),
            trace: BTreeMap::new(),
        }
    }

    fn both() -> Roles {
        roles(&[
            ("driver", "deepseek-reasoner"),
            ("specialist", "deepseek-v3.2-speciale"),
        ])
    }

    fn refusal(policy: &Policy, roles: &Roles, recorded: &[String]) -> String {
        compile(policy, &Catalog::builtin(), roles, recorded, None)
            .unwrap_err()
            .to_string()
    }

    fn ids(router: &Router) -> Vec<&str> {
        router
            .endpoints()
            .iter()
            .map(|endpoint| endpoint.id.as_str())
            .collect()
    }

    /// Where a request goes: endpoint and share.
    fn route(router: &Router, request: &RequestRef<'_>) -> Vec<(String, u32)> {
        let decision = router.decide(request);
        decision
            .masses()
            .iter()
            .map(|(index, share)| (router.endpoint(*index).id.clone(), share.0))
            .collect()
    }

    fn trained(models: &[&str]) -> Router {
        let catalog = Catalog::builtin();
        let heads = models.iter().map(|model| Heads {
            model: (*model).to_owned(),
            success: Success::Logistic(Logistic {
                weights: Vec::new(),
                bias: 0.0,
                platt: [1.0, 0.0],
            }),
            output_tokens: LogLinear {
                weights: Vec::new(),
                bias: 1.0,
                smearing: 1.0,
            },
        });
        let mut endpoints: Vec<Endpoint> = models
            .iter()
            .map(|model| Endpoint::recorded_only(model))
            .collect();
        let row = &catalog.endpoint("o3@openai").unwrap().endpoint.prices;
        endpoints
            .iter_mut()
            .for_each(|endpoint| endpoint.prices.clone_from(row));
        Router::try_new(Parts {
            endpoints,
            choose: Some(Choose::Always(models[0].to_owned())),
            heads: heads.collect(),
            provenance: "{\"seed\":7}".to_owned(),
            ..Parts::default()
        })
        .unwrap()
    }

    #[test]
    fn a_model_brings_all_its_endpoints_in_order_and_the_first_eligible_wins() {
        let router = compile(
            &shipped("always-specialist"),
            &Catalog::builtin(),
            &both(),
            &[],
            None,
        )
        .unwrap();
        assert_eq!(ids(&router)[0], "deepseek-v3.2@deepseek");
        assert_eq!(ids(&router).len(), 11);
        let at = |text| Some(Timestamp::parse(text).unwrap());
        let december = RequestRef {
            at: at("2025-12-10"),
            ..RequestRef::default()
        };
        assert_eq!(
            route(&router, &december),
            [("deepseek-v3.2-speciale@deepseek".to_owned(), 1_000_000)]
        );
        let between = RequestRef {
            at: at("2025-12-20"),
            ..december
        };
        assert_eq!(
            route(&router, &between),
            [("deepseek-v3.2@deepseek".to_owned(), 1_000_000)]
        );
        let later = RequestRef {
            at: at("2026-01-20"),
            ..december
        };
        assert_eq!(
            route(&router, &later),
            [("deepseek-v3.2-speciale@openrouter".to_owned(), 1_000_000)]
        );
    }

    #[test]
    fn no_shipped_policy_sends_tools_to_the_specialist() {
        let needs = ["tools".to_owned()];
        let prompt = "prove that this theorem is optimal ".repeat(100);
        let request = RequestRef {
            needs: &needs,
            prompt: Some(&prompt),
            task: Some("proof"),
            at: Some(Timestamp::parse("2025-12-10").unwrap()),
            ..RequestRef::default()
        };
        let trained = trained(&["deepseek-v3.2", "deepseek-v3.2-speciale"]);
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/policies")).unwrap();
        let mut count = 0;
        for entry in folder {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let policy = shipped(name);
            let router =
                compile(&policy, &Catalog::builtin(), &both(), &[], Some(&trained)).unwrap();
            let expected = [("deepseek-v3.2@deepseek".to_owned(), 1_000_000)];
            assert_eq!(route(&router, &request), expected, "{name}");
            assert!(policy.description.is_some(), "{name}");
            count += 1;
        }
        assert_eq!(count, 7);
    }

    proptest! {
        #[test]
        fn a_damaged_policy_is_compiled_or_refused_in_one_line(
            name in prop::sample::select(vec!["random-95-5", "hard-math-and-code", "rules-then-learned"]),
            at in any::<prop::sample::Index>(),
            cut in 0..60usize,
            put in "[\\[\\]{}=,\"'a-z0-9.\\n-]{0,8}",
        ) {
            let path = format!("{}/policies/{name}.toml", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let start = at.index(text.len());
            let end = (start + cut).min(text.len());
            let damaged = format!("{}{put}{}", &text[..start], &text[end..]);
            let router = Policy::parse("own.toml", &damaged)
                .and_then(|policy| compile(&policy, &Catalog::builtin(), &both(), &[], None));
            if let Err(error) = router {
                prop_assert!(!error.to_string().contains('\n'), "{}", error);
            }
        }
    }

    #[test]
    fn the_hand_written_rule_sends_hard_work_to_the_specialist() {
        let router = compile(
            &shipped("hard-math-and-code"),
            &Catalog::builtin(),
            &both(),
            &[],
            None,
        )
        .unwrap();
        for (task, prompt, hard) in [
            (Some("math"), "what is 2 + 2", true),
            (Some("code"), "rename this variable", false),
            (Some("code"), "find the race condition here", true),
            (None, "prove it", true),
            (Some("chat"), "hello", false),
        ] {
            let request = RequestRef {
                task,
                prompt: Some(prompt),
                ..RequestRef::default()
            };
            let expected = if hard {
                "deepseek-v3.2-speciale@deepseek"
            } else {
                "deepseek-v3.2@deepseek"
            };
            assert_eq!(route(&router, &request)[0].0, expected, "{prompt}");
        }
    }

    #[test]
    fn roles_go_by_flag_then_policy_then_trace() {
        let text = "kind = \"always\"\nto = \"specialist\"\n[roles]\nspecialist = \"o3\"\ndriver = \"o3-pro\"\n";
        let all = Roles {
            flags: map(&[("driver", "gpt-5")]),
            trace: map(&[
                ("driver", "gpt-5-mini"),
                ("specialist", "gpt-5-pro"),
                ("judge", "o3@openai"),
            ]),
        };
        let router = compile(&policy(text), &Catalog::builtin(), &all, &[], None).unwrap();
        assert_eq!(ids(&router), ["gpt-5@openai", "o3@openai"]);
        let held = router.parts().roles.clone();
        let expected = [
            ("driver", "gpt-5"),
            ("judge", "o3@openai"),
            ("specialist", "o3"),
        ];
        assert_eq!(
            held,
            expected.map(|(role, name)| (role.to_owned(), name.to_owned()))
        );
    }

    #[test]
    fn a_model_of_the_trace_alone_is_its_own_endpoint() {
        let recorded = ["Some Agent".to_owned(), "unused".to_owned()];
        let flags = roles(&[("driver", "Some Agent")]);
        let text =
            "kind = \"random\"\nweights = { driver = 0.25, \"Some Agent\" = 0.25, o3 = 0.5 }\n";
        let router = compile(&policy(text), &Catalog::builtin(), &flags, &recorded, None).unwrap();
        assert_eq!(ids(&router), ["o3@openai", "Some Agent"]);
        assert!(router.endpoints()[1].recorded_only);
        let shares = route(&router, &RequestRef::default());
        assert_eq!(
            shares,
            [
                ("o3@openai".to_owned(), 500_000),
                ("Some Agent".to_owned(), 500_000)
            ]
        );
        let names = Choose::Random(vec![
            ("Some Agent".to_owned(), Ppm(500_000)),
            ("o3".to_owned(), Ppm(500_000)),
        ]);
        assert_eq!(router.parts().choose, Some(names));
    }

    #[test]
    fn names_that_mean_nothing_are_all_named() {
        let rules = "kind = \"rules\"\nelse = \"o33\"\n[[choose.rule]]\nwhen = { turn = { min = 2 } }\nto = \"nobody\"\n";
        let driver = roles(&[("driver", "o3")]);
        assert_eq!(
            refusal(&policy(rules), &driver, &[]),
            "own.toml:5: choose.else: `o33` is neither in the catalog nor in the trace; did you mean `o3`?; and `nobody` is neither in the catalog nor in the trace; add it to the catalog (--catalog)"
        );
        assert_eq!(
            refusal(
                &policy("kind = \"always\"\nto = \"o3\"\n"),
                &Roles::default(),
                &[]
            ),
            "own.toml:2: fallback[0]: the role `driver` is not bound; bind it by --driver, in the policy's [roles], or in the header of the trace"
        );
        let always = policy("kind = \"always\"\nto = \"driver\"\n");
        assert_eq!(
            refusal(
                &always,
                &roles(&[("driver", "someagent")]),
                &["someagnt".to_owned()]
            ),
            "--driver binds the role `driver` to `someagent`, which is neither in the catalog nor in the trace; did you mean `someagnt`?"
        );
        let own = policy("kind = \"always\"\nto = \"driver\"\n[roles]\ndriver = \"nobody\"\n");
        assert_eq!(
            refusal(&own, &Roles::default(), &[]),
            "own.toml:7: roles.driver: `nobody` is neither in the catalog nor in the trace; add it to the catalog (--catalog)"
        );
    }

    #[test]
    fn a_learned_choice_takes_heads_and_their_endpoints_from_the_trained_router() {
        let learned = shipped("learned");
        let catalog = Catalog::builtin();
        let trained = trained(&["deepseek-reasoner", "o3"]);
        let router = compile(
            &learned,
            &catalog,
            &roles(&[("driver", "gpt-5")]),
            &[],
            Some(&trained),
        )
        .unwrap();
        let models: Vec<&str> = router
            .heads()
            .iter()
            .map(|heads| heads.model.as_str())
            .collect();
        assert_eq!(models, ["deepseek-v3.2", "o3"]);
        assert_eq!(ids(&router)[..2], ["gpt-5@openai", "o3@openai"]);
        assert_eq!(ids(&router).len(), 10);
        assert_eq!(router.trade().unwrap().value.to_string(), "2");
        let no_prompt = route(&router, &RequestRef::default());
        assert_eq!(no_prompt, [("gpt-5@openai".to_owned(), 1_000_000)]);
        let provenance: Value = serde_json::from_str(&router.parts().provenance).unwrap();
        assert_eq!(provenance["seed"], 7);
        assert_eq!(provenance["policy"]["name"], "learned");
        assert_eq!(
            provenance["price_sources"]["o3@openai"][0],
            "LiteLLM price sheet 1.106.2, row o3"
        );
    }

    #[test]
    fn a_learned_choice_that_cannot_be_made_is_refused() {
        let learned = shipped("learned");
        assert_eq!(
            refusal(&learned, &both(), &[]),
            "learned: the policy chooses by the trained router `../models/engineering.router.json`, which has not been loaded; train it, or name another `file`"
        );
        let refuse = |recorded: &[String]| {
            compile(
                &learned,
                &Catalog::builtin(),
                &both(),
                recorded,
                Some(&trained(&["own"])),
            )
            .unwrap_err()
            .to_string()
        };
        assert_eq!(
            refuse(&[]),
            "learned: the trained router predicts `own`, which has no endpoint in the catalog and is not in the trace; add it to the catalog (--catalog)"
        );
        assert!(
            refuse(&["own".to_owned()]).contains("`own` has no price"),
            "{}",
            refuse(&["own".to_owned()])
        );
    }
}
