//! Which prompt groups are trained on, which are held out, and which fold a group is in.
//!
//! Every draw is keyed by the group itself, so that near-equal prompts stand on one side, whatever
//! trace they come from and in whatever order.

use weighbridge_router::prompt_group;

use crate::stats;
use crate::trace::Trace;

/// A prompt group's hash, see [`prompt_group`].
pub(super) type Group = [u8; 32];

/// Whether a prompt group is kept from training: the draw of `group` under `salt` is below
/// `share` (from 0 to 1).
#[must_use]
pub fn is_held_out(salt: &str, share: f64, group: &[u8; 32]) -> bool {
    stats::uniform(0, &format!("holdout:{salt}"), group) < share
}

/// The out-of-fold fold of a group, in `0..folds`.
pub(super) fn fold_of(seed: u64, folds: usize, group: &Group) -> usize {
    stats::fold(seed, "out-of-fold", group, folds)
}

/// The prompt group of each row; none where there is no prompt, which cannot be trained on.
pub(super) fn groups(trace: &Trace) -> Vec<Option<Group>> {
    (0..trace.len())
        .map(|row| trace.prompt(row).map(prompt_group))
        .collect()
}

/// The different ones of the groups, in order.
pub(super) fn distinct(groups: impl Iterator<Item = Group>) -> Vec<Group> {
    let mut groups: Vec<Group> = groups.collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_held_out_share_is_as_asked_and_depends_on_the_salt() {
        let groups: Vec<Group> = (0..4000)
            .map(|i| prompt_group(&format!("word {i}")))
            .collect();
        let held = |salt: &str, share: f64| -> Vec<bool> {
            let draw = |group| is_held_out(salt, share, group);
            groups.iter().map(draw).collect()
        };
        let count = |held: &[bool]| held.iter().filter(|held| **held).count();
        assert!(count(&held("a", 0.4)).abs_diff(1600) < 130);
        assert_eq!(count(&held("a", 0.0)), 0);
        assert_eq!(count(&held("a", 1.0)), 4000);
        assert_ne!(held("a", 0.4), held("b", 0.4));
        assert!(is_held_out("a", 0.4, &groups[0]) == held("a", 0.4)[0]);
    }

    #[test]
    fn a_fold_says_nothing_of_the_holdout() {
        let groups: Vec<Group> = (0..5000).map(|i| prompt_group(&format!("x {i}"))).collect();
        let mut counts = [[0; 2]; 5];
        for group in &groups {
            counts[fold_of(0, 5, group)][usize::from(is_held_out("", 0.5, group))] += 1;
        }
        for count in counts.concat() {
            assert!(i32::abs_diff(count, 500) < 90, "{counts:?}");
        }
    }
}
