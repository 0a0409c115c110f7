//! The steps of the feature recipe in the router file.

use serde_json::Value;

use super::{floats, newer};
use crate::emit::{self, Object};
use crate::error::Error;
use crate::features::{
    Embedding, Scaling, Step, Surface, Surface2, Tag, WordScore, WordScores, Words,
};
use crate::json::{self, Fields};

const SURFACE: &str = "surface/1";
const SURFACE_2: &str = "surface/2";
const WORDS: &str = "words/1";
const TAG: &str = "tag/1";
const EMBEDDING: &str = "embedding/1";
const WORD_SCORE: &str = "word_score/1";
/// The field of the request that `tag/1` reads.
const TAG_FIELD: &str = "task";

pub(super) fn write(step: &Step) -> Result<String, Error> {
    let named = |step: &str| Object::new().field("step", emit::text(step));
    Ok(match step {
        Step::Surface(surface) => write_scaling(named(SURFACE), &surface.0)?.end(),
        Step::Surface2(surface) => write_scaling(named(SURFACE_2), &surface.0)?.end(),
        Step::Words(words) => named(WORDS)
            .field("ngrams", "[1,2]")
            .field("bits", words.bits)
            .field("weight", emit::float(words.weight.into())?)
            .field("idf", floats::write(&words.idf)?)
            .end(),
        Step::Tag(tag) => named(TAG)
            .field("field", emit::text(TAG_FIELD))
            .field("values", emit::texts(&tag.values))
            .end(),
        Step::Embedding(embedding) => write_scaling(named(EMBEDDING), &embedding.0)?.end(),
        Step::WordScores(words) => {
            let scores: Vec<String> = words
                .scores
                .iter()
                .map(write_score)
                .collect::<Result<_, _>>()?;
            named(WORD_SCORE)
                .field("ngrams", "[1,2]")
                .field("bits", words.bits)
                .field("weight", emit::float(words.weight.into())?)
                .field("idf", floats::write(&words.idf)?)
                .field("scores", emit::list(scores))
                .end()
        }
    })
}

fn write_scaling(object: Object, scaling: &Scaling) -> Result<Object, Error> {
    Ok(object
        .field("weight", emit::float(scaling.weight.into())?)
        .field("mean", floats::write(&scaling.mean)?)
        .field("scale", floats::write(&scaling.scale)?))
}

fn write_score(score: &WordScore) -> Result<String, Error> {
    Ok(Object::new()
        .field("model", emit::text(&score.model))
        .field("bias", emit::float(score.bias)?)
        .field("mean", emit::float(score.mean.into())?)
        .field("scale", emit::float(score.scale.into())?)
        .field("weights", floats::write(&score.weights)?)
        .end())
}

pub(super) fn read(value: Value) -> Result<Step, Error> {
    let mut fields = Fields::new(value)?;
    let step = match fields.required("step", json::string)?.as_str() {
        SURFACE => Step::Surface(Surface(read_scaling(&mut fields)?)),
        SURFACE_2 => Step::Surface2(Surface2(read_scaling(&mut fields)?)),
        WORDS => {
            fields.required("ngrams", read_ngrams)?;
            Step::Words(Words {
                bits: fields.required("bits", read_bits)?,
                weight: fields.required("weight", json::single)?,
                idf: fields.required("idf", floats::read)?,
            })
        }
        TAG => {
            fields.required("field", read_tag_field)?;
            Step::Tag(Tag {
                values: fields.list("values", json::string)?,
            })
        }
        EMBEDDING => Step::Embedding(Embedding(read_scaling(&mut fields)?)),
        WORD_SCORE => {
            fields.required("ngrams", read_ngrams)?;
            Step::WordScores(WordScores {
                bits: fields.required("bits", read_bits)?,
                weight: fields.required("weight", json::single)?,
                idf: fields.required("idf", floats::read)?,
                scores: fields.list("scores", read_score)?,
            })
        }
        other => return Err(newer(other).within("step")),
    };
    fields.finish()?;
    Ok(step)
}

fn read_scaling(fields: &mut Fields) -> Result<Scaling, Error> {
    Ok(Scaling {
        weight: fields.required("weight", json::single)?,
        mean: fields.required("mean", floats::read)?,
        scale: fields.required("scale", floats::read)?,
    })
}

fn read_score(value: Value) -> Result<WordScore, Error> {
    let mut fields = Fields::new(value)?;
    let score = WordScore {
        model: fields.required("model", json::string)?,
        bias: fields.required("bias", json::number)?,
        mean: fields.required("mean", json::single)?,
        scale: fields.required("scale", json::single)?,
        weights: fields.required("weights", floats::read)?,
    };
    fields.finish()?;
    Ok(score)
}

/// Single words and pairs: the only lengths that there are.
fn read_ngrams(value: Value) -> Result<(), Error> {
    match json::items(value.clone(), json::whole)?.as_slice() {
        [1, 2] => Ok(()),
        _ => Err(json::expected("[1,2]", &value)),
    }
}

fn read_bits(value: Value) -> Result<u8, Error> {
    u8::try_from(json::whole(value)?).map_err(|_| Error::value("must be at most 255"))
}

fn read_tag_field(value: Value) -> Result<(), Error> {
    match json::string(value)?.as_str() {
        TAG_FIELD => Ok(()),
        other => Err(newer(other)),
    }
}
