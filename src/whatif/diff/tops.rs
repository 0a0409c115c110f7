//! The requests whose move costs or gains most.

use super::figures::{Ground, array};
use super::moves::Move;
use super::predicted::Answer;
use super::result::{MovedRequest, Moves, RankedBy, Tops};
use crate::replay::Segments;

/// Rank the moves by what most of them have.
pub(super) fn tops(ground: &Ground<'_>, moves: &[Move], tasks: &Segments, top: usize) -> Tops {
    let recorded: Vec<Answer> = moves.iter().map(|it| ground.difference(it)).collect();
    let predicted = &ground.forecast.differences;
    let ranks: [(RankedBy, &[Answer]); 4] = [
        (RankedBy::RecordedNet, &recorded),
        (RankedBy::PredictedNet, predicted),
        (RankedBy::RecordedCost, &recorded),
        (RankedBy::PredictedCost, predicted),
    ];
    let found = ranks.iter().find(|(by, of)| {
        let known = of.iter().filter(|it| gain(*by, it).is_some()).count();
        known > 0 && 2 * known >= moves.len()
    });
    let Some(&(by, of)) = found else {
        return Tops {
            ranked_by: None,
            left_out: moves.len() as u64,
            costs: Vec::new(),
            gains: Vec::new(),
        };
    };
    let mut ranked: Vec<(f64, usize)> = of
        .iter()
        .enumerate()
        .filter_map(|(place, it)| Some((gain(by, it)? * moves[place].mass, place)))
        .collect();
    let left_out = (moves.len() - ranked.len()) as u64;
    let trace = ground.stage.trace();
    let id = |place: usize| trace.id(moves[place].row);
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| id(a.1).cmp(id(b.1))));
    let shown = |place: usize| {
        let it = &moves[place];
        MovedRequest {
            id: trace.id(it.row).to_owned(),
            task: tasks.labels()[tasks.of(it.row)].clone(),
            from: ground.name(it.from),
            to: ground.name(it.to),
            mass: it.mass,
            recorded: terms(recorded[place]),
            predicted: terms(predicted[place]),
        }
    };
    let losing = ranked.iter().filter(|(gain, _)| *gain < 0.0);
    let winning = ranked.iter().rev().filter(|(gain, _)| *gain > 0.0);
    Tops {
        ranked_by: Some(by),
        left_out,
        costs: losing.take(top).map(|&(_, place)| shown(place)).collect(),
        gains: winning.take(top).map(|&(_, place)| shown(place)).collect(),
    }
}

/// What a move gains: net value, or cost saved.
fn gain(by: RankedBy, of: &Answer) -> Option<f64> {
    match by {
        RankedBy::RecordedNet | RankedBy::PredictedNet => of.net,
        RankedBy::RecordedCost | RankedBy::PredictedCost => of.cost.map(|usd| -usd),
    }
}

fn terms(of: Answer) -> Moves<Option<f64>> {
    let all = array(of);
    Moves::of(|figure| all[figure])
}
