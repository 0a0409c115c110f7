//! Numbers as a person reads them.

use super::document::LINE_BREAK;
use crate::evaluate::Figure;

/// A dash where there is no number.
pub(super) const NONE: &str = "–";

/// `94.1%`, with its interval `[93.2, 94.9]` where there is one.
pub(super) fn percent(figure: &Figure) -> String {
    with_interval(figure, |x| format!("{:.1}", x * 100.0), "%")
}

/// An amount for a thousand requests, in USD.
pub(super) fn usd_per_1000(figure: &Figure) -> String {
    with_interval(figure, |x| money(x * 1000.0), "")
}

/// An amount in USD.
pub(super) fn usd(figure: &Figure) -> String {
    with_interval(figure, money, "")
}

/// Seconds, of a figure in seconds, with its interval.
pub(super) fn with_seconds(figure: &Figure) -> String {
    with_interval(figure, |x| format!("{x:.1}"), " s")
}

/// Seconds, of a figure in ms.
pub(super) fn seconds(figure: &Figure) -> String {
    figure
        .x
        .map_or_else(|| NONE.to_owned(), |ms| duration(ms / 1000.0))
}

/// A share as a percentage.
pub(super) fn share(x: f64) -> String {
    match x * 100.0 {
        0.0 => "0%".to_owned(),
        x if x < 0.1 => "<0.1%".to_owned(),
        x if x > 99.9 && x < 100.0 => format!("{x:.2}%"),
        x => format!("{x:.1}%"),
    }
}

/// A whole number with its thousands apart; one beyond all counting by its power of ten.
pub(super) fn count(n: f64) -> String {
    if n.abs() >= 1e16 {
        return format!("{n:.2e}");
    }
    let digits = format!("{:.0}", n.abs());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if n < 0.0 && text != "0" {
        format!("-{text}")
    } else {
        text
    }
}

/// Money with as many places as its size asks for: three significant digits, at least cents
/// below a thousand.
pub(super) fn money(usd: f64) -> String {
    let places = match usd.abs() {
        0.0 => 2,
        x if x >= 1000.0 => return count(usd),
        x if x >= 1.0 => 2,
        x => (2.0 - x.log10().floor()).min(9.0) as usize,
    };
    format!("{usd:.places$}")
}

/// A figure with its interval on the line below.
pub(super) fn two_lines(text: String) -> String {
    text.replacen(" [", &format!("{LINE_BREAK}["), 1)
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn with_interval(figure: &Figure, show: impl Fn(f64) -> String, unit: &str) -> String {
    match (figure.x, figure.ci95) {
        (None, _) => NONE.to_owned(),
        (Some(x), None) => format!("{}{unit}", show(x)),
        (Some(x), Some([low, high])) => {
            format!("{}{unit} [{}, {}]", show(x), show(low), show(high))
        }
    }
}

/// A signed amount or share, so that a difference reads as one.
pub(super) fn signed(text: &str) -> String {
    if text.starts_with('-') || text == NONE {
        text.to_owned()
    } else {
        format!("+{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_write_them() {
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(count(-999.0), "-999");
        assert_eq!(count(-1e300), "-1.00e300");
        assert_eq!(money(1e300), "1.00e300");
        assert_eq!(money(0.000_406), "0.000406");
        assert_eq!(money(12.345), "12.35");
        assert_eq!(money(12_345.6), "12,346");
        assert_eq!(money(0.0), "0.00");
        assert_eq!(duration(5.04), "5.0 s");
        assert_eq!(duration(600.0), "10 min");
        assert_eq!(share(0.0005), "<0.1%");
        assert_eq!(
            percent(&Figure {
                ci95: Some([0.9, 0.95]),
                ..Figure::known(0.931, "share", 3)
            }),
            "93.1% [90.0, 95.0]"
        );
        assert_eq!(percent(&Figure::unknown("share", "no")), NONE);
    }
}
