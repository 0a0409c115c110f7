//! Which requests a router has not learned from.

use weighbridge_router::{Router, prompt_group};

use crate::replay::in_parts;
use crate::trace::Trace;

/// For each request, whether none of the routers was trained on its prompt group. A request
/// without a prompt cannot have been learned from.
#[must_use]
pub fn keep_unseen(trace: &Trace, routers: &[&Router], threads: usize) -> Vec<bool> {
    let trained: Vec<&&Router> = routers
        .iter()
        .filter(|router| router.parts().training.is_some())
        .collect();
    if trained.is_empty() {
        return vec![true; trace.len()];
    }
    let unseen = |prompt: &str| {
        let group = prompt_group(prompt);
        !trained.iter().any(|router| router.trained_on(&group))
    };
    in_parts(trace.len(), threads, |range| {
        range
            .map(|i| trace.prompt(i).is_none_or(unseen))
            .collect::<Vec<bool>>()
    })
    .concat()
}
