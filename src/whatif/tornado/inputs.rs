//! Ranges that are plausible where nobody says better.
//!
//! | input | range | why |
//! |---|---|---|
//! | `value`, `wrong`, `second`, `requests_per_day`, `fixed` | half to twice | an estimate in the right order of magnitude |
//! | `price` | half to twice | what price cuts and dearer providers come to |
//! | `tokens` | 2/3 to 3/2 | the next version of a model thinks longer or shorter |
//! | `success` | 3 points less to 3 more | the gap between a benchmark and own traffic |
//! | `share.task`, the eight greatest | half to 3/2 | traffic moves |

use std::collections::BTreeSet;

use crate::replay::{SegmentKey, Segments};
use crate::trace::Trace;
use crate::whatif::base::Base;
use crate::whatif::name::{Name, PricePart};
use crate::whatif::setting::{Amount, Op, Sweep};
use crate::whatif::world::WorldPolicy;

/// Tasks whose share is an input.
const MOST_TASKS: usize = 8;

impl Base<'_> {
    /// Every input that a choice between policies can hang on, over its plausible range.
    pub(super) fn plausible(&self, policies: &[&WorldPolicy]) -> Vec<Sweep> {
        let ids: BTreeSet<&str> = policies
            .iter()
            .flat_map(|policy| policy.share.keys().map(String::as_str))
            .collect();
        let models: BTreeSet<&str> = ids.iter().map(|id| self.model_of(id)).collect();
        let mut inputs: Vec<Sweep> = [Name::Value, Name::Wrong, Name::Second, Name::RequestsPerDay]
            .map(|name| times(name, [0.5, 2.0]))
            .into();
        for id in &ids {
            let parts = [PricePart::Input, PricePart::Cached, PricePart::Output];
            inputs.extend(parts.map(|part| {
                let of = (*id).to_owned();
                times(Name::Price { of, part }, [0.5, 2.0])
            }));
            inputs.push(times(Name::Fixed((*id).to_owned()), [0.5, 2.0]));
        }
        for model in models {
            let by = [2.0 / 3.0, 1.5];
            inputs.push(times(Name::Tokens(model.to_owned()), by));
            inputs.push(Sweep {
                name: Name::Success(model.to_owned()),
                op: Op::Add,
                values: [-0.03, 0.03].map(Amount::Number).into(),
            });
        }
        inputs.extend(tasks(self.trace));
        inputs
    }

    /// The model of an endpoint; a model without prices is its own endpoint.
    pub(in crate::whatif) fn model_of<'s>(&'s self, id: &'s str) -> &'s str {
        let card = self.catalog.endpoint(id);
        card.map_or(id, |card| card.endpoint.model.as_str())
    }
}

fn times(name: Name, by: [f64; 2]) -> Sweep {
    Sweep {
        name,
        op: Op::Scale,
        values: by.map(Amount::Number).into(),
    }
}

/// The share of each of the most frequent tasks, if there are several.
fn tasks(trace: &Trace) -> Vec<Sweep> {
    let segments = Segments::by(trace, SegmentKey::Task);
    let mut counts: Vec<(usize, &String)> =
        segments.labels().iter().map(|label| (0, label)).collect();
    (0..trace.len()).for_each(|row| counts[segments.of(row)].0 += 1);
    if counts.len() < 2 {
        return Vec::new();
    }
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    counts.truncate(MOST_TASKS);
    counts
        .into_iter()
        .map(|(count, value)| {
            let name = Name::Share {
                by: SegmentKey::Task,
                value: value.clone(),
            };
            // A share is 1 at most.
            let most = trace.len() as f64 / count.max(1) as f64;
            times(name, [0.5, most.min(1.5)])
        })
        .collect()
}
