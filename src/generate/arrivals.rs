//! When sessions begin: a rhythm of hours and days within a window.

use weighbridge_router::Timestamp;

use super::draw::Draw;

const HOUR_MS: i64 = 3_600_000;

/// The longest window, in hours: three years.
pub(super) const MOST_HOURS: i64 = 3 * 366 * 24;

/// A window with the cumulative weight of each of its hours.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arrivals {
    from: i64,
    until: i64,
    cumulative: Vec<f64>,
}

impl Arrivals {
    /// `hours`: weight of each hour of the day; `weekend`: factor for Saturday and Sunday. The
    /// window is not empty, at most [`MOST_HOURS`] long, and has a weight above 0.
    pub(super) fn new(from: Timestamp, until: Timestamp, hours: &[f64], weekend: f64) -> Self {
        let (from, until) = (from.millis(), until.millis());
        let mut sum = 0.0;
        let mut cumulative = Vec::new();
        let mut start = from;
        while start < until {
            let end = until.min(start + HOUR_MS);
            let hour = Timestamp::from_millis(start).hour_utc() as usize;
            let rest_day = matches!(start.div_euclid(24 * HOUR_MS).rem_euclid(7), 2 | 3);
            let factor = if rest_day { weekend } else { 1.0 };
            sum += hours[hour] * factor * (end - start) as f64;
            cumulative.push(sum);
            start = end;
        }
        Self {
            from,
            until,
            cumulative,
        }
    }

    /// The whole weight of the window.
    pub(super) fn weight(&self) -> f64 {
        self.cumulative.last().copied().unwrap_or(0.0)
    }

    /// A moment within the window, in milliseconds since the epoch.
    pub(super) fn draw(&self, draw: &mut Draw) -> i64 {
        let at = draw.uniform() * self.weight();
        let hour = self.cumulative.partition_point(|sum| *sum <= at);
        let before = if hour == 0 {
            0.0
        } else {
            self.cumulative[hour - 1]
        };
        let weight = self.cumulative.get(hour).map_or(1.0, |sum| sum - before);
        let start = self.from + HOUR_MS * hour as i64;
        let length = (self.until - start).min(HOUR_MS);
        start + ((at - before) / weight * length as f64) as i64
    }

    /// Move the times of a session, which are in order, back into the window where it runs out.
    pub(super) fn fit(&self, times: &mut [i64]) {
        let over = times.last().map_or(0, |last| last - self.until + 1).max(0);
        for time in times {
            *time = (*time - over).clamp(self.from, self.until - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_keep_to_the_hours_the_week_and_the_window() {
        let from = Timestamp::parse("2025-12-05T00:00:00Z").unwrap(); // a Friday
        let until = Timestamp::parse("2025-12-08T12:30:00Z").unwrap();
        let mut hours = [0.0; 24];
        (hours[9], hours[12]) = (3.0, 1.0);
        let arrivals = Arrivals::new(from, until, &hours, 0.0);
        let mut late = 0;
        for session in 0..2000 {
            let at = Timestamp::from_millis(arrivals.draw(&mut Draw::new(1, "t", session, 0)));
            assert!(from <= at && at < until);
            let text = at.to_string();
            assert!(!text.contains("-06T") && !text.contains("-07T"), "{text}");
            assert!([9, 12].contains(&at.hour_utc()), "{text}");
            late += u32::from(at.hour_utc() == 12);
        }
        // Friday 3 + 1, Monday 3 + a half: 1.5 of 7.5.
        assert!((350..450).contains(&late), "{late}");
        let mut times = [until.millis() - 5, until.millis() + 20];
        arrivals.fit(&mut times);
        assert_eq!(times, [until.millis() - 26, until.millis() - 1]);
    }
}
