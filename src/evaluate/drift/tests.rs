//! What a file keeps of its training, whole and broken.

use serde_json::{Value, json};
use weighbridge_router::{Choose, Endpoint, Parts, RequestRef, Router, Tokens};

use super::*;
use crate::trace::{Row, Trace, TraceBuilder};

fn trace(rows: u32) -> Trace {
    let mut builder = TraceBuilder::default();
    for i in 0..rows {
        let prompt = "word ".repeat(1 + i as usize % 17) + &i.to_string();
        let row = Row {
            id: &format!("r{i}"),
            request: RequestRef {
                prompt: Some(&prompt),
                task: (i % 3 > 0).then_some(["a", "b"][i as usize % 2]),
                session: Some(["s", "t", "u"][i as usize % 3]),
                input_tokens: (i % 2 == 0).then_some(Tokens(i)),
                ..RequestRef::default()
            },
            outcomes: &[],
            logged: None,
            extra: None,
        };
        builder.push(&row).unwrap();
    }
    builder.finish().unwrap().0
}

fn router(reference: Option<Value>) -> Router {
    let provenance = match reference {
        Some(reference) => json!({"reference": reference, "options": {"pass_at": 0.5}}),
        None => json!({}),
    };
    Router::try_new(Parts {
        endpoints: vec![Endpoint::recorded_only("m")],
        choose: Some(Choose::from_json(r#"{"kind":"always","to":"m"}"#).unwrap()),
        fallback: vec!["m".into()],
        provenance: provenance.to_string(),
        ..Parts::default()
    })
    .unwrap()
}

fn measured() -> (Trace, Reference) {
    let trace = trace(200);
    let rows: Vec<usize> = (0..200).collect();
    let scores = rows
        .iter()
        .map(|row| (row % 4 > 0).then_some(0.5))
        .collect();
    let reference = Reference::measure(&trace, &rows, &rows[..150], &[("m", scores)]);
    (trace, reference)
}

#[test]
fn a_reference_counts_and_survives_its_file() {
    let (trace, reference) = measured();
    assert_eq!((reference.rows, reference.units.len()), (200, 150));
    assert_eq!(
        reference.tasks.values().sum::<u64>() + reference.without_task,
        200
    );
    assert_eq!(reference.input_tokens, [32, 68, 0, 0, 0, 0]);
    let rate = &reference.models[0];
    assert_eq!((rate.n, rate.mean, rate.error), (150, 0.5, Some(0.0)));
    assert!(
        (reference.rows_effective - 3.0).abs() < 0.01,
        "three sessions"
    );
    // The rows that the bins were made on fall into them as they did.
    let rows: Vec<usize> = (0..150).collect();
    assert_eq!(reference.bin(&trace, &rows, 2), reference.codes);
    let again = Reference::of_router(&router(Some(reference.to_json()))).unwrap();
    let pass_at = Some(0.5);
    assert_eq!(
        again,
        Reference {
            pass_at,
            ..reference
        }
    );
}

#[test]
fn files_without_a_reference_or_with_a_broken_one_are_refused_with_the_mend() {
    let refused = |reference| {
        let error = Reference::of_router(&router(reference))
            .unwrap_err()
            .to_string();
        assert!(error.contains("train") && !error.contains('\n'), "{error}");
        error
    };
    assert!(refused(None).contains("`weighbridge train`"));
    assert!(refused(Some(json!(7))).contains("kind"));
    let good = measured().1.to_json();
    let broken = |field: &str, value: Value| {
        let mut reference = good.clone();
        reference[field] = value;
        refused(Some(reference))
    };
    assert!(broken("codes", json!("012")).contains("3 bins are not"));
    let text = good["codes"].as_str().unwrap();
    assert!(broken("codes", json!(format!("z{}", &text[1..]))).contains("no such bin at 0"));
    assert!(broken("codes", json!(format!("ä{}", &text[2..]))).contains("no such bin at 0"));
    let mut features = good["features"].clone();
    features[3]["edges"] = json!([2.0, 1.0]);
    assert!(broken("features", features.clone()).contains("do not rise"));
    features[3]["name"] = json!("hue");
    assert!(broken("features", features).contains("`hue`"));
    assert!(broken("input_tokens", json!([1])).contains("bands"));
    assert!(broken("rows_effective", json!(-1)).contains("rows_effective"));
    let rate = json!([{"model": "m", "n": 3, "mean": 7.0, "error": null}]);
    assert!(broken("models", rate).contains("models"));
    assert!(broken("tasks", json!({"a": u64::MAX})).contains("tasks"));
    assert!(broken("units", json!("x")).contains("reference"));
    broken("rows", Value::Null);
}
