//! The router files in force: taken whole by each request, replaced whole by a reload.

use std::sync::{Arc, PoisonError, RwLock};

use weighbridge_router::{Ppm, Router};

/// A router file, loaded and verified.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What traces call the policy.
    pub name: String,
    /// The decider.
    pub router: Router,
}

/// A second file that decides for a share of the traffic.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The file.
    pub loaded: Loaded,
    /// How much of the traffic it decides.
    pub share: Ppm,
}

/// All that decides at a moment. A request takes one of these when it arrives and keeps it to its
/// end, so that a reload never changes a request that is under way.
#[derive(Debug, Clone)]
pub struct Active {
    /// What decides.
    pub main: Loaded,
    /// What decides for a share of the traffic instead.
    pub canary: Option<Canary>,
    /// What is asked too, and changes nothing.
    pub shadow: Option<Loaded>,
    /// The share of what is answered that is dealt out evenly among the endpoints that are eligible
    /// for each request, the canary's too.
    pub explore: Ppm,
}

/// The files in force now.
#[derive(Debug)]
pub(super) struct Live(RwLock<Arc<Active>>);

impl Live {
    pub(super) fn new(active: Active) -> Self {
        Self(RwLock::new(Arc::new(active)))
    }

    pub(super) fn get(&self) -> Arc<Active> {
        // A panic elsewhere leaves the pointer whole.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, active: Arc<Active>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = active;
    }
}
