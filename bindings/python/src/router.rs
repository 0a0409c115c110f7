//! The class `Router`: a router file, loaded, verified, deciding.

use std::cell::RefCell;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyType};
use tool::trace_io::RequestLines;
use weighbridge_router::{Request, Scratch, Timestamp, decision_line};

use crate::RouterError;
use crate::decision::{self, Decided, Names};
use crate::request;

thread_local! {
    /// Each thread keeps its own, so that deciding allocates nothing once it is warm.
    static WARM: RefCell<Scratch> = RefCell::default();
}

/// Requests of a batch that are decided between two looks at Python's objects.
const BATCH: usize = 256;

/// A checked router, ready to decide. Made by `load` or `from_bytes`.
#[pyclass(frozen, module = "weighbridge")]
pub(crate) struct Router {
    pub(crate) router: Arc<weighbridge_router::Router>,
    names: Names,
}

pub(crate) fn fault(error: impl std::fmt::Display) -> PyErr {
    RouterError::new_err(error.to_string())
}

impl Router {
    fn new(py: Python<'_>, router: weighbridge_router::Router) -> Self {
        Self {
            names: Names::new(py, &router),
            router: Arc::new(router),
        }
    }

    fn decide(&self, request: &Request) -> Decided {
        let mut decided = Decided::default();
        WARM.with_borrow_mut(|scratch| {
            let request = request.as_ref();
            self.router
                .decide_into(&request, scratch, &mut decided.decision);
            let predictions = self.router.predictions(&request, scratch);
            decided.predictions.extend_from_slice(predictions);
        });
        decided
    }
}

#[pymethods]
impl Router {
    /// Load and verify a router file.
    #[classmethod]
    fn load(_class: &Bound<'_, PyType>, py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let router = py.detach(|| weighbridge_router::Router::load(path));
        Ok(Self::new(py, router.map_err(fault)?))
    }

    /// The same for the bytes of a router file.
    #[classmethod]
    fn from_bytes(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        data: PyBackedBytes,
    ) -> PyResult<Self> {
        let router = py.detach(|| weighbridge_router::Router::from_bytes(&data));
        Ok(Self::new(py, router.map_err(fault)?))
    }

    /// The router file: the same router gives the same bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.router.to_bytes()).map_err(fault)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The ids of the endpoints that a decision may name, in the order of the file.
    #[getter]
    fn endpoints<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.names.endpoints(py)
    }

    /// The models that the heads predict, in the order of the file.
    #[getter]
    fn models<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.names.models(py)
    }

    /// Decide a request: the fields of a decision line, without the id. `at`: when it arrived, if it
    /// does not say so itself.
    #[pyo3(signature = (request, *, at=None))]
    fn route<'py>(
        &self,
        py: Python<'py>,
        request: &Bound<'py, PyAny>,
        at: Option<&str>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let at = time(at)?;
        let mut request = request::read(request).map_err(|fault| fault.at(""))?;
        request.at = request.at.or(at);
        let decided = py.detach(|| self.decide(&request));
        self.names.dict(py, &decided)
    }

    /// Decide what an OpenAI chat body asks for: a dict, or its JSON text.
    #[pyo3(signature = (body, *, at=None))]
    fn route_chat<'py>(
        &self,
        py: Python<'py>,
        body: &Bound<'py, PyAny>,
        at: Option<&str>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let at = time(at)?;
        let text = request::json_text(body)?;
        let decided = py.detach(|| {
            let request = Request::from_chat(&text)?;
            let decided = self.decide(&Request { at, ..request });
            Ok::<_, weighbridge_router::Error>(decided)
        });
        self.names.dict(py, &decided.map_err(fault)?)
    }

    /// Decide many requests: a decision each, in their order. `at`: when those arrived that do not
    /// say so themselves.
    #[pyo3(signature = (requests, *, at=None))]
    fn route_many<'py>(
        &self,
        py: Python<'py>,
        requests: &Bound<'py, PyAny>,
        at: Option<&str>,
    ) -> PyResult<Bound<'py, PyList>> {
        let at = time(at)?;
        let decisions = PyList::empty(py);
        let mut rest = requests.try_iter()?;
        let mut batch: Vec<Request> = Vec::with_capacity(BATCH);
        loop {
            batch.clear();
            for request in rest.by_ref().take(BATCH) {
                let request = request::read(&request?);
                let place = decisions.len() + batch.len();
                let mut request = request.map_err(|fault| fault.at(&format!("[{place}]")))?;
                request.at = request.at.or(at);
                batch.push(request);
            }
            if batch.is_empty() {
                return Ok(decisions);
            }
            let decided: Vec<Decided> =
                py.detach(|| batch.iter().map(|request| self.decide(request)).collect());
            for decided in &decided {
                decisions.append(self.names.dict(py, decided)?)?;
            }
        }
    }

    /// Decide the lines of a trace or of a list of requests, as `weighbridge decide` does: the
    /// decision lines. `at`: when requests arrived that do not say so themselves.
    #[pyo3(signature = (lines, *, at=None))]
    fn route_jsonl<'py>(
        &self,
        py: Python<'py>,
        lines: PyBackedBytes,
        at: Option<&str>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let at = time(at)?;
        let decided = py.detach(|| {
            let mut out = Vec::with_capacity(lines.len() / 4);
            WARM.with_borrow_mut(|scratch| {
                for line in RequestLines::read("<lines>", Box::new(Cursor::new(lines)))? {
                    let (id, mut request) = line?;
                    request.at = request.at.or(at);
                    let line = decision_line(&self.router, &id, &request.as_ref(), scratch);
                    out.extend_from_slice(line.as_bytes());
                    out.push(b'\n');
                }
                Ok::<_, tool::trace_io::TraceError>(out)
            })
        });
        Ok(PyBytes::new(py, &decided.map_err(fault)?))
    }

    /// The endpoint that a request of this id goes to and the probability with which it was drawn;
    /// no endpoint where the draw falls on the unanswered share.
    fn draw<'py>(
        &self,
        py: Python<'py>,
        decision: &Bound<'py, PyDict>,
        id: &str,
    ) -> PyResult<(Option<Bound<'py, PyString>>, f64)> {
        let (endpoint, share) = decision::read(&self.router, decision)?.draw(id);
        let endpoint = endpoint.map(|it| PyString::new(py, &self.router.endpoint(it).id));
        Ok((endpoint, f64::from(share.0) / 1e6))
    }

    fn __repr__(&self) -> String {
        let ids = self.router.endpoints().iter();
        let ids: Vec<&str> = ids.map(|endpoint| endpoint.id.as_str()).collect();
        format!("<weighbridge.Router: {}>", ids.join(", "))
    }

    /// A pickle holds the file, which is verified again where it is loaded.
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let from_bytes = slf.get_type().getattr("from_bytes")?;
        Ok((from_bytes, (slf.get().to_bytes(slf.py())?,)))
    }
}

/// The moment of an argument `at`.
fn time(at: Option<&str>) -> PyResult<Option<Timestamp>> {
    let at = at.map(Timestamp::parse).transpose();
    at.map_err(|error| fault(format!("at: {error}")))
}

/// A JSON text as Python's objects.
pub(crate) fn json<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (text,))
}
