//! Faults of a disk, made on purpose: in tests alone.

use std::cell::RefCell;
use std::io;
use std::ops::Range;

/// Which steps of this thread go wrong.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Those that fail, by their number.
    pub(super) failing: Range<usize>,
    /// Whether the first of these, where it is a write, writes half before anything fails.
    pub(super) torn: bool,
    /// How many bytes the disk takes; none: all.
    pub(super) space: Option<usize>,
    /// Whether nothing can be cut off.
    pub(super) uncut: bool,
}

#[derive(Debug, Default)]
struct State {
    plan: Plan,
    steps: Vec<String>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// From here on the steps of this thread go so.
pub(super) fn go_wrong(plan: Plan) {
    let steps = Vec::new();
    STATE.set(State { plan, steps });
}

/// From here on all goes well; the steps that were taken until here.
pub(super) fn go_well() -> Vec<String> {
    STATE.take().steps
}

/// A step is about to be taken.
pub(super) fn step(name: &str) -> io::Result<()> {
    STATE.with_borrow_mut(|state| {
        let number = state.steps.len();
        state.steps.push(name.to_owned());
        let plan = &state.plan;
        let torn = plan.torn && name == "write" && number == plan.failing.start;
        if (plan.failing.contains(&number) && !torn) || (plan.uncut && name == "cut") {
            return Err(io::Error::other("on purpose"));
        }
        if name == "write" && plan.space == Some(0) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    })
}

/// How much of so many bytes is written at once.
pub(super) fn room(bytes: usize) -> usize {
    STATE.with_borrow_mut(|state| {
        let written = state.steps.len().checked_sub(1);
        let plan = &mut state.plan;
        let torn = plan.torn && written == Some(plan.failing.start);
        let most = if torn { bytes / 2 } else { bytes };
        let most = most.min(plan.space.unwrap_or(most));
        plan.space = plan.space.map(|space| space - most);
        most
    })
}
