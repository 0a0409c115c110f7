//! Why a target cannot express a policy.

use std::fmt;

use weighbridge_router::Router;

/// A policy does not fit a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfit {
    /// Every reason, each with the place in the policy and the mend.
    pub reasons: Vec<String>,
    /// The nearest policy that the target can express; none: there is none worth having.
    pub nearest: Option<Box<Nearest>>,
}

/// A policy that a target can express in place of one that it cannot.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// What it does, and what it leaves out.
    pub description: String,
    /// The policy itself, so that what it loses can be measured.
    pub router: Router,
}

impl Unfit {
    /// Unfit for one reason, with nothing near it.
    #[must_use]
    pub fn because(reason: impl Into<String>) -> Self {
        Self {
            reasons: vec![reason.into()],
            nearest: None,
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reasons.join("; "))
    }
}

impl std::error::Error for Unfit {}
