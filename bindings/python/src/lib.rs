//! The Python module `weighbridge`: [`router`] decides, [`tally`] adds up recorded requests.
//!
//! Everything that decides or counts is in the Rust crates; this one turns Python's objects into
//! theirs and back. It holds no lock while it decides or counts, has no clock and no state of its
//! own but the scratch space of each thread. Start at [`router::Router`].

mod arrow;
mod arrow_kind;
mod cells;
mod decision;
mod request;
mod router;
mod rows;
mod tally;

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;

create_exception!(
    weighbridge,
    RouterError,
    PyValueError,
    "A router file, a request or a batch that cannot be taken: one line, with field and mend."
);

/// What Python imports; `weighbridge/__init__.py` says what of it is public.
#[pyo3::pymodule]
mod _weighbridge {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::RouterError;
    #[pymodule_export]
    use super::router::Router;
    #[pymodule_export]
    use super::tally::Tally;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
