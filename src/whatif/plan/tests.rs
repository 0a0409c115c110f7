//! Plans that pen and paper give: `a` costs a dollar and is right on plain questions, `b` costs
//! three and is always right, and half of the questions are hard.

use std::collections::BTreeSet;

use weighbridge_router::{Millis, RequestRef, Timestamp, Tokens, Usd};

use super::super::models::Advice;
use super::super::result::Kept;
use super::super::search::{Contender, Kind, Measured};
use super::*;
use crate::policy::{Policy, Roles, compile};
use crate::replay::{Assignment, Stage};
use crate::trace::{Header, OutcomeRef, Row, TraceBuilder};

fn usd(dollars: i64) -> Usd {
    Usd::from_picos(dollars * 1_000_000_000_000)
}

fn trace() -> Trace {
    let mut builder = TraceBuilder::new(Header::default());
    for i in 0..400 {
        let hard = i % 2 == 0;
        let outcome = |model, right: bool, dollars, ms| OutcomeRef {
            model,
            score: Some(f64::from(u8::from(right))),
            latency_ms: Some(Millis(ms)),
            cost_usd: Some(usd(dollars)),
            ..OutcomeRef::default()
        };
        let kind = if hard { "hard" } else { "plain" };
        let row = Row {
            id: &format!("r{i:03}"),
            request: RequestRef {
                prompt: Some(&format!("a {kind} question {i}")),
                ..RequestRef::default()
            },
            outcomes: &[outcome("a", !hard, 1, 1_000), outcome("b", true, 3, 61_000)],
            logged: None,
            extra: None,
        };
        builder.push(&row).unwrap();
    }
    builder.finish().unwrap().0
}

fn rules(to: &str) -> (String, Router) {
    let text = format!(
        "format = \"weighbridge.policy/1\"\n[choose]\nkind = \"rules\"\nelse = \"a\"\n[[choose.rule]]\nwhen = {{ prompt_any = [\"hard\"] }}\nto = \"{to}\"\n"
    );
    let policy = Policy::parse("own.toml", &text).unwrap();
    let recorded = ["a".to_owned(), "b".to_owned()];
    let router = compile(
        &policy,
        &Catalog::default(),
        &Roles::default(),
        &recorded,
        None,
    );
    ("own".to_owned(), router.unwrap())
}

fn options(goal: Goal) -> PlanOptions {
    PlanOptions {
        goal,
        wrong: None,
        second: None,
        requests_per_day: Some(10.0),
        roles: Roles {
            flags: [("driver".to_owned(), "a".to_owned())].into(),
            ..Roles::default()
        },
        as_of: None,
        date: None,
        at: None,
        seed: 3,
        replicates: 200,
        threads: 1,
    }
}

fn planned(goal: Goal, policies: &[(String, Router)]) -> Planned {
    plan(&trace(), 0, &Catalog::default(), policies, &options(goal)).unwrap()
}

#[test]
fn a_rule_that_beats_both_models_is_shipped_whatever_is_asked() {
    let own = rules("b");
    for goal in [
        Goal::Value(usd(10)),
        Goal::MinSuccess(0.9),
        Goal::SpendPerDay(usd(25)),
        Goal::Share(0.7),
    ] {
        let Planned { plan, router } = planned(goal, std::slice::from_ref(&own));
        assert_eq!(plan.verdict, PlanVerdict::Route, "{goal:?}");
        assert_eq!(plan.recommended.name, "own");
        assert_eq!(router.as_ref(), Some(&own.1));
        assert_eq!(plan.recommended.success.x, Some(1.0));
        let share = plan.recommended.share.x.unwrap();
        assert!((share - 0.5).abs() < 0.06, "{share}");
        let cost = plan.recommended.cost_usd_per_day.x.unwrap();
        assert!((cost - 10.0 * (1.0 + 2.0 * share)).abs() < 1e-9);
        let names: Vec<&str> = plan.front.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["always a", "own"], "`b` is dearer and no better");
    }
}

#[test]
fn the_best_fixed_choice_is_what_the_goal_says() {
    let own = [rules("b")];
    let fixed = |goal| planned(goal, &own).plan.fixed.map(|it| it.name);
    assert_eq!(fixed(Goal::Value(usd(10))).unwrap(), "always b");
    assert_eq!(fixed(Goal::Value(usd(3))).unwrap(), "always a");
    assert_eq!(fixed(Goal::MinSuccess(0.9)).unwrap(), "always b");
    assert_eq!(fixed(Goal::SpendPerDay(usd(25))).unwrap(), "always a");
}

#[test]
fn where_only_fixed_choices_attain_the_goal_there_is_no_routing() {
    // The rule costs about two dollars a request, `a` one.
    let Planned { plan, .. } = planned(Goal::SpendPerDay(usd(12)), &[rules("b")]);
    assert_eq!(plan.verdict, PlanVerdict::DoNotRoute);
    assert_eq!(plan.recommended.name, "always a");
    assert_eq!((plan.routing, plan.difference), (None, None));
    // And a rule that sends everything to the same model is none at all.
    let Planned { plan, .. } = planned(Goal::Value(usd(10)), &[rules("a")]);
    assert_eq!(plan.verdict, PlanVerdict::DoNotRoute);
    assert_eq!(plan.recommended.name, "always b");
}

#[test]
fn a_goal_that_nothing_attains_names_the_nearest() {
    let Planned { plan, router } = planned(Goal::SpendPerDay(usd(5)), &[rules("b")]);
    assert_eq!(plan.verdict, PlanVerdict::Unattainable);
    assert_eq!(plan.recommended.name, "always a");
    assert_eq!(plan.goal.kept, Some(Kept::Missed));
    assert_eq!(plan.goal.found.unwrap().x, Some(10.0));
    assert!(router.is_none());
}

#[test]
fn a_policy_whose_answers_the_trace_does_not_tell_is_left_out_aloud() {
    let always = Policy::parse(
        "c.toml",
        "format = \"weighbridge.policy/1\"\n[choose]\nkind = \"always\"\nto = \"c\"\n",
    );
    let recorded = ["c".to_owned()];
    let (catalog, roles) = (Catalog::default(), Roles::default());
    let router = compile(&always.unwrap(), &catalog, &roles, &recorded, None).unwrap();
    let Planned { plan, .. } = planned(Goal::Value(usd(10)), &[("c".to_owned(), router)]);
    assert_eq!(plan.recommended.name, "always b");
    assert!(
        plan.warnings[0].starts_with("c: left out"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn no_plan_is_made_without_what_it_needs() {
    let refused = |trace: &Trace, options: &PlanOptions| {
        plan(trace, 0, &Catalog::default(), &[], options).unwrap_err()
    };
    let unknown = PlanOptions {
        requests_per_day: None,
        ..options(Goal::SpendPerDay(usd(9)))
    };
    assert_eq!(refused(&trace(), &unknown), PlanError::NoTraffic);
    let nobody = PlanOptions {
        roles: Roles::default(),
        ..options(Goal::Share(0.1))
    };
    assert_eq!(refused(&trace(), &nobody), PlanError::NoDriver);
    let one = trace().select(&[0]);
    let value = options(Goal::Value(usd(1)));
    assert_eq!(refused(&one, &value), PlanError::TooFew);
}

#[test]
fn the_next_requests_cost_and_gain_what_they_differ_by() {
    let trace = trace();
    let stage = Stage::new(&trace, &Catalog::default(), &[], None);
    let charged = Charged::new(&stage, None, 1);
    let [a, b] = ["a", "b"].map(|id| stage.find(id).unwrap());
    let [mut from, mut to] = ["from", "to"].map(Decisions::new);
    for row in 0..trace.len() {
        from.push(&Assignment::all_to(a));
        // Eight requests of four hundred, half of them hard.
        to.push(&Assignment::all_to(if row < 8 { b } else { a }));
    }
    let units = unit_keys(&trace, 1, 1);
    let bootstrap = Bootstrap {
        units: &units,
        replicates: 100,
        threads: 1,
    };
    let measured = |share| Measured {
        contender: Contender {
            name: "it".to_owned(),
            kind: Kind::Learned,
            base: 0,
            trade: None,
        },
        share,
        models: BTreeSet::new(),
        success: 0.5,
        cost: 1.0,
        net: None,
    };
    let (before, after) = (measured(0.0), measured(0.02));
    let found = margin([&before, &after], &charged, [&from, &to], bootstrap);
    let near = |figure: &Figure, x: f64| (figure.x.unwrap() - x).abs() < 1e-9;
    assert!(near(&found.gain, 10.0), "{:?}", found.gain);
    assert!(near(&found.cost_usd, 40.0));
    assert!(near(&found.minutes, 20.0));
    assert!(near(&found.break_even_value_usd, 4.0));
    assert!(found.gain.ci95.is_some());
    let none = margin([&before, &after], &charged, [&from, &from], bootstrap);
    assert!(near(&none.gain, 0.0) && none.break_even_value_usd.x.is_none());
}

/// Model, advice, the best policies with and without it, and what having it is worth.
type Worth<'a> = (&'a str, Advice, [Option<&'a str>; 2], Option<f64>);

fn worths(plan: &Plan) -> Vec<Worth<'_>> {
    let all = plan.models.iter().map(|it| {
        let pair = [it.with.as_deref(), it.without.as_deref()];
        let difference = it.difference.as_ref().and_then(|it| it.difference.x);
        (it.model.as_str(), it.advice, pair, difference)
    });
    all.collect()
}

#[test]
fn a_model_is_worth_what_the_best_policy_earns_more_than_the_best_without_it() {
    let Planned { plan, .. } = planned(Goal::Value(usd(10)), &[rules("b")]);
    let share = plan.recommended.share.x.unwrap();
    // With both 10 - 1 - 2 share; `a` alone 10 (1 - share) - 1; `b` alone 7.
    let expected = [
        ("b", "always a", 8.0 * share),
        ("a", "always b", 2.0 - 2.0 * share),
    ];
    for ((model, advice, pair, difference), (name, without, x)) in
        worths(&plan).into_iter().zip(expected)
    {
        assert_eq!((model, advice), (name, Advice::Pays));
        assert_eq!(pair, [Some("own"), Some(without)]);
        assert!(
            (difference.unwrap() - x).abs() < 1e-9,
            "{model}: {difference:?} {x}"
        );
    }
    assert!((plan.models[0].share.x.unwrap() - share).abs() < 1e-12);
}

#[test]
fn a_model_that_the_goal_needs_one_that_cannot_attain_it_and_one_that_loses_are_told_apart() {
    let Planned { plan, .. } = planned(Goal::MinSuccess(0.9), &[]);
    let expected = [
        ("b", Advice::Needed, [Some("always b"), None], None),
        ("a", Advice::Unable, [None, Some("always b")], None),
    ];
    assert_eq!(worths(&plan), expected);
    let Planned { plan, .. } = planned(Goal::Value(usd(10)), &[]);
    let [(b, pays, _, gain), (a, loses, pair, loss)] = worths(&plan)[..] else {
        panic!("{:?}", plan.models)
    };
    assert_eq!((b, pays, a, loses), ("b", Advice::Pays, "a", Advice::Loses));
    assert_eq!(pair, [Some("always a"), Some("always b")]);
    assert!(gain.unwrap() > 2.0 && loss == gain.map(|x| -x));
    assert_eq!(plan.models[1].share.x, Some(0.0));
    // Where less is better the sign says so: the rule costs two dollars, `b` three.
    let Planned { plan, .. } = planned(Goal::MinSuccess(0.9), &[rules("b")]);
    let (model, advice, pair, difference) = worths(&plan)[1];
    assert_eq!((model, advice), ("a", Advice::Pays));
    assert_eq!(pair, [Some("own"), Some("always b")]);
    assert!(difference.unwrap() < 0.0);
}

/// One model from two providers, of whom the second begins as the first ends.
const TWO_PROVIDERS: &str = r#"
format = "weighbridge.catalog/1"
[[model]]
id = "m"
[[endpoint]]
id = "m@one"
model = "m"
until = 2025-12-15
[[endpoint.price]]
usd_per_mtok = { input = 1, output = 1 }
source = "a test"
[[endpoint]]
id = "m@two"
model = "m"
from = 2025-12-15
[[endpoint.price]]
usd_per_mtok = { input = 3, output = 3 }
source = "a test"
"#;

#[test]
fn at_each_date_the_provider_who_then_sells_the_model_is_planned_for() {
    let mut builder = TraceBuilder::new(Header::default());
    for i in 0..40 {
        let answer = OutcomeRef {
            model: "m",
            score: Some(1.0),
            input_tokens: Some(Tokens(1_000_000)),
            output_tokens: Some(Tokens(0)),
            ..OutcomeRef::default()
        };
        let row = Row {
            id: &format!("r{i}"),
            request: RequestRef {
                at: Some(Timestamp::parse("2025-12-10").unwrap()),
                prompt: Some(&format!("question {i}")),
                ..RequestRef::default()
            },
            outcomes: &[answer],
            logged: None,
            extra: None,
        };
        builder.push(&row).unwrap();
    }
    let trace = builder.finish().unwrap().0;
    let catalog = Catalog::parse("two.toml", TWO_PROVIDERS).unwrap();
    let moments = crate::whatif::changes(&trace, &catalog);
    let texts: Vec<String> = moments.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["2025-12-10T00:00:00Z", "2025-12-15T00:00:00Z"]);
    let expected = [("always m@one", 1.0), ("always m@two", 3.0)];
    for (date, (ship, cost)) in moments.into_iter().zip(expected) {
        let options = PlanOptions {
            date: Some(date),
            roles: Roles::default(),
            ..options(Goal::Value(usd(10)))
        };
        let Planned { plan, .. } = plan(&trace, 0, &catalog, &[], &options).unwrap();
        assert_eq!(plan.recommended.name, ship);
        assert_eq!(plan.recommended.cost_usd_per_request.x, Some(cost));
        assert_eq!(plan.date, Some(date.to_string()));
    }
}
