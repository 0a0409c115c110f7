//! RouterArena's cached results: JSON lines, a file a model, joined by `global_index`. Each line
//! has the question, the tokens, the bill and the grade of one model's answer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;
use weighbridge_router::{RequestRef, Tokens, Usd};

use super::collect::{Position, Reading};
use super::error::{ReadReport, TraceError, short};
use super::import::{Assuming, ImportOptions, files_of};
use super::line::not_json;
use super::lines::Lines;
use super::wire::{Money, Text};
use crate::trace::{OutcomeRef, Row, RowFault, Trace};

pub(super) fn import(
    inputs: &[PathBuf],
    options: &ImportOptions,
) -> Result<(Trace, ReadReport), TraceError> {
    let paths = files_of(
        inputs,
        |path| {
            let name = path.to_string_lossy();
            name.trim_end_matches(".gz").ends_with(".jsonl")
        },
        "holds no .jsonl; give RouterArena's cached results, a file a model",
    )?;
    let mut reading = Reading::new(&paths, options.on_error);
    let mut questions = Questions::default();
    for file in 0..paths.len() {
        import_file(&mut reading, file, &mut questions)?;
    }
    let mut assuming = Assuming::new(options);
    for pending in &questions.pending {
        pending.push(&mut reading, &mut assuming)?;
    }
    let clamped = match reading.report.clamped {
        0 => String::new(),
        1 => "; 1 score outside [0, 1] was clamped".into(),
        n => format!("; {n} scores outside [0, 1] were clamped"),
    };
    let header = reading.builder.header_mut();
    header.source = Some(format!(
        "RouterArena: graded answers of models to questions of many data sets, with tokens and \
         bills (github.com/jiarong0907/RouterArena, cached_results){clamped}"
    ));
    header.licence = Some("Apache-2.0".into());
    header.roles.clone_from(&options.roles);
    assuming.note(header);
    reading.finish()
}

fn import_file(
    reading: &mut Reading<'_>,
    file: usize,
    questions: &mut Questions,
) -> Result<(), TraceError> {
    let path = &reading.paths[file];
    let mut lines = Lines::open(path)?;
    let mut empty = true;
    while lines.advance()? {
        empty = false;
        let line = lines.number();
        let taken = Answer::read(lines.text())
            .and_then(|answer| questions.take(answer, Position { file, line }, reading));
        if let Err(fault) = taken {
            reading.refuse(file, line, fault)?;
        }
    }
    if empty {
        let message = "empty; each line must be the result of one question";
        return Err(TraceError::of_file(path, message));
    }
    reading.report.bytes += lines.stored_bytes();
    Ok(())
}

/// A line; its values are read one by one, so that a fault can name its field.
#[derive(Deserialize)]
struct LineWire<'a> {
    #[serde(borrow)]
    global_index: Option<&'a RawValue>,
    #[serde(borrow)]
    question: Option<&'a RawValue>,
    #[serde(borrow)]
    llm_selected: Option<&'a RawValue>,
    #[serde(borrow)]
    token_usage: Option<&'a RawValue>,
    #[serde(borrow)]
    success: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    evaluation_result: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct UsageWire<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct GradeWire<'a> {
    #[serde(borrow)]
    score: Option<&'a RawValue>,
    #[serde(borrow)]
    inference_cost: Option<&'a RawValue>,
}

/// The value of a field, unless it is absent or null.
fn value<'a, T: Deserialize<'a>>(
    field: &str,
    raw: Option<&'a RawValue>,
    what: &str,
) -> Result<Option<T>, RowFault> {
    let wrong =
        |raw: &RawValue| RowFault::new(field, format!("must be {what}, not {}", short(raw.get())));
    raw.map(|raw| serde_json::from_str(raw.get()).map_err(|_| wrong(raw)))
        .transpose()
}

/// A text that must be there.
fn text(field: &str, raw: Option<&RawValue>) -> Result<String, RowFault> {
    match value::<Text<'_>>(field, raw, "a text")? {
        Some(text) if !text.0.is_empty() => Ok(text.0.into_owned()),
        Some(_) => Err(RowFault::new(field, "must not be empty")),
        None => Err(RowFault::new(field, "this field is missing")),
    }
}

/// What one model made of one question.
struct Answer {
    index: String,
    question: Option<String>,
    model: String,
    /// All but the model's name, the score as it was graded.
    numbers: OutcomeRef<'static>,
}

impl Answer {
    fn read(line: &[u8]) -> Result<Self, RowFault> {
        let wire: LineWire<'_> =
            serde_json::from_slice(line).map_err(|error| RowFault::new("", not_json(&error)))?;
        let what = "an object";
        let usage: UsageWire<'_> =
            value("token_usage", wire.token_usage, what)?.unwrap_or_default();
        let grade: GradeWire<'_> =
            value("evaluation_result", wire.evaluation_result, what)?.unwrap_or_default();
        let question: Option<Text<'_>> = value("question", wire.question, "a text")?;
        Ok(Self {
            index: text("global_index", wire.global_index)?,
            question: question.map(|question| question.0.into_owned()),
            model: text("llm_selected", wire.llm_selected)?,
            numbers: OutcomeRef {
                status: status(value("success", wire.success, "true or false")?, wire.error),
                score: value("evaluation_result.score", grade.score, "a number")?,
                input_tokens: tokens("token_usage.input_tokens", usage.input_tokens)?,
                output_tokens: tokens("token_usage.output_tokens", usage.output_tokens)?,
                cost_usd: bill("evaluation_result.inference_cost", grade.inference_cost)?,
                ..OutcomeRef::default()
            },
        })
    }
}

fn tokens(field: &str, raw: Option<&RawValue>) -> Result<Option<Tokens>, RowFault> {
    Ok(value(field, raw, "a whole number from 0")?.map(Tokens))
}

fn bill(field: &str, raw: Option<&RawValue>) -> Result<Option<Usd>, RowFault> {
    let bill: Option<Money> = value(field, raw, "an amount in USD")?;
    match bill.map(|bill| bill.0) {
        Some(usd) if usd < Usd::ZERO => {
            Err(RowFault::new(field, format!("{usd} must not be negative")))
        }
        bill => Ok(bill),
    }
}

fn status(success: Option<bool>, error: Option<&RawValue>) -> Option<&'static str> {
    let error = error.is_some_and(|error| error.get() != "\"\"");
    match success {
        _ if error => Some("error"),
        Some(false) => Some("error"),
        Some(true) => Some("ok"),
        None => None,
    }
}

/// Questions by index, in order of first appearance.
#[derive(Default)]
struct Questions {
    pending: Vec<Pending>,
    by_index: BTreeMap<String, usize>,
}

struct Pending {
    index: String,
    first: Position,
    /// The question, and where it stood first.
    question: Option<(String, Position)>,
    /// Model, the rest of its outcome, and where it stood.
    answers: Vec<(String, OutcomeRef<'static>, Position)>,
}

impl Questions {
    /// Take in one answer, whole or not at all.
    fn take(
        &mut self,
        answer: Answer,
        at: Position,
        reading: &mut Reading<'_>,
    ) -> Result<(), RowFault> {
        let Answer {
            index,
            question,
            model,
            mut numbers,
        } = answer;
        let known = self.by_index.get(&index).map(|&place| &self.pending[place]);
        if let Some(known) = known {
            known.agrees(question.as_deref(), &model, reading.paths)?;
        }
        if let Some(score) = numbers.score.filter(|score| !(0.0..=1.0).contains(score)) {
            numbers.score = Some(score.clamp(0.0, 1.0));
            reading.report.clamped += 1;
        }
        let place = *self.by_index.entry(index).or_insert_with_key(|index| {
            self.pending.push(Pending {
                index: index.clone(),
                first: at,
                question: None,
                answers: Vec::new(),
            });
            self.pending.len() - 1
        });
        let pending = &mut self.pending[place];
        if pending.question.is_none() {
            pending.question = question.map(|question| (question, at));
        }
        pending.answers.push((model, numbers, at));
        Ok(())
    }
}

impl Pending {
    /// Whether a further answer is to the same question, and by another model.
    fn agrees(
        &self,
        question: Option<&str>,
        model: &str,
        paths: &[PathBuf],
    ) -> Result<(), RowFault> {
        if let (Some(here), Some((held, at))) = (question, &self.question)
            && here != held
        {
            let message = format!(
                "is another question than on {} for the same global_index `{}`; files of \
                 different runs cannot be joined",
                at.shown(paths),
                self.index
            );
            return Err(RowFault::new("question", message));
        }
        match self.answers.iter().find(|(held, ..)| held == model) {
            Some((_, _, at)) => {
                let message = format!(
                    "`{}` has an answer of `{model}` on {} already; take one out",
                    self.index,
                    at.shown(paths)
                );
                Err(RowFault::new("global_index", message))
            }
            None => Ok(()),
        }
    }

    fn push(&self, reading: &mut Reading<'_>, assuming: &mut Assuming) -> Result<(), TraceError> {
        let mut outcomes: Vec<OutcomeRef<'_>> = self
            .answers
            .iter()
            .map(|(model, numbers, _)| OutcomeRef { model, ..*numbers })
            .collect();
        outcomes
            .iter_mut()
            .for_each(|outcome| assuming.fill(outcome));
        let pushed = reading.builder.push(&Row {
            id: &self.index,
            request: RequestRef {
                prompt: self.question.as_ref().map(|(question, _)| &**question),
                // The data set that the question comes from.
                task: self.index.rsplit_once('_').map(|(set, _)| set),
                ..RequestRef::default()
            },
            outcomes: &outcomes,
            logged: None,
            extra: None,
        });
        match pushed {
            Ok(()) => reading.stood_at(self.first.file, self.first.line),
            Err(fault) => reading.refuse(self.first.file, self.first.line, fault)?,
        }
        Ok(())
    }
}
