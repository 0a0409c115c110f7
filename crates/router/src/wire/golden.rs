//! Golden requests and decision lines: what a decision looks like as JSON.

use serde_json::Value;

use super::request;
use crate::decide::{Decision, Prediction};
use crate::emit::{self, Object};
use crate::error::Error;
use crate::golden::Golden;
use crate::json::{self, Fields};
use crate::router::Router;
use crate::units::{Ppm, Probability};

pub(super) fn write(router: &Router, golden: &Golden) -> Result<String, Error> {
    let request = Object::new().field("request", request::write(&golden.request)?);
    decided(request, router, &golden.decision, &golden.predictions)
}

/// The fields that golden requests and decision lines share.
pub(crate) fn decided(
    object: Object,
    router: &Router,
    decision: &Decision,
    predictions: &[Prediction],
) -> Result<String, Error> {
    let choice = decision
        .masses()
        .iter()
        .fold(Object::new(), |object, &(endpoint, share)| {
            object.field(&router.endpoint(endpoint).id, share.0)
        });
    let predictions: Vec<String> = router
        .heads()
        .iter()
        .zip(predictions)
        .map(|(heads, prediction)| {
            Ok(Object::new()
                .field("model", emit::text(&heads.model))
                .field("success", emit::float(prediction.success.get())?)
                .field("output_tokens", emit::float(prediction.output_tokens)?)
                .end())
        })
        .collect::<Result<_, Error>>()?;
    Ok(object
        .field("choice", choice.end())
        .field("unanswered_ppm", decision.unanswered().0)
        .field("fell_back_ppm", decision.fell_back().0)
        .field("predictions", emit::list(predictions))
        .end())
}

/// Read a golden request of a router that has just been put together.
pub(super) fn read(value: Value, router: &Router) -> Result<Golden, Error> {
    let mut fields = Fields::new(value)?;
    let request = fields.required("request", request::read)?;
    let choice = fields.required("choice", |value| read_choice(value, router))?;
    let unanswered = fields.required("unanswered_ppm", json::whole).map(Ppm)?;
    let fell_back = fields.required("fell_back_ppm", json::whole).map(Ppm)?;
    let mut models = router.heads().iter();
    let predictions = fields.list("predictions", |value| {
        read_prediction(value, models.next().map(|heads| heads.model.as_str()))
    })?;
    fields.finish()?;
    Ok(Golden {
        request,
        decision: Decision::from_parts(choice, unanswered, fell_back),
        predictions,
    })
}

fn read_choice(
    value: Value,
    router: &Router,
) -> Result<Vec<(crate::decide::EndpointIndex, Ppm)>, Error> {
    let Value::Object(map) = value else {
        return Err(json::expected("shares by endpoint", &value));
    };
    map.into_iter()
        .map(|(id, share)| {
            let index = router
                .index_of(&id)
                .ok_or_else(|| Error::value("there is no such endpoint").within(&id))?;
            let share = json::whole(share).map_err(|error| error.within(&id))?;
            Ok((index, Ppm(share)))
        })
        .collect()
}

/// Predictions stand in the order of the heads.
fn read_prediction(value: Value, model: Option<&str>) -> Result<Prediction, Error> {
    let mut fields = Fields::new(value)?;
    let named = fields.required("model", json::string)?;
    if model != Some(&*named) {
        return Err(
            Error::value(format!("`{named}` is not the model of this place")).within("model"),
        );
    }
    let prediction = Prediction {
        success: fields.required("success", |value| {
            Probability::try_new(json::number(value)?)
        })?,
        output_tokens: fields.required("output_tokens", json::number)?,
    };
    fields.finish()?;
    Ok(prediction)
}
