//! Numbers as a page's reader reads them: with their unit, a real minus sign, and their interval.

use crate::evaluate::Figure;
use crate::report::number::{NONE, count, money};

const MINUS: &str = "\u{2212}";

/// How a number is shown.
pub(super) type Show = fn(f64) -> String;

fn with_sign(x: f64, shown: impl Fn(f64) -> String) -> String {
    let text = shown(x.abs());
    let zero = !text.contains(|c: char| c.is_ascii_digit() && c != '0');
    if x < 0.0 && !zero {
        format!("{MINUS}{text}")
    } else {
        text
    }
}

/// `$12.57`.
pub(super) fn usd(x: f64) -> String {
    with_sign(x, |x| format!("${}", money(x)))
}

/// The same beside an axis: `$0.5`, `$500`.
pub(super) fn usd_round(x: f64) -> String {
    trimmed(&usd(x))
}

/// The same of `94.0%`: `94%`.
pub(super) fn percent_round(x: f64) -> String {
    let shown = percent(x);
    format!("{}%", trimmed(shown.trim_end_matches('%')))
}

/// Without zeros at the end of the places behind the point.
fn trimmed(shown: &str) -> String {
    // The power of ten of `1.00e300` has no such places.
    if shown.contains('.') && !shown.contains('e') {
        shown.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        shown.to_owned()
    }
}

/// An amount a request, shown for a thousand of them.
pub(super) fn usd_1000(x: f64) -> String {
    usd(1000.0 * x)
}

/// `+$12.57`, of an amount a request, for a thousand of them.
pub(super) fn signed_usd_1000(x: f64) -> String {
    signed(x, usd_1000)
}

/// `94.1%`.
pub(super) fn percent(x: f64) -> String {
    with_sign(100.0 * x, |x| match x {
        x if x > 0.0 && x < 0.1 => format!("{x:.2}%"),
        x => format!("{x:.1}%"),
    })
}

/// `+0.7 points`, of a difference of two shares.
pub(super) fn points(x: f64) -> String {
    signed(x, |x| with_sign(100.0 * x, |x| format!("{x:.1} points")))
}

/// The same beside an axis that says so: `+5`.
pub(super) fn points_round(x: f64) -> String {
    signed(x, |x| trimmed(&with_sign(100.0 * x, |x| format!("{x:.1}"))))
}

/// Seconds, of ms.
pub(super) fn seconds_of_ms(ms: f64) -> String {
    seconds(ms / 1000.0)
}

/// Seconds.
pub(super) fn seconds(s: f64) -> String {
    with_sign(s, |s| match s {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    })
}

/// A whole number with its thousands apart.
pub(super) fn whole(x: f64) -> String {
    with_sign(x, count)
}

/// Three digits behind the point.
pub(super) fn plain(x: f64) -> String {
    with_sign(x, |x| format!("{x:.3}"))
}

/// With a plus where it is above zero.
pub(super) fn signed(x: f64, show: impl Fn(f64) -> String) -> String {
    let text = show(x);
    let zero = !text.contains(|c: char| c.is_ascii_digit() && c != '0');
    if x > 0.0 && !zero {
        format!("+{text}")
    } else {
        text
    }
}

/// `$2.53 to $22.47`, where there is an interval.
pub(super) fn interval(figure: &Figure, show: impl Fn(f64) -> String) -> Option<String> {
    let [low, high] = figure.ci95?;
    Some(format!("{} to {}", show(low), show(high)))
}

/// A figure on one line: the number, and its interval in brackets.
pub(super) fn figure(figure: &Figure, show: impl Fn(f64) -> String) -> String {
    match (figure.x, interval(figure, &show)) {
        (None, _) => NONE.to_owned(),
        (Some(x), None) => show(x),
        (Some(x), Some(interval)) => format!("{} (95%: {interval})", show(x)),
    }
}

/// A number with as many places as it has, at most four digits.
pub(super) fn short(x: f64) -> String {
    let rounded: f64 = format!("{x:.3e}").parse().unwrap_or(x);
    rounded.to_string().replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_units_stand_where_people_put_them() {
        assert_eq!(usd(-9.63), "−$9.63");
        assert_eq!(signed_usd_1000(0.01257), "+$12.57");
        assert_eq!(signed_usd_1000(0.0), "$0.00");
        assert_eq!(points(-0.004), "−0.4 points");
        assert_eq!(points(0.0), "0.0 points");
        assert_eq!(
            [points_round(0.05), points_round(-0.025), points_round(0.0)],
            ["+5", "−2.5", "0"]
        );
        assert_eq!(percent(0.0004), "0.04%");
        assert_eq!(
            [usd_round(0.5), usd_round(500.0), usd_round(0.0)],
            ["$0.5", "$500", "$0"]
        );
        assert_eq!([percent_round(0.9), percent_round(0.905)], ["90%", "90.5%"]);
        let known = Figure {
            ci95: Some([0.9, 0.95]),
            ..Figure::known(0.931, "share", 3)
        };
        assert_eq!(figure(&known, percent), "93.1% (95%: 90.0% to 95.0%)");
        assert_eq!(figure(&Figure::unknown("share", "no"), percent), "–");
    }
}
