//! The calibration sample in the router file.

use serde_json::Value;

use super::floats;
use crate::calibration::{Calibration, CalibrationModel};
use crate::emit::{self, Object};
use crate::error::Error;
use crate::json::{self, Fields};

pub(super) fn write(calibration: &Calibration) -> Result<String, Error> {
    let models: Vec<String> = calibration
        .models
        .iter()
        .map(write_model)
        .collect::<Result<_, _>>()?;
    let inputs = calibration.input_tokens.iter().map(u32::to_string);
    let per_day = calibration.requests_per_day.map(emit::float).transpose()?;
    Ok(Object::new()
        .field("requests_per_day", emit::or_null(per_day))
        .field("input_tokens", emit::list(inputs))
        .field("models", emit::lines(models))
        .end())
}

pub(super) fn read(value: Value) -> Result<Calibration, Error> {
    let mut fields = Fields::new(value)?;
    let calibration = Calibration {
        requests_per_day: fields.optional("requests_per_day", json::number)?,
        input_tokens: fields.list("input_tokens", json::whole)?,
        models: fields.list("models", read_model)?,
    };
    fields.finish()?;
    let rows = calibration.input_tokens.len();
    if rows > Calibration::MAX_ROWS {
        return Err(Error::value(format!(
            "{rows} rows are more than the limit of {}",
            Calibration::MAX_ROWS
        )));
    }
    for model in &calibration.models {
        for column in [&model.success, &model.log_output_tokens] {
            if column.len() != rows {
                return Err(Error::value(format!(
                    "`{}` has {} values where there are {rows} rows",
                    model.model,
                    column.len()
                )));
            }
        }
    }
    Ok(calibration)
}

fn write_model(model: &CalibrationModel) -> Result<String, Error> {
    Ok(Object::new()
        .field("model", emit::text(&model.model))
        .field("success", floats::write(&model.success)?)
        .field(
            "log_output_tokens",
            floats::write(&model.log_output_tokens)?,
        )
        .end())
}

fn read_model(value: Value) -> Result<CalibrationModel, Error> {
    let mut fields = Fields::new(value)?;
    let model = CalibrationModel {
        model: fields.required("model", json::string)?,
        success: fields.required("success", floats::read)?,
        log_output_tokens: fields.required("log_output_tokens", floats::read)?,
    };
    fields.finish()?;
    Ok(model)
}
