//! `tag/1`: which of the known tasks a request has.
//!
//! Owns the one-hot columns of the request's `task`. A task that is absent or unknown has no entry.

use crate::error::Error;

/// The step `tag/1` on the field `task`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// The known tasks, each different; a column each, in this order.
    pub values: Vec<String>,
}

impl Tag {
    /// The column of a task, numbered from 0. Compared byte for byte.
    pub(super) fn column(&self, task: &str) -> Option<usize> {
        self.values.iter().position(|value| value == task)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        for (i, value) in self.values.iter().enumerate() {
            if self.column(value) != Some(i) {
                return Err(Error::value(format!("{value:?} stands twice"))
                    .within(format_args!("values[{i}]")));
            }
        }
        Ok(())
    }
}
