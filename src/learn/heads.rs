//! From the fits of the rounds to each model's heads: kind, calibration, smearing, and the columns
//! of the whole recipe.

use std::str::FromStr;

use weighbridge_router::{LogLinear, Logistic, Mean, Success, Trees};

use super::error::LearnError;
use super::fit::{Fitted, FittedModel, HeadFit, Job};
use super::matrix::Dense;
use super::{kind, platt, tokens};

/// What predicts success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadKind {
    /// The linear head or the mean, whichever earns more out of fold.
    Auto,
    /// linfa-logistic.
    Logistic,
    /// The mean of the linear head and the trees.
    Mean,
    /// Gradient-boosted trees.
    Trees,
}

impl HeadKind {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Logistic => "logistic",
            Self::Mean => "mean",
            Self::Trees => "trees",
        }
    }
}

impl FromStr for HeadKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Auto, Self::Logistic, Self::Mean, Self::Trees];
        all.into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("`{text}` is not auto, logistic, mean or trees"))
    }
}

/// The heads that one job fitted, on the shared columns and the model's own.
pub(super) struct Members {
    pub(super) linear: Option<Logistic>,
    pub(super) trees: Option<Trees>,
}

/// Where the columns of a fit stand in the recipe: the shared ones, then the word scores.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) shared: usize,
    /// Word scores of models that are in the file already.
    pub(super) before: usize,
    /// Word scores in all.
    pub(super) scores: usize,
}

impl Layout {
    /// Weights on the shared columns and perhaps one's own, spread over the recipe.
    fn spread(&self, mut weights: Vec<f32>, model: usize) -> Vec<f32> {
        let own = weights.split_off(self.shared);
        weights.resize(self.shared + self.scores, 0.0);
        if let Some(own) = own.first() {
            weights[self.shared + self.before + model] = *own;
        }
        weights
    }
}

impl Members {
    /// The head of a kind. What it is made of was fitted where the kind asks for it.
    pub(super) fn of_kind(self, kind: HeadKind) -> Option<Success> {
        let linear = self.linear.map(Success::Logistic);
        let trees = self.trees.map(Success::Trees);
        match kind {
            HeadKind::Logistic => linear,
            HeadKind::Trees => trees,
            HeadKind::Auto | HeadKind::Mean => Some(Success::Mean(Mean {
                of: vec![linear?, trees?],
                platt: [1.0, 0.0],
            })),
        }
    }

    fn spread(self, layout: &Layout, model: usize) -> Self {
        Self {
            linear: self.linear.map(|head| Logistic {
                weights: layout.spread(head.weights, model),
                ..head
            }),
            ..self
        }
    }
}

/// Out-of-fold log-odds of each training row, by candidate kind.
pub(super) struct OutOfFold {
    pub(super) kind: HeadKind,
    /// By model and place.
    pub(super) log_odds: Vec<Vec<f64>>,
}

impl Job<'_> {
    /// The models' heads, on the columns of the recipe. The steps are the caller's.
    pub(super) fn assemble(
        &self,
        fits: Vec<Vec<HeadFit>>,
        columns: &[Option<&[f64]>],
        layout: Layout,
    ) -> Result<Fitted, LearnError> {
        let mut wholes = Vec::with_capacity(fits.len());
        let mut token_heads = Vec::with_capacity(fits.len());
        let mut out_of_fold: Vec<OutOfFold> = Vec::new();
        for (model, fits) in fits.into_iter().enumerate() {
            let (mut members, mut counted) = (Vec::new(), Vec::new());
            for fit in fits {
                let fitted = fit.members.map_err(|message| LearnError::Fit {
                    model: self.model_name(model).to_owned(),
                    message: message.replace('\n', " "),
                })?;
                members.push(fitted);
                counted.extend(fit.tokens);
            }
            wholes.extend(members.pop());
            self.add_out_of_fold(&mut out_of_fold, members, columns[model]);
            token_heads.push(self.token_head(model, counted));
        }
        let chosen = kind::choose(self, out_of_fold);
        let kind = chosen
            .as_ref()
            .map_or(self.options.kind, |chosen| chosen.kind);
        let lines = match &chosen {
            Some(chosen) if self.options.calibrated => kind::calibration(self, chosen),
            _ => vec![None; wholes.len()],
        };
        let mut models = Vec::with_capacity(wholes.len());
        let heads = wholes.into_iter().zip(token_heads).enumerate();
        for (model, (members, (output_tokens, log_tokens_out_of_fold))) in heads {
            let spread = members.spread(&layout, model);
            let success = spread.of_kind(kind).ok_or_else(|| LearnError::Fit {
                model: self.model_name(model).to_owned(),
                message: format!("no head of kind {}", kind.name()),
            })?;
            let platt = lines[model]
                .as_ref()
                .map_or([1.0, 0.0], |lines| lines.whole);
            let log_odds = chosen
                .as_ref()
                .map_or(&[][..], |chosen| &chosen.log_odds[model]);
            let p = |z: &f64| platt::sigmoid(platt[0] * z + platt[1]);
            models.push(FittedModel {
                success: success.with_platt(platt),
                success_out_of_fold: log_odds.iter().map(p).collect(),
                output_tokens: output_tokens.map(|head| LogLinear {
                    weights: layout.spread(head.weights, model),
                    ..head
                }),
                log_tokens_out_of_fold,
            });
        }
        Ok(Fitted {
            steps: Vec::new(),
            kind,
            models,
            shrink: None,
        })
    }

    /// The out-of-fold log-odds of a model, for each kind that may be chosen.
    fn add_out_of_fold(&self, found: &mut Vec<OutOfFold>, fits: Vec<Members>, own: Option<&[f64]>) {
        if fits.is_empty() {
            return;
        }
        let kinds: &[HeadKind] = match self.options.kind {
            HeadKind::Auto => &[HeadKind::Mean, HeadKind::Logistic],
            HeadKind::Mean => &[HeadKind::Mean],
            HeadKind::Logistic => &[HeadKind::Logistic],
            HeadKind::Trees => &[HeadKind::Trees],
        };
        let linear: Vec<Option<Success>> = (fits.iter())
            .map(|fit| fit.linear.clone().map(Success::Logistic))
            .collect();
        let full: Vec<Option<Success>> = fits
            .into_iter()
            .map(|fit| fit.of_kind(self.options.kind))
            .collect();
        for &kind in kinds {
            let heads = match (kind, self.options.kind) {
                (HeadKind::Logistic, HeadKind::Auto) => &linear,
                _ => &full,
            };
            let log_odds = self.each_row(own, |place, entries| {
                let head = heads[self.folds[place]].as_ref();
                head.map_or(0.0, |head| head.log_odds(entries))
            });
            match found.iter_mut().find(|held| held.kind == kind) {
                Some(held) => held.log_odds.push(log_odds),
                None => found.push(OutOfFold {
                    kind,
                    log_odds: vec![log_odds],
                }),
            }
        }
    }

    /// The token head of a model, smeared out of fold, and its out-of-fold logarithms.
    fn token_head(&self, model: usize, mut fits: Vec<LogLinear>) -> (Option<LogLinear>, Vec<f64>) {
        let Some(whole) = fits.pop() else {
            return (None, Vec::new());
        };
        if fits.is_empty() {
            return (Some(whole), Vec::new());
        }
        let logs = self.each_row(None, |place, entries| {
            fits[self.folds[place]].score(entries)
        });
        let (mut said, mut seen) = (Vec::new(), Vec::new());
        for (place, log) in logs.iter().enumerate() {
            if let Some(tokens) = self.tokens_of(model, place) {
                said.push(libm::exp(log.min(20.0)));
                seen.push(tokens);
            }
        }
        let smearing = tokens::smearing(&said, &seen);
        (Some(LogLinear { smearing, ..whole }), logs)
    }

    /// Something of each training row's shared columns and `own`.
    fn each_row(&self, own: Option<&[f64]>, of: impl Fn(usize, &[(u32, f64)]) -> f64) -> Vec<f64> {
        let dense = Dense {
            matrix: self.matrix,
            own,
            places: &[],
        };
        let mut entries = Vec::new();
        (0..self.folds.len())
            .map(|place| {
                dense.entries(place, &mut entries);
                of(place, &entries)
            })
            .collect()
    }
}
