//! How well scores put positives before negatives.

/// The area under the ROC curve: the chance that a random positive scores above a random negative,
/// ties counting half (Mann and Whitney, 1947; Hanley and McNeil, 1982); within 0 and 1, 0.5 for
/// scores without information.
///
/// `scores[i]` is the score of the item that is positive where `positive[i]`. Pairs are counted in
/// integers, so the order of items does not matter. `None` where either class is missing, a score
/// is not a number, or the slices differ in length.
#[must_use]
pub fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    if scores.len() != positive.len() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut items: Vec<(f64, bool)> = scores
        .iter()
        .zip(positive)
        .map(|(&score, &positive)| (score, positive))
        .collect();
    // No score is NaN; `total_cmp` would tell the two zeros apart, which are a tie.
    items.sort_unstable_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
    let (mut positives, mut negatives, mut half_wins) = (0u128, 0u128, 0u128);
    for tied in items.chunk_by(|a, b| a.0 == b.0) {
        let tied_positives = tied.iter().filter(|item| item.1).count() as u128;
        let tied_negatives = tied.len() as u128 - tied_positives;
        half_wins += tied_positives * (2 * negatives + tied_negatives);
        positives += tied_positives;
        negatives += tied_negatives;
    }
    let pairs = positives * negatives;
    (pairs > 0).then(|| half_wins as f64 / (2.0 * pairs as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_count_half_and_one_class_alone_has_no_area() {
        let classes = [false, true, false, true];
        assert_eq!(auc(&[1.0, 2.0, 3.0, 4.0], &classes), Some(0.75));
        assert_eq!(auc(&[0.0, -0.0, 0.0, 0.0], &classes), Some(0.5));
        assert_eq!(
            (auc(&[1.0], &[true]), auc(&[], &[]), auc(&[1.0], &[])),
            (None, None, None)
        );
        assert_eq!(auc(&[f64::NAN, 1.0], &[true, false]), None);
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_won(
            items in prop::collection::vec((0i8..6, any::<bool>()), 0..40),
        ) {
            let scores: Vec<f64> = items.iter().map(|item| f64::from(item.0)).collect();
            let positive: Vec<bool> = items.iter().map(|item| item.1).collect();
            let (mut won, mut pairs) = (0.0, 0.0);
            for (high, _) in items.iter().filter(|item| item.1) {
                for (low, _) in items.iter().filter(|item| !item.1) {
                    pairs += 1.0;
                    won += if high > low { 1.0 } else if high == low { 0.5 } else { 0.0 };
                }
            }
            prop_assert_eq!(auc(&scores, &positive), (pairs > 0.0).then(|| won / pairs));
        }
    }
}
