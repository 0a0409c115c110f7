//! The shrinkage of differences in the router file; a file without it has no such field.

use serde_json::Value;

use super::newer;
use crate::emit::{self, Object};
use crate::error::Error;
use crate::heads::Shrink;
use crate::json::{self, Fields};

const DIFFERENCES: &str = "differences/1";

pub(super) fn write(shrink: &Shrink) -> Result<String, Error> {
    let centres = (shrink.centres.iter())
        .map(|centre| emit::float(*centre))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.within("centres"))?;
    Ok(Object::new()
        .field("kind", emit::text(DIFFERENCES))
        .field("factor", emit::float(shrink.factor)?)
        .field("centres", emit::list(centres))
        .end())
}

pub(super) fn read(value: Value) -> Result<Shrink, Error> {
    let mut fields = Fields::new(value)?;
    let kind = fields.required("kind", json::string)?;
    if kind != DIFFERENCES {
        return Err(newer(&kind).within("kind"));
    }
    let shrink = Shrink {
        factor: fields.required("factor", json::number)?,
        centres: fields.required("centres", |value| json::items(value, json::number))?,
    };
    fields.finish()?;
    Ok(shrink)
}
