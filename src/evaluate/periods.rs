//! Equal stretches of time that a trace falls into.

use weighbridge_router::Timestamp;

use crate::trace::Trace;

const HOUR: i64 = 3_600_000;
/// Lengths of a stretch to choose from, in hours: an hour, a day, a week, four weeks, a quarter and a
/// year of weeks.
const LENGTHS: [i64; 6] = [1, 24, 168, 672, 2_184, 8_736];
/// No more stretches than that.
const MOST: i64 = 62;

/// The stretches; whole ones, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Periods {
    /// The number of the first, counted from 1970.
    first: i64,
    count: usize,
    /// Hours.
    length: i64,
}

impl Periods {
    /// The stretches of a trace's own times; `None` where no request has one.
    pub(super) fn of(trace: &Trace) -> Option<Self> {
        let times = || {
            (0..trace.len())
                .filter_map(|row| trace.at(row))
                .map(Timestamp::millis)
        };
        Some(Self::between(times().min()?, times().max()?))
    }

    fn between(from: i64, to: i64) -> Self {
        let count = |length: i64| {
            let [first, last] = [from, to].map(|ms| ms.div_euclid(length * HOUR));
            last - first + 1
        };
        let fits = LENGTHS.into_iter().find(|&length| count(length) <= MOST);
        // Centuries: as many years as it takes.
        let length = fits.unwrap_or_else(|| {
            let year = LENGTHS[LENGTHS.len() - 1];
            year * (count(year) / (MOST - 1) + 1)
        });
        Self {
            first: from.div_euclid(length * HOUR),
            // At most `MOST`.
            count: usize::try_from(count(length)).unwrap_or(1),
            length,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// How long a stretch is.
    pub(super) fn hours(&self) -> u64 {
        self.length.unsigned_abs()
    }

    /// When a stretch begins, ms since 1970.
    pub(super) fn start(&self, place: usize) -> i64 {
        let place = i64::try_from(place).unwrap_or(0);
        (self.first + place) * self.length * HOUR
    }

    /// The stretch of a moment.
    pub(super) fn find(&self, at: Timestamp) -> Option<usize> {
        let place = at.millis().div_euclid(self.length * HOUR) - self.first;
        usize::try_from(place)
            .ok()
            .filter(|&place| place < self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_falls_into_few_stretches_whatever_its_length() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let of = |from: &str, to: &str| Periods::between(at(from).millis(), at(to).millis());
        let month = of("2025-12-01T03:00:00Z", "2025-12-30T23:00:00Z");
        assert_eq!((month.hours(), month.len()), (24, 30));
        assert_eq!(
            Timestamp::from_millis(month.start(0)).to_string(),
            "2025-12-01T00:00:00Z"
        );
        assert_eq!(month.find(at("2025-12-30T23:00:00Z")), Some(29));
        assert_eq!(month.find(at("2025-12-31T00:00:00Z")), None);
        let moment = of("2025-12-01T03:00:00Z", "2025-12-01T03:00:00Z");
        assert_eq!((moment.hours(), moment.len()), (1, 1));
        let ages = Periods::between(-62_135_596_800_000, 253_402_300_799_000);
        assert!(ages.len() <= 62 && ages.find(Timestamp::from_millis(0)).is_some());
    }
}
