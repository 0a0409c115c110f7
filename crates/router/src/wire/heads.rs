//! Heads in the router file: one entry for each model and what is predicted of it, in pairs.

use serde_json::Value;

use super::{floats, newer, success};
use crate::emit::{self, Object};
use crate::error::Error;
use crate::heads::{LogLinear, Success};
use crate::json::{self, Fields};
use crate::router::Heads;

const LOG_LINEAR: &str = "log_linear/1";

/// The two entries of a model.
pub(super) fn write(heads: &Heads) -> Result<[String; 2], Error> {
    let (success, tokens) = (&heads.success, &heads.output_tokens);
    let head = |predicts: &str, kind: &str| {
        Object::new()
            .field("model", emit::text(&heads.model))
            .field("predicts", emit::text(predicts))
            .field("kind", emit::text(kind))
    };
    Ok([
        success::write(head("success", success::kind(success)), success)?.end(),
        head("output_tokens", LOG_LINEAR)
            .field("bias", emit::float(tokens.bias)?)
            .field("smearing", emit::float(tokens.smearing)?)
            .field("weights", floats::write(&tokens.weights)?)
            .end(),
    ])
}

enum Head {
    Success(Success),
    OutputTokens(LogLinear),
}

/// A model's heads while the other may still be to come.
struct Pair {
    model: String,
    success: Option<Success>,
    output_tokens: Option<LogLinear>,
}

/// The pairs, in the order of their first entries.
pub(super) fn read(value: Value) -> Result<Vec<Heads>, Error> {
    let mut pairs: Vec<Pair> = Vec::new();
    json::items(value, |value| {
        let (model, head) = read_head(value)?;
        let known = pairs.iter().position(|pair| pair.model == model);
        let at = known.unwrap_or(pairs.len());
        if known.is_none() {
            pairs.push(Pair {
                model,
                success: None,
                output_tokens: None,
            });
        }
        let pair = &mut pairs[at];
        let (twice, what) = match head {
            Head::Success(head) => (pair.success.replace(head).is_some(), "success"),
            Head::OutputTokens(head) => {
                (pair.output_tokens.replace(head).is_some(), "output_tokens")
            }
        };
        if twice {
            return Err(Error::value(format!(
                "`{}` has a second head for `{what}`",
                pair.model
            )));
        }
        Ok(())
    })?;
    pairs.into_iter().map(Pair::whole).collect()
}

impl Pair {
    fn whole(self) -> Result<Heads, Error> {
        let missing = |what: &str| {
            Error::value(format!(
                "`{}` has no head for `{what}`; heads come in pairs",
                self.model
            ))
        };
        Ok(Heads {
            success: self.success.ok_or_else(|| missing("success"))?,
            output_tokens: self.output_tokens.ok_or_else(|| missing("output_tokens"))?,
            model: self.model,
        })
    }
}

fn read_head(value: Value) -> Result<(String, Head), Error> {
    let mut fields = Fields::new(value)?;
    let model = fields.required("model", json::string)?;
    let predicts = fields.required("predicts", json::string)?;
    let kind = fields.required("kind", json::string)?;
    let head = match (predicts.as_str(), kind.as_str()) {
        ("success", kind) => Head::Success(success::read(kind, &mut fields)?),
        ("output_tokens", LOG_LINEAR) => Head::OutputTokens(LogLinear {
            bias: fields.required("bias", json::number)?,
            smearing: fields.required("smearing", json::number)?,
            weights: fields.required("weights", floats::read)?,
        }),
        ("output_tokens", kind) => return Err(newer(kind).within("kind")),
        (predicts, _) => return Err(newer(predicts).within("predicts")),
    };
    fields.finish()?;
    Ok((model, head))
}
