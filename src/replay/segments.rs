//! Groups of requests that figures are also given for.

use crate::trace::{NameId, Trace};
use std::collections::BTreeMap;

/// By which field requests are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKey {
    /// The task.
    Task,
    /// The tenant.
    Tenant,
    /// The channel.
    Channel,
    /// The region.
    Region,
}

impl SegmentKey {
    /// All of them, with the name that files and flags use.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("task", Self::Task),
        ("tenant", Self::Tenant),
        ("channel", Self::Channel),
        ("region", Self::Region),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, key)| *key == self)
            .map_or("", |(name, _)| name)
    }
}

/// The segment of each request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segments {
    labels: Vec<String>,
    of_row: Vec<u16>,
}

/// More segments than that are joined into one.
const MOST: usize = 200;
const OTHER: &str = "(other)";
const UNKNOWN: &str = "(unknown)";

impl Segments {
    /// Group by a field: the most frequent 200 values, in alphabetical order, the rest as one.
    #[must_use]
    pub fn by(trace: &Trace, key: SegmentKey) -> Self {
        let value = |i: usize| -> Option<NameId> {
            match key {
                SegmentKey::Task => trace.task(i),
                SegmentKey::Tenant => trace.tenant(i),
                SegmentKey::Channel => trace.channel(i),
                SegmentKey::Region => trace.region(i),
            }
        };
        let label = |id: Option<NameId>| id.and_then(|id| trace.names().get(id)).unwrap_or(UNKNOWN);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for i in 0..trace.len() {
            *counts.entry(label(value(i))).or_default() += 1;
        }
        let mut labels: Vec<String> = counts.keys().map(|&label| label.to_owned()).collect();
        if labels.len() > MOST {
            labels.sort_by_key(|label| std::cmp::Reverse(counts[label.as_str()]));
            labels.truncate(MOST - 1);
            labels.sort();
            labels.push(OTHER.to_owned());
        }
        let place = |text: &str| {
            let known = labels
                .iter()
                .position(|label| label == text)
                .unwrap_or(labels.len() - 1);
            u16::try_from(known).unwrap_or(0)
        };
        let of_name: Vec<u16> = (0..trace.names().len())
            .map(|i| trace.names().text(i))
            .map(|text| {
                if counts.contains_key(text) {
                    place(text)
                } else {
                    0
                }
            })
            .collect();
        let of_unknown = if counts.contains_key(UNKNOWN) {
            place(UNKNOWN)
        } else {
            0
        };
        let of_row = (0..trace.len())
            .map(|i| value(i).map_or(of_unknown, |id| of_name[id.index()]))
            .collect();
        Self { labels, of_row }
    }

    /// The names of the segments.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The segment of a request, by its place among the labels.
    #[must_use]
    pub fn of(&self, row: usize) -> usize {
        usize::from(self.of_row[row])
    }
}
