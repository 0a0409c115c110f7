//! Files to values: catalogs, traces, policies and router files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use weighbridge_router::Router;

use super::args::{Bad, CatalogArgs, ReadArgs, RoleArgs};
use super::exit::{Failure, says_no, wrong_call};
use super::output::Console;
use crate::catalog::{Catalog, SourceFile};
use crate::policy::{Policy, PolicyError, Promise, Roles, SolveOptions, compile_solved};
use crate::trace::{Header, Trace};
use crate::trace_io::{OnError, ReadOptions, ReadReport, read, stored_bytes};

/// A policy or router file, ready to decide.
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) router: Router,
    /// What the dials of a policy promise.
    pub(super) promises: Vec<Promise>,
    /// The policy file as it stands; none for a router file.
    pub(super) text: Option<String>,
}

/// The built-in catalog with the files of `--catalog` over it.
pub(super) fn catalog(args: &CatalogArgs) -> Result<Catalog, Failure> {
    args.catalog
        .iter()
        .try_fold(Catalog::builtin(), |catalog, path| {
            let files = texts(&files_in(path, "toml")?)?;
            let files: Vec<SourceFile<'_>> = files
                .iter()
                .map(|(name, text)| SourceFile { name, text })
                .collect();
            catalog.overlaid(&files).map_err(says_no)
        })
}

fn texts(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Failure> {
    paths
        .iter()
        .map(|path| Ok((path.display().to_string(), text(path)?)))
        .collect()
}

pub(super) fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| wrong_call(format!("{}: {error}", path.display())))
}

/// A regular file, opened; never one that a reader may wait for for ever, such as a pipe, which is
/// known once it is open and not before.
pub(super) fn regular(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A pipe opens at once, whether or not anybody writes to it.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("is not a regular file"))
    }
}

/// The file itself, or the files of a folder with that ending, in order of their names.
pub(super) fn files_in(path: &Path, ending: &str) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries =
        fs::read_dir(path).map_err(|error| wrong_call(format!("{}: {error}", path.display())))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension() == Some(OsStr::new(ending)))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(wrong_call(format!(
            "{}: there is no .{ending} file in this folder",
            path.display()
        )));
    }
    Ok(files)
}

/// Traces, read as one, with what was noticed said aloud.
pub(super) fn traces(
    paths: &[PathBuf],
    args: &ReadArgs,
    console: &Console,
) -> Result<Trace, Failure> {
    let size = stored_bytes(paths).map_err(says_no)?;
    let bar = console.progress("reading", size);
    let options = ReadOptions {
        on_error: on_error(args.on_error),
        threads: console.threads,
    };
    let (trace, report) =
        read(paths, &options, &mut |bytes| bar.set_position(bytes)).map_err(says_no)?;
    bar.finish_and_clear();
    say_report(&report, console);
    Ok(trace)
}

pub(super) fn on_error(bad: Bad) -> OnError {
    match bad {
        Bad::Fail => OnError::Fail,
        Bad::Skip => OnError::Skip,
    }
}

/// Say what was skipped, clamped or sorted.
pub(super) fn say_report(report: &ReadReport, console: &Console) {
    if report.skipped > 0 {
        console.warn(&format!("{} lines were skipped:", report.skipped));
        let shown = if console.verbose {
            report.issues.len()
        } else {
            5
        };
        report
            .issues
            .iter()
            .take(shown)
            .for_each(|issue| console.say(&format!("  {issue}")));
        if report.skipped > shown as u64 {
            console.say(&format!("  and {} more", report.skipped - shown as u64));
        }
    }
    if report.clamped > 0 {
        console.warn(&format!(
            "scores outside [0, 1] that were clamped to it: {}",
            report.clamped
        ));
    }
    say_recording(report, console);
    if report.out_of_order > 0 {
        console.warn(&format!(
            "{} requests stood out of order of time; they were sorted (ties by id)",
            report.out_of_order
        ));
    }
}

/// Say what was found in the folder of a recording.
fn say_recording(report: &ReadReport, console: &Console) {
    let feedback = report.feedback;
    if feedback.joined > 0 {
        console.say(&format!("feedback: {} reports joined", feedback.joined));
    }
    for (count, what) in [
        (
            report.torn,
            "files ended in a line that was cut off, which was left out (a server was killed, or is writing)",
        ),
        (
            report.superseded,
            "lines were left out because their id stands on a later line too; an id names one request",
        ),
        (
            feedback.unknown,
            "reports of feedback have an id that no line has",
        ),
        (
            feedback.unplaced,
            "reports of feedback name no endpoint, and their request went nowhere",
        ),
        (
            feedback.unfit,
            "reports of feedback contradict what was recorded, and were left out",
        ),
    ] {
        if count > 0 {
            console.warn(&format!("{count} {what}"));
        }
    }
    if !report.roles_changed.is_empty() {
        console.warn(&format!(
            "the recording binds roles differently over time ({}); the newest holds, --driver and --specialist say otherwise",
            report.roles_changed.join(", ")
        ));
    }
}

/// The roles of the flags, over those of a trace's header.
pub(super) fn roles(args: &RoleArgs, header: Option<&Header>) -> Roles {
    let flags = [("driver", &args.driver), ("specialist", &args.specialist)];
    let flags = flags
        .into_iter()
        .filter_map(|(role, name)| Some((role.to_owned(), name.clone()?)))
        .collect();
    Roles {
        flags,
        trace: header
            .map(|header| header.roles.clone())
            .unwrap_or_default(),
    }
}

/// The binding of each role: the flags', else the trace's.
pub(super) fn bound(roles: &Roles) -> BTreeMap<String, String> {
    let mut bound = roles.trace.clone();
    bound.extend(roles.flags.clone());
    bound
}

/// Models that the trace knows and the catalog does not.
pub(super) fn recorded_only(trace: &Trace, catalog: &Catalog) -> Vec<String> {
    let names = trace
        .models()
        .into_iter()
        .filter_map(|id| trace.names().get(id));
    let mut unsold: Vec<String> = names
        .filter(|name| catalog.model(name).is_none())
        .map(str::to_owned)
        .collect();
    // The order of a trace's rows must not reach a router file.
    unsold.sort_unstable();
    unsold
}

/// Every candidate of `-p`: policies are compiled, router files loaded as they are.
pub(super) fn candidates(
    paths: &[PathBuf],
    catalog: &Catalog,
    roles: &Roles,
    recorded_only: &[String],
    options: &SolveOptions,
) -> Result<Vec<Candidate>, Failure> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for path in paths {
        for file in files_in(path, "toml")? {
            let candidate = candidate(&file, catalog, roles, recorded_only, options)?;
            let twins = candidates
                .iter()
                .filter(|held| held.name == candidate.name)
                .count();
            let name = if twins == 0 {
                candidate.name
            } else {
                file.display().to_string()
            };
            candidates.push(Candidate { name, ..candidate });
        }
    }
    Ok(candidates)
}

/// One policy or router file.
pub(super) fn candidate(
    path: &Path,
    catalog: &Catalog,
    roles: &Roles,
    recorded_only: &[String],
    options: &SolveOptions,
) -> Result<Candidate, Failure> {
    if path.extension() == Some(OsStr::new("json")) {
        let router = router(path)?;
        let stem = path
            .file_name()
            .map(OsStr::to_string_lossy)
            .unwrap_or_default();
        let name = stem
            .trim_end_matches(".json")
            .trim_end_matches(".router")
            .to_owned();
        return Ok(Candidate {
            name,
            router,
            promises: Vec::new(),
            text: None,
        });
    }
    let name = path.display().to_string();
    let text = text(path)?;
    let policy = Policy::parse(&name, &text).map_err(says_no)?;
    let trained = trained(path, &policy)?;
    let trained = trained.as_ref();
    let compiled = compile_solved(&policy, catalog, roles, recorded_only, trained, options)
        .map_err(|error| match error {
            PolicyError::Unattainable(_) => says_no(error),
            _ => wrong_call(error),
        })?;
    Ok(Candidate {
        name: policy.name,
        router: compiled.router,
        promises: compiled.promises,
        text: Some(text),
    })
}

/// The router file that a policy rests on, found from the policy's folder.
fn trained(policy_path: &Path, policy: &Policy) -> Result<Option<Router>, Failure> {
    let Some(reference) = &policy.router_file else {
        return Ok(None);
    };
    let path = policy_path
        .parent()
        .unwrap_or(Path::new("."))
        .join(&reference.path);
    if let Some(expected) = &reference.sha256 {
        let bytes =
            fs::read(&path).map_err(|error| wrong_call(format!("{}: {error}", path.display())))?;
        let found: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if !found.eq_ignore_ascii_case(expected) {
            return Err(says_no(format!(
                "{}: its SHA-256 is {found}, and the policy {} wants {expected}",
                path.display(),
                policy_path.display()
            )));
        }
    }
    router(&path).map(Some)
}

/// A router file; one that is not there is the caller's fault, one that is broken is the data's.
pub(super) fn router(path: &Path) -> Result<Router, Failure> {
    if !path.exists() {
        return Err(wrong_call(format!(
            "{}: there is no such file; `weighbridge train` or `weighbridge compile` makes one",
            path.display()
        )));
    }
    Router::load(path).map_err(|error| says_no(format!("{}: {error}", path.display())))
}
