//! Quantities with their unit in the type.
//!
//! Money is counted in whole picodollars, so that sums are exact in any order: a price of
//! 0.28 USD per million tokens is exactly 280,000 picodollars a token. Shares of a random
//! policy are whole parts per million for the same reason.

use std::fmt;

use crate::error::Error;

/// An amount of money: a count of picodollars (1 USD = 10^12).
///
/// The range is about -9.2 to 9.2 million USD; totals over many requests are kept as `i128`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i64);

/// How many decimal places a [`Usd`] has.
const USD_PLACES: usize = 12;

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// The amount of so many picodollars.
    #[must_use]
    pub const fn from_picos(picos: i64) -> Self {
        Self(picos)
    }

    /// The amount in picodollars.
    #[must_use]
    pub const fn picos(self) -> i64 {
        self.0
    }

    /// The amount in USD, rounded to the nearest double.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// A finite number of USD, rounded half-even to picodollars.
    ///
    /// The number is taken as its shortest decimal text, so `0.1` is ten cents and not the
    /// double next to it.
    ///
    /// # Errors
    /// Where the number is not finite or outside the range.
    pub fn try_from_f64(usd: f64) -> Result<Self, Error> {
        if !usd.is_finite() {
            return Err(Error::value("an amount in USD must be a finite number"));
        }
        // Whole numbers and "nothing" are the most common amounts in a trace.
        if usd == 0.0 {
            return Ok(Self::ZERO);
        }
        let mut text = TextBuffer::default();
        // A double's shortest text has at most 17 digits and an exponent: it fits the buffer.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{usd:e}"));
        Self::parse(text.as_str())
    }

    /// A decimal text such as `0.227851` or `2.5e-7`, rounded half-even to picodollars.
    ///
    /// # Errors
    /// Where the text is not a decimal number or outside the range.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse_decimal(text, USD_PLACES).map(Self).ok_or_else(|| {
            Error::value(format!(
                "`{text}` is not an amount in USD (a decimal number, at most 9 million)"
            ))
        })
    }
}

impl fmt::Display for Usd {
    /// The exact amount as a decimal number without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let (whole, rest) = (magnitude / 1_000_000_000_000, magnitude % 1_000_000_000_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{rest:012}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// Room for the shortest text of a double.
#[derive(Default)]
struct TextBuffer {
    bytes: [u8; 32],
    len: usize,
}

impl TextBuffer {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }
}

impl fmt::Write for TextBuffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// `text * 10^places` as an integer, rounded half-even; `None` if it is no decimal number or
/// does not fit.
fn parse_decimal(text: &str, places: usize) -> Option<i64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut digits: Vec<u8> = Vec::with_capacity(whole.len() + fraction.len());
    for byte in whole.bytes().chain(fraction.bytes()) {
        digits.push(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    // The place of the decimal point among the digits once the number is scaled.
    let point =
        i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::try_from(places).ok()?;
    let magnitude = scaled_half_even(&digits, point)?;
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The digits with the decimal point after the first `point`, rounded half-even.
fn scaled_half_even(digits: &[u8], point: i64) -> Option<u64> {
    let mut value = 0u64;
    let kept = usize::try_from(point.max(0)).ok()?;
    for place in 0..kept {
        let digit = digits.get(place).copied().unwrap_or(0);
        if place >= digits.len() && value == 0 {
            break;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    let (first, rest) = if point < 0 {
        (0, digits)
    } else {
        (
            digits.get(kept).copied().unwrap_or(0),
            digits.get(kept + 1..).unwrap_or(&[]),
        )
    };
    let beyond = rest.iter().any(|&digit| digit != 0);
    let up = first > 5 || (first == 5 && (beyond || value % 2 == 1));
    value.checked_add(u64::from(up))
}

/// A count of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tokens(pub u32);

impl Tokens {
    /// What a prompt of so many bytes is taken for where nobody counted: a quarter, rounded up.
    #[must_use]
    pub fn estimate(prompt_bytes: usize) -> Self {
        Self(u32::try_from(prompt_bytes.div_ceil(4)).unwrap_or(u32::MAX))
    }
}

/// A span of time in whole milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u32);

/// A probability in [0, 1].
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    /// The probability.
    ///
    /// # Errors
    /// Where the number is not in [0, 1].
    pub fn try_new(p: f64) -> Result<Self, Error> {
        if (0.0..=1.0).contains(&p) {
            Ok(Self(p))
        } else {
            Err(Error::value(format!("{p} is not a probability in [0, 1]")))
        }
    }

    /// The nearest probability; not a number becomes 0.
    #[must_use]
    pub fn clamped(p: f64) -> Self {
        Self(if p.is_nan() { 0.0 } else { p.clamp(0.0, 1.0) })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// A share in whole parts per million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ppm(pub u32);

impl Ppm {
    /// The whole.
    pub const ONE: Self = Self(1_000_000);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picos(text: &str) -> i64 {
        Usd::parse(text).unwrap().picos()
    }

    #[test]
    fn amounts_are_rounded_half_even_to_picodollars() {
        assert_eq!(picos("0.28"), 280_000_000_000);
        assert_eq!(picos("0.22785100000000003"), 227_851_000_000);
        assert_eq!(picos("0.0000000000005"), 0);
        assert_eq!(picos("0.0000000000015"), 2);
        assert_eq!(picos("0.0000000000025"), 2);
        assert_eq!(picos("0.00000000000251"), 3);
        assert_eq!(picos("-1.5e-12"), -2);
        assert_eq!(picos("2.5e3"), 2_500_000_000_000_000);
        assert_eq!(picos("4e-13"), 0);
        assert_eq!(picos("6e-13"), 1);
        assert_eq!(picos("1e-400"), 0);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            ".",
            "-",
            "1,5",
            "nan",
            "inf",
            "1e",
            "10000000",
            "1e99999999999",
            "0x1",
        ] {
            assert!(Usd::parse(text).is_err(), "{text}");
        }
        assert!(Usd::try_from_f64(f64::NAN).is_err());
        assert!(Usd::try_from_f64(1e300).is_err());
    }

    proptest! {
        #[test]
        fn an_amount_survives_being_printed(picos in any::<i64>()) {
            let usd = Usd::from_picos(picos);
            prop_assert_eq!(Usd::parse(&usd.to_string()).unwrap(), usd);
        }

        #[test]
        fn a_double_is_read_as_its_shortest_text(micros in -1_000_000_000i64..1_000_000_000) {
            let usd = Usd::try_from_f64(micros as f64 / 1e6).unwrap();
            prop_assert_eq!(usd.picos(), micros * 1_000_000);
        }
    }
}
