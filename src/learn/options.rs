//! What to train, and how.

use super::error::LearnError;
use super::fit::FitOptions;
use super::heads::HeadKind;
use super::labels::{Labels, Target};
use super::recipe::FeatureGroups;
use crate::catalog::Catalog;
use crate::trace::Trace;

/// What to train, and how. What is not here is the same for everybody; `docs/method.md` says how it
/// was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// The models to choose among, at least two, the driver first: models, aliases or endpoints.
    pub models: Vec<String>,
    /// Which of them is the specialist; of two models the second.
    pub specialist: Option<String>,
    /// What the hold-out is keyed by.
    pub salt: String,
    /// What the out-of-fold folds and the calibration rows are keyed by.
    pub seed: u64,
    /// The share of prompt groups that is kept from training; from 0 to below 1.
    pub holdout: f64,
    /// How many out-of-fold folds; 2 to 20.
    pub folds: usize,
    /// What the heads get to see.
    pub features: FeatureGroups,
    /// What predicts success.
    pub model: HeadKind,
    /// From which graded score an answer counts as right; else the header of the trace says; else
    /// grades are learned as they are.
    pub pass_at: Option<f64>,
    /// How many fits may run at a time; bears on no result.
    pub threads: usize,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            specialist: None,
            salt: "weighbridge".to_owned(),
            seed: 0,
            holdout: 0.4,
            folds: 5,
            features: FeatureGroups::default(),
            model: HeadKind::Auto,
            pass_at: None,
            threads: 1,
        }
    }
}

impl TrainOptions {
    pub(super) fn check(&self) -> Result<(), LearnError> {
        let pass_at = |score: f64| (0.0..=1.0).contains(&score);
        let rules = [
            (
                "holdout",
                (0.0..1.0).contains(&self.holdout),
                self.holdout.to_string(),
                "a share from 0 to below 1",
            ),
            (
                "folds",
                (2..=20).contains(&self.folds),
                self.folds.to_string(),
                "from 2 to 20",
            ),
            (
                "pass_at",
                self.pass_at.is_none_or(pass_at),
                self.pass_at.unwrap_or_default().to_string(),
                "a score from 0 to 1",
            ),
        ];
        match rules.into_iter().find(|(_, kept, _, _)| !kept) {
            None => Ok(()),
            Some((option, _, value, range)) => Err(LearnError::Option {
                option,
                message: format!("{value} is not {range}"),
            }),
        }
    }

    /// The models, the driver first.
    pub(super) fn targets(&self, catalog: &Catalog) -> Result<Vec<Target>, LearnError> {
        let fault = |message: String| {
            Err(LearnError::Option {
                option: "models",
                message,
            })
        };
        let of_two = (self.models.len() == 2).then(|| self.models[1].clone());
        let specialist = self.specialist.clone().or(of_two);
        let specialist = specialist.map(|name| Target::named(None, &name, catalog).model);
        let mut targets: Vec<Target> = Vec::with_capacity(self.models.len());
        for (i, name) in self.models.iter().enumerate() {
            let mut target = Target::named(None, name, catalog);
            target.role = match i {
                0 => Some("driver"),
                _ if Some(&target.model) == specialist.as_ref() => Some("specialist"),
                _ => None,
            };
            if targets.iter().any(|held| held.model == target.model) {
                return fault(format!(
                    "`{}` is named twice; name different models",
                    target.model
                ));
            }
            targets.push(target);
        }
        if targets.len() < 2 {
            return fault(
                "a router chooses among two models or more; name them, the driver first".into(),
            );
        }
        if let Some(model) = specialist
            && !targets
                .iter()
                .any(|target| target.role == Some("specialist"))
        {
            return fault(format!(
                "`{model}` is to be the specialist, but is the driver or none of the models"
            ));
        }
        Ok(targets)
    }

    pub(super) fn labels(
        &self,
        targets: &[Target],
        trace: &Trace,
        catalog: &Catalog,
    ) -> Result<Vec<Labels>, LearnError> {
        let pass_at = self.pass_at.or(trace.header().pass_at);
        targets
            .iter()
            .map(|target| Labels::of(target, trace, catalog, pass_at))
            .collect()
    }

    /// The options of a fit: calibrated, with token heads.
    pub(super) fn fit_options<'a>(&'a self, costs: &'a [f64]) -> FitOptions<'a> {
        FitOptions {
            groups: &self.features,
            kind: self.model,
            folds: self.folds,
            seed: self.seed,
            threads: self.threads,
            tokens: true,
            calibrated: true,
            costs,
        }
    }
}
