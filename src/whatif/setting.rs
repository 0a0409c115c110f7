//! One setting of a scenario, and ranges of them.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use weighbridge_router::Timestamp;

use super::error::ScenarioError;
use super::name::Name;

/// What is done to what a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`: it is that.
    Set,
    /// `*=`: it is so many times what it was.
    Scale,
    /// `+=`: it is so much more than it was.
    Add,
}

impl Op {
    /// As it is written.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Set => "=",
            Self::Scale => "*=",
            Self::Add => "+=",
        }
    }

    /// The operation on a number.
    #[must_use]
    pub fn apply(self, was: f64, by: f64) -> f64 {
        match self {
            Self::Set => by,
            Self::Scale => was * by,
            Self::Add => was + by,
        }
    }
}

/// What a setting sets its name to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Amount {
    /// A finite number, in the name's unit.
    Number(f64),
    /// A moment, for the ends of an endpoint's life.
    #[serde(serialize_with = "as_text")]
    Time(Timestamp),
    /// No end.
    Never,
}

fn as_text<S: serde::Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // 1e300 has 301 digits.
            Self::Number(x) if *x != 0.0 && !(1e-9..1e16).contains(&x.abs()) => write!(f, "{x:e}"),
            Self::Number(x) => x.fmt(f),
            Self::Time(at) => at.fmt(f),
            Self::Never => f.write_str("never"),
        }
    }
}

/// One setting: a name, what is done to it, and by how much.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// What is set.
    pub name: Name,
    /// How.
    pub op: Op,
    /// To what.
    pub value: Amount,
}

impl Setting {
    /// A name that is set to a number.
    #[must_use]
    pub const fn number(name: Name, op: Op, x: f64) -> Self {
        Self {
            name,
            op,
            value: Amount::Number(x),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.name, self.op.sign(), self.value)
    }
}

impl FromStr for Setting {
    type Err = ScenarioError;

    /// `NAME=VALUE`, `NAME*=VALUE` or `NAME+=VALUE`.
    ///
    /// # Errors
    /// An unknown name, no operation, or a value of the wrong sort; also a range, which is a
    /// [`Sweep`].
    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        let sweep: Sweep = text.parse()?;
        match sweep.values[..] {
            [value] => Ok(sweep.at(value)),
            _ => Err(ScenarioError::value(
                text,
                "one value is wanted here, not a range",
            )),
        }
    }
}

/// A name that is set to one value after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// What is set.
    pub name: Name,
    /// How.
    pub op: Op,
    /// To what: at least one value.
    pub values: Vec<Amount>,
}

/// Values of a range that does not say how many.
const STEPS: usize = 9;
/// More values of one range than that are refused.
const MOST_STEPS: usize = 1000;

impl Sweep {
    /// The setting at one of the values.
    #[must_use]
    pub fn at(&self, value: Amount) -> Setting {
        Setting {
            name: self.name.clone(),
            op: self.op,
            value,
        }
    }

    /// Every setting, in order.
    pub fn settings(&self) -> impl Iterator<Item = Setting> {
        self.values.iter().map(|&value| self.at(value))
    }

    pub(super) fn new(name: Name, op: Op, text: &str) -> Result<Self, ScenarioError> {
        let shown = || format!("{name}{}{text}", op.sign());
        let is_date = matches!(name, Name::Available { .. });
        if is_date && op != Op::Set {
            return Err(ScenarioError::value(
                shown(),
                "a date can only be set, by =",
            ));
        }
        let values = match text.split_once("..") {
            Some((from, to)) if !is_date => range(from, to),
            Some(_) => Err("dates are listed one by one, with commas".to_owned()),
            None => text
                .split(',')
                .map(|one| amount(one.trim(), is_date))
                .collect(),
        };
        let values = values.map_err(|message| ScenarioError::value(shown(), message))?;
        Ok(Self { name, op, values })
    }
}

impl FromStr for Sweep {
    type Err = ScenarioError;

    /// A setting whose value may be `a..b:logN`, `a..b:linN`, `a..b` (nine steps: by factors where
    /// both ends are above 0, else by differences) or `a,b,c`.
    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        let Some(at) = sign_in(text) else {
            let shape = "write NAME=VALUE, NAME*=VALUE or NAME+=VALUE";
            return Err(ScenarioError::value(text, shape));
        };
        let (left, right) = (&text[..at], &text[at + 1..]);
        let (name, op) = match left.strip_suffix('*') {
            Some(name) => (name, Op::Scale),
            None => match left.strip_suffix('+') {
                Some(name) => (name, Op::Add),
                None => (left, Op::Set),
            },
        };
        Self::new(Name::parse(name)?, op, right.trim())
    }
}

/// Where the `=` of a setting is: the first outside of quotes.
pub(super) fn sign_in(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '=') => return Some(at),
            _ => {}
        }
        None
    })
}

fn amount(text: &str, is_date: bool) -> Result<Amount, String> {
    if !is_date {
        return number(text).map(Amount::Number);
    }
    if text == "never" {
        return Ok(Amount::Never);
    }
    let at = Timestamp::parse(text);
    at.map(Amount::Time)
        .map_err(|error| format!("{error}; or `never`"))
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok().filter(|x: &f64| x.is_finite());
    number.ok_or_else(|| format!("`{text}` is not a number"))
}

fn range(from: &str, rest: &str) -> Result<Vec<Amount>, String> {
    let (to, how) = match rest.split_once(':') {
        Some((to, how)) => (to, Some(how.trim())),
        None => (rest, None),
    };
    let (from, to) = (number(from)?, number(to)?);
    if from >= to {
        return Err(format!("the range is empty: {from} is not below {to}"));
    }
    let (log, steps) = match how {
        None => (from > 0.0, STEPS),
        Some(how) => {
            let (log, steps) = match (how.strip_prefix("log"), how.strip_prefix("lin")) {
                (Some(steps), _) => (true, steps),
                (_, Some(steps)) => (false, steps),
                _ => return Err(format!("`{how}` is neither logN nor linN")),
            };
            let steps = steps.parse().ok().filter(|n| (2..=MOST_STEPS).contains(n));
            let wanted = || format!("`{how}` needs a number of values from 2 to {MOST_STEPS}");
            (log, steps.ok_or_else(wanted)?)
        }
    };
    if log && from <= 0.0 {
        return Err(format!("steps by factors need ends above 0, not {from}"));
    }
    let value = |i: usize| {
        let part = i as f64 / (steps - 1) as f64;
        if i == 0 {
            from
        } else if i == steps - 1 {
            to
        } else if log {
            from * libm::exp(part * libm::log(to / from))
        } else {
            from + part * (to - from)
        }
    };
    Ok((0..steps).map(|i| Amount::Number(tidy(value(i)))).collect())
}

/// Six significant digits, so that a step reads as it is used.
fn tidy(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// Every combination of the values of several sweeps, the last one fastest; one empty combination
/// for none.
#[must_use]
pub fn grid(sweeps: &[Sweep]) -> Vec<Vec<Setting>> {
    sweeps.iter().fold(vec![Vec::new()], |points, sweep| {
        let longer = |point: &Vec<Setting>| {
            let point = point.clone();
            sweep.settings().map(move |setting| {
                let mut point = point.clone();
                point.push(setting);
                point
            })
        };
        points.iter().flat_map(longer).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<f64> {
        let sweep: Sweep = text.parse().unwrap();
        let number = |amount: &Amount| match amount {
            Amount::Number(x) => *x,
            other => panic!("{other} is no number"),
        };
        sweep.values.iter().map(number).collect()
    }

    #[test]
    fn operations_and_ranges_are_read() {
        let setting: Setting = "price.a.b.output*=2".parse().unwrap();
        assert_eq!(
            (setting.op, setting.value),
            (Op::Scale, Amount::Number(2.0))
        );
        assert_eq!(setting.to_string(), "price.a.b.output*=2");
        for text in ["value=1e300", "value=1e-12", "value=1000000", "value=0.02"] {
            let setting: Setting = text.parse().unwrap();
            assert_eq!(setting.to_string(), text);
        }
        let setting: Setting = "success.\"a=b\"+=0.05".parse().unwrap();
        assert_eq!(setting.name, Name::Success("a=b".into()));
        assert_eq!(values("value=0.01..10:log4"), [0.01, 0.1, 1.0, 10.0]);
        assert_eq!(values("value=0..1:lin5"), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(values("value=1,2,4"), [1.0, 2.0, 4.0]);
        assert_eq!(values("value=0.1..10").len(), STEPS);
    }

    #[test]
    fn what_is_no_setting_says_why() {
        for (text, says) in [
            ("value", "write NAME=VALUE"),
            ("value=two", "`two` is not a number"),
            ("value=2..1", "the range is empty"),
            ("value=1..1", "the range is empty"),
            ("value=0..1:log3", "above 0"),
            ("value=0..1:lin1", "from 2 to 1000"),
            ("value=0..1:foo", "neither logN nor linN"),
            ("value=inf", "is not a number"),
            ("value=", "is not a number"),
            ("available.a.until*=2", "only be set"),
            ("available.a.until=2025-13-01", "never"),
        ] {
            let error = text.parse::<Sweep>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_grid_has_every_combination_and_none_without_sweeps() {
        let sweeps = ["value=1,2", "second=0,1,2"].map(|text| text.parse().unwrap());
        let points = grid(&sweeps);
        assert_eq!(points.len(), 6);
        assert_eq!(points[1][1].to_string(), "second=1");
        assert_eq!(grid(&[]), [Vec::new()]);
    }
}
