//! A decision as a Python dict, with the fields of a decision line, and back.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use weighbridge_router::{Decision, Ppm, Prediction, Router};

use crate::RouterError;

/// The names in a router's decisions, made once.
pub(crate) struct Names {
    endpoints: Vec<Py<PyString>>,
    models: Vec<Py<PyString>>,
}

/// What was decided for one request.
#[derive(Default)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) predictions: Vec<Prediction>,
}

impl Names {
    pub(crate) fn new(py: Python<'_>, router: &Router) -> Self {
        let name = |text: &String| PyString::new(py, text).unbind();
        Self {
            endpoints: router.endpoints().iter().map(|it| name(&it.id)).collect(),
            models: router.heads().iter().map(|it| name(&it.model)).collect(),
        }
    }

    pub(crate) fn endpoints<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, &self.endpoints)
    }

    pub(crate) fn models<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, &self.models)
    }

    /// The fields of a decision line, in its order, without the id.
    pub(crate) fn dict<'py>(
        &self,
        py: Python<'py>,
        decided: &Decided,
    ) -> PyResult<Bound<'py, PyDict>> {
        let Decided {
            decision,
            predictions,
        } = decided;
        let choice = PyDict::new(py);
        for &(endpoint, share) in decision.masses() {
            choice.set_item(&self.endpoints[usize::from(endpoint.0)], share.0)?;
        }
        let list = PyList::empty(py);
        for (model, prediction) in self.models.iter().zip(predictions) {
            let row = PyDict::new(py);
            row.set_item(intern!(py, "model"), model)?;
            row.set_item(intern!(py, "success"), prediction.success.get())?;
            row.set_item(intern!(py, "output_tokens"), prediction.output_tokens)?;
            list.append(row)?;
        }
        let dict = PyDict::new(py);
        dict.set_item(intern!(py, "choice"), choice)?;
        dict.set_item(intern!(py, "unanswered_ppm"), decision.unanswered().0)?;
        dict.set_item(intern!(py, "fell_back_ppm"), decision.fell_back().0)?;
        dict.set_item(intern!(py, "predictions"), list)?;
        Ok(dict)
    }
}

/// The decision of such a dict.
pub(crate) fn read(router: &Router, decision: &Bound<'_, PyDict>) -> PyResult<Decision> {
    let wrong = |what: &str| RouterError::new_err(format!("choice: {what}"));
    let choice = decision.get_item(intern!(decision.py(), "choice"))?;
    let choice =
        choice.ok_or_else(|| wrong("this field is missing; give what `route` returned"))?;
    let choice = choice
        .cast::<PyDict>()
        .map_err(|_| wrong("must be a dict of endpoints and parts per million"))?;
    let mut shares = Vec::with_capacity(choice.len());
    for (id, share) in choice.iter() {
        let id: String = id.extract().map_err(|_| wrong("must have texts as keys"))?;
        let known = router.index_of(&id);
        let endpoint = known.ok_or_else(|| {
            wrong(&format!(
                "`{id}` is no endpoint of this router; let the same router decide and draw"
            ))
        })?;
        let share: u32 = share
            .extract()
            .map_err(|_| wrong("shares must be whole numbers of parts per million"))?;
        shares.push((endpoint, Ppm(share)));
    }
    Decision::of_shares(shares, Ppm(0)).map_err(|error| wrong(&error.to_string()))
}
