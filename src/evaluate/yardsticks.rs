//! Which floors a replay has: the best fixed choice, a random mixture at the cost of the best policy,
//! prompt length, a table by task, and hindsight.
//!
//! Owns the choice of endpoints that floors choose among. How each floor decides is
//! [`floors`](super::floors)'s. Start at [`yardsticks`].

use weighbridge_router::Ppm;

use super::floors::{Outcomes, Single};
use super::replay_report::ReplayOptions;
use crate::replay::{Charged, Decisions, Stage, Tally, TallyInput, TallySpec};

/// What the name of the best fixed choice begins with.
pub(super) const BEST_SINGLE: &str = "best single";

/// The floors, and hindsight at the end.
pub(super) fn yardsticks(
    stage: &Stage<'_>,
    charged: &Charged,
    policies: &[Decisions],
    options: &ReplayOptions,
) -> Vec<Decisions> {
    let rows = 0..charged.rows();
    let endpoints = 0..u16::try_from(stage.endpoints().len()).unwrap_or(u16::MAX);
    let valued = endpoints
        .into_iter()
        .any(|endpoint| rows.clone().any(|row| charged.net(endpoint, row).is_some()));
    let outcomes = Outcomes {
        stage,
        charged,
        valued,
        seed: options.seed,
    };
    let singles = outcomes.singles();
    let mut floors = Vec::new();
    if let Some(best) = best_single(&singles, policies) {
        let id = &stage.endpoints()[usize::from(best.endpoint)].id;
        floors.push(outcomes.always(&format!("{BEST_SINGLE}: {id}"), best.endpoint));
    }
    if let Some(pair) = pair(stage, &singles, options) {
        floors.extend(mixture(&outcomes, policies, pair, &singles));
        if valued {
            floors.push(outcomes.length(pair));
            floors.push(outcomes.task_table(pair));
        }
    }
    if !singles.is_empty() || valued {
        floors.push(outcomes.hindsight());
    }
    floors
}

/// The fixed choice with the greatest net value, or success where no value is known.
///
/// Where providers of one model come to the same, one that a policy chooses: nobody wants to be told
/// to move for nothing.
fn best_single<'s>(singles: &'s [Single], policies: &[Decisions]) -> Option<&'s Single> {
    let worth = |single: &Single| {
        let cost = single.cost.map(std::cmp::Reverse);
        (single.net, single.success, cost)
    };
    let most = singles.iter().map(worth).max()?;
    let mut alike: Vec<&Single> = singles.iter().filter(|it| worth(it) == most).collect();
    // The first requests tell what a policy chooses, as far as it matters here.
    let chosen = |single: &Single| {
        policies.iter().any(|policy| {
            let mut rows = 0..policy.len().min(1000);
            rows.any(|row| {
                let masses = &policy.get(row).masses;
                masses
                    .iter()
                    .any(|&(endpoint, _)| endpoint == single.endpoint)
            })
        })
    };
    let last = alike.pop();
    if alike.is_empty() {
        return last;
    }
    alike.into_iter().chain(last).find(|it| chosen(it)).or(last)
}

/// Driver and specialist where they are bound, else the cheapest and the most successful.
fn pair(stage: &Stage<'_>, singles: &[Single], options: &ReplayOptions) -> Option<[u16; 2]> {
    let role = |role: &str| {
        let name = options.roles.get(role)?;
        let named = |single: &&Single| {
            let endpoint = &stage.endpoints()[usize::from(single.endpoint)];
            endpoint.id == *name || endpoint.model == *name
        };
        singles.iter().find(named).map(|single| single.endpoint)
    };
    let cheapest = singles
        .iter()
        .filter(|single| single.cost.is_some())
        .min_by_key(|single| single.cost)
        .map(|single| single.endpoint);
    let best = singles
        .iter()
        .max_by_key(|single| single.success)
        .map(|single| single.endpoint);
    let pair = [role("driver").or(cheapest)?, role("specialist").or(best)?];
    (pair[0] != pair[1]).then_some(pair)
}

/// The mixture of a pair that costs what the best policy costs, among those that cost more than
/// the one and less than the other.
fn mixture(
    outcomes: &Outcomes<'_>,
    policies: &[Decisions],
    [cheap, dear]: [u16; 2],
    singles: &[Single],
) -> Option<Decisions> {
    let named = |decisions: &Decisions| decisions.name().to_owned();
    let endpoints = outcomes.stage.endpoints().iter();
    let spec = TallySpec {
        policies: policies.iter().map(named).collect(),
        endpoints: endpoints.map(|endpoint| endpoint.id.clone()).collect(),
        segments: Vec::new(),
        trade: None,
        seed: 0,
        replicates: 0,
    };
    let input = TallyInput {
        charged: outcomes.charged,
        decisions: policies,
        units: &[],
        segments: &[],
    };
    let tally = Tally::measure(&spec, input, 1);
    let cells = &tally.total().policies;
    let cost = |endpoint: u16| {
        singles
            .iter()
            .find(|single| single.endpoint == endpoint)?
            .cost
            .map(|cost| cost as f64)
    };
    let (low, high) = (cost(cheap)?, cost(dear)?);
    // Picodollar-ppm; where costs are known for some requests only, the sums are of other requests.
    let share = |policy: usize| (cells[policy].cost as f64 / 1e6 - low) / (high - low);
    let all = tally.total().support.cost == tally.total().requests;
    let between =
        (0..policies.len()).filter(|&policy| all && (1e-6..=1.0 - 1e-6).contains(&share(policy)));
    let leader = between.max_by_key(|&policy| (cells[policy].net, cells[policy].success))?;
    let name = format!("random mixture at the cost of {}", policies[leader].name());
    // Between 0 and a million.
    Some(outcomes.mixture(
        &name,
        cheap,
        dear,
        Ppm((share(leader) * 1e6).round() as u32),
    ))
}
