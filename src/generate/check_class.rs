//! The classes of a scenario file: from their shapes to checked ones.

use super::draw::MOST_TURNS;
use super::fault::{Checked, MOST_MEAN, Within, fault, law, positive, share, sigma, weights};
use super::laws::{LogNormal, Success, Whole};
use super::scenario::{Class, Input, Model, ModelResult, Turns};
use super::text::{SlotNames, Slots, Template, Texts, longest};
use super::wire::{ClassWire, InputWire, ResultWire, TextWire, TurnsWire};

/// The most bytes that one template may grow to.
pub(super) const MOST_BYTES: usize = 65_536;

pub(super) fn templates(
    field: &str,
    texts: &[String],
    names: &SlotNames<'_>,
) -> Checked<Vec<Template>> {
    texts
        .iter()
        .enumerate()
        .map(|(i, text)| {
            Template::parse(text, names).or_else(|message| fault(&format!("{field}[{i}]"), message))
        })
        .collect()
}

/// What classes refer to.
pub(super) struct Context<'a> {
    pub(super) models: &'a [Model],
    pub(super) abilities: &'a [Vec<String>],
    pub(super) slots: &'a Slots,
    pub(super) names: &'a SlotNames<'a>,
    pub(super) token_difficulty: f64,
}

impl Context<'_> {
    /// A class and its share.
    pub(super) fn class(&self, mut wire: ClassWire) -> Checked<(Class, f64)> {
        if wire.name.is_empty() {
            return fault("name", "must not be empty");
        }
        let mut results = Vec::new();
        for (model, can) in self.models.iter().zip(self.abilities) {
            let given = wire.results.remove(&model.role);
            let missing: Vec<&String> = wire
                .needs
                .iter()
                .filter(|need| !can.contains(need))
                .collect();
            results.push(match (given, missing.first()) {
                (None, Some(_)) => None,
                (Some(result), None) => Some(
                    self.result(model, result)
                        .within(&model.role)
                        .within("results")?,
                ),
                (None, None) => {
                    let message = "is missing; the model can take the class, so say how it fares";
                    return fault(&model.role, message).within("results");
                }
                (Some(_), Some(need)) => {
                    let message =
                        format!("the class needs `{need}`, which the model cannot; leave it out");
                    return fault(&model.role, message).within("results");
                }
            });
        }
        if let Some(unknown) = wire.results.keys().next() {
            return fault(unknown, "there is no such role in [models]").within("results");
        }
        if results.iter().all(Option::is_none) {
            return fault("needs", "no model of the scenario has these abilities");
        }
        let class = Class {
            name: wire.name,
            tasks: weights("tasks", wire.tasks)?,
            channels: weights("channels", wire.channels)?,
            needs: wire.needs,
            turns: turns(&wire.turns).within("turns")?,
            input: self.input(&wire.input).within("input")?,
            texts: self.texts(&wire.text).within("text")?,
            results,
        };
        Ok((class, positive("share", wire.share, 1.0)?))
    }

    fn input(&self, wire: &InputWire) -> Checked<Input> {
        let smallest = self.models.iter().map(|model| model.context_tokens.0).min();
        if wire.max == 0 || smallest.is_some_and(|context| wire.max >= context) {
            let message = "must be at least 1 and leave room for an answer in every context";
            return fault("max", message);
        }
        if !(0.0..=MOST_MEAN).contains(&wire.added) {
            return fault("added", "must be a number of at least 0");
        }
        Ok(Input {
            first: LogNormal::with_mean(
                positive("mean", wire.mean, MOST_MEAN)?,
                sigma(wire.sigma)?,
            ),
            max: wire.max,
            added: wire.added,
            cached_first: share("cached_first", wire.cached_first)?,
            cached_later: share("cached_later", wire.cached_later)?,
        })
    }

    fn texts(&self, wire: &TextWire) -> Checked<Texts> {
        for (field, texts) in [
            ("openers", &wire.openers),
            ("easy", &wire.easy),
            ("hard", &wire.hard),
        ] {
            if texts.is_empty() {
                return fault(field, "needs at least one template");
            }
        }
        let parse = |field: &str, texts: &[String]| {
            let lengths: Vec<Option<usize>> = longest(self.slots)
                .unwrap_or_default()
                .into_iter()
                .map(Some)
                .collect();
            let templates = templates(field, texts, self.names)?;
            let too_long = |template: &Template| {
                template
                    .longest(&lengths)
                    .is_none_or(|bytes| bytes > MOST_BYTES)
            };
            match templates.iter().position(too_long) {
                None => Ok(templates),
                Some(i) => fault(
                    &format!("{field}[{i}]"),
                    format!("can grow beyond {MOST_BYTES} bytes"),
                ),
            }
        };
        Ok(Texts {
            openers: parse("openers", &wire.openers)?,
            follow_ups: parse("follow_ups", &wire.follow_ups)?,
            easy: parse("easy", &wire.easy)?,
            hard: parse("hard", &wire.hard)?,
        })
    }

    fn result(&self, model: &Model, wire: ResultWire) -> Checked<ModelResult> {
        let output_tokens = law("output_tokens", wire.output_tokens)?;
        let mean = share("success", wire.success)?;
        if !(0.0..=50.0).contains(&wire.fall) {
            return fault(
                "fall",
                "must be a number from 0 to 50: logits a standard deviation",
            );
        }
        let whole = Whole {
            tokens: output_tokens,
            correlation: self.token_difficulty,
            cap: f64::from(model.max_output_tokens.0),
        };
        let success = Success::with_mean(mean, wire.fall, &whole).or_else(|greatest| {
            let message = format!(
                "{mean} cannot be reached: answers cut at {} tokens leave at most {greatest:.3}",
                model.max_output_tokens.0
            );
            fault("success", message)
        })?;
        Ok(ModelResult {
            success,
            output_tokens,
            reasoning: share("reasoning", wire.reasoning)?,
        })
    }
}

fn turns(wire: &TurnsWire) -> Checked<Turns> {
    if wire.min == 0 || wire.min > MOST_TURNS {
        return fault("min", format!("must be from 1 to {MOST_TURNS}"));
    }
    if !(f64::from(wire.min)..=f64::from(MOST_TURNS) / 2.0).contains(&wire.mean) {
        let most = MOST_TURNS / 2;
        return fault("mean", format!("must be from `min` to {most}"));
    }
    Ok(Turns {
        min: wire.min,
        mean: wire.mean,
        pause_seconds: law("pause_seconds", wire.pause_seconds)?,
        repeat: share("repeat", wire.repeat)?,
    })
}
