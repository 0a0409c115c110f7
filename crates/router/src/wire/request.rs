//! A golden request in the router file: the request object, here without any unknown field, since
//! a reader that passes one over would decide another request.

use serde_json::Value;

use crate::emit::{self, Object};
use crate::error::Error;
use crate::json::Fields;
use crate::request::Request;

/// Only what is known is written.
pub(super) fn write(request: &Request) -> Result<String, Error> {
    let texts = |list: &[String]| (!list.is_empty()).then(|| emit::texts(list));
    let text = |text: &Option<String>| text.as_deref().map(emit::text);
    let embedding: Option<Vec<String>> = request
        .embedding
        .as_ref()
        .map(|values| values.iter().map(|&x| emit::float(x.into())).collect())
        .transpose()?;
    Ok(Object::new()
        .some("at", request.at.map(|at| emit::text(&at.to_string())))
        .some("prompt", text(&request.prompt))
        .some("task", text(&request.task))
        .some("tenant", text(&request.tenant))
        .some("session", text(&request.session))
        .some("turn", request.turn)
        .some("channel", text(&request.channel))
        .some("region", text(&request.region))
        .some("needs", texts(&request.needs))
        .some("input_tokens", request.input_tokens.map(|tokens| tokens.0))
        .some(
            "max_output_tokens",
            request.max_output_tokens.map(|tokens| tokens.0),
        )
        .some("prefix", texts(&request.prefix))
        .some("embedding", embedding.map(emit::list))
        .some("value_usd", request.value_usd)
        .some("wrong_usd", request.wrong_usd)
        .some("second_usd", request.second_usd)
        .some("deadline_ms", request.deadline_ms.map(|ms| ms.0))
        .end())
}

pub(super) fn read(value: Value) -> Result<Request, Error> {
    let mut fields = Fields::new(value)?;
    let request = Request::from_fields(&mut fields)?;
    fields.finish()?;
    Ok(request)
}
