//! What `whatif` can be asked beside the worlds: break-evens, what a decision hangs on, volumes.

use clap::Args;
use weighbridge_router::Usd;

use super::args::usd;
use crate::whatif::{
    Asked, Base, Equation, MonthlyCosts, ScenarioError, Setting, Sweep, Unknown, WhatIf, grid,
    solve,
};

/// Equations are solved in no more worlds than that.
const MOST_SOLVED: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Questions {
    /// Where is this so? Figures net(POLICY), cost(POLICY) in USD a request, success(POLICY), numbers, + - * /
    #[arg(long, value_name = "EQUATION", requires = "unknowns")]
    solve: Option<String>,
    /// What --solve looks for: a name, or NAME=A..B to look there; repeatable
    #[arg(long = "for", id = "unknowns", value_name = "NAME", requires = "solve")]
    unknowns: Vec<String>,
    /// What the decision between the two best policies hangs on: each input over its plausible range, or over that of --set and --scenario
    #[arg(long)]
    tornado: bool,
    /// What keeping a second model costs in USD a month: from which volume on does it pay?
    #[arg(long, value_name = "USD", value_parser = usd)]
    fixed_usd_per_month: Option<Usd>,
    /// What the people cost in USD a month who keep the routing running
    #[arg(long, value_name = "USD", value_parser = usd)]
    engineering_usd_per_month: Option<Usd>,
    /// The policy that volumes are compared with [default: the best that uses one model]
    #[arg(long, value_name = "POLICY")]
    against: Option<String>,
}

impl Questions {
    /// The worlds, and the answers in them. For a tornado ranges are its inputs, and no worlds.
    pub(super) fn answered(
        &self,
        base: &Base<'_>,
        sweeps: &[Sweep],
    ) -> Result<WhatIf, ScenarioError> {
        let asked = self.asked(base)?;
        let is_input = |sweep: &&Sweep| self.tornado && sweep.values.len() > 1;
        let inputs: Vec<Sweep> = sweeps.iter().filter(is_input).cloned().collect();
        let held: Vec<Sweep> = sweeps.iter().filter(|it| !is_input(it)).cloned().collect();
        let mut result = WhatIf::new(base, &held)?;
        let points = grid(&held);
        if asked.len().saturating_mul(points.len()) > MOST_SOLVED {
            let setting = self.solve.clone().unwrap_or_default();
            let message = format!("is asked in more than {MOST_SOLVED} worlds; take fewer values");
            return Err(ScenarioError::Value { setting, message });
        }
        for (equation, unknown) in asked {
            for settings in &points {
                let asked = Asked {
                    equation: equation.clone(),
                    unknown: unknown.clone(),
                    settings: settings.clone(),
                };
                let solved = solve(&asked, base)?;
                result.solved.push(solved);
            }
        }
        if self.tornado {
            result.tornado = Some(base.tornado(one(&points, "--tornado")?, &inputs)?);
        }
        if let Some(costs) = self.costs() {
            result.tco = Some(base.tco(one(&points, "the volume")?, &costs)?);
        }
        Ok(result)
    }

    fn asked(&self, base: &Base<'_>) -> Result<Vec<(Equation, Unknown)>, ScenarioError> {
        let Some(text) = &self.solve else {
            return Ok(Vec::new());
        };
        let names: Vec<&str> = base.names().collect();
        let equation = Equation::parse(text, &names)?;
        let unknowns = self.unknowns.iter();
        unknowns
            .map(|unknown| Ok((equation.clone(), unknown.parse()?)))
            .collect()
    }

    fn costs(&self) -> Option<MonthlyCosts> {
        let given = [self.fixed_usd_per_month, self.engineering_usd_per_month];
        let asked = given.iter().any(Option::is_some) || self.against.is_some();
        let [fixed_usd, engineering_usd] = given.map(|usd| usd.map_or(0.0, Usd::to_f64));
        asked.then(|| MonthlyCosts {
            fixed_usd,
            engineering_usd,
            against: self.against.clone(),
        })
    }
}

/// The only world.
fn one<'p>(points: &'p [Vec<Setting>], what: &str) -> Result<&'p [Setting], ScenarioError> {
    match points {
        [settings] => Ok(settings),
        _ => Err(ScenarioError::Value {
            setting: what.to_owned(),
            message: "is worked out in one world; give no ranges".to_owned(),
        }),
    }
}
