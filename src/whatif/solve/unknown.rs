//! What an equation is solved for, and the values that are tried.

use std::str::FromStr;

use crate::whatif::error::ScenarioError;
use crate::whatif::name::Name;
use crate::whatif::setting::{Amount, Op, Setting, Sweep, sign_in};

/// A name of a scenario whose value is sought, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Unknown {
    /// The name.
    pub name: Name,
    /// What is done to it.
    pub op: Op,
    /// Values that are tried first, rising; between them the search goes on where a side changes.
    pub tried: Vec<f64>,
}

/// Values that are tried in a decade.
const A_DECADE: i32 = 4;

impl Unknown {
    /// The setting of one value.
    #[must_use]
    pub fn at(&self, x: f64) -> Setting {
        Setting::number(self.name.clone(), self.op, x)
    }

    /// The unit of its values.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        if self.op == Op::Scale {
            "factor"
        } else {
            self.name.unit()
        }
    }

    /// The smallest and the greatest value that are tried.
    #[must_use]
    pub fn range(&self) -> [f64; 2] {
        let ends = [self.tried.first(), self.tried.last()];
        ends.map(|end| end.copied().unwrap_or_default())
    }

    /// A name, sought where it makes sense: amounts of money from nothing to far beyond what
    /// anybody pays, shares and scores everywhere, tokens up to a hundred times what they are.
    fn anywhere(name: Name) -> Result<Self, ScenarioError> {
        let (op, tried) = match &name {
            Name::Value | Name::Wrong => (Op::Set, decades(true, -6, 6)),
            Name::Second => (Op::Set, decades(true, -9, 3)),
            Name::RequestsPerDay => (Op::Set, decades(false, 0, 10)),
            Name::Price { .. } => (Op::Set, decades(true, -3, 4)),
            Name::Tokens(_) => (Op::Scale, decades(false, -2, 2)),
            Name::Success(_) => (Op::Add, steps(-1.0)),
            Name::Share { .. } => (Op::Set, steps(0.0)),
            Name::Fixed(_) => (Op::Set, decades(true, 0, 9)),
            Name::Available { .. } => {
                let message = "no equation is solved for a date; list dates with --set";
                return Err(ScenarioError::value(name, message));
            }
        };
        Ok(Self { name, op, tried })
    }
}

impl FromStr for Unknown {
    type Err = ScenarioError;

    /// A name alone, or a range of a scenario (`value=0.1..10`), which bounds the search and says
    /// what is done to the name. A success alone is what its scores are shifted by, tokens alone
    /// are a factor.
    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        if sign_in(text).is_none() {
            return Self::anywhere(Name::parse(text)?);
        }
        let sweep: Sweep = text.parse()?;
        let number = |amount: &Amount| match amount {
            Amount::Number(x) => Ok(*x),
            _ => Self::anywhere(sweep.name.clone()).map(|_| 0.0),
        };
        let tried: Result<Vec<f64>, _> = sweep.values.iter().map(number).collect();
        let mut tried = tried?;
        tried.sort_unstable_by(f64::total_cmp);
        tried.dedup();
        if tried.len() < 2 {
            let message = "a range is wanted, as in value=0.1..10";
            return Err(ScenarioError::value(text, message));
        }
        Ok(Self {
            name: sweep.name,
            op: sweep.op,
            tried,
        })
    }
}

/// Powers of ten with steps between, after 0 where that is possible too.
fn decades(with_0: bool, from: i32, to: i32) -> Vec<f64> {
    let steps = (from * A_DECADE..=to * A_DECADE).map(|step| {
        let x = libm::exp10(f64::from(step) / f64::from(A_DECADE));
        // As a reader writes them.
        format!("{x:.2e}").parse().unwrap_or(x)
    });
    with_0.then_some(0.0).into_iter().chain(steps).collect()
}

/// From there to 1 in steps of 1/40.
fn steps(from: f64) -> Vec<f64> {
    let count = ((1.0 - from) * 40.0) as i32;
    (0..=count)
        .map(|step| from + f64::from(step) / 40.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_sought_everywhere_and_a_range_bounds_it() {
        let value: Unknown = "value".parse().unwrap();
        assert_eq!(value.tried[..3], [0.0, 1e-6, 1.78e-6]);
        assert_eq!(value.tried.last(), Some(&1e6));
        let tokens: Unknown = "tokens.a.b".parse().unwrap();
        assert_eq!((tokens.op, tokens.tried[0]), (Op::Scale, 0.01));
        let success: Unknown = "success.a".parse().unwrap();
        assert_eq!((success.op, success.tried.len()), (Op::Add, 81));
        let price: Unknown = "price.a.output*=0.1..10:log3".parse().unwrap();
        assert_eq!((price.op, price.tried), (Op::Scale, vec![0.1, 1.0, 10.0]));
        assert!(value.tried.is_sorted() && success.tried.is_sorted());
    }

    #[test]
    fn what_cannot_be_sought_says_why() {
        for (text, says) in [
            ("valeu", "did you mean `value`?"),
            ("value=1", "a range is wanted"),
            ("value=2..1", "the range is empty"),
            ("available.a.until", "no equation is solved for a date"),
            ("available.a.until=2025-12-01,2026-01-01", "for a date"),
        ] {
            let error = text.parse::<Unknown>().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
