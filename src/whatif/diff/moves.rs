//! What moves: the mass of each request that the two policies place differently.

use crate::replay::{Assignment, Decisions};

/// A part of a request that goes elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Move {
    /// The request, by its place in the trace.
    pub(super) row: usize,
    /// The endpoint that it leaves, by its place in the stage; `None`: nobody answered it.
    pub(super) from: Option<u16>,
    /// The endpoint that it goes to; `None`: nobody answers it.
    pub(super) to: Option<u16>,
    /// How much of the request, 0 to 1.
    pub(super) mass: f64,
}

/// Every move, in order of the trace.
pub(super) fn moves(a: &Decisions, b: &Decisions) -> Vec<Move> {
    let differs = a.differs(b);
    let rows = (0..a.len()).filter(|&row| differs(row));
    rows.flat_map(|row| of_request(row, a.get(row), b.get(row)))
        .collect()
}

/// Where an endpoint loses mass and others gain some, each of these gets its share of it: nothing
/// moves twice, and nothing that both policies place alike moves at all.
fn of_request(row: usize, a: &Assignment, b: &Assignment) -> Vec<Move> {
    let mut places: Vec<Option<u16>> = vec![None];
    let all = a.masses.iter().chain(&b.masses);
    for &(endpoint, _) in all {
        if !places.contains(&Some(endpoint)) {
            places.push(Some(endpoint));
        }
    }
    let mass = |of: &Assignment, place: Option<u16>| match place {
        None => i64::from(of.unanswered.0),
        Some(endpoint) => {
            let held = of.masses.iter().filter(|(held, _)| *held == endpoint);
            held.map(|(_, share)| i64::from(share.0)).sum()
        }
    };
    let gains: Vec<(Option<u16>, i64)> = places
        .iter()
        .map(|&place| (place, mass(b, place) - mass(a, place)))
        .collect();
    let moved: i64 = gains.iter().map(|(_, gain)| (*gain).max(0)).sum();
    let mut found = Vec::new();
    for &(from, loss) in gains.iter().filter(|(_, gain)| *gain < 0) {
        for &(to, gain) in gains.iter().filter(|(_, gain)| *gain > 0) {
            let mass = -loss as f64 * gain as f64 / moved as f64 / 1e6;
            found.push(Move {
                row,
                from,
                to,
                mass,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_router::Ppm;

    fn assignment(masses: &[(u16, u32)], unanswered: u32) -> Assignment {
        Assignment {
            masses: masses.iter().map(|&(at, share)| (at, Ppm(share))).collect(),
            unanswered: Ppm(unanswered),
            ..Assignment::default()
        }
    }

    #[test]
    fn a_request_moves_as_a_whole_between_fixed_choices() {
        let moved = of_request(4, &Assignment::all_to(0), &Assignment::all_to(2));
        let whole = Move {
            row: 4,
            from: Some(0),
            to: Some(2),
            mass: 1.0,
        };
        assert_eq!(moved, [whole]);
        let lost = of_request(4, &Assignment::all_to(0), &Assignment::unanswered());
        assert_eq!(lost, [Move { to: None, ..whole }]);
    }

    #[test]
    fn mixtures_move_what_they_place_differently_and_no_more() {
        let a = assignment(&[(0, 900_000), (1, 100_000)], 0);
        let b = assignment(&[(0, 500_000), (1, 200_000), (2, 250_000)], 50_000);
        let moved = of_request(0, &a, &b);
        let to = |to: Option<u16>| -> f64 {
            let of = moved.iter().filter(|it| it.to == to && it.from == Some(0));
            of.map(|it| it.mass).sum()
        };
        assert_eq!([to(Some(1)), to(Some(2)), to(None)], [0.1, 0.25, 0.05]);
        assert!((moved.iter().map(|it| it.mass).sum::<f64>() - 0.4).abs() < 1e-12);
        assert!(of_request(0, &a, &a).is_empty());
    }
}
