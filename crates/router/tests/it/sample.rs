//! Routers to test with.

use weighbridge_router::{
    Calibration, CalibrationModel, Choose, Endpoint, GroupFilter, Heads, LogLinear, Logistic,
    Parts, PriceRow, Rates, Step, Success, Surface, Tag, Tier, Timestamp, Tokens, Usd, Words,
    prompt_group, surface,
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
        Step::Surface(Surface {
            mean: draws.column(surface::COUNT, 2.0),
            scale: draws
                .column(surface::COUNT, 1.0)
                .iter()
                .map(|x| x.abs())
                .collect(),
            weight: 0.7,
        }),
        Step::Words(Words {
            bits,
            idf: draws
                .column(1 << bits, 3.0)
                .iter()
                .map(|x| x.abs())
                .collect(),
            weight: 1.0,
        }),
        Step::Tag(Tag {
            values: vec!["math".into(), "code".into(), "Übersetzung \"de\"".into()],
        }),
    ];
    let columns = surface::COUNT + (1 << bits) + 3;
    let heads = ["plain", "strong"].map(|model| Heads {
        model: model.into(),
        success: Success::Logistic(Logistic {
            weights: draws.column(columns, 1.0),
            bias: draws.next(),
            platt: [0.9 + 0.1 * draws.next(), 0.3 * draws.next()],
        }),
        output_tokens: LogLinear {
            weights: draws.column(columns, 0.2),
            bias: 5.0 + draws.next(),
            smearing: 1.3,
        },
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
