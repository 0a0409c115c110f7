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
    /// The bytes of the prompt, in bands.
    Length,
}

impl SegmentKey {
    /// All of them, with the name that files and flags use.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("task", Self::Task),
        ("tenant", Self::Tenant),
        ("channel", Self::Channel),
        ("region", Self::Region),
        ("length", Self::Length),
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

/// Bands of prompt length: each goes up to that many bytes, the last one on.
const BANDS: [(usize, &str); 5] = [
    (249, "under 250 bytes"),
    (999, "250 to 999 bytes"),
    (3_999, "1,000 to 3,999 bytes"),
    (15_999, "4,000 to 15,999 bytes"),
    (usize::MAX, "16,000 bytes and more"),
];

impl Segments {
    /// Group by a field: the most frequent 200 values, in alphabetical order, the rest as one; or
    /// by the length of the prompt, in bands.
    #[must_use]
    pub fn by(trace: &Trace, key: SegmentKey) -> Self {
        match key {
            SegmentKey::Task => Self::by_name(trace, |i| trace.task(i)),
            SegmentKey::Tenant => Self::by_name(trace, |i| trace.tenant(i)),
            SegmentKey::Channel => Self::by_name(trace, |i| trace.channel(i)),
            SegmentKey::Region => Self::by_name(trace, |i| trace.region(i)),
            SegmentKey::Length => Self::by_length(trace),
        }
    }

    /// Bands that no prompt falls into are left out.
    fn by_length(trace: &Trace) -> Self {
        let unknown = BANDS.len();
        let band = |i: usize| {
            let bytes = trace.prompt(i).map(str::len);
            bytes.map_or(unknown, |bytes| {
                BANDS.partition_point(|band| band.0 < bytes)
            })
        };
        let mut met = vec![false; BANDS.len() + 1];
        (0..trace.len()).for_each(|i| met[band(i)] = true);
        let names = BANDS.iter().map(|band| band.1).chain([UNKNOWN]);
        // A handful of bands.
        let place: Vec<u16> = met
            .iter()
            .scan(0, |next, &met| {
                let place = *next;
                *next += u16::from(met);
                Some(place)
            })
            .collect();
        Self {
            labels: names
                .zip(&met)
                .filter(|(_, met)| **met)
                .map(|(name, _)| name.to_owned())
                .collect(),
            of_row: (0..trace.len()).map(|i| place[band(i)]).collect(),
        }
    }

    fn by_name(trace: &Trace, value: impl Fn(usize) -> Option<NameId>) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Row, TraceBuilder};
    use weighbridge_router::RequestRef;

    #[test]
    fn lengths_fall_into_bands_and_empty_bands_are_left_out() {
        let mut builder = TraceBuilder::default();
        for (id, bytes) in [
            ("a", Some(249)),
            ("b", Some(20_000)),
            ("c", None),
            ("d", Some(1)),
        ] {
            let prompt = bytes.map(|bytes| "x".repeat(bytes));
            let request = RequestRef {
                prompt: prompt.as_deref(),
                ..RequestRef::default()
            };
            let row = Row {
                id,
                request,
                outcomes: &[],
                logged: None,
                extra: None,
            };
            builder.push(&row).unwrap();
        }
        let trace = builder.finish().unwrap().0;
        let found = Segments::by(&trace, SegmentKey::Length);
        let names = ["under 250 bytes", "16,000 bytes and more", UNKNOWN];
        assert_eq!(found.labels(), names);
        let of: Vec<usize> = (0..4).map(|row| found.of(row)).collect();
        assert_eq!(of, [0, 1, 2, 0]);
    }
}
