//! An equation of figures of policies, as it is written: `net(router) = net(always-driver)`.

use std::fmt;
use std::iter::Peekable;
use std::str::CharIndices;

use crate::catalog::nearest;
use crate::evaluate::Figure;
use crate::whatif::error::ScenarioError;
use crate::whatif::world::{World, WorldPolicy};

/// Deeper nesting than that is refused.
const MOST_NESTED: usize = 32;

/// Two sides that are to be equal.
#[derive(Debug, Clone, PartialEq)]
pub struct Equation {
    text: String,
    left: Side,
    right: Side,
}

/// A side: its text, and what it says.
#[derive(Debug, Clone, PartialEq)]
struct Side {
    text: String,
    term: Term,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Number(f64),
    /// A figure of the policy at that place.
    Figure(Kind, usize),
    Negative(Box<Term>),
    Two(char, Box<[Term; 2]>),
}

/// A figure that has replicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Net,
    Cost,
    Success,
}

const KINDS: [(&str, Kind); 3] = [
    ("net", Kind::Net),
    ("cost", Kind::Cost),
    ("success", Kind::Success),
];

/// A difference of the sides, and the size of what it is the difference of.
pub(super) type Difference = (f64, f64);

impl Equation {
    /// Read an equation: figures `net(POLICY)`, `cost(POLICY)` (both USD a request) and
    /// `success(POLICY)` (a share), numbers, `+ - * /` and parentheses on both sides of one `=`.
    /// A policy's name may be quoted.
    ///
    /// # Errors
    /// Where it is none of that, or names a policy that is not among `policies`; the nearest is
    /// named.
    pub fn parse(text: &str, policies: &[&str]) -> Result<Self, ScenarioError> {
        let mut reader = Reader {
            text,
            chars: text.char_indices().peekable(),
            policies,
            nested: 0,
        };
        let read = |reader: &mut Reader<'_>| {
            let left = reader.sum()?;
            let middle = reader.place();
            if !reader.takes('=') {
                return Err(reader.wanted("`=` or an operation"));
            }
            let right = reader.sum()?;
            match reader.next_visible() {
                None => Ok((left, middle, right)),
                Some(_) => Err(reader.wanted("an operation or the end")),
            }
        };
        let (left, middle, right) =
            read(&mut reader).map_err(|message| ScenarioError::value(text, message))?;
        let side = |text: &str, term| Side {
            text: text.trim().to_owned(),
            term,
        };
        Ok(Self {
            text: text.trim().to_owned(),
            left: side(&text[..middle], left),
            right: side(&text[middle + 1..], right),
        })
    }

    /// Its sides as they are written.
    #[must_use]
    pub fn sides(&self) -> [&str; 2] {
        [&self.left.text, &self.right.text]
    }

    /// Whether the greater side is the better one, where both are figures of one kind.
    #[must_use]
    pub fn greater_is_better(&self) -> Option<bool> {
        match (&self.left.term, &self.right.term) {
            (Term::Figure(left, _), Term::Figure(right, _)) if left == right => {
                Some(*left != Kind::Cost)
            }
            _ => None,
        }
    }

    /// Left less right in a world, and in each replicate. None where a figure is unknown.
    pub(super) fn differences(&self, world: &World) -> (Option<Difference>, Vec<Option<f64>>) {
        let whole = self.difference(&|kind, policy| kind.figure(&world.policies[policy]).x);
        let replicates = world
            .policies
            .iter()
            .map(|policy| policy.draws.net.len())
            .max();
        let draws = (0..replicates.unwrap_or_default()).map(|at| {
            let of = |kind: Kind, policy: usize| {
                let draws = kind.draws(&world.policies[policy]);
                draws.get(at).copied().flatten()
            };
            self.difference(&of).map(level)
        });
        (whole, draws.collect())
    }

    /// Why there is no difference: the first figure that is unknown.
    pub(super) fn why(&self, world: &World) -> String {
        let mut figures = self.figures(world).into_iter();
        let why = figures.find_map(|figure| figure.why.clone().filter(|_| figure.x.is_none()));
        why.unwrap_or_else(|| "something is divided by 0".to_owned())
    }

    /// How many requests its figures rest on.
    pub(super) fn n(&self, world: &World) -> u64 {
        let n = self.figures(world).into_iter().map(|figure| figure.n);
        n.min().unwrap_or_default()
    }

    fn figures<'w>(&self, world: &'w World) -> Vec<&'w Figure> {
        let mut figures = Vec::new();
        self.left.term.figures(&mut figures);
        self.right.term.figures(&mut figures);
        figures
            .into_iter()
            .map(|(kind, policy)| kind.figure(&world.policies[policy]))
            .collect()
    }

    fn difference(&self, of: &dyn Fn(Kind, usize) -> Option<f64>) -> Option<Difference> {
        let (left, right) = (self.left.term.at(of)?, self.right.term.at(of)?);
        Some((left.0 - right.0, left.1 + right.1))
    }
}

/// What is as small as rounding makes it is nothing.
pub(super) fn level((difference, size): Difference) -> f64 {
    if difference.abs() <= 1e-12 * size {
        0.0
    } else {
        difference
    }
}

impl fmt::Display for Equation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Kind {
    fn figure(self, policy: &WorldPolicy) -> &Figure {
        match self {
            Self::Net => &policy.net_usd_per_request,
            Self::Cost => &policy.cost_usd_per_request,
            Self::Success => &policy.success,
        }
    }

    fn draws(self, policy: &WorldPolicy) -> &[Option<f64>] {
        match self {
            Self::Net => &policy.draws.net,
            Self::Cost => &policy.draws.cost,
            Self::Success => &policy.draws.success,
        }
    }
}

impl Term {
    /// Its value, and what it would be if nothing cancelled.
    fn at(&self, of: &dyn Fn(Kind, usize) -> Option<f64>) -> Option<Difference> {
        let value = match self {
            Self::Number(x) => (*x, x.abs()),
            Self::Figure(kind, policy) => {
                let x = of(*kind, *policy)?;
                (x, x.abs())
            }
            Self::Negative(term) => {
                let (x, size) = term.at(of)?;
                (-x, size)
            }
            Self::Two(sign, terms) => {
                let [(a, a_size), (b, b_size)] = [terms[0].at(of)?, terms[1].at(of)?];
                match sign {
                    '+' => (a + b, a_size + b_size),
                    '-' => (a - b, a_size + b_size),
                    '*' => (a * b, a_size * b_size),
                    _ => (a / b, a_size / b.abs()),
                }
            }
        };
        (value.0.is_finite() && value.1.is_finite()).then_some(value)
    }

    fn figures(&self, into: &mut Vec<(Kind, usize)>) {
        match self {
            Self::Number(_) => {}
            Self::Figure(kind, policy) => into.push((*kind, *policy)),
            Self::Negative(term) => term.figures(into),
            Self::Two(_, terms) => terms.iter().for_each(|term| term.figures(into)),
        }
    }
}

/// Reads terms; errors are what is wrong, without the equation.
struct Reader<'t> {
    text: &'t str,
    chars: Peekable<CharIndices<'t>>,
    policies: &'t [&'t str],
    nested: usize,
}

impl Reader<'_> {
    fn next_visible(&mut self) -> Option<char> {
        while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
        self.chars.peek().map(|&(_, c)| c)
    }

    fn place(&mut self) -> usize {
        self.next_visible();
        self.chars.peek().map_or(self.text.len(), |&(at, _)| at)
    }

    fn takes(&mut self, wanted: char) -> bool {
        let there = self.next_visible() == Some(wanted);
        if there {
            self.chars.next();
        }
        there
    }

    fn wanted(&mut self, what: &str) -> String {
        let at = self.place();
        match self.text[at..].trim() {
            "" => format!("{what} is wanted at the end; write for example net(A)=net(B)"),
            rest => format!("{what} is wanted before `{rest}`; write for example net(A)=net(B)"),
        }
    }

    fn sum(&mut self) -> Result<Term, String> {
        self.chain(['+', '-'], Self::product)
    }

    fn product(&mut self) -> Result<Term, String> {
        self.chain(['*', '/'], Self::factor)
    }

    fn chain(
        &mut self,
        signs: [char; 2],
        part: fn(&mut Self) -> Result<Term, String>,
    ) -> Result<Term, String> {
        let mut term = part(self)?;
        let mut length = 0;
        while let Some(sign) = signs.into_iter().find(|&sign| self.takes(sign)) {
            length += 1;
            if length > MOST_NESTED {
                return Err("the equation is too long".to_owned());
            }
            term = Term::Two(sign, Box::new([term, part(self)?]));
        }
        Ok(term)
    }

    fn factor(&mut self) -> Result<Term, String> {
        self.nested += 1;
        if self.nested > MOST_NESTED {
            return Err("the equation is nested too deeply".to_owned());
        }
        let term = if self.takes('-') {
            Term::Negative(Box::new(self.factor()?))
        } else if self.takes('(') {
            let term = self.sum()?;
            if !self.takes(')') {
                return Err(self.wanted("`)`"));
            }
            term
        } else {
            match self.next_visible() {
                Some(c) if c.is_ascii_digit() || c == '.' => self.number()?,
                Some(c) if c.is_alphabetic() => self.figure()?,
                _ => return Err(self.wanted("a figure or a number")),
            }
        };
        self.nested -= 1;
        Ok(term)
    }

    fn number(&mut self) -> Result<Term, String> {
        let (start, mut last) = (self.place(), ' ');
        while let Some((_, c)) = self.chars.next_if(|&(_, c)| {
            c.is_ascii_alphanumeric() || c == '.' || (matches!(last, 'e' | 'E') && "+-".contains(c))
        }) {
            last = c;
        }
        let end = self.chars.peek().map_or(self.text.len(), |&(at, _)| at);
        let text = &self.text[start..end];
        let number = text.parse().ok().filter(|x: &f64| x.is_finite());
        number
            .map(Term::Number)
            .ok_or_else(|| format!("`{text}` is not a number"))
    }

    fn figure(&mut self) -> Result<Term, String> {
        let start = self.place();
        while self
            .chars
            .next_if(|&(_, c)| c.is_alphanumeric() || c == '_')
            .is_some()
        {}
        let end = self.chars.peek().map_or(self.text.len(), |&(at, _)| at);
        let word = &self.text[start..end];
        let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == word) else {
            let hint = match nearest(word, KINDS.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "known: net, cost, success".to_owned(),
            };
            return Err(format!("`{word}` is no figure; {hint}"));
        };
        if !self.takes('(') {
            return Err(format!("write {word}(POLICY)"));
        }
        let name = self.policy()?;
        let place = self.policies.iter().position(|held| *held == name);
        place
            .map(|place| Term::Figure(*kind, place))
            .ok_or_else(|| match nearest(&name, self.policies.iter().copied()) {
                Some(near) => format!("no policy is named `{name}`; did you mean `{near}`?"),
                None => format!(
                    "no policy is named `{name}`; known: {}",
                    self.policies.join(", ")
                ),
            })
    }

    /// A name up to its parenthesis; quoted, or with pairs of parentheses of its own.
    fn policy(&mut self) -> Result<String, String> {
        let first = self.next_visible();
        if let Some(quote) = first.filter(|c| matches!(c, '"' | '\'')) {
            self.chars.next();
            let start = self.chars.peek().map_or(self.text.len(), |&(at, _)| at);
            let end = self.chars.find(|&(_, c)| c == quote);
            let Some((end, _)) = end.filter(|_| self.takes(')')) else {
                return Err(self.wanted("the name's end and `)`"));
            };
            return Ok(self.text[start..end].to_owned());
        }
        let (start, mut open) = (self.place(), 1);
        for (at, c) in self.chars.by_ref() {
            match c {
                '(' => open += 1,
                ')' => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Ok(self.text[start..at].trim().to_owned());
            }
        }
        Err(self.wanted("`)`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICIES: [&str; 3] = ["router", "always-driver", "a (b)"];

    fn at(text: &str) -> f64 {
        let equation = Equation::parse(text, &POLICIES).unwrap();
        let of =
            |kind: Kind, policy: usize| Some(policy as f64 + [10.0, 20.0, 30.0][kind as usize]);
        equation.difference(&of).unwrap().0
    }

    #[test]
    fn sides_are_worked_out_as_arithmetic_says() {
        assert_eq!(at("net(router)=net(always-driver)"), -1.0);
        assert_eq!(at("2 * cost(router) - 1e-1 = 4"), 35.9);
        assert_eq!(at("-(success(\"router\") + 2) / 4 = -8"), 0.0);
        assert_eq!(at("net( a (b) ) = 6 - 2 - 1"), 9.0);
        assert_eq!(at("1.5e+1 = 3*5"), 0.0);
    }

    #[test]
    fn what_is_no_equation_says_why() {
        let deep = format!("{}1=1", "(".repeat(10_000));
        let long = format!("1{}=1", "+1".repeat(10_000));
        for (text, says) in [
            ("net(router)", "`=` or an operation is wanted at the end"),
            ("net(router)=", "a figure or a number is wanted"),
            ("net(routr)=1", "did you mean `router`?"),
            ("net(zzz)=1", "known: router, always-driver"),
            ("nett(router)=1", "did you mean `net`?"),
            ("latency(router)=1", "known: net, cost, success"),
            ("net router=1", "write net(POLICY)"),
            ("net(router=1", "`)` is wanted"),
            ("net('router=1", "the name's end"),
            ("1=2=3", "an operation or the end is wanted before `=3`"),
            ("1x=2", "`1x` is not a number"),
            ("", "a figure or a number is wanted"),
            ("é=1", "no figure"),
            (&deep, "too deeply"),
            (&long, "too long"),
        ] {
            let error = Equation::parse(text, &POLICIES).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_division_by_nothing_is_unknown() {
        let equation = Equation::parse("1/0 = net(router)", &POLICIES).unwrap();
        assert_eq!(equation.difference(&|_, _| Some(1.0)), None);
    }

    #[test]
    fn the_better_side_is_known_where_both_are_figures_of_a_kind() {
        let better = |text: &str| {
            let equation = Equation::parse(text, &POLICIES).unwrap();
            equation.greater_is_better()
        };
        assert_eq!(better("net(router)=net(always-driver)"), Some(true));
        assert_eq!(better("cost(router)=cost(always-driver)"), Some(false));
        assert_eq!(better("cost(router)=net(always-driver)"), None);
        assert_eq!(better("net(router)=0"), None);
    }
}
