//! Small generated traces whose labels depend on a word.

use super::*;
use crate::stats::uniform;
use crate::trace::{Header, OutcomeRef, Row, TraceBuilder};
use weighbridge_router::{RequestRef, Tokens, Usd, prompt_group};

const CATALOG: &str = r#"format = "weighbridge.catalog/1"
[[model]]
id = "cheap"
[[model]]
id = "dear"
aliases = ["costly"]
[[endpoint]]
id = "dear@p"
model = "dear"
[[endpoint.price]]
usd_per_mtok = { input = 10, output = 30 }
source = "invented"
[[endpoint]]
id = "cheap@p"
model = "cheap"
[[endpoint.price]]
usd_per_mtok = { input = 1, output = 2 }
source = "invented"
[[endpoint]]
id = "cheap@q"
model = "cheap"
[[endpoint.price]]
usd_per_mtok = { input = 2, output = 3 }
source = "invented"
"#;

/// One request: is it hard, and what both models make of it.
struct Made {
    prompt: Option<String>,
    scores: [Option<f64>; 2],
    tokens: [Option<u32>; 2],
}

/// Hard prompts have the word `prove`; `cheap` is right with probability `easy` on the others and
/// `hard` on them, `dear` nearly always; hard answers are ten times as long.
fn made(i: usize, easy: f64, hard: f64) -> Made {
    let unit = i.to_le_bytes();
    let is_hard = uniform(7, "hard", &unit) < 0.5;
    let lead = if is_hard { "Prove that" } else { "Tell me of" };
    let right = |model: &str, p: f64| Some(f64::from(u8::from(uniform(7, model, &unit) < p)));
    let tokens = if is_hard { 1000 } else { 100 };
    Made {
        prompt: Some(format!("{lead} case {i} of the {} kind", i % 9)),
        scores: [
            right("cheap", if is_hard { hard } else { easy }),
            right("dear", 0.97),
        ],
        tokens: [Some(tokens), Some(tokens + 17)],
    }
}

fn trace(rows: impl Iterator<Item = Made>) -> Trace {
    let mut builder = TraceBuilder::new(Header::default());
    for (i, made) in rows.enumerate() {
        let outcome = |model: usize| OutcomeRef {
            model: ["cheap", "costly"][model],
            score: made.scores[model],
            output_tokens: made.tokens[model].map(Tokens),
            ..OutcomeRef::default()
        };
        let row = Row {
            id: &format!("r{i:05}"),
            request: RequestRef {
                prompt: made.prompt.as_deref(),
                task: Some(["x", "y"][i % 2]),
                ..RequestRef::default()
            },
            outcomes: &[outcome(0), outcome(1)],
            logged: None,
            extra: None,
        };
        builder.push(&row).unwrap();
    }
    builder.finish().unwrap().0
}

fn options() -> TrainOptions {
    TrainOptions {
        models: vec!["cheap".into(), "costly".into()],
        ..TrainOptions::default()
    }
}

fn trade() -> Trade {
    Trade {
        value: Usd::try_from_f64(0.1).unwrap(),
        ..Trade::default()
    }
}

fn trained(trace: &Trace, options: &TrainOptions) -> Result<Trained, LearnError> {
    let catalog = Catalog::parse("own.toml", CATALOG).unwrap();
    train(trace, &catalog, options, trade(), &|_| {})
}

fn refusal(rows: impl Iterator<Item = Made>, options: &TrainOptions) -> String {
    let refused = trained(&trace(rows), options).unwrap_err().to_string();
    assert!(!refused.contains('\n'), "{refused}");
    refused
}

fn endpoint_of(router: &Router, prompt: &str) -> String {
    let request = RequestRef {
        prompt: Some(prompt),
        ..RequestRef::default()
    };
    let decision = router.decide(&request);
    router.endpoint(decision.masses()[0].0).id.clone()
}

#[test]
fn a_word_that_decides_is_learned_whichever_class_is_the_majority() {
    for (easy, hard) in [(0.95, 0.4), (0.6, 0.05)] {
        let trace = trace((0..600).map(|i| made(i, easy, hard)));
        let trained = trained(&trace, &options()).unwrap();
        let router = &trained.router;
        let share = trained.models[0].right / trained.models[0].rows as f64;
        assert_eq!(share > 0.5, easy > 0.9, "{share}");
        let predict = |prompt: &str| {
            let request = RequestRef {
                prompt: Some(prompt),
                ..RequestRef::default()
            };
            router.predict(&request, &mut Default::default()).to_vec()
        };
        let [hard_one, easy_one] = [
            "Prove that case 9999 of the 3 kind",
            "Tell me of case 9999 of the 3 kind",
        ];
        let (at_hard, at_easy) = (predict(hard_one), predict(easy_one));
        assert_eq!(router.heads()[0].model, "cheap");
        assert!(
            (at_hard[0].success.get() - hard).abs() < 0.15,
            "{at_hard:?}"
        );
        assert!(
            (at_easy[0].success.get() - easy).abs() < 0.15,
            "{at_easy:?}"
        );
        assert!(
            (at_hard[0].output_tokens / 1000.0 - 1.0).abs() < 0.2,
            "{at_hard:?}"
        );
        assert!(
            (at_easy[0].output_tokens / 100.0 - 1.0).abs() < 0.2,
            "{at_easy:?}"
        );
        assert_eq!(endpoint_of(router, hard_one), "dear@p");
    }
}

#[test]
fn a_router_is_put_together_from_catalog_hold_out_and_heads() {
    let without = Made {
        prompt: None,
        ..made(0, 0.5, 0.5)
    };
    let unknown = Made {
        scores: [None, None],
        ..made(601, 0.5, 0.5)
    };
    let rows = (0..600).map(|i| made(i, 0.9, 0.4));
    let trace = trace(rows.chain([without, unknown]));
    let options = options();
    let trained = trained(&trace, &options).unwrap();
    let router = &trained.router;
    let ids: Vec<&str> = router.endpoints().iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids, ["dear@p", "cheap@p", "cheap@q"]);
    assert_eq!(router.trade(), Some(trade()));
    let roles = [("driver", "cheap"), ("specialist", "dear")];
    assert_eq!(
        router.parts().roles,
        roles.map(|(role, name)| (role.to_owned(), name.to_owned()))
    );
    assert_eq!(router.parts().fallback, ["cheap"]);
    assert_eq!(trained.without_prompt, 1);
    let total = trained.held_out.len() + trained.training_rows;
    assert!(
        total == 600 || total == 601,
        "the row without outcome is held out or left out"
    );
    assert!(trained.held_out.len().abs_diff(240) < 50);
    for row in 0..600 {
        let group = prompt_group(trace.prompt(row).unwrap());
        let held = trained.held_out.contains(&row);
        assert_eq!(held, is_held_out("weighbridge", 0.4, &group));
        assert!(held || router.trained_on(&group));
    }
    let calibration = &router.parts().calibration;
    assert_eq!(calibration.input_tokens.len(), trained.training_rows);
    assert_eq!(calibration.models[1].model, "dear");
    assert_eq!(calibration.models[0].success.len(), trained.training_rows);
    let provenance: Value = serde_json::from_str(&router.parts().provenance).unwrap();
    assert_eq!(
        provenance["trace"]["fingerprint"],
        json!(trace.fingerprint().to_string())
    );
    assert_eq!(provenance["rows"]["training"], json!(trained.training_rows));
    assert_eq!(provenance["price_sources"]["dear@p"][0], json!("invented"));
}

#[test]
fn threads_change_no_byte_and_a_seed_does() {
    let trace = trace((0..300).map(|i| made(i, 0.9, 0.4)));
    let with = |threads, seed| {
        let options = TrainOptions {
            threads,
            seed,
            ..options()
        };
        trained(&trace, &options).unwrap()
    };
    let one = with(1, 0);
    assert_eq!(one, with(3, 0));
    assert_ne!(one.router, with(1, 1).router);
}

#[test]
fn an_endpoint_can_be_the_driver_and_no_hold_out_trains_on_all() {
    let trace = trace((0..200).map(|i| made(i, 0.9, 0.4)));
    let options = TrainOptions {
        models: vec!["cheap@q".into(), "costly".into()],
        holdout: 0.0,
        ..options()
    };
    let trained = trained(&trace, &options).unwrap();
    assert_eq!(trained.router.parts().fallback, ["cheap@q"]);
    assert_eq!((trained.training_rows, trained.held_out.len()), (200, 0));
}

#[test]
fn what_cannot_be_learned_is_refused_with_the_mend() {
    let fine = |i| made(i, 0.9, 0.4);
    let rows = || (0..200).map(fine);
    let all_right = rows().map(|row| Made {
        scores: [row.scores[0], Some(1.0)],
        ..row
    });
    let says = refusal(all_right, &options());
    assert!(
        says.starts_with("`dear` is right in 100% of the 1"),
        "{says}"
    );
    let uncounted = rows().map(|row| Made {
        tokens: [row.tokens[0], None],
        ..row
    });
    let says = refusal(uncounted, &options());
    assert!(
        says.starts_with("`dear`: 0 different prompts with a known number of output tokens")
            && says.ends_with("--assume-output-tokens"),
        "{says}"
    );
    let same = rows().map(|row| Made {
        prompt: Some("Is it?".into()),
        ..row
    });
    let whole = TrainOptions {
        holdout: 0.0,
        ..options()
    };
    assert!(refusal(same, &whole).starts_with("`cheap`: 1 different prompts with a known outcome"));
    assert!(refusal((0..0).map(fine), &options()).contains("no outcome of `cheap`"));
    let unsold = TrainOptions {
        models: vec!["cheap".into(), "gpt".into()],
        ..options()
    };
    assert!(
        refusal(rows(), &unsold).ends_with("(role specialist); it has outcomes of cheap, costly")
    );
}

#[test]
fn a_model_without_a_price_is_refused_before_the_fit() {
    let trace = trace((0..200).map(|i| made(i, 0.9, 0.4)));
    let text = CATALOG.replace("aliases = [\"costly\"]", "");
    let catalog = Catalog::parse("own.toml", &text).unwrap();
    let fitted = |_| panic!("nothing is fitted");
    let refused = train(&trace, &catalog, &options(), trade(), &fitted).unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("`costly` has no price"), "{refused}");
}

#[test]
fn options_outside_their_range_are_named() {
    let bad = [
        TrainOptions {
            holdout: 1.0,
            ..options()
        },
        TrainOptions {
            folds: 1,
            ..options()
        },
        TrainOptions {
            pass_at: Some(2.0),
            ..options()
        },
        TrainOptions {
            models: vec!["cheap".into(), "cheap@q".into()],
            ..options()
        },
        TrainOptions {
            models: vec!["cheap".into()],
            ..options()
        },
        TrainOptions {
            specialist: Some("gpt".into()),
            ..options()
        },
    ];
    let names = ["holdout", "folds", "pass_at", "models", "models", "models"];
    for (options, name) in bad.iter().zip(names) {
        let says = refusal((0..9).map(|i| made(i, 0.9, 0.4)), options);
        assert!(says.starts_with(&format!("{name}: ")), "{says}");
    }
}

#[test]
fn the_version_in_the_provenance_is_the_one_that_is_built_in() {
    let lock = include_str!("../../../Cargo.lock");
    let entry = format!(
        "name = \"linfa-logistic\"\nversion = \"{}\"\n",
        assemble::LINFA_LOGISTIC
    );
    assert!(lock.contains(&entry));
}
