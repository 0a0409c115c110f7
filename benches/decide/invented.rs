//! A router of the shape that training gives for two models, with invented weights.
//!
//! 2^16 columns of words in two word scores, and for each model the mean of a linear head and of 60
//! trees with 8 leaves. Surface features are scaled by the prompts that are decided, so that trees
//! part them as trained ones do.

use weighbridge::stats::Keyed;
use weighbridge::trace::Trace;
use weighbridge_router::{
    Choose, Endpoint, Heads, LogLinear, Logistic, Mean, Parts, PriceRow, Rates, Recipe, Router,
    Scaling, Split, Step, Success, Surface, Tag, Trade, Tree, Trees, Usd, WordScore, WordScores,
    surface,
};

use rand::Rng;

const MODELS: [&str; 2] = ["cheap", "dear"];
const BITS: u8 = 16;
const TREES: usize = 60;
const LEAVES: usize = 8;

pub(super) fn router(trace: Option<&Trace>) -> Router {
    let mut draws = Keyed::new(0, "bench", b"router");
    let steps = vec![
        Step::Surface(Surface(scaling(trace))),
        Step::WordScores(WordScores {
            bits: BITS,
            idf: column(&mut draws, 1 << BITS, 1.0, 9.0),
            weight: 1.0,
            scores: MODELS
                .iter()
                .map(|model| WordScore {
                    model: (*model).to_owned(),
                    bias: 0.3,
                    mean: 0.3,
                    scale: 1.5,
                    weights: column(&mut draws, 1 << BITS, -1.0, 1.0),
                })
                .collect(),
        }),
        Step::Tag(Tag {
            values: trace.map_or_else(Vec::new, tasks),
        }),
    ];
    let recipe = Recipe::try_new(steps.clone()).expect("the invented recipe is sound");
    let columns = recipe.columns();
    let heads = MODELS.map(|model| Heads {
        model: model.to_owned(),
        success: Success::Mean(Mean {
            of: vec![
                Success::Logistic(Logistic {
                    bias: 0.2,
                    weights: column(&mut draws, columns, -0.2, 0.2),
                    platt: [1.0, 0.0],
                }),
                Success::Trees(Trees {
                    bias: 0.2,
                    platt: [1.0, 0.0],
                    trees: (0..TREES).map(|_| tree(&mut draws, columns)).collect(),
                }),
            ],
            platt: [1.1, -0.1],
        }),
        output_tokens: LogLinear {
            bias: 6.0,
            weights: column(&mut draws, columns, -0.1, 0.1),
            smearing: 1.2,
        },
    });
    Router::try_new(Parts {
        endpoints: vec![endpoint(MODELS[0], 280_000), endpoint(MODELS[1], 2_000_000)],
        choose: Some(Choose::Router(Trade {
            value: Usd::from_picos(10_000_000_000),
            ..Trade::default()
        })),
        fallback: vec![MODELS[0].to_owned()],
        steps,
        heads: heads.into(),
        ..Parts::default()
    })
    .expect("the invented router is sound")
}

fn column(draws: &mut Keyed, len: usize, least: f32, most: f32) -> Vec<f32> {
    (0..len).map(|_| draws.gen_range(least..most)).collect()
}

/// Grown at random leaves, so deeper here and shallower there, like a fitted one.
fn tree(draws: &mut Keyed, columns: usize) -> Tree {
    let mut splits: Vec<Split> = Vec::new();
    // Where leaves hang: a split, and whether on its low side.
    let mut open = vec![(0, true)];
    let hang = |splits: &mut [Split], (parent, low): (usize, bool), child: i32| {
        if let Some(parent) = splits.get_mut(parent) {
            *(if low {
                &mut parent.low
            } else {
                &mut parent.high
            }) = child;
        }
    };
    while open.len() < LEAVES {
        let place = open.swap_remove(draws.gen_range(0..open.len()));
        let own = splits.len();
        hang(&mut splits, place, own as i32);
        splits.push(Split {
            column: draws.gen_range(0..columns as u32),
            at_most: draws.gen_range(-1.0..1.0),
            low: 0,
            high: 0,
        });
        open.extend([(own, true), (own, false)]);
    }
    for (leaf, place) in (0..).zip(open) {
        hang(&mut splits, place, -1 - leaf);
    }
    Tree {
        splits,
        leaves: column(draws, LEAVES, -0.1, 0.1),
    }
}

/// Means and scales of the surface features of the trace's prompts.
fn scaling(trace: Option<&Trace>) -> Scaling {
    let prompts = trace.into_iter().flat_map(|trace| {
        let prompts = (0..trace.len()).map(|row| trace.prompt(row));
        prompts.flatten()
    });
    let (mut rows, mut sums, mut squares) = (0.0, [0.0; surface::COUNT], [0.0; surface::COUNT]);
    for prompt in prompts {
        let mut raw = [0.0; surface::COUNT];
        surface::measure(prompt, &mut raw);
        rows += 1.0;
        for (i, raw) in raw.into_iter().enumerate() {
            sums[i] += raw;
            squares[i] += raw * raw;
        }
    }
    let mean = |sum: f64| if rows > 0.0 { sum / rows } else { 0.0 };
    let deviation = |i: usize| (mean(squares[i]) - mean(sums[i]).powi(2)).max(0.0).sqrt();
    Scaling {
        mean: sums.iter().map(|sum| mean(*sum) as f32).collect(),
        scale: (0..surface::COUNT)
            .map(|i| 1.0 / deviation(i).max(1e-3) as f32)
            .collect(),
        weight: 1.0,
    }
}

fn tasks(trace: &Trace) -> Vec<String> {
    let mut tasks: Vec<String> = (0..trace.len())
        .filter_map(|i| trace.request(i).task.map(str::to_owned))
        .collect();
    tasks.sort_unstable();
    tasks.dedup();
    tasks
}

fn endpoint(model: &str, picos: i64) -> Endpoint {
    let usd = Usd::from_picos(picos);
    Endpoint {
        model: model.to_owned(),
        recorded_only: false,
        prices: vec![PriceRow {
            from: None,
            until: None,
            rates: Rates {
                input: usd,
                cached: usd,
                output: usd,
            },
            tiers: Vec::new(),
        }],
        ..Endpoint::recorded_only(&format!("{model}@bench"))
    }
}
