//! The class `Tally`: sums of recorded requests under policies, in parts that merge.
//!
//! Everything is counted by `replay` of the tool, so a tally of all rows is the one that
//! `weighbridge replay` reads its figures from. Sums are whole numbers: the order of rows, batches
//! and parts does not show in them.

mod bytes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};
use sha2::{Digest, Sha256};
use tool::catalog::{Catalog, SourceFile};
use tool::evaluate::{drop_training_rows, tally_report};
use tool::replay::{self, Stage, TallyInput, TallySpec, unit_keys};
use tool::trace::{Header, Row, TraceBuilder};
use weighbridge_router::{Timestamp, Trade, Usd};

use crate::arrow::{self, Batch, Value};
use crate::router::{Router, fault, json};
use crate::rows::{self, Open};

/// What the bytes of a tally begin with.
const FORMAT: &[u8] = b"weighbridge.tally/1\n";
/// The column of a batch that holds tallies.
const COLUMN: &str = "tally";
/// As for `weighbridge replay`.
const MOST_REPLICATES: usize = 100_000;

/// Sums of recorded requests under policies; see `weighbridge.pyi`.
#[pyclass(frozen, module = "weighbridge")]
pub(crate) struct Tally {
    about: About,
    sums: Mutex<Sums>,
}

/// What a tally is about.
struct About {
    routers: Vec<weighbridge_router::Router>,
    catalog: Catalog,
    as_of: Option<Timestamp>,
    pass_at: Option<f64>,
    spec: TallySpec,
    hash: [u8; 32],
}

/// What has been counted.
#[derive(Clone)]
struct Sums {
    tally: replay::Tally,
    /// Requests that a router may have learned from.
    dropped: u64,
    /// Requests of which another batch may tell more.
    open: BTreeMap<String, Open>,
    /// Whether all rows have been given.
    finished: bool,
}

#[pymethods]
impl Tally {
    #[new]
    #[pyo3(signature = (policies, *, value_usd=None, wrong_usd=None, second_usd=None, pass_at=None, as_of=None, catalog=Vec::new(), seed=1, replicates=1000))]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    fn new(
        policies: &Bound<'_, PyDict>,
        value_usd: Option<f64>,
        wrong_usd: Option<f64>,
        second_usd: Option<f64>,
        pass_at: Option<f64>,
        as_of: Option<&str>,
        catalog: Vec<PathBuf>,
        seed: u64,
        replicates: usize,
    ) -> PyResult<Self> {
        let mut named = Vec::new();
        for (name, router) in policies.iter() {
            let name: String = name.extract()?;
            let router = router.cast::<Router>()?.get().router.as_ref().clone();
            named.push((name, router));
        }
        if named.is_empty() {
            return Err(fault("policies: there must be at least one"));
        }
        if let Some(mark) = pass_at.filter(|mark| !(*mark > 0.0 && *mark <= 1.0)) {
            return Err(fault(format!("pass_at: must be in (0, 1], not {mark}")));
        }
        if replicates > MOST_REPLICATES {
            let message =
                format!("replicates: must be at most {MOST_REPLICATES}, not {replicates}");
            return Err(fault(message));
        }
        let as_of = as_of.map(Timestamp::parse).transpose();
        let about = About::new(
            named,
            read_catalog(&catalog)?,
            as_of.map_err(|error| fault(format!("as_of: {error}")))?,
            pass_at,
            |spec| {
                spec.trade = trade(value_usd, wrong_usd, second_usd)?;
                spec.seed = seed;
                spec.replicates = replicates;
                Ok(())
            },
        )?;
        Ok(Self {
            sums: Mutex::new(Sums::new(&about)),
            about,
        })
    }

    /// Add the rows of Arrow data: all of it, or nothing where something is wrong.
    #[pyo3(signature = (data, *, whole=false))]
    fn update(&self, py: Python<'_>, data: &Bound<'_, PyAny>, whole: bool) -> PyResult<()> {
        let mut part = Sums::new(&self.about);
        arrow::each(data, |batch| {
            py.detach(|| {
                let sums = self.lock();
                if sums.finished {
                    let message = "this tally is finished; begin another one and merge it";
                    return Err(message.to_owned());
                }
                let is_open = |id: &str| sums.open.contains_key(id);
                let split = self.about.split(&batch, whole, is_open, &mut part)?;
                drop(sums);
                self.about.count(split, &mut part)
            })
            .map_err(fault)
        })?;
        py.detach(|| self.lock().absorb(part)).map_err(fault)
    }

    /// Add another tally, the bytes of one, or Arrow data with a column `tally` of such bytes.
    fn merge(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(other) = other.cast::<Self>() {
            let other = other.get();
            if other.about.hash != self.about.hash {
                return Err(fault(MISMATCH));
            }
            let part = py.detach(|| other.lock().clone());
            return py.detach(|| self.lock().absorb(part)).map_err(fault);
        }
        let mut part = Sums::new(&self.about);
        if let Ok(bytes) = other.extract::<PyBackedBytes>() {
            py.detach(|| part.absorb(self.about.sums_of(&bytes)?))
                .map_err(fault)?;
        } else {
            arrow::each(other, |batch| {
                py.detach(|| self.about.merge_column(&batch, &mut part))
                    .map_err(fault)
            })?;
        }
        py.detach(|| self.lock().absorb(part)).map_err(fault)
    }

    /// All rows have been given: count what is open. Returns the figures.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = py.detach(|| {
            let mut sums = self.lock();
            self.about.close(&mut sums)?;
            sums.report()
        });
        json(py, &text.map_err(fault)?)
    }

    /// The figures of what was given so far, open requests included.
    fn figures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = py.detach(|| {
            let mut sums = self.lock().clone();
            self.about.close(&mut sums)?;
            sums.report()
        });
        json(py, &text.map_err(fault)?)
    }

    /// The state, to be merged elsewhere.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.about.bytes_of(&self.lock()));
        Ok(PyBytes::new(py, &bytes.map_err(fault)?))
    }

    /// Requests that are counted.
    #[getter]
    fn requests(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.lock().tally.total().requests)
    }

    /// Requests of which another batch may tell more.
    #[getter]
    fn open(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().open.len())
    }

    /// The hash of what the tally is about: tallies merge where it is equal.
    #[getter]
    fn spec_sha256(&self) -> String {
        self.about
            .hash
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!(
            "<weighbridge.Tally: {} requests, {} open; {}>",
            self.requests(py),
            self.open(py),
            self.about.spec.policies.join(", ")
        )
    }
}

const MISMATCH: &str = "these tallies are about different policies, catalogs, trades, pass marks, dates or seeds, or of different versions";

impl Tally {
    /// Only while Python's lock is let go, so that nobody waits for both.
    fn lock(&self) -> MutexGuard<'_, Sums> {
        // A panic is a bug; it leaves whole sums, which are replaced as a whole.
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The built-in catalog with the files over it.
fn read_catalog(paths: &[PathBuf]) -> PyResult<Catalog> {
    paths.iter().try_fold(Catalog::builtin(), |catalog, path| {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| fault(format!("{name}: {error}")))?;
        let file = SourceFile {
            name: &name,
            text: &text,
        };
        catalog.overlaid(&[file]).map_err(fault)
    })
}

fn trade(value: Option<f64>, wrong: Option<f64>, second: Option<f64>) -> PyResult<Option<Trade>> {
    let usd = |name: &str, usd: Option<f64>| {
        let read = Usd::try_from_f64(usd.unwrap_or_default());
        let read = read.map_err(|error| fault(format!("{name}: {error}")))?;
        if read < Usd::ZERO {
            return Err(fault(format!("{name}: must not be negative")));
        }
        Ok(read)
    };
    if value.is_none() {
        let given = wrong.is_some() || second.is_some();
        let message = "wrong_usd and second_usd need value_usd beside them";
        return if given { Err(fault(message)) } else { Ok(None) };
    }
    Ok(Some(Trade {
        value: usd("value_usd", value)?,
        wrong: usd("wrong_usd", wrong)?,
        second: usd("second_usd", second)?,
    }))
}

impl About {
    fn new(
        named: Vec<(String, weighbridge_router::Router)>,
        catalog: Catalog,
        as_of: Option<Timestamp>,
        pass_at: Option<f64>,
        fill: impl FnOnce(&mut TallySpec) -> PyResult<()>,
    ) -> PyResult<Self> {
        let files: Vec<Vec<u8>> = named
            .iter()
            .map(|(name, router)| {
                router
                    .to_bytes()
                    .map_err(|error| fault(format!("{name}: {error}")))
            })
            .collect::<PyResult<_>>()?;
        let (policies, routers): (Vec<String>, Vec<_>) = named.into_iter().unzip();
        let empty = tool::trace::Trace::default();
        let stage = Stage::of_routers(&empty, &catalog, &routers, as_of);
        let mut spec = TallySpec {
            policies,
            endpoints: stage.endpoints().iter().map(|it| it.id.clone()).collect(),
            ..TallySpec::default()
        };
        fill(&mut spec)?;
        let mut hash = Sha256::new();
        hash.update(FORMAT);
        let version = env!("CARGO_PKG_VERSION");
        let cards = stage.endpoints();
        hash.update(format!(
            "{version} {spec:?} {as_of:?} {pass_at:?} {cards:?}"
        ));
        files
            .iter()
            .for_each(|file| hash.update(Sha256::digest(file)));
        Ok(Self {
            hash: hash.finalize().into(),
            routers,
            catalog,
            as_of,
            pass_at,
            spec,
        })
    }

    fn builder(&self) -> TraceBuilder {
        TraceBuilder::new(Header {
            pass_at: self.pass_at,
            ..Header::default()
        })
    }

    /// Sort the requests of a batch: those that are whole, and those that stay open: the first and
    /// the last, whose other rows may be in another batch.
    fn split(
        &self,
        batch: &Batch,
        whole: bool,
        is_open: impl Fn(&str) -> bool,
        part: &mut Sums,
    ) -> Result<TraceBuilder, String> {
        let (groups, last) = rows::groups(batch)?;
        let mut builder = self.builder();
        for (place, group) in groups.iter().enumerate() {
            let edge = !whole && (place == 0 || place == last);
            if edge || is_open(group.id) || part.open.contains_key(group.id) {
                part.join(group.id, group.with_row(Open::of))?;
            } else {
                push(&mut builder, group.id, |push| group.with_row(push))?;
            }
        }
        Ok(builder)
    }

    /// Count requests that are whole.
    fn count(&self, requests: TraceBuilder, sums: &mut Sums) -> Result<(), String> {
        let (mut trace, _) = requests.finish().map_err(|fault| fault.to_string())?;
        let routers: Vec<&weighbridge_router::Router> = self.routers.iter().collect();
        let held_out = drop_training_rows(&trace, &routers);
        if held_out.dropped > 0 {
            trace = trace.select(&held_out.rows);
        }
        let stage = Stage::of_routers(&trace, &self.catalog, &self.routers, self.as_of);
        let named = self.spec.policies.iter().cloned().zip(routers);
        let named: Vec<(String, &weighbridge_router::Router)> = named.collect();
        let (charged, decisions) = replay::run(&stage, &named, self.spec.trade, 1);
        let units = match self.spec.replicates {
            0 => Vec::new(),
            _ => unit_keys(&trace, self.spec.seed, 1),
        };
        let input = TallyInput {
            charged: &charged,
            decisions: &decisions,
            units: &units,
            segments: &[],
        };
        sums.tally.update(input, 0..trace.len());
        sums.dropped += held_out.dropped;
        Ok(())
    }

    /// Count what is open; no rows come after it.
    fn close(&self, sums: &mut Sums) -> Result<(), String> {
        let mut builder = self.builder();
        for (id, open) in &sums.open {
            push(&mut builder, id, |push| open.with_row(id, push))?;
        }
        self.count(builder, sums)?;
        sums.open.clear();
        sums.finished = true;
        Ok(())
    }

    fn merge_column(&self, batch: &Batch, part: &mut Sums) -> Result<(), String> {
        let column = batch
            .column(COLUMN)
            .ok_or_else(|| format!("{COLUMN}: there is no such column of tallies' bytes"))?;
        for row in 0..batch.len() {
            match column.value(row)? {
                Value::Bytes(bytes) => part.absorb(self.sums_of(bytes)?)?,
                Value::Null => {}
                _ => {
                    return Err(format!(
                        "{COLUMN}: must hold bytes, as `to_bytes` gives them"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Append a request to a trace; an error says which.
fn push(
    builder: &mut TraceBuilder,
    id: &str,
    with_row: impl FnOnce(&mut dyn FnMut(&Row<'_>) -> Result<(), String>) -> Result<(), String>,
) -> Result<(), String> {
    let mut append = |row: &Row<'_>| builder.push(row).map_err(|fault| fault.to_string());
    with_row(&mut append).map_err(|message| format!("`{id}`: {message}"))
}

impl Sums {
    fn new(about: &About) -> Self {
        Self {
            tally: replay::Tally::new(about.spec.clone()),
            dropped: 0,
            open: BTreeMap::new(),
            finished: false,
        }
    }

    fn join(&mut self, id: &str, open: Open) -> Result<(), String> {
        let joined = match self.open.get(id) {
            Some(held) => held
                .joined(id, &open)
                .map_err(|message| format!("`{id}`: {message}"))?,
            None => open,
        };
        self.open.insert(id.to_owned(), joined);
        Ok(())
    }

    /// Add another part: all of it, or nothing.
    fn absorb(&mut self, other: Self) -> Result<(), String> {
        if self.finished && !other.open.is_empty() {
            return Err(
                "this tally is finished and the other has open requests; finish that first"
                    .to_owned(),
            );
        }
        let both: Vec<(String, Open)> = other
            .open
            .into_iter()
            .map(|(id, open)| {
                let joined = match self.open.get(&id) {
                    Some(held) => held
                        .joined(&id, &open)
                        .map_err(|it| format!("`{id}`: {it}"))?,
                    None => open,
                };
                Ok((id, joined))
            })
            .collect::<Result<_, String>>()?;
        self.tally
            .merge(&other.tally)
            .map_err(|error| error.to_string())?;
        self.dropped += other.dropped;
        self.open.extend(both);
        Ok(())
    }

    fn report(&self) -> Result<String, String> {
        serde_json::to_string(&tally_report(&self.tally, self.dropped))
            .map_err(|error| error.to_string())
    }
}
