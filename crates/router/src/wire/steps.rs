//! The steps of the feature recipe in the router file.

use serde_json::Value;

use super::{floats, newer};
use crate::emit::{self, Object};
use crate::error::Error;
use crate::features::{Scaled, Step, Tag, Words};
use crate::json::{self, Fields};

const SURFACE: &str = "surface/1";
const SURFACE_2: &str = "surface/2";
const WORDS: &str = "words/1";
const TAG: &str = "tag/1";
/// The field of the request that `tag/1` reads.
const TAG_FIELD: &str = "task";

pub(super) fn write(step: &Step) -> Result<String, Error> {
    let named = |step: &str| Object::new().field("step", emit::text(step));
    Ok(match step {
        Step::Surface(step) => write_scaled(named(SURFACE), step)?,
        Step::Surface2(step) => write_scaled(named(SURFACE_2), step)?,
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
    })
}

pub(super) fn read(value: Value) -> Result<Step, Error> {
    let mut fields = Fields::new(value)?;
    let step = match fields.required("step", json::string)?.as_str() {
        SURFACE => Step::Surface(read_scaled(&mut fields)?),
        SURFACE_2 => Step::Surface2(read_scaled(&mut fields)?),
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
        other => return Err(newer(other).within("step")),
    };
    fields.finish()?;
    Ok(step)
}

fn write_scaled<const N: usize>(object: Object, step: &Scaled<N>) -> Result<String, Error> {
    Ok(object
        .field("weight", emit::float(step.weight.into())?)
        .field("mean", floats::write(&step.mean)?)
        .field("scale", floats::write(&step.scale)?)
        .end())
}

fn read_scaled<const N: usize>(fields: &mut Fields) -> Result<Scaled<N>, Error> {
    Ok(Scaled {
        weight: fields.required("weight", json::single)?,
        mean: fields.required("mean", floats::read)?,
        scale: fields.required("scale", floats::read)?,
    })
}

/// Single words and pairs: the only lengths that `words/1` has.
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
