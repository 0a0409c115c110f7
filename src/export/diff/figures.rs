//! Figures that two trainings recorded of themselves.

use serde::Serialize;
use serde_json::Value;

/// A figure of both files, as their provenance records it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigurePair {
    /// How it was measured: `group`, `time` or `task` (cross-validated on the training rows by that
    /// split), or `dial` (what the file's dial promises on its calibration sample).
    pub split: String,
    /// Its name.
    pub figure: String,
    /// Its unit.
    pub unit: String,
    /// In the first file: the figure as an object, or null.
    pub a: Option<Recorded>,
    /// In the second file.
    pub b: Option<Recorded>,
}

/// A figure as a training recorded it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recorded {
    /// The number.
    pub x: f64,
    /// Its 95% interval.
    pub ci95: Option<[f64; 2]>,
    /// On how many requests; null where the file does not say.
    pub n: Option<u64>,
}

const SPLITS: [&str; 3] = ["group", "time", "task"];
/// What a reviewer looks at; ranking figures of pairs without a gap are null and drop out.
const FIGURES: [&str; 10] = [
    "net_usd_per_request",
    "difference",
    "auroc",
    "apgr",
    "cpt50",
    "gain_per_1000_at_10",
    "gain_slope",
    "gap",
    "aiq",
    "ece",
];
const PROMISES: [(&str, &str); 4] = [
    ("share", "share"),
    ("success", "share"),
    ("cost_usd_per_request", "USD"),
    ("spend_usd_per_day", "USD / day"),
];

/// The figures that at least one of the two has and that are not the same in both.
pub(super) fn pairs(a: &Value, b: &Value) -> Vec<FigurePair> {
    let mut pairs = Vec::new();
    for split in SPLITS {
        for figure in FIGURES {
            let of = |provenance: &Value| provenance["splits"][split][figure].clone();
            pair_or_models(&mut pairs, split, figure, &of(a), &of(b));
        }
    }
    for (figure, unit) in PROMISES {
        let of = |provenance: &Value| recorded(&provenance["dial"][figure]);
        push(&mut pairs, "dial", figure.to_owned(), unit, of(a), of(b));
    }
    pairs
}

/// A figure, or one a model.
fn pair_or_models(pairs: &mut Vec<FigurePair>, split: &str, figure: &str, a: &Value, b: &Value) {
    if figure != "ece" {
        let unit = a["unit"]
            .as_str()
            .or(b["unit"].as_str())
            .unwrap_or_default();
        let name = match figure {
            "difference" => "net_usd_per_request less the best simple policy's",
            other => other,
        };
        return push(
            pairs,
            split,
            name.to_owned(),
            unit,
            recorded(a),
            recorded(b),
        );
    }
    let models = |of: &Value| -> Vec<String> {
        let models = of.as_object().map(|it| it.keys().cloned().collect());
        models.unwrap_or_default()
    };
    let (before, after) = (models(a), models(b));
    for model in before
        .iter()
        .chain(after.iter().filter(|it| !before.contains(it)))
    {
        let name = format!("calibration error (ece) of {model}");
        let (a, b) = (recorded(&a[model]), recorded(&b[model]));
        push(pairs, split, name, "probability", a, b);
    }
}

fn push(
    pairs: &mut Vec<FigurePair>,
    split: &str,
    figure: String,
    unit: &str,
    a: Option<Recorded>,
    b: Option<Recorded>,
) {
    if a != b {
        pairs.push(FigurePair {
            split: split.to_owned(),
            figure,
            unit: unit.to_owned(),
            a,
            b,
        });
    }
}

fn recorded(figure: &Value) -> Option<Recorded> {
    let ends = figure["ci95"].as_array().and_then(|ends| {
        let ends: Vec<f64> = ends.iter().filter_map(Value::as_f64).collect();
        <[f64; 2]>::try_from(ends).ok()
    });
    Some(Recorded {
        x: figure["x"].as_f64()?,
        ci95: ends,
        n: figure["n"].as_u64(),
    })
}
