//! Prices from their decimal text to whole picodollars a token, by digits alone: a double in
//! between would make one price of two.

use weighbridge_router::Usd;

/// A price of one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PerToken {
    /// Rounded half-even to picodollars.
    pub(super) usd: Usd,
    /// Whether it was a whole number of picodollars as it stood.
    pub(super) exact: bool,
}

/// The price of a token, of a text in USD for ten to the `power` tokens; `None` where it is no
/// number, or more than a catalog can hold.
pub(super) fn per_token(text: &str, power: i32) -> Option<PerToken> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let exponent = exponent.checked_sub(power)?;
    let usd = Usd::parse(&format!("{mantissa}e{exponent}")).ok()?;
    // A catalog has the price of a million tokens.
    usd.picos().checked_mul(1_000_000)?;
    let exact = decimal_places(mantissa, exponent) <= 12;
    Some(PerToken { usd, exact })
}

/// How many decimal places a number needs.
fn decimal_places(mantissa: &str, exponent: i32) -> i64 {
    let fraction = mantissa
        .split_once('.')
        .map_or("", |(_, fraction)| fraction);
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let zeros = digits
        .iter()
        .rev()
        .take_while(|digit| **digit == b'0')
        .count();
    if zeros == digits.len() {
        return 0;
    }
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    count(fraction.len())
        .saturating_sub(count(zeros))
        .saturating_sub(i64::from(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picos(text: &str, power: i32) -> Option<(i64, bool)> {
        per_token(text, power).map(|price| (price.usd.picos(), price.exact))
    }

    #[test]
    fn prices_are_read_digit_by_digit() {
        for (text, power, expected) in [
            ("2.8e-07", 0, (280_000, true)),
            ("0.00000028", 0, (280_000, true)),
            ("0.28", 6, (280_000, true)),
            ("15", 6, (15_000_000, true)),
            ("0", 0, (0, true)),
            ("0.000", 6, (0, true)),
            ("0.000015000020000000002", 0, (15_000_020, false)),
            ("3.0001999999999996e-07", 0, (300_020, false)),
            ("2.5e-12", 0, (2, false)),
            ("3.5e-12", 0, (4, false)),
            ("0.1234565", 6, (123_456, false)),
            ("0.1234575", 6, (123_458, false)),
            ("120.0e-0", 6, (120_000_000, true)),
            ("-1", 6, (-1_000_000, true)),
        ] {
            assert_eq!(picos(text, power), Some(expected), "{text}");
        }
        for text in [
            "",
            "free",
            "1,5",
            "nan",
            "1e",
            "10",
            "9300000",
            "1e999999999999",
        ] {
            assert_eq!(picos(text, 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_price_of_a_million_tokens_survives(micros in 0i64..9_000_000_000_000) {
            let text = Usd::from_picos(micros * 1_000_000).to_string();
            prop_assert_eq!(picos(&text, 6), Some((micros, true)));
        }
    }
}
