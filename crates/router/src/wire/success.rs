//! The kinds of success heads in the router file.

use serde_json::Value;

use super::{floats, newer};
use crate::emit::{self, Object};
use crate::error::Error;
use crate::heads::{Logistic, Mean, Split, Success, Tree, Trees};
use crate::json::{self, Fields};

const LOGISTIC: &str = "logistic/1";
const TREES: &str = "trees/1";
const MEAN: &str = "mean/1";

pub(super) fn kind(head: &Success) -> &'static str {
    match head {
        Success::Logistic(_) => LOGISTIC,
        Success::Trees(_) => TREES,
        Success::Mean(_) => MEAN,
    }
}

/// Adds the fields of a head to an object that has its kind.
pub(super) fn write(object: Object, head: &Success) -> Result<Object, Error> {
    let platt = |platt: [f64; 2]| -> Result<String, Error> {
        Ok(emit::list([emit::float(platt[0])?, emit::float(platt[1])?]))
    };
    Ok(match head {
        Success::Logistic(head) => object
            .field("bias", emit::float(head.bias)?)
            .field("platt", platt(head.platt)?)
            .field("weights", floats::write(&head.weights)?),
        Success::Trees(head) => {
            let object = object
                .field("bias", emit::float(head.bias)?)
                .field("platt", platt(head.platt)?);
            write_trees(object, &head.trees)?
        }
        Success::Mean(head) => {
            let member = |head: &Success| -> Result<String, Error> {
                let object = Object::new().field("kind", emit::text(kind(head)));
                Ok(write(object, head)?.end())
            };
            let of: Vec<String> = head.of.iter().map(member).collect::<Result<_, _>>()?;
            object
                .field("platt", platt(head.platt)?)
                .field("of", emit::list(of))
        }
    })
}

/// Column by column, tree after tree, so that a head stays one short line.
fn write_trees(object: Object, trees: &[Tree]) -> Result<Object, Error> {
    let splits = || trees.iter().flat_map(|tree| &tree.splits);
    let numbers =
        |of: &dyn Fn(&Split) -> i64| emit::list(splits().map(|split| of(split).to_string()));
    let at_most: Vec<f32> = splits().map(|split| split.at_most).collect();
    let leaves: Vec<f32> = trees
        .iter()
        .flat_map(|tree| &tree.leaves)
        .copied()
        .collect();
    let sizes = trees.iter().map(|tree| tree.splits.len().to_string());
    Ok(object
        .field("splits", emit::list(sizes))
        .field("column", numbers(&|split| split.column.into()))
        .field("at_most", floats::write(&at_most)?)
        .field("low", numbers(&|split| split.low.into()))
        .field("high", numbers(&|split| split.high.into()))
        .field("leaves", floats::write(&leaves)?))
}

/// A head of this kind, from the fields that are left of its object.
pub(super) fn read(kind: &str, fields: &mut Fields) -> Result<Success, Error> {
    Ok(match kind {
        LOGISTIC => Success::Logistic(Logistic {
            bias: fields.required("bias", json::number)?,
            platt: fields.required("platt", read_platt)?,
            weights: fields.required("weights", floats::read)?,
        }),
        TREES => Success::Trees(Trees {
            bias: fields.required("bias", json::number)?,
            platt: fields.required("platt", read_platt)?,
            trees: read_trees(fields)?,
        }),
        MEAN => Success::Mean(Mean {
            platt: fields.required("platt", read_platt)?,
            of: fields.list("of", read_member)?,
        }),
        other => return Err(newer(other).within("kind")),
    })
}

fn read_member(value: Value) -> Result<Success, Error> {
    let mut fields = Fields::new(value)?;
    let kind = fields.required("kind", json::string)?;
    if kind == MEAN {
        // Refused here, so that a file cannot nest readers without end.
        return Err(Error::value("a mean of means; name the heads themselves").within("kind"));
    }
    let head = read(&kind, &mut fields)?;
    fields.finish()?;
    Ok(head)
}

fn read_trees(fields: &mut Fields) -> Result<Vec<Tree>, Error> {
    let sizes = fields.list("splits", json::whole)?;
    let columns = fields.list("column", json::whole)?;
    let at_most = fields.required("at_most", floats::read)?;
    let low = fields.list("low", read_branch)?;
    let high = fields.list("high", read_branch)?;
    let leaves = fields.required("leaves", floats::read)?;
    // 64 bits: a file may claim more splits than any machine holds.
    let splits: u64 = sizes.iter().copied().map(u64::from).sum();
    for (name, found, wanted) in [
        ("column", columns.len(), splits),
        ("at_most", at_most.len(), splits),
        ("low", low.len(), splits),
        ("high", high.len(), splits),
        ("leaves", leaves.len(), splits + sizes.len() as u64),
    ] {
        if found as u64 != wanted {
            let message = format!("{found} values where the trees have {wanted}");
            return Err(Error::value(message).within(name));
        }
    }
    let mut splits = (columns.into_iter().zip(at_most).zip(low).zip(high)).map(
        |(((column, at_most), low), high)| Split {
            column,
            at_most,
            low,
            high,
        },
    );
    let mut leaves = leaves.into_iter();
    let tree = |size: u32| Tree {
        splits: splits.by_ref().take(size as usize).collect(),
        leaves: leaves.by_ref().take(size as usize + 1).collect(),
    };
    Ok(sizes.into_iter().map(tree).collect())
}

/// A later split, or a leaf below 0.
fn read_branch(value: Value) -> Result<i32, Error> {
    let branch = value.as_i64().and_then(|branch| i32::try_from(branch).ok());
    branch.ok_or_else(|| json::expected("a whole number of 32 bits", &value))
}

fn read_platt(value: Value) -> Result<[f64; 2], Error> {
    let numbers = json::items(value, json::number)?;
    <[f64; 2]>::try_from(numbers)
        .map_err(|numbers| Error::value(format!("must be 2 numbers, not {}", numbers.len())))
}
