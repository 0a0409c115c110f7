//! Decision lines: a decision as every loader of a router file prints it.

use crate::decide::{Decision, Scratch};
use crate::emit::{self, Object};
use crate::request::RequestRef;
use crate::router::Router;
use crate::wire;

/// The decision for a request as one JSON object, without a line feed:
///
/// ```json
/// {"id":"r-1","choice":{"a@x":1000000},"unanswered_ppm":0,"fell_back_ppm":0,"predictions":[{"model":"a","success":0.75,"output_tokens":412.5}]}
/// ```
///
/// `choice` holds parts per million by endpoint, in the order of the file. `predictions` are in
/// the order of the heads, and empty where the router has none or the request no prompt.
#[must_use]
#[expect(
    clippy::missing_panics_doc,
    reason = "a checked head cannot predict what is not finite"
)]
pub fn decision_line(
    router: &Router,
    id: &str,
    request: &RequestRef<'_>,
    scratch: &mut Scratch,
) -> String {
    let mut decision = Decision::default();
    router.decide_into(request, scratch, &mut decision);
    let predictions = router.predictions(request, scratch);
    let object = Object::new().field("id", emit::text(id));
    wire::decided(object, router, &decision, predictions)
        .expect("heads are bounded, so that predictions are finite")
}
