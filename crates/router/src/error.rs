//! What can be wrong with a router file or a request.

use std::borrow::Cow;
use std::fmt;

use super::printable::printable;

/// Why something was refused, with the place in the document where that is known.
///
/// The message is one line, without the file's name: the caller knows that.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    path: String,
    message: String,
}

/// The kinds of fault, for callers that react to them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file could not be read.
    Io,
    /// The frame around the body is broken: cut off, changed, or no router file at all.
    Frame,
    /// The file was written by a newer version, or holds a part that this version does not know.
    Version,
    /// A field is missing, unknown, or has a value that it cannot have.
    Value,
    /// The file's own golden requests are not decided as it says they must be.
    Golden,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            path: String::new(),
            message: one_line(message),
        }))
    }

    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Value, message)
    }

    /// The same error, one level further out: `outer` is a field or `name[3]`.
    pub(crate) fn within(mut self, outer: impl fmt::Display) -> Self {
        let inner = &self.0.path;
        let outer = one_line(outer.to_string());
        self.0.path = match inner.chars().next() {
            None => outer,
            Some('[') => format!("{outer}{inner}"),
            Some(_) => format!("{outer}.{inner}"),
        };
        self
    }

    /// What sort of fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where in the document, for example `heads[2].weights`; empty where it concerns the whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

/// An error is one line whatever it quotes.
fn one_line(text: impl Into<String>) -> String {
    let text = text.into();
    match printable(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.path.is_empty() {
            f.write_str(&self.0.message)
        } else {
            write!(f, "{}: {}", self.0.path, self.0.message)
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_it_quotes() {
        let error = Error::value("no `a\nb`").within("c\r\u{1b}").within("[2]");
        assert_eq!(error.to_string(), r"[2].c\r\u{1b}: no `a\nb`");
    }
}
