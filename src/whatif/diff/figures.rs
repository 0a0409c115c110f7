//! Sums over moves, resampled once for all figures, routes and tasks.

use super::moves::Move;
use super::predicted::{Answer, Forecast};
use super::result::{DiffFigure, Moves, Route, TaskMoves, Unanswered};
use crate::evaluate::{Bootstrap, Figure, Verdict, with_interval};
use crate::replay::{Charged, Decisions, Segments, Stage};
use crate::stats::{standard_error, units_to_tell};

/// What a comparison is made on.
pub(super) struct Ground<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) charged: &'a Charged,
    pub(super) decisions: [&'a Decisions; 2],
    pub(super) forecast: &'a Forecast,
    pub(super) bootstrap: Bootstrap<'a>,
}

/// The figures in the order of [`Moves`]: name, unit, whether more is better.
pub(super) const FIGURES: [(&str, &str, bool); 4] = [
    ("net_usd_per_request", "USD", true),
    ("success", "share", true),
    ("cost_usd_per_request", "USD", false),
    ("latency_ms_mean", "ms", false),
];

const NO_MOVE: &str = "no request moves";
const NOT_PAIRED: &str = "no moved request has a recorded outcome at both of its endpoints";
/// Lost requests that are named.
const NAMED: usize = 10;

/// Sums over some of the moves.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// The weight of the requests among which these moves are.
    requests: f64,
    /// Moved mass.
    mass: f64,
    /// Of it, what is known of each figure.
    known: [f64; 4],
    /// Mass times difference, where it is known.
    differences: [f64; 4],
}

impl Sums {
    fn add(&mut self, weight: f64, difference: &[Option<f64>; 4]) {
        self.mass += weight;
        for (figure, x) in difference.iter().enumerate() {
            if let Some(x) = x {
                self.known[figure] += weight;
                self.differences[figure] += weight * x;
            }
        }
    }

    fn share(&self) -> Option<f64> {
        (self.requests > 0.0).then(|| self.mass / self.requests)
    }

    fn per_moved(&self, figure: usize) -> Option<f64> {
        (self.known[figure] > 0.0).then(|| self.differences[figure] / self.known[figure])
    }

    /// For each request, moved or not: those that stay differ by nothing, and moved ones that are not
    /// known by as much as those that are.
    fn per_request(&self, figure: usize) -> Option<f64> {
        match self.mass {
            0.0 => self.share(),
            _ => Some(self.per_moved(figure)? * self.share()?),
        }
    }
}

/// Groups of moves and their sums: once as they are, then for each replicate.
struct Resampled {
    once: Vec<Sums>,
    drawn: Vec<Vec<Sums>>,
}

impl Resampled {
    fn series(&self, group: usize, of: impl Fn(&Sums) -> Option<f64>) -> Vec<Option<f64>> {
        self.drawn.iter().map(|sums| of(&sums[group])).collect()
    }

    fn figure(
        &self,
        group: usize,
        unit: &'static str,
        evidence: String,
        why: &str,
        of: impl Fn(&Sums) -> Option<f64>,
    ) -> Figure {
        let once = &self.once[group];
        match of(once) {
            None => Figure::unknown(unit, why),
            Some(x) => {
                let figure = Figure::known(x, unit, once.requests as u64).on(evidence);
                with_interval(figure, &self.series(group, of))
            }
        }
    }
}

impl Ground<'_> {
    /// What an endpoint made of a request.
    fn recorded(&self, endpoint: Option<u16>, row: usize) -> Answer {
        let Some(at) = endpoint else {
            return Answer::NONE;
        };
        let charged = self.charged;
        Answer {
            success: charged.score(at, row).map(|score| f64::from(score) / 1e6),
            cost: charged.cost(at, row).map(|usd| usd.to_f64()),
            net: charged.net(at, row).map(|usd| usd.to_f64()),
            latency: charged.latency_ms(at, row).map(f64::from),
        }
    }

    /// What a moved request differs by, as recorded.
    pub(super) fn difference(&self, it: &Move) -> Answer {
        let before = self.recorded(it.from, it.row);
        self.recorded(it.to, it.row).less(before)
    }

    /// The sums of each group; `group_of_row` says to which group a request belongs, where requests
    /// and not moves make up the groups.
    fn resampled(
        &self,
        moves: &[Move],
        groups: &[usize],
        count: usize,
        group_of_row: Option<&dyn Fn(usize) -> usize>,
    ) -> Resampled {
        let differences: Vec<[Option<f64>; 4]> =
            moves.iter().map(|it| array(self.difference(it))).collect();
        let rows = self.decisions[0].len();
        let of_row: Option<Vec<usize>> = group_of_row.map(|of| (0..rows).map(of).collect());
        let measure = |weight: &dyn Fn(usize) -> f64| {
            let mut sums = vec![Sums::default(); count];
            match &of_row {
                Some(of_row) => {
                    for (row, &group) in of_row.iter().enumerate() {
                        sums[group].requests += weight(row);
                    }
                }
                None => {
                    let requests = (0..rows).map(weight).sum();
                    sums.iter_mut().for_each(|it| it.requests = requests);
                }
            }
            for ((it, &group), difference) in moves.iter().zip(groups).zip(&differences) {
                sums[group].add(weight(it.row) * it.mass, difference);
            }
            sums
        };
        let drawn = self
            .bootstrap
            .replicates(|weights| measure(&|row| f64::from(weights[row])));
        Resampled {
            once: measure(&|_| 1.0),
            drawn,
        }
    }

    /// The share of requests that move.
    pub(super) fn moved(&self, moves: &[Move]) -> Figure {
        let all = self.resampled(moves, &vec![0; moves.len()], 1, None);
        all.figure(
            0,
            "share",
            "full".to_owned(),
            "there is no request",
            Sums::share,
        )
    }

    /// The four figures over all requests.
    pub(super) fn figures(&self, moves: &[Move]) -> Vec<DiffFigure> {
        let all = self.resampled(moves, &vec![0; moves.len()], 1, None);
        let levels = self.levels();
        let predicted = self.predicted(moves, |_| true, self.decisions[0].len() as f64);
        let predicted: [Option<f64>; 4] = [
            predicted.net_usd,
            predicted.success,
            predicted.cost_usd,
            predicted.latency_ms,
        ];
        let one = |(figure, [a, b]): (usize, [Figure; 2])| {
            let (name, unit, more_is_better) = FIGURES[figure];
            let difference =
                all.figure(0, unit, coverage(&all.once[0], figure), NOT_PAIRED, |it| {
                    it.per_request(figure)
                });
            let why = if moves.is_empty() {
                NO_MOVE
            } else {
                NOT_PAIRED
            };
            let per_moved = all.figure(0, unit, coverage(&all.once[0], figure), why, |it| {
                it.per_moved(figure)
            });
            let known: Vec<f64> = all
                .series(0, |it| it.per_request(figure))
                .into_iter()
                .flatten()
                .collect();
            let to_tell = standard_error(&known).zip(difference.x);
            DiffFigure {
                figure: name,
                verdict: verdict(&difference, moves.is_empty(), more_is_better),
                requests_to_tell: to_tell
                    .and_then(|(error, x)| units_to_tell(x, difference.n, error)),
                predicted: predicted[figure].map(|x| self.forecasted(x, unit)),
                a,
                b,
                difference,
                per_moved,
            }
        };
        levels.into_iter().enumerate().map(one).collect()
    }

    fn forecasted(&self, x: f64, unit: &'static str) -> Figure {
        let whose = match self.forecast.by {
            Some(0) => "the heads of A",
            _ => "the heads of B",
        };
        Figure::known(x, unit, self.decisions[0].len() as u64)
            .on(format!("predicted by {whose}"))
            .because("no interval: resampling does not see the errors of what predicts")
    }

    /// Each figure of both policies, over the requests on which both are known.
    fn levels(&self) -> [[Figure; 2]; 4] {
        let rows = self.decisions[0].len();
        let expected = |policy: usize, row: usize| -> [Option<f64>; 4] {
            let assignment = self.decisions[policy].get(row);
            let mut sums = [Some(0.0); 4];
            if assignment.unanswered.0 > 0 {
                // Who gets no answer waits for none.
                sums[3] = None;
            }
            for &(endpoint, share) in &assignment.masses {
                let answer = array(self.recorded(Some(endpoint), row));
                for (sum, x) in sums.iter_mut().zip(answer) {
                    let both = sum.zip(x);
                    *sum = both.map(|(sum, x)| sum + x * f64::from(share.0) / 1e6);
                }
            }
            sums
        };
        let both: Vec<[Option<[f64; 2]>; 4]> = (0..rows)
            .map(|row| {
                let (a, b) = (expected(0, row), expected(1, row));
                std::array::from_fn(|figure| a[figure].zip(b[figure]).map(|(a, b)| [a, b]))
            })
            .collect();
        let measure = |weight: &dyn Fn(usize) -> f64| {
            let mut sums = [[0.0; 3]; 4];
            for (row, known) in both.iter().enumerate() {
                let weight = weight(row);
                for (sums, known) in sums.iter_mut().zip(known) {
                    if let Some([a, b]) = known {
                        sums[0] += weight * a;
                        sums[1] += weight * b;
                        sums[2] += weight;
                    }
                }
            }
            sums
        };
        let once = measure(&|_| 1.0);
        let drawn = self
            .bootstrap
            .replicates(|weights| measure(&|row| f64::from(weights[row])));
        let mean = |sums: &[[f64; 3]; 4], figure: usize, policy: usize| {
            (sums[figure][2] > 0.0).then(|| sums[figure][policy] / sums[figure][2])
        };
        std::array::from_fn(|figure| {
            std::array::from_fn(|policy| {
                let (_, unit, _) = FIGURES[figure];
                let n = once[figure][2] as u64;
                match mean(&once, figure, policy) {
                    None => Figure::unknown(unit, unknown_level(figure)),
                    Some(x) => {
                        let evidence = match n == rows as u64 {
                            true => "full".to_owned(),
                            false => format!("{n} of {rows} requests, known under both"),
                        };
                        let series: Vec<Option<f64>> =
                            drawn.iter().map(|it| mean(it, figure, policy)).collect();
                        with_interval(Figure::known(x, unit, n).on(evidence), &series)
                    }
                }
            })
        })
    }

    /// What the heads expect some of the moves to differ by, for so many requests; `None` where they
    /// do not know all of them.
    fn predicted(
        &self,
        moves: &[Move],
        of: impl Fn(&Move) -> bool,
        requests: f64,
    ) -> Moves<Option<f64>> {
        let mut sums = [(self.forecast.by.is_some() && requests > 0.0).then_some(0.0); 4];
        for (it, difference) in moves.iter().zip(&self.forecast.differences) {
            if of(it) {
                for (sum, x) in sums.iter_mut().zip(array(*difference)) {
                    *sum = sum.zip(x).map(|(sum, x)| sum + it.mass * x);
                }
            }
        }
        Moves::of(|figure| sums[figure].map(|sum| sum / requests))
    }

    /// From where to where, the greatest share first.
    pub(super) fn routes(&self, moves: &[Move], tasks: &Segments) -> Vec<Route> {
        let mut ends: Vec<(Option<u16>, Option<u16>)> = Vec::new();
        let groups: Vec<usize> = moves
            .iter()
            .map(|it| {
                let pair = (it.from, it.to);
                ends.iter()
                    .position(|held| *held == pair)
                    .unwrap_or_else(|| {
                        ends.push(pair);
                        ends.len() - 1
                    })
            })
            .collect();
        let sums = self.resampled(moves, &groups, ends.len(), None);
        let mut routes: Vec<Route> = ends
            .iter()
            .enumerate()
            .map(|(group, &(from, to))| {
                let mass = sums.once[group].mass;
                let mut by_task = std::collections::BTreeMap::new();
                for it in moves.iter().filter(|it| (it.from, it.to) == (from, to)) {
                    let label = tasks.labels()[tasks.of(it.row)].clone();
                    *by_task.entry(label).or_insert(0.0) += it.mass;
                }
                Route {
                    from: self.name(from),
                    to: self.name(to),
                    requests: mass,
                    share: sums.figure(group, "share", "full".to_owned(), NO_MOVE, Sums::share),
                    tasks: by_task,
                    recorded: Moves::of(|figure| {
                        let evidence = coverage(&sums.once[group], figure);
                        let unit = FIGURES[figure].1;
                        sums.figure(group, unit, evidence, NOT_PAIRED, |it| it.per_moved(figure))
                    }),
                    predicted: self.predicted(moves, |it| (it.from, it.to) == (from, to), mass),
                }
            })
            .collect();
        routes.sort_by(|a, b| {
            let key = |it: &Route| (it.from.clone(), it.to.clone());
            b.requests
                .total_cmp(&a.requests)
                .then_with(|| key(a).cmp(&key(b)))
        });
        routes
    }

    /// Task by task, those that move most first.
    pub(super) fn tasks(&self, moves: &[Move], tasks: &Segments) -> Vec<TaskMoves> {
        let groups: Vec<usize> = moves.iter().map(|it| tasks.of(it.row)).collect();
        let labels = tasks.labels();
        let of_row = |row: usize| tasks.of(row);
        let sums = self.resampled(moves, &groups, labels.len(), Some(&of_row));
        let mut found: Vec<TaskMoves> = labels
            .iter()
            .enumerate()
            .map(|(group, label)| TaskMoves {
                task: label.clone(),
                requests: sums.once[group].requests as u64,
                moved: sums.figure(group, "share", "full".to_owned(), NO_MOVE, Sums::share),
                recorded: Moves::of(|figure| {
                    let evidence = coverage(&sums.once[group], figure);
                    let unit = FIGURES[figure].1;
                    sums.figure(group, unit, evidence, NOT_PAIRED, |it| {
                        it.per_request(figure)
                    })
                }),
                predicted: self.predicted(
                    moves,
                    |it| tasks.of(it.row) == group,
                    sums.once[group].requests,
                ),
            })
            .collect();
        let mass = |it: &TaskMoves| it.moved.x.unwrap_or(0.0) * it.requests as f64;
        found.sort_by(|a, b| {
            mass(b)
                .total_cmp(&mass(a))
                .then_with(|| a.task.cmp(&b.task))
        });
        found
    }

    /// Requests that lose or win an answer.
    pub(super) fn unanswered(&self, moves: &[Move]) -> Unanswered {
        let total = |policy: usize| -> f64 {
            let decisions = self.decisions[policy];
            let rows = 0..decisions.len();
            rows.map(|row| f64::from(decisions.get(row).unanswered.0) / 1e6)
                .sum()
        };
        let lost = || moves.iter().filter(|it| it.to.is_none());
        let won = moves.iter().filter(|it| it.from.is_none());
        let trace = self.stage.trace();
        Unanswered {
            a: total(0),
            b: total(1),
            lost: lost().map(|it| it.mass).sum(),
            won: won.map(|it| it.mass).sum(),
            lost_ids: lost()
                .take(NAMED)
                .map(|it| trace.id(it.row).to_owned())
                .collect(),
        }
    }

    /// The id of an endpoint of the stage.
    pub(super) fn name(&self, place: Option<u16>) -> Option<String> {
        place.map(|at| self.stage.endpoints()[usize::from(at)].id.clone())
    }

    pub(super) fn warnings(&self, moves: &[Move]) -> Vec<String> {
        let mut warnings = Vec::new();
        let report = self.charged.report();
        let requests = self.stage.trace().len();
        if report.without_time > 0 {
            warnings.push(format!(
                "{} of {requests} requests have no time of their own: {}",
                report.without_time,
                self.stage.time_source()
            ));
        }
        let unknown = moves
            .iter()
            .filter(|it| self.difference(it).success.is_none());
        let (unknown, moved) = (unknown.count(), moves.len());
        if unknown > 0 {
            warnings.push(format!(
                "{unknown} of {moved} moves have no recorded outcome at one of their endpoints; recorded differences are of the others, as if these were like them"
            ));
        }
        for assumption in &self.stage.trace().header().assumed {
            warnings.push(format!(
                "assumed, not recorded: {} = {}",
                assumption.field, assumption.what
            ));
        }
        warnings
    }
}

pub(super) fn array(of: Answer) -> [Option<f64>; 4] {
    [of.net, of.success, of.cost, of.latency]
}

fn coverage(sums: &Sums, figure: usize) -> String {
    let (known, mass) = (sums.known[figure], sums.mass);
    if mass - known < 1e-9 {
        return "full, paired".to_owned();
    }
    format!("{known:.0} of {mass:.0} moved requests, paired")
}

fn unknown_level(figure: usize) -> &'static str {
    match figure {
        0 => {
            "nothing says what a right answer is worth (--value USD), or no request is known under both"
        }
        3 => "latency is neither recorded nor predictable under both",
        _ => "no request is known under both",
    }
}

fn verdict(difference: &Figure, nothing_moves: bool, more_is_better: bool) -> Verdict {
    match difference.ci95 {
        _ if nothing_moves => Verdict::Same,
        Some([low, _]) if low > 0.0 && more_is_better => Verdict::Better,
        Some([low, _]) if low > 0.0 => Verdict::Worse,
        Some([_, high]) if high < 0.0 && more_is_better => Verdict::Worse,
        Some([_, high]) if high < 0.0 => Verdict::Better,
        _ => Verdict::CannotTell,
    }
}
