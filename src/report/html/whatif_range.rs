//! What a sweep along one axis says in a sentence: which policy earns most from where to where.

use super::markup::{name, text};
use super::words;
use crate::whatif::{Amount, Axis, WhatIf};

/// A sentence and how sure it is, both markup.
pub(super) struct Told {
    pub(super) sentence: String,
    /// Whether another policy takes the lead within the range.
    pub(super) changes: bool,
    solved: bool,
}

/// More stretches than that are no sentence.
const MOST: usize = 3;

/// The policy that earns most along the axis; none where there is no single axis of numbers, where
/// nothing says what policies earn, and where the lead changes too often for a sentence.
pub(super) fn told(result: &WhatIf) -> Option<Told> {
    let [axis] = &result.axes[..] else {
        return None;
    };
    let mut held: Vec<(f64, &str)> = Vec::new();
    for (value, point) in axis.values.iter().zip(&result.points) {
        let Amount::Number(x) = value else {
            return None;
        };
        held.push((*x, point.best.redecided.as_deref()?));
    }
    held.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut stretches: Vec<(&str, [f64; 2])> = Vec::new();
    for (x, best) in held {
        match stretches.last_mut() {
            Some((name, ends)) if *name == best => ends[1] = x,
            _ => stretches.push((best, [x, x])),
        }
    }
    Some(Told {
        sentence: sentence(axis, &stretches)?,
        changes: stretches.len() > 1,
        solved: !result.solved.is_empty(),
    })
}

fn sentence(axis: &Axis, stretches: &[(&str, [f64; 2])]) -> Option<String> {
    let at = |x: f64| at(axis, x);
    let over = match (axis.name.as_str(), axis.op) {
        ("value", "=") => String::new(),
        (name, _) => format!("Over {}: ", text(name)),
    };
    let bold = |raw: &str| format!("<strong>{}</strong>", name(raw));
    match stretches {
        [(only, [from, to])] => Some(format!(
            "{over}{} earns most throughout the range, from {} to {}.",
            bold(only),
            at(*from),
            at(*to)
        )),
        [first, middle @ .., last] if stretches.len() <= MOST => {
            let middle = middle.iter().map(|(name, [from, to])| {
                format!(" {} from {} to {},", bold(name), at(*from), at(*to))
            });
            Some(format!(
                "{over}{} earns most up to {},{} {} from {} on.",
                bold(first.0),
                at(first.1[1]),
                middle.collect::<String>(),
                bold(last.0),
                at(last.1[0])
            ))
        }
        _ => None,
    }
}

/// A point of the axis as people read it; markup.
fn at(axis: &Axis, x: f64) -> String {
    let (shown, of) = match (axis.name.as_str(), axis.op) {
        ("value", "=") => (words::usd_round(x), " a right answer"),
        (_, "*=") => (format!("×{}", words::short(x)), ""),
        (_, "+=") => (words::signed(x, words::short), ""),
        _ => (words::short(x), ""),
    };
    format!("<em>{}</em>{of}", text(&shown))
}

impl Told {
    /// What the sentence leaves open.
    pub(super) fn sure(&self) -> String {
        match (self.changes, self.solved) {
            (true, false) => "Policies compiled for each point; the lead changes somewhere between two of them: --solve finds where, with its interval.".to_owned(),
            _ => "Policies compiled for each point of the range.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(name: &str, op: &'static str) -> Axis {
        Axis {
            name: name.to_owned(),
            op,
            values: Vec::new(),
            unit: "USD",
        }
    }

    #[test]
    fn stretches_are_told_with_their_ends() {
        let two = [("a", [0.1, 2.0]), ("<b>", [3.0, 9.0])];
        let told = sentence(&axis("value", "="), &two).unwrap();
        assert_eq!(
            told,
            "<strong><bdi>a</bdi></strong> earns most up to <em>$2</em> a right answer, <strong><bdi>&lt;b&gt;</bdi></strong> from <em>$3</em> a right answer on."
        );
        let one = [("a", [0.5, 2.0])];
        let told = sentence(&axis("price.m.output", "*="), &one).unwrap();
        assert!(told.starts_with("Over price.m.output: <strong>"));
        assert!(told.ends_with("throughout the range, from <em>×0.5</em> to <em>×2</em>."));
        let many = [
            ("a", [0.0, 1.0]),
            ("b", [2.0, 2.0]),
            ("a", [3.0, 3.0]),
            ("b", [4.0, 4.0]),
        ];
        assert!(sentence(&axis("value", "="), &many).is_none());
    }
}
