//! Moments in time, as RFC 3339 text in UTC.

use std::fmt;

use crate::error::Error;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const DAY_MS: i64 = 86_400_000;

impl Timestamp {
    /// The first moment that can be written: years have four digits.
    pub const MIN: Self = Self(-62_167_219_200_000);
    /// The last one.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The moment so many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The hour of the day in UTC, 0 to 23.
    #[must_use]
    pub fn hour_utc(self) -> u32 {
        // 0 <= rem_euclid < a day, so the hour fits.
        u32::try_from(self.0.rem_euclid(DAY_MS) / 3_600_000).unwrap_or(0)
    }

    /// An RFC 3339 date and time (`2025-12-02T09:14:03.120Z`, offsets allowed), or a date alone,
    /// which means its first moment in UTC. Digits beyond the millisecond are cut off.
    ///
    /// # Errors
    /// Where the text is neither, or its offset leads out of the years that can be written.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let time = parse(text.as_bytes()).map(Self).ok_or_else(|| {
            Error::value(format!(
                "`{text}` is not a time; write it like 2025-12-02T09:14:03Z or 2025-12-02"
            ))
        })?;
        if time.is_writable() {
            Ok(time)
        } else {
            Err(Error::value(format!(
                "`{text}` lies outside of the years 0000 to 9999 in UTC"
            )))
        }
    }

    /// Whether its text is one that [`Self::parse`] takes.
    #[must_use]
    pub fn is_writable(self) -> bool {
        (Self::MIN..=Self::MAX).contains(&self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0.div_euclid(DAY_MS), self.0.rem_euclid(DAY_MS));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match ms % 1000 {
            0 => f.write_str("Z"),
            ms => write!(f, ".{ms:03}Z"),
        }
    }
}

fn parse(text: &[u8]) -> Option<i64> {
    let date = text.get(..10)?;
    let day = days_of(date)?;
    let Some(time) = text.get(10..).filter(|rest| !rest.is_empty()) else {
        return Some(day * DAY_MS);
    };
    if !matches!(time[0], b'T' | b't' | b' ')
        || time.get(3) != Some(&b':')
        || time.get(6) != Some(&b':')
    {
        return None;
    }
    let (hour, minute, second) = (
        number(time.get(1..3)?)?,
        number(time.get(4..6)?)?,
        number(time.get(7..9)?)?,
    );
    // A leap second is read as the last second before it.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_ms, zone) = fraction(time.get(9..)?)?;
    let ms = ((hour * 60 + minute) * 60 + second.min(59)) * 1000 + fraction_ms;
    Some(day * DAY_MS + ms - offset_minutes(zone)? * 60_000)
}

fn days_of(date: &[u8]) -> Option<i64> {
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let (year, month, day) = (
        number(&date[..4])?,
        number(&date[5..7])?,
        number(&date[8..])?,
    );
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=last)
        .contains(&day)
        .then(|| days_from_civil(year, month, day))
}

/// The milliseconds of `.123456`, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let len = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if len == 0 {
        return None;
    }
    let ms = (0..3).fold(0, |ms, place| {
        ms * 10
            + if place < len {
                i64::from(digits[place] - b'0')
            } else {
                0
            }
    });
    Some((ms, &digits[len..]))
}

fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let total = hours * 60 + minutes;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -total } else { total })
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, byte| {
        byte.is_ascii_digit()
            .then(|| n * 10 + i64::from(byte - b'0'))
    })
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years start in March so that the
/// leap day is the last (H. Hinnant, "chrono-compatible low-level date algorithms", 2013).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_with_offsets_and_fractions() {
        let at = |text| Timestamp::parse(text).unwrap().millis();
        assert_eq!(at("1970-01-01"), 0);
        assert_eq!(at("2025-12-15T15:59:00Z"), 1_765_814_340_000);
        assert_eq!(at("2025-12-15T16:59:00.5+01:00"), 1_765_814_340_500);
        assert_eq!(at("2024-02-29T00:00:00.123999Z"), at("2024-02-29") + 123);
        assert_eq!(
            Timestamp::parse("2025-12-15T23:59:00Z").unwrap().hour_utc(),
            23
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2025",
            "2025-13-01",
            "2025-02-29",
            "2025-12-01T25:00:00Z",
            "2025-12-01T10:00:00",
            "2025-12-01T10:00:00.Z",
            "2025-12-01T1:00:00Z",
            "é025-12-01",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_offset_does_not_lead_out_of_the_years_that_can_be_written() {
        for (text, at) in [
            ("0000-01-01T00:00:00Z", Timestamp::MIN),
            ("0000-01-01T00:01:00+00:01", Timestamp::MIN),
            ("9999-12-31T23:59:59.999Z", Timestamp::MAX),
            ("9999-12-31T23:58:59.999-00:01", Timestamp::MAX),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap(), at);
        }
        for text in [
            "0000-01-01T00:00:00+00:01",
            "0000-01-01T23:58:59.999+23:59",
            "9999-12-31T23:59:59-00:01",
            "9999-12-31T00:01:00-23:59",
        ] {
            let error = Timestamp::parse(text).unwrap_err().to_string();
            assert!(
                error.ends_with("lies outside of the years 0000 to 9999 in UTC"),
                "{error}"
            );
        }
        for beyond in [Timestamp::MIN.0 - 1, Timestamp::MAX.0 + 1] {
            let beyond = Timestamp(beyond);
            assert!(!beyond.is_writable() && Timestamp::parse(&beyond.to_string()).is_err());
        }
    }

    /// Dates, times and offsets as they are written, those at both ends of time often.
    fn texts() -> impl Strategy<Value = String> {
        let year = prop_oneof![Just(0), Just(9999), 0..10_000];
        let date = (
            year,
            prop_oneof![Just((1, 1)), Just((12, 31)), (1..13, 1..32)],
        );
        let clock = (
            prop_oneof![Just(0), Just(23), 0..24],
            0..60,
            0..61,
            ".[0-9]{1,5}|",
        );
        let zone = "Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]";
        (date, clock, zone).prop_map(|((year, (month, day)), (h, m, s, fraction), zone)| {
            format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}{fraction}{zone}")
        })
    }

    proptest! {
        #[test]
        fn a_time_survives_being_printed(ms in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let time = Timestamp::from_millis(ms);
            prop_assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
        }

        #[test]
        fn a_time_that_was_read_is_read_again_as_it_is_printed(text in texts()) {
            if let Ok(time) = Timestamp::parse(&text) {
                prop_assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
            }
        }
    }
}
