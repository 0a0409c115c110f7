//! When what is sold changes.

use std::collections::BTreeSet;

use weighbridge_router::Timestamp;

use crate::catalog::Catalog;
use crate::replay::Stage;
use crate::trace::Trace;

/// The moments at which an endpoint of a model that the trace has answers of, or one of its price
/// rows, begins or ends, from the trace's first request on; that request's moment is the first of
/// them. Where no request has a time, all of them.
#[must_use]
pub fn changes(trace: &Trace, catalog: &Catalog) -> Vec<Timestamp> {
    let stage = Stage::new(trace, catalog, &[], None);
    let models: BTreeSet<&str> = stage
        .endpoints()
        .iter()
        .map(|it| it.model.as_str())
        .collect();
    let cards = catalog.cards().iter().map(|card| &card.endpoint);
    let sold = cards.filter(|endpoint| models.contains(endpoint.model.as_str()));
    let moments = sold.flat_map(|endpoint| {
        let rows = endpoint.prices.iter().flat_map(|row| [row.from, row.until]);
        rows.chain([endpoint.from, endpoint.until])
    });
    let begins = (0..trace.len()).filter_map(|row| trace.at(row)).min();
    let mut changes: BTreeSet<Timestamp> = moments
        .flatten()
        .filter(|at| begins.is_none_or(|begins| *at > begins))
        .collect();
    changes.extend(begins);
    changes.into_iter().collect()
}
