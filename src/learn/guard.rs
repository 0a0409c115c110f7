//! How far a router may be trusted, by how much it learned from.
//!
//! A threshold in dollars acts on a predicted difference, and differences learned from few rows are
//! mostly noise. On 38 subjects of MMLU, at four values of an answer and with subjects held out,
//! raw thresholds lost beyond two standard errors in 7 of 60 cases at 200 rows and in none from
//! 1,500 on; between 500 and 1,500, routing only where the net gain on held-out tasks exceeds 1.645
//! clustered standard errors lost in none. Those numbers are that study's: what is measured here is
//! the trace's own gain.

use serde::Serialize;
use weighbridge_router::{Choose, Condition, Field, Parts, Router, Rule, Step};

use super::error::LearnError;
use crate::evaluate::Clustered;

/// From so many informative rows on the raw thresholds ship.
const RAW: usize = 1500;
/// From so many on they ship where they pass the gate.
const GATE: usize = 500;
/// Standard errors that the gate asks for: a one-sided test at 5%.
const ERRORS: f64 = 1.645;

/// What the number of rows allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// The router decides.
    Raw,
    /// The router decides if it earned enough on rows that it did not learn from.
    Gate,
    /// The driver takes everything.
    Driver,
    /// The caller switched the guard off.
    Off,
}

/// What the guard found, and what ships.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guard {
    /// By the number of rows.
    pub regime: Regime,
    /// Training rows where the outcomes of all models are known.
    pub informative_rows: usize,
    /// Net value of the router less that of the best single endpoint, on tasks that it did not
    /// learn from where there are several; null where nothing was measured.
    pub gain: Option<Clustered>,
    /// What takes every request instead of the router: a target; null where the router decides.
    pub ships: Option<String>,
    /// What takes requests of tasks that the router was not trained on, where it earned less
    /// on such tasks: a target; null where the router decides on all.
    pub other_tasks: Option<String>,
    /// The regime in words.
    pub sentence: String,
}

/// The fixed choice that a router should leave tasks to which it was not trained on: the best single
/// endpoint, where the router earned less than that on tasks that were left out. Nothing is lost
/// by it but a gain that was not seen.
#[must_use]
pub fn other_tasks(on_tasks: &Clustered) -> Option<String> {
    (on_tasks.mean < 0.0).then(|| on_tasks.against.clone())
}

/// The router that decides on the tasks that its features know, and leaves all others to a target;
/// itself where its features know no task.
///
/// # Errors
/// Where the target is none of the router's.
pub fn fenced(router: Router, to: &str) -> Result<Router, LearnError> {
    let tasks = router.recipe().steps().iter().find_map(|step| match step {
        Step::Tag(tag) => Some(tag.values.clone()),
        _ => None,
    });
    let (Some(tasks), Some(trade)) = (tasks, router.trade()) else {
        return Ok(router);
    };
    Ok(Router::try_new(Parts {
        choose: Some(Choose::Rules {
            rules: vec![Rule {
                when: Condition::Member(Field::Task, tasks),
                to: Choose::Router(trade),
            }],
            otherwise: Box::new(Choose::Always(to.to_owned())),
        }),
        ..router.parts().clone()
    })?)
}

impl Guard {
    /// The guard of a router that was trained on so many informative rows, with the gain that was
    /// measured on others; `driver` is the target that is safe.
    #[must_use]
    pub fn of(informative_rows: usize, gain: Option<Clustered>, driver: &str, off: bool) -> Self {
        let regime = match informative_rows {
            _ if off => Regime::Off,
            RAW.. => Regime::Raw,
            GATE.. => Regime::Gate,
            _ => Regime::Driver,
        };
        let rows =
            format!("{informative_rows} informative training rows (outcomes of all models known)");
        let (ships, sentence) = match (regime, &gain) {
            (Regime::Off, _) => (
                None,
                format!("{rows}; the guard is off: the router decides."),
            ),
            (Regime::Raw, _) => (
                None,
                format!("{rows}, {RAW} or more: the router decides by its raw thresholds."),
            ),
            (Regime::Gate, Some(gain)) => gate(&rows, gain),
            (Regime::Gate, None) => (
                Some(driver.to_owned()),
                format!(
                    "{rows}, fewer than {RAW}, and no gain could be measured: {driver} takes everything."
                ),
            ),
            (Regime::Driver, _) => (
                Some(driver.to_owned()),
                format!(
                    "{rows}, fewer than {GATE}: too few to route on, so {driver} takes everything."
                ),
            ),
        };
        Self {
            regime,
            informative_rows,
            gain,
            ships,
            other_tasks: None,
            sentence,
        }
    }

    /// The guard with what takes the tasks that the router was not trained on, where something
    /// does and the router decides at all.
    #[must_use]
    pub fn with_other_tasks(mut self, to: Option<String>) -> Self {
        if let (Some(to), None) = (&to, &self.ships) {
            self.sentence.push_str(&format!(
                " On tasks that were left out it earned less than {to} for all, so requests of other tasks, or of none, go to {to}."
            ));
            self.other_tasks = Some(to.clone());
        }
        self
    }

    /// The router that ships: itself, or one that sends everything to one target and keeps its
    /// heads, so that more rows can be added to what it is compared with.
    ///
    /// # Errors
    /// Where the target is none of the router's.
    pub fn applied(&self, router: Router) -> Result<Router, LearnError> {
        let Some(to) = &self.ships else {
            return match &self.other_tasks {
                Some(to) => fenced(router, to),
                None => Ok(router),
            };
        };
        Ok(Router::try_new(Parts {
            choose: Some(Choose::Always(to.clone())),
            ..router.parts().clone()
        })?)
    }
}

fn gate(rows: &str, gain: &Clustered) -> (Option<String>, String) {
    let error = gain.se_by_task.or(gain.se_by_unit);
    let needed = error.map(|error| ERRORS * error);
    let said = match needed {
        Some(needed) => format!(
            "its net gain over {} on rows left out is {:+.6} USD a request, and {ERRORS} clustered standard errors are {needed:.6}",
            gain.against, gain.mean
        ),
        None => "its gain has no standard error".to_owned(),
    };
    match needed {
        Some(needed) if gain.mean > needed => (
            None,
            format!("{rows}, from {GATE} to {RAW}: {said}, so the router decides."),
        ),
        _ => (
            Some(gain.against.clone()),
            format!(
                "{rows}, from {GATE} to {RAW}: {said}, so {} takes everything.",
                gain.against
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gain(mean: f64, se_by_task: Option<f64>) -> Clustered {
        Clustered {
            against: "cheap@p".into(),
            mean,
            se_by_unit: Some(0.01),
            se_by_task,
            units: 900,
            tasks: 9,
            n: 900,
        }
    }

    #[test]
    fn the_number_of_rows_decides_whether_gain_is_asked_for() {
        let ships = |rows, gain| Guard::of(rows, gain, "driver", false).ships;
        assert_eq!(ships(1500, None), None);
        assert_eq!(ships(499, Some(gain(9.0, None))).as_deref(), Some("driver"));
        assert_eq!(ships(500, None).as_deref(), Some("driver"));
        // 1.645 times 0.01 by unit, times 0.1 by task.
        assert_eq!(ships(500, Some(gain(0.0165, None))), None);
        assert_eq!(
            ships(500, Some(gain(0.0164, None))).as_deref(),
            Some("cheap@p")
        );
        assert_eq!(
            ships(1499, Some(gain(0.0165, Some(0.1)))).as_deref(),
            Some("cheap@p")
        );
        assert_eq!(ships(1499, Some(gain(0.1646, Some(0.1)))), None);
        assert_eq!(Guard::of(20, None, "driver", true).ships, None);
    }

    #[test]
    fn tasks_on_which_the_router_is_worse_are_left_to_a_fixed_choice() {
        assert_eq!(other_tasks(&gain(0.0001, None)), None);
        let worse = other_tasks(&gain(-0.0001, Some(0.1)));
        assert_eq!(worse.as_deref(), Some("cheap@p"));
        let left = Some("cheap@p".to_owned());
        let guard = Guard::of(2000, None, "driver", false).with_other_tasks(left.clone());
        assert_eq!(guard.other_tasks, left);
        assert!(guard.sentence.ends_with("go to cheap@p."));
        let none = Guard::of(20, None, "driver", false).with_other_tasks(left);
        assert_eq!(none.other_tasks, None);
    }
}
