//! What is known of one model's answers: right or wrong, and how many tokens.

use super::error::LearnError;
use crate::catalog::Catalog;
use crate::trace::Trace;

/// A model to learn, by the names of catalog and trace.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Its role, where it has one.
    pub(super) role: Option<&'static str>,
    /// What the caller named: a model or an endpoint, in the catalog's spelling.
    pub(super) bound: String,
    /// The model.
    pub(super) model: String,
}

impl Target {
    /// The model behind a name: an endpoint, a model, an alias, or a name of the trace alone.
    pub(super) fn named(role: Option<&'static str>, name: &str, catalog: &Catalog) -> Self {
        let (bound, model) = match (catalog.endpoint(name), catalog.model(name)) {
            (Some(card), _) => (&card.endpoint.id, &card.endpoint.model),
            (None, Some(model)) => (&model.id, &model.id),
            (None, None) => return Self::plain(role, name, name),
        };
        Self::plain(role, bound, model)
    }

    fn plain(role: Option<&'static str>, bound: &str, model: &str) -> Self {
        Self {
            role,
            bound: bound.to_owned(),
            model: model.to_owned(),
        }
    }
}

/// One model's labels, a value a row of the trace.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labels {
    /// The model.
    pub(super) model: String,
    /// How right its answer is, from 0 to 1; none where no outcome tells.
    pub(super) score: Vec<Option<f64>>,
    /// Its output tokens, at least one; none where unknown.
    pub(super) tokens: Vec<Option<f64>>,
}

impl Labels {
    /// The labels of a model. Of several samples the mean counts. Graded scores are taken as they
    /// are, or as right from `pass_at` on.
    ///
    /// # Errors
    /// Where the model has no outcome.
    pub(super) fn of(
        target: &Target,
        trace: &Trace,
        catalog: &Catalog,
        pass_at: Option<f64>,
    ) -> Result<Self, LearnError> {
        let mine = recorded_names(target, trace, catalog)?;
        let mut labels = Self {
            model: target.model.clone(),
            score: Vec::with_capacity(trace.len()),
            tokens: Vec::with_capacity(trace.len()),
        };
        for row in 0..trace.len() {
            let (mut score, mut tokens) = (Mean::default(), Mean::default());
            for k in trace.outcomes(row) {
                if mine[trace.outcome_model(k).index()] {
                    let outcome = trace.outcome(k);
                    score.add(outcome.success());
                    tokens.add(outcome.output_tokens.map(|tokens| f64::from(tokens.0)));
                }
            }
            labels.score.push(score.get().map(|score| match pass_at {
                Some(pass_at) => f64::from(u8::from(score >= pass_at)),
                None => score.clamp(0.0, 1.0),
            }));
            labels
                .tokens
                .push(tokens.get().map(|tokens| tokens.max(1.0)));
        }
        Ok(labels)
    }
}

/// For each text of the trace, whether it names the model.
fn recorded_names(
    target: &Target,
    trace: &Trace,
    catalog: &Catalog,
) -> Result<Vec<bool>, LearnError> {
    let mut mine = vec![false; trace.names().len()];
    let mut known = Vec::new();
    for id in trace.models() {
        let name = trace.names().text(id.index());
        let model = catalog.model(name).map_or(name, |model| model.id.as_str());
        mine[id.index()] = model == target.model;
        known.push(name);
    }
    if mine.contains(&true) {
        return Ok(mine);
    }
    known.sort_unstable();
    let more = known.len().saturating_sub(12);
    known.truncate(12);
    let mut known = match known.is_empty() {
        true => "no model".to_owned(),
        false => known.join(", "),
    };
    if more > 0 {
        known += &format!(" and {more} more");
    }
    Err(LearnError::NoOutcomes {
        model: target.model.clone(),
        role: target
            .role
            .map_or(String::new(), |role| format!(" (role {role})")),
        known,
    })
}

#[derive(Default)]
struct Mean {
    sum: f64,
    n: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.n += 1.0;
        }
    }

    fn get(&self) -> Option<f64> {
        (self.n > 0.0).then(|| self.sum / self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{OutcomeRef, Row, TraceBuilder};
    use weighbridge_router::{RequestRef, Tokens};

    fn trace(rows: &[&[OutcomeRef<'_>]]) -> Trace {
        let mut builder = TraceBuilder::default();
        for (i, outcomes) in rows.iter().enumerate() {
            let row = Row {
                id: &format!("r{i}"),
                request: RequestRef::default(),
                outcomes,
                logged: None,
                extra: None,
            };
            builder.push(&row).unwrap();
        }
        builder.finish().unwrap().0
    }

    fn outcome(score: f64, tokens: Option<u32>) -> OutcomeRef<'static> {
        OutcomeRef {
            model: "mixtral-8x7b-instruct-v0.1",
            score: Some(score),
            output_tokens: tokens.map(Tokens),
            ..OutcomeRef::default()
        }
    }

    fn labels(rows: &[&[OutcomeRef<'_>]], pass_at: Option<f64>) -> Result<Labels, LearnError> {
        let catalog = Catalog::builtin();
        let target = Target::named(Some("driver"), "Mixtral-8x7B-Instruct-v0.1", &catalog);
        Labels::of(&target, &trace(rows), &catalog, pass_at)
    }

    #[test]
    fn aliases_meet_in_the_model_and_samples_are_averaged() {
        let failed = OutcomeRef {
            score: None,
            status: Some("error"),
            ..outcome(0.0, None)
        };
        let other = OutcomeRef {
            model: "other",
            ..outcome(1.0, Some(9))
        };
        let rows: [&[OutcomeRef<'_>]; 4] = [
            &[outcome(1.0, Some(0))],
            &[other],
            &[failed],
            &[outcome(0.9, Some(10)), outcome(0.5, Some(30))],
        ];
        let passed = labels(&rows, Some(0.7)).unwrap();
        assert_eq!(passed.score, [Some(1.0), None, Some(0.0), Some(1.0)]);
        assert_eq!(passed.tokens, [Some(1.0), None, None, Some(20.0)]);
        let graded = labels(&rows, None).unwrap();
        assert_eq!(graded.score, [Some(1.0), None, Some(0.0), Some(0.7)]);
    }

    #[test]
    fn a_model_without_outcomes_is_refused_with_those_that_have_some() {
        let trace = trace(&[&[outcome(1.0, None)]]);
        let catalog = Catalog::builtin();
        let target = Target::named(Some("specialist"), "gpt-4-1106-preview@openai", &catalog);
        assert_eq!(target.bound, "gpt-4-1106-preview@openai");
        let refused = Labels::of(&target, &trace, &catalog, None)
            .unwrap_err()
            .to_string();
        assert_eq!(
            refused,
            "the trace has no outcome of `gpt-4-1106-preview` (role specialist); it has outcomes of mixtral-8x7b-instruct-v0.1"
        );
    }
}
