//! The calibration sample as requests that can be weighed and decided.

use weighbridge_router::{
    Decision, EndpointIndex, Prediction, Probability, RequestRef, Router, Timestamp, Tokens, Trade,
};

use super::dial::DialError;

/// A router's calibration rows.
pub(super) struct Sample<'a> {
    router: &'a Router,
    at: Option<Timestamp>,
    pub(super) rows: Vec<Row>,
    /// Whether somebody is the driver.
    pub(super) has_driver: bool,
}

/// One row: a request of which only size and predictions are known.
pub(super) struct Row {
    input_tokens: Tokens,
    predictions: Vec<Prediction>,
    /// What comes of it at each endpoint that may take it.
    pub(super) options: Vec<(EndpointIndex, Fate)>,
}

/// What comes of a request at one endpoint, by prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fate {
    /// Whether the model is another than the driver.
    pub(super) other: bool,
    pub(super) success: f64,
    pub(super) cost_usd: f64,
    /// `None` where the card does not tell.
    pub(super) seconds: Option<f64>,
}

impl Fate {
    /// Nobody takes the request: it fails, at no cost.
    const UNANSWERED: Self = Self {
        other: false,
        success: 0.0,
        cost_usd: 0.0,
        seconds: Some(0.0),
    };
}

impl<'a> Sample<'a> {
    /// # Errors
    /// Where the router has no sample, or one of other models.
    pub(super) fn new(router: &'a Router, at: Option<Timestamp>) -> Result<Self, DialError> {
        let calibration = &router.parts().calibration;
        if calibration.input_tokens.is_empty() {
            return Err(DialError::NoSample);
        }
        let columns = router
            .heads()
            .iter()
            .map(|heads| {
                let mut models = calibration.models.iter();
                let found = models.find(|predicted| predicted.model == heads.model);
                found
                    .map(|predicted| (predicted, &heads.output_tokens))
                    .ok_or_else(|| DialError::Unpredicted(heads.model.clone()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let driver = driver_model(router);
        let rows = calibration.input_tokens.iter().enumerate();
        let rows = rows.map(|(i, &input)| {
            let predictions = columns.iter().map(|(predicted, tokens)| {
                let success = f64::from(predicted.success[i]).clamp(0.0, 1.0);
                Prediction {
                    // A file's numbers are finite.
                    success: Probability::try_new(success).unwrap_or_default(),
                    output_tokens: tokens.smeared(f64::from(predicted.log_output_tokens[i])),
                }
            });
            let row = Row {
                input_tokens: Tokens(input),
                predictions: predictions.collect(),
                options: Vec::new(),
            };
            row.with_options(router, at, driver)
        });
        Ok(Self {
            router,
            at,
            has_driver: driver.is_some(),
            rows: rows.collect(),
        })
    }

    /// What comes of a row under a trade, as the decider decides it; `None` where an endpoint
    /// without heads takes it.
    pub(super) fn fate(&self, row: &Row, trade: &Trade) -> Option<Fate> {
        let decision: Decision =
            self.router
                .decide_given(trade, &row.request(self.at), &row.predictions);
        match decision.sole() {
            None => Some(Fate::UNANSWERED),
            Some(endpoint) => row.at(endpoint),
        }
    }

    /// The endpoints that a learned choice under this trade weighs, and what comes of the row there.
    pub(super) fn weighed(&self, row: &Row, trade: &Trade) -> Vec<(Fate, f64)> {
        let ranked = self
            .router
            .weigh_given(trade, &row.request(self.at), &row.predictions);
        let lines = ranked
            .into_iter()
            .filter_map(|(endpoint, terms)| Some((row.at(endpoint)?, terms.net_usd)));
        lines.collect()
    }
}

impl Row {
    /// Costs and seconds do not depend on a trade, so they are worked out once.
    fn with_options(
        mut self,
        router: &Router,
        at: Option<Timestamp>,
        driver: Option<&str>,
    ) -> Self {
        let weighed = router.weigh_given(&Trade::default(), &self.request(at), &self.predictions);
        for (index, terms) in weighed {
            let prediction = router.heads_of(index).map(|head| self.predictions[head]);
            let Some(prediction) = prediction else {
                continue;
            };
            let fate = Fate {
                other: driver.is_some_and(|driver| router.endpoint(index).model != driver),
                success: prediction.success.get(),
                cost_usd: terms.cost_usd,
                seconds: terms.seconds,
            };
            self.options.push((index, fate));
        }
        self
    }

    fn request(&self, at: Option<Timestamp>) -> RequestRef<'static> {
        RequestRef {
            at,
            input_tokens: Some(self.input_tokens),
            ..RequestRef::default()
        }
    }

    fn at(&self, endpoint: EndpointIndex) -> Option<Fate> {
        let mut options = self.options.iter();
        options
            .find(|(index, _)| *index == endpoint)
            .map(|(_, fate)| *fate)
    }
}

/// The model that has the role `driver`, by its own name or by that of one of its endpoints.
fn driver_model(router: &Router) -> Option<&str> {
    let mut roles = router.parts().roles.iter();
    let (_, name) = roles.find(|(role, _)| role == "driver")?;
    let mut endpoints = router.endpoints().iter();
    endpoints
        .find(|endpoint| endpoint.id == *name || endpoint.model == *name)
        .map(|endpoint| endpoint.model.as_str())
}
