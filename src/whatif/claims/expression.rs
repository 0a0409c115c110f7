//! Arithmetic over named facts: `cost_b / cost_a - 1`.
//!
//! Numbers, names, `+ - * /`, parentheses, and four functions. Knows nothing of what a fact is.

use super::column::{Cell, Column};
use crate::catalog::nearest;
use crate::stats::variance_to_tell;

/// The longest expression, in bytes; it bounds how deep parentheses nest.
const LONGEST: usize = 500;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Fact(String),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(Function, Vec<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// The least of a column.
    Min,
    /// The greatest of a column.
    Max,
    /// The mean of a column.
    Mean,
    /// How many units tell a difference from none, of the difference and the variance of a unit.
    ToTell,
}

const FUNCTIONS: [(&str, Function, usize); 4] = [
    ("min", Function::Min, 1),
    ("max", Function::Max, 1),
    ("mean", Function::Mean, 1),
    ("to_tell", Function::ToTell, 2),
];

impl Expression {
    /// Read an expression.
    ///
    /// # Errors
    /// What was expected, and where.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!(
                "is longer than {LONGEST} characters; divide it into readings"
            ));
        }
        let mut parser = Parser { text, at: 0 };
        let whole = parser.sum()?;
        match parser.peek() {
            None => Ok(whole),
            Some(_) => Err(parser.expected("an operator (+ - * /) or the end")),
        }
    }

    /// Every fact that it names, in order, once.
    pub(super) fn facts(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.visit(&mut |name| {
            if !names.contains(&name) {
                names.push(name);
            }
        });
        names
    }

    fn visit<'a>(&'a self, seen: &mut impl FnMut(&'a str)) {
        match self {
            Self::Number(_) => {}
            Self::Fact(name) => seen(name),
            Self::Binary(_, a, b) => {
                a.visit(seen);
                b.visit(seen);
            }
            Self::Call(_, arguments) => {
                for argument in arguments {
                    argument.visit(seen);
                }
            }
        }
    }

    /// How many values it has, given how many each fact has.
    ///
    /// # Errors
    /// Two columns that do not go together.
    pub(super) fn width(&self, of: &impl Fn(&str) -> usize) -> Result<usize, String> {
        let together = |a: usize, b: usize| match (a, b) {
            (1, n) | (n, 1) => Ok(n),
            (a, b) if a == b => Ok(a),
            (a, b) => Err(format!(
                "a list of {a} does not go with a list of {b}; give lists of one length"
            )),
        };
        match self {
            Self::Number(_) => Ok(1),
            Self::Fact(name) => Ok(of(name)),
            Self::Binary(_, a, b) => together(a.width(of)?, b.width(of)?),
            Self::Call(Function::ToTell, arguments) => {
                let widths: Vec<usize> = arguments
                    .iter()
                    .map(|it| it.width(of))
                    .collect::<Result<_, _>>()?;
                together(widths[0], widths[1])
            }
            Self::Call(_, arguments) => arguments[0].width(of).map(|_| 1),
        }
    }

    /// Its values, given those of each fact. Widths were checked before.
    pub(super) fn column(&self, of: &impl Fn(&str) -> Column) -> Column {
        match self {
            Self::Number(x) => Column::single(Cell::exact(*x)),
            Self::Fact(name) => of(name),
            Self::Binary(operator, a, b) => {
                let apply = |a: f64, b: f64| match operator {
                    Operator::Add => a + b,
                    Operator::Subtract => a - b,
                    Operator::Multiply => a * b,
                    Operator::Divide => a / b,
                };
                a.column(of).with(&b.column(of), apply)
            }
            Self::Call(Function::ToTell, arguments) => {
                let [a, b] = [0, 1].map(|i| arguments[i].column(of));
                a.with(&b, |difference, variance| {
                    variance_to_tell(difference, variance).unwrap_or(f64::INFINITY)
                })
            }
            Self::Call(function, arguments) => {
                let all = arguments[0].column(of);
                Column::single(all.folded(|values| match function {
                    Function::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
                    Function::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    _ => values.iter().sum::<f64>() / values.len() as f64,
                }))
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| **byte == b' ').count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn expected(&self, what: &str) -> String {
        format!("{what} is expected at character {}", self.at + 1)
    }

    fn sum(&mut self) -> Result<Expression, String> {
        let mut left = self.product()?;
        loop {
            let operator = match self.peek() {
                Some(b'+') => Operator::Add,
                Some(b'-') => Operator::Subtract,
                _ => return Ok(left),
            };
            self.at += 1;
            left = Expression::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expression, String> {
        let mut left = self.atom()?;
        loop {
            let operator = match self.peek() {
                Some(b'*') => Operator::Multiply,
                Some(b'/') => Operator::Divide,
                _ => return Ok(left),
            };
            self.at += 1;
            left = Expression::Binary(operator, Box::new(left), Box::new(self.atom()?));
        }
    }

    fn atom(&mut self) -> Result<Expression, String> {
        if self.eat(b'(') {
            let inner = self.sum()?;
            return self.closed(inner);
        }
        let word = self.word();
        let Some(first) = word.bytes().next() else {
            return Err(self.expected("a number, a fact or a parenthesis"));
        };
        if first.is_ascii_digit() || first == b'.' {
            let number = word.parse().ok().filter(|x: &f64| x.is_finite());
            return number
                .map(Expression::Number)
                .ok_or_else(|| format!("`{word}` is no number"));
        }
        if self.eat(b'(') {
            return self.call(&word);
        }
        Ok(Expression::Fact(word))
    }

    fn call(&mut self, name: &str) -> Result<Expression, String> {
        let Some(&(_, function, wanted)) = FUNCTIONS.iter().find(|(known, ..)| *known == name)
        else {
            let known = FUNCTIONS.map(|(known, ..)| known);
            let hint = nearest(name, known).map_or_else(
                || format!("there are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(format!("there is no function `{name}`; {hint}"));
        };
        let mut arguments = vec![self.sum()?];
        while self.eat(b',') {
            arguments.push(self.sum()?);
        }
        if arguments.len() != wanted {
            return Err(format!(
                "`{name}` takes {wanted} arguments, not {}",
                arguments.len()
            ));
        }
        self.closed(Expression::Call(function, arguments))
    }

    fn closed(&mut self, inner: Expression) -> Result<Expression, String> {
        if self.eat(b')') {
            Ok(inner)
        } else {
            Err(self.expected("`)`"))
        }
    }

    /// The letters, digits, points and underscores that come next.
    fn word(&mut self) -> String {
        self.peek();
        let rest = &self.text[self.at..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Option<f64> {
        let of = |name: &str| match name {
            "pair" => Column {
                of: vec!["p".to_owned(), "q".to_owned()],
                cells: vec![Cell::exact(3.0), Cell::exact(5.0)],
            },
            _ => Column::single(Cell::exact(2.0)),
        };
        let parsed = Expression::parse(text).unwrap();
        parsed.column(&of).cells[0].x
    }

    #[test]
    fn arithmetic_binds_as_on_paper() {
        for (text, expected) in [
            ("1 + 2 * 3 - 4 / 2", 5.0),
            ("(1 + 2) * 3", 9.0),
            ("10 - 3 - 2", 5.0),
            ("8 / 2 / 2", 2.0),
            ("max(pair) - min(pair) + mean(pair) * two", 10.0),
            ("1.5e1 - two", 13.0),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        assert_eq!(value("1 / (two - 2)"), None);
    }

    #[test]
    fn the_problems_that_tell_two_shares_apart_are_those_of_the_normal_approximation() {
        let n = value("to_tell(0.029, 0.931 * 0.069 + 0.96 * 0.04)").unwrap();
        assert_eq!(n, 958.0);
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place() {
        for (text, says) in [
            (
                "1 +",
                "a number, a fact or a parenthesis is expected at character 4",
            ),
            ("(1", "`)` is expected at character 3"),
            (
                "1 2",
                "an operator (+ - * /) or the end is expected at character 3",
            ),
            (
                "meen(a)",
                "there is no function `meen`; did you mean `mean`?",
            ),
            ("to_tell(1)", "`to_tell` takes 2 arguments, not 1"),
            ("1.2.3", "`1.2.3` is no number"),
            ("", "a number, a fact"),
        ] {
            let error = Expression::parse(text).unwrap_err();
            assert!(error.starts_with(says), "{text}: {error}");
        }
        assert!(Expression::parse(&"(".repeat(501)).is_err());
        assert!(Expression::parse(&"(".repeat(500)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+*/()a-z0-9., é]{0,40}") {
            let _ = Expression::parse(&text);
        }
    }
}
