//! Golden requests: invented requests with the decisions that every loader of the file must
//! reproduce before it may decide anything else.
//!
//! Made from the router alone, never from recorded traffic, so a file tells nobody's prompts. What
//! they look like is `invent`'s business; here they are decided and compared.

mod invent;
mod prompts;

use crate::choose::Choose;
use crate::decide::{Decision, Prediction, Scratch};
use crate::error::{Error, ErrorKind};
use crate::request::{Request, RequestRef};
use crate::router::Router;

/// How many requests are invented.
const COUNT: usize = 32;
/// A learned choice must prefer a model by more than this, so that no runtime's last digit can
/// turn a golden decision.
const MIN_MARGIN_USD: f64 = 1e-6;
/// How many variations of a prompt are tried for that margin.
const MAX_VARIATIONS: u32 = 40;
/// How far a loader's probability may be off.
const PROBABILITY_TOLERANCE: f64 = 1e-9;
/// How far a loader's token count may be off, relative to the file's.
const TOKENS_TOLERANCE: f64 = 1e-9;

/// A request and what must come of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Golden {
    pub(crate) request: Request,
    pub(crate) decision: Decision,
    pub(crate) predictions: Vec<Prediction>,
}

/// Invent requests for a router and decide them. The same router gives the same requests.
pub(crate) fn invent(router: &Router) -> Vec<Golden> {
    let scratch = &mut Scratch::default();
    let mut inventor = invent::Inventor::new(router);
    (0..COUNT)
        .map(|number| {
            let mut request = inventor.request(number);
            settle(router, &mut request, number, scratch);
            decide(router, request, scratch)
        })
        .collect()
}

/// Vary the prompt until the choice is clear. Where no variation is clear enough, as with models
/// that the router cannot tell apart, the clearest stays.
fn settle(router: &Router, request: &mut Request, number: usize, scratch: &mut Scratch) {
    let Some(prompt) = request.prompt.clone() else {
        return;
    };
    let mut clearest = (f64::NEG_INFINITY, prompt.clone());
    for variation in 0..MAX_VARIATIONS {
        let varied = prompts::vary(&prompt, number, variation);
        let margin = margin(
            router,
            &RequestRef {
                prompt: Some(&varied),
                ..request.as_ref()
            },
            scratch,
        );
        if margin > clearest.0 {
            clearest = (margin, varied);
        }
        if margin > MIN_MARGIN_USD {
            break;
        }
    }
    request.prompt = Some(clearest.1);
}

fn decide(router: &Router, request: Request, scratch: &mut Scratch) -> Golden {
    let mut decision = Decision::default();
    router.decide_into(&request.as_ref(), scratch, &mut decision);
    let predictions = router.predictions(&request.as_ref(), scratch).to_vec();
    Golden {
        request,
        decision,
        predictions,
    }
}

/// How much the best endpoint's net value is above that of the best endpoint of any other model;
/// infinite where nothing is learned or no other is admitted. Endpoints of one model share its
/// predictions, so an error in them moves both alike.
fn margin(router: &Router, request: &RequestRef<'_>, scratch: &mut Scratch) -> f64 {
    // The scratch space may hold the prompt's last variation.
    router.predict(request, scratch);
    let Choose::Router(trade) = router.leaf(request, scratch, &mut |_| {}) else {
        return f64::INFINITY;
    };
    let mut ranked = router.ranked(trade, request, scratch).into_iter();
    let Some((best, terms)) = ranked.next() else {
        return f64::INFINITY;
    };
    let model = &router.endpoint(best).model;
    ranked
        .find(|&(other, _)| router.endpoint(other).model != *model)
        .map_or(f64::INFINITY, |(_, other)| terms.net_usd - other.net_usd)
}

/// Decide the golden requests of a file again.
pub(crate) fn verify(router: &Router, goldens: &[Golden]) -> Result<(), Error> {
    let scratch = &mut Scratch::default();
    for (i, golden) in goldens.iter().enumerate() {
        let found = decide(router, golden.request.clone(), scratch);
        let fault = |what: &str| {
            let message = format!(
                "{what} than the file says; the file was made by a program that decides otherwise"
            );
            Err(Error::new(ErrorKind::Golden, message).within(format_args!("golden[{i}]")))
        };
        if found.decision != golden.decision {
            return fault("this request is decided otherwise");
        }
        let same = found.predictions.len() == golden.predictions.len()
            && found
                .predictions
                .iter()
                .zip(&golden.predictions)
                .all(|(found, said)| alike(found, said));
        if !same {
            return fault("other predictions are made for this request");
        }
    }
    Ok(())
}

fn alike(found: &Prediction, said: &Prediction) -> bool {
    let tokens = (found.output_tokens - said.output_tokens).abs();
    (found.success.get() - said.success.get()).abs() <= PROBABILITY_TOLERANCE
        && tokens <= TOKENS_TOLERANCE * said.output_tokens.abs()
}
