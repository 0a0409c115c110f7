//! Routers to test with.

use weighbridge_router::{
    Calibration, CalibrationModel, Choose, Embedding, Endpoint, GroupFilter, Heads, LogLinear,
    Logistic, Mean, Parts, PriceRow, Rates, Scaling, Shrink, Split, Step, Success, Surface, Tag,
    Tier, Timestamp, Tokens, Tree, Trees, Usd, WordScore, WordScores, Words, prompt_group, surface,
};

/// Numbers from -1 to 1 that look random and are always the same.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn column(&mut self, len: usize, size: f64) -> Vec<f32> {
        (0..len).map(|_| (self.next() * size) as f32).collect()
    }

    /// A number from 0 to that.
    fn below(&mut self, end: usize) -> usize {
        ((self.next() + 1.0) / 2.0 * end as f64) as usize % end
    }

    fn positive(&mut self, len: usize, size: f64) -> Vec<f32> {
        self.column(len, size).into_iter().map(f32::abs).collect()
    }

    fn scaling(&mut self, columns: usize, weight: f32) -> Scaling {
        Scaling {
            mean: self.column(columns, 2.0),
            scale: self.positive(columns, 1.0),
            weight,
        }
    }

    fn words(&mut self, bits: u8) -> Words {
        Words {
            bits,
            idf: self.positive(1 << bits, 3.0),
            weight: 1.0,
        }
    }

    fn word_scores(&mut self, bits: u8, models: &[&str]) -> WordScores {
        let idf = self.positive(1 << bits, 3.0);
        let scores = models.iter().map(|model| WordScore {
            model: (*model).into(),
            bias: self.next(),
            mean: 0.3 * self.next() as f32,
            scale: 1.5 + self.next() as f32,
            weights: self.column(1 << bits, 2.0),
        });
        WordScores {
            bits,
            scores: scores.collect(),
            idf,
            weight: 0.9,
        }
    }

    fn logistic(&mut self, columns: usize) -> Logistic {
        Logistic {
            weights: self.column(columns, 1.0),
            bias: self.next(),
            platt: [0.9 + 0.1 * self.next(), 0.3 * self.next()],
        }
    }

    fn log_linear(&mut self, columns: usize) -> LogLinear {
        LogLinear {
            weights: self.column(columns, 0.2),
            bias: 5.0 + self.next(),
            smearing: 1.3,
        }
    }

    /// A tree that grows at a random leaf until it has so many.
    fn tree(&mut self, columns: usize, leaves: usize) -> Tree {
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
        while open.len() < leaves {
            let place = open.swap_remove(self.below(open.len()));
            let own = splits.len();
            hang(&mut splits, place, own as i32);
            splits.push(Split {
                column: self.below(columns) as u32,
                at_most: self.next() as f32,
                low: 0,
                high: 0,
            });
            open.extend([(own, true), (own, false)]);
        }
        for (leaf, place) in (0..).zip(open) {
            hang(&mut splits, place, -1 - leaf);
        }
        Tree {
            leaves: self.column(splits.len() + 1, 0.4),
            splits,
        }
    }

    fn trees(&mut self, columns: usize, count: usize) -> Trees {
        Trees {
            bias: self.next(),
            platt: [1.0 + 0.2 * self.next(), 0.1 * self.next()],
            trees: (0..count).map(|i| self.tree(columns, 1 + i % 8)).collect(),
        }
    }
}

fn price(input: i64, output: i64) -> PriceRow {
    PriceRow {
        from: None,
        until: None,
        rates: Rates {
            input: Usd::from_picos(input),
            cached: Usd::from_picos(input / 10),
            output: Usd::from_picos(output),
        },
        tiers: Vec::new(),
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn endpoint(id: &str, price_row: PriceRow) -> Endpoint {
    Endpoint {
        model: id.split('@').next().unwrap().into(),
        prices: vec![price_row],
        recorded_only: false,
        ..Endpoint::recorded_only(id)
    }
}

/// Four endpoints of three models: the plain one with tools, the strong one at two providers, and
/// one that is known from a trace alone.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let plain = Endpoint {
        can: vec!["tools".into(), "vision".into()],
        context_tokens: Some(Tokens(131_072)),
        ttft_ms: Some(weighbridge_router::Millis(1500)),
        tokens_per_second: Some(20.5),
        ..endpoint("plain@maker", price(280_000, 420_000))
    };
    let dated = PriceRow {
        from: Some(at("2025-12-01")),
        until: Some(at("2025-12-15T15:59:00Z")),
        ..price(280_000, 420_000)
    };
    let strong = Endpoint {
        channels: vec!["api".into()],
        from: Some(at("2025-12-01")),
        until: Some(at("2025-12-15T15:59:00Z")),
        prices: vec![dated],
        context_tokens: Some(Tokens(131_072)),
        ttft_ms: Some(weighbridge_router::Millis(1800)),
        tokens_per_second: Some(35.0),
        ..endpoint("strong@maker", price(0, 0))
    };
    let tier = Tier {
        above_input_tokens: Tokens(20_000),
        rates: price(800_000, 2_400_001).rates,
    };
    let resold = Endpoint {
        regions: vec!["eu".into(), "us".into()],
        prices: vec![PriceRow {
            tiers: vec![tier],
            ..price(400_000, 1_200_000)
        }],
        context_tokens: Some(Tokens(163_840)),
        ..endpoint("strong@reseller", price(0, 0))
    };
    vec![plain, strong, resold, Endpoint::recorded_only("seen")]
}

/// Parts with everything that a file can hold; `columns` of words are `2^bits`.
pub(crate) fn parts(choose: &str, bits: u8, seed: u64) -> Parts {
    let mut draws = Draws::new(seed);
    let steps = vec![
        Step::Surface(Surface(draws.scaling(surface::COUNT, 0.7))),
        Step::Words(draws.words(bits)),
        Step::Tag(Tag {
            values: vec!["math".into(), "code".into(), "Übersetzung \"de\"".into()],
        }),
    ];
    let columns = surface::COUNT + (1 << bits) + 3;
    let heads = ["plain", "strong"].map(|model| Heads {
        model: model.into(),
        success: Success::Logistic(draws.logistic(columns)),
        output_tokens: draws.log_linear(columns),
    });
    let calibration = Calibration {
        requests_per_day: Some(1234.5),
        input_tokens: vec![10, 20, 30],
        models: vec![CalibrationModel {
            model: "plain".into(),
            success: draws.column(3, 0.5),
            log_output_tokens: draws.column(3, 5.0),
        }],
    };
    Parts {
        endpoints: endpoints(),
        choose: Some(Choose::from_json(choose).unwrap()),
        fallback: vec!["plain".into(), "strong@reseller".into()],
        steps,
        heads: heads.into(),
        roles: vec![("driver".into(), "plain".into())],
        calibration,
        training: Some(GroupFilter::of(&[prompt_group("one"), prompt_group("two")])),
        provenance: r#"{"metrics":{"auroc":0.71},"seed":1}"#.into(),
        ..Parts::default()
    }
}

/// Parts with every kind of step and of head; `2^bits` columns of words, embeddings of 3 numbers.
/// An odd seed calibrates the mean as a whole and shrinks differences.
pub(crate) fn every_kind(choose: &str, bits: u8, seed: u64) -> Parts {
    let base = parts(choose, bits, seed);
    let mut draws = Draws::new(seed.wrapping_add(1000));
    let mut steps = base.steps;
    steps.insert(1, Step::Embedding(Embedding(draws.scaling(3, 0.8))));
    steps.insert(
        2,
        Step::WordScores(draws.word_scores(bits, &["strong", "plain", "third"])),
    );
    let columns = surface::COUNT + 3 + 3 + (1 << bits) + 3;
    let third = endpoint("third@maker", price(900_000, 1_800_000));
    let mean = Mean {
        of: vec![
            Success::Logistic(draws.logistic(columns)),
            Success::Trees(draws.trees(columns, 12)),
        ],
        platt: if seed.is_multiple_of(2) {
            [1.0, 0.0]
        } else {
            [1.2, -0.1]
        },
    };
    let successes = [
        Success::Logistic(draws.logistic(columns)),
        Success::Trees(draws.trees(columns, 24)),
        Success::Mean(mean),
    ];
    let heads = ["plain", "strong", "third"].into_iter().zip(successes);
    Parts {
        endpoints: [base.endpoints, vec![third]].concat(),
        steps,
        heads: heads
            .map(|(model, success)| Heads {
                model: model.into(),
                success,
                output_tokens: draws.log_linear(columns),
            })
            .collect(),
        shrink: (!seed.is_multiple_of(2)).then(|| Shrink {
            factor: 0.75,
            centres: vec![0.5, 0.8125, 0.66],
        }),
        ..base
    }
}

/// Rules above a learned choice.
pub(crate) const MIXED: &str = r#"{"kind":"rules","rule":[
    {"when":{"needs":["tools"]},"to":"plain"},
    {"when":{"all":[{"task":["math"]},{"prompt_any":["prove that","optimal"]}]},"to":"strong"},
    {"when":{"not":{"input_tokens":{"max":50000}}},"to":{"kind":"random","weights":{"plain":0.75,"seen":0.25}}},
    {"when":{"options":{"min":2}},"to":{"kind":"threshold","feature":"prompt_bytes","above":300,"to":"strong@maker","else":"plain"}}],
    "else":{"kind":"router","value_usd":0.05,"wrong_usd":0.01,"second_usd":0.00001}}"#;

pub(crate) const LEARNED: &str = r#"{"kind":"router","value_usd":0.05}"#;
