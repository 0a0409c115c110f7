//! A replay straight from the definitions: a list of rows, a loop a policy, whole numbers. Takes
//! nothing from the product but the decider and the catalog's price of a usage.

use weighbridge::catalog::Catalog;
use weighbridge_router::{Request, Router, Timestamp, Tokens, Usage};

/// One outcome.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) model: &'static str,
    pub(super) endpoint: Option<&'static str>,
    pub(super) sample: u32,
    pub(super) failed: bool,
    /// Millionths.
    pub(super) score: Option<i64>,
    pub(super) input: Option<u32>,
    pub(super) cached: Option<u32>,
    pub(super) output: Option<u32>,
    pub(super) latency_ms: Option<u32>,
    /// Picodollars.
    pub(super) bill: Option<i64>,
}

/// One request. Money in picodollars.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) at: Option<&'static str>,
    pub(super) prompt: Option<&'static str>,
    pub(super) task: Option<&'static str>,
    pub(super) tools: bool,
    pub(super) input: Option<u32>,
    pub(super) max_output: Option<u32>,
    pub(super) value: Option<i64>,
    pub(super) wrong: Option<i64>,
    pub(super) second: Option<i64>,
    pub(super) samples: Vec<Sample>,
}

/// What the sums of one policy must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Mass by endpoint, ppm.
    pub(super) share: Vec<u64>,
    pub(super) unanswered: u64,
    pub(super) unobserved: u64,
    pub(super) uncosted: u64,
    pub(super) own_success: i128,
    pub(super) success: i128,
    pub(super) cost: i128,
    pub(super) net: i128,
}

/// Endpoint, its model, time to the first token and ms a token (none: unknown).
pub(super) type Card = (&'static str, &'static str, Option<(i64, i64)>);

/// v, e and w, picodollars.
pub(super) type Worth = (i64, i64, i64);

fn rounded(a: i128, b: i128) -> i128 {
    let floor = a.div_euclid(b);
    match (2 * a.rem_euclid(b)).cmp(&b) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Greater => floor + 1,
        std::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
    }
}

fn mean(values: Vec<i128>) -> Option<i128> {
    let n = i128::try_from(values.len()).expect("few samples");
    (n > 0).then(|| rounded(values.iter().sum(), n))
}

/// Score, cost and net value of an endpoint on a row, where they are known.
fn terms(
    row: &Row,
    card: &Card,
    catalog: &Catalog,
    at: Option<Timestamp>,
    worth: Option<Worth>,
) -> [Option<i128>; 3] {
    let (id, model, speed) = *card;
    let of_model: Vec<&Sample> = row.samples.iter().filter(|s| s.model == model).collect();
    let own = |s: &&Sample| s.endpoint.is_none_or(|endpoint| endpoint == id);
    let is_own = of_model.iter().any(&own);
    let used: Vec<&Sample> = of_model.into_iter().filter(|s| !is_own || own(s)).collect();
    let score = |s: &&Sample| s.score.or(s.failed.then_some(0)).map(i128::from);
    let cost = |s: &&Sample| {
        let input = s.input.or(row.input);
        let input = input.or(row.prompt.map(|text| text.len().div_ceil(4) as u32));
        let priced = input.zip(s.output).and_then(|(input, output)| {
            let usage = Usage {
                input: Tokens(input),
                cached: Tokens(s.cached.unwrap_or(0)),
                output: Tokens(output),
            };
            catalog
                .price(id, usage, at)
                .map(|usd| i128::from(usd.picos()))
        });
        priced.or(s.bill.filter(|_| is_own).map(i128::from))
    };
    let latency = |s: &&Sample| {
        let recorded = s.latency_ms.filter(|_| is_own).map(i128::from);
        let predicted = || Some(i128::from(speed?.0 + speed?.1 * i64::from(s.output?)));
        recorded.or_else(predicted)
    };
    let score = mean(used.iter().filter_map(score).collect());
    let cost = mean(used.iter().filter_map(cost).collect());
    let latency = mean(used.iter().filter_map(latency).collect());
    let value = row.value.or(worth.map(|worth| worth.0));
    let wrong = row.wrong.or(worth.map(|worth| worth.1)).unwrap_or(0);
    let second = row.second.or(worth.map(|worth| worth.2)).unwrap_or(0);
    let net = (|| {
        let (s, c) = (score?, cost?);
        let gained = i128::from(value?) * s - i128::from(wrong) * (1_000_000 - s);
        let waited = if second == 0 {
            0
        } else {
            i128::from(second) * latency? * 1000
        };
        Some(rounded(gained - waited, 1_000_000) - c)
    })();
    [score, cost, net]
}

/// The sums of each policy, and on how many rows success, cost and net are known for all of them.
pub(super) fn replay(
    rows: &[Row],
    cards: &[Card],
    catalog: &Catalog,
    routers: &[Router],
    prices_at: Option<&str>,
    worth: Option<Worth>,
) -> (Vec<Sums>, [u64; 3]) {
    let mut sums = vec![
        Sums {
            share: vec![0; cards.len()],
            ..Sums::default()
        };
        routers.len()
    ];
    let mut support = [0; 3];
    for row in rows {
        let at = row
            .at
            .or(prices_at)
            .map(|at| Timestamp::parse(at).expect("a time"));
        let request = Request {
            at,
            prompt: row.prompt.map(str::to_owned),
            task: row.task.map(str::to_owned),
            needs: if row.tools {
                vec!["tools".to_owned()]
            } else {
                vec![]
            },
            input_tokens: row.input.map(Tokens),
            max_output_tokens: row.max_output.map(Tokens),
            value_usd: row.value.map(weighbridge_router::Usd::from_picos),
            wrong_usd: row.wrong.map(weighbridge_router::Usd::from_picos),
            second_usd: row.second.map(weighbridge_router::Usd::from_picos),
            ..Request::default()
        };
        let mut chosen = Vec::new();
        for (router, sums) in routers.iter().zip(&mut sums) {
            let decision = router.decide(&request.as_ref());
            sums.unanswered += u64::from(decision.unanswered().0);
            let masses = decision.masses().iter().map(|&(index, ppm)| {
                let id = &router.endpoint(index).id;
                let place = cards
                    .iter()
                    .position(|card| card.0 == id)
                    .expect("a known endpoint");
                let terms = terms(row, &cards[place], catalog, at, worth);
                sums.share[place] += u64::from(ppm.0);
                sums.unobserved += if terms[0].is_none() {
                    u64::from(ppm.0)
                } else {
                    0
                };
                sums.uncosted += if terms[1].is_none() {
                    u64::from(ppm.0)
                } else {
                    0
                };
                sums.own_success += terms[0].unwrap_or(0) * i128::from(ppm.0);
                (i128::from(ppm.0), terms)
            });
            chosen.push(masses.collect::<Vec<_>>());
        }
        for figure in 0..3 {
            if chosen
                .iter()
                .flatten()
                .all(|(_, terms)| terms[figure].is_some())
            {
                support[figure] += 1;
                for (sums, masses) in sums.iter_mut().zip(&chosen) {
                    let sum = [&mut sums.success, &mut sums.cost, &mut sums.net];
                    *sum.into_iter().nth(figure).expect("one of three") += masses
                        .iter()
                        .map(|(ppm, terms)| ppm * terms[figure].unwrap_or(0))
                        .sum::<i128>();
                }
            }
        }
    }
    (sums, support)
}
