//! A feature's values as a few bins, so that two samples of it can be compared by counts.
//!
//! The edges are the training's deciles. A value that a tenth of the prompts share gets a bin of
//! its own, so that both more and fewer of it show.

/// The edges of the bins of these values, ascending: bin `k` has what is above edge `k - 1` and not
/// above edge `k`. At most 18; none without values.
pub(super) fn edges(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let n = values.len();
    let mut edges = Vec::new();
    for tenth in (1..10).filter(|_| n > 0) {
        let value = values[((tenth * n).div_ceil(10)).max(1) - 1];
        let below = values.partition_point(|held| *held < value);
        let upto = values.partition_point(|held| *held <= value);
        if 10 * (upto - below) >= n {
            let next = below.checked_sub(1).map(|at| values[at]);
            edges.push(next.unwrap_or_else(|| value.next_down()));
        }
        edges.push(value);
    }
    edges.sort_unstable_by(f32::total_cmp);
    edges.dedup();
    edges
}

/// The bin of a value, from 0 to the number of edges.
pub(super) fn bin(edges: &[f32], value: f32) -> u8 {
    // A reference has at most 35 edges a feature.
    edges.partition_point(|edge| *edge < value) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_tenths_and_frequent_ones_have_a_bin_of_their_own() {
        let even = edges((0..1000).map(|i| i as f32).collect());
        assert_eq!(even.len(), 9);
        let mut counts = [0; 10];
        for i in 0..1000 {
            counts[usize::from(bin(&even, i as f32))] += 1;
        }
        assert_eq!(counts, [100; 10]);
        // A constant: what is above it and what is below it stand apart.
        let constant = edges(vec![3.0; 50]);
        let bins = [2.5, 3.0, 3.5].map(|value| bin(&constant, value));
        assert_eq!(bins, [0, 1, 2]);
        // 95% ones and some below.
        let values = (0..100).map(|i| if i < 95 { 1.0 } else { 0.5 });
        let mostly = edges(values.collect());
        let bins = [0.4, 0.5, 1.0, 1.1].map(|value| bin(&mostly, value));
        assert_eq!(bins, [0, 0, 1, 2]);
        assert!(edges(Vec::new()).is_empty() && bin(&[], 1.0) == 0);
        assert!(edges((0..400).map(|i| (i / 40) as f32).collect()).len() <= 18);
    }
}
