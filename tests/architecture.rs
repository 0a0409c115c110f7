//! The house's floors, as a test: which module may use which. An edge that is not in the table
//! fails; so does a file without a module doc, or one too long to do one job.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A module and the modules that it may use; all may use `weighbridge_router`'s number types, so
/// that crate is listed only where more than those is used.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("stats", &[]),
    ("catalog", &["router"]),
    ("trace", &["router"]),
    ("trace_io", &["trace", "router"]),
    ("generate", &["trace", "router", "stats"]),
    // A policy never sees an outcome: it may not even name the module that has them. The catalog
    // lends it the reader of TOML files with line numbers.
    // The promise of a dial has an interval.
    ("policy", &["router", "catalog", "stats"]),
    ("replay", &["stats", "catalog", "trace", "router"]),
    ("evaluate", &["stats", "trace", "router", "replay"]),
    (
        "learn",
        &["stats", "catalog", "trace", "replay", "evaluate", "router"],
    ),
    (
        "whatif",
        &[
            "stats", "trace", "router", "catalog", "policy", "replay", "evaluate",
        ],
    ),
    ("export", &["router", "policy", "catalog"]),
    (
        "serve",
        &["router", "policy", "catalog", "trace", "trace_io"],
    ),
    (
        "report",
        &[
            "router", "catalog", "replay", "evaluate", "learn", "whatif", "export",
        ],
    ),
    (
        "cli",
        &[
            "router", "stats", "catalog", "trace", "trace_io", "generate", "policy", "replay",
            "evaluate", "learn", "whatif", "export", "serve", "report",
        ],
    ),
    ("main", &["cli"]),
];

/// External crates and standard modules that only some modules may name.
const KEPT: [(&str, &[&str]); 8] = [
    ("linfa", &["learn"]),
    ("linfa_logistic", &["learn"]),
    ("ndarray", &["learn"]),
    ("tokio", &["serve"]),
    ("axum", &["serve"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("std::fs", &["trace_io", "cli"]),
];

/// Lines of a file, tests aside; longer ones need a reason here.
const LINES: usize = 520;

#[test]
fn every_arrow_points_down() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        let allowed = MAY_USE
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| {
                panic!(
                    "{}: the module `{module}` has no row in the table",
                    path.display()
                )
            })
            .1;
        for used in uses(&code(&text)) {
            if used != module && !allowed.contains(&used.as_str()) {
                faults.push(format!(
                    "{}: `{module}` may not use `{used}`",
                    path.display()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_kept_to_some_modules_stays_there() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let (module, code) = (module_of(&path), code(&text));
        for (name, holders) in KEPT {
            let named = code.contains(&format!("use {name}"))
                || code.contains(&format!(" {name}::"))
                || code.contains(&format!("({name}::"));
            if named && !holders.contains(&module.as_str()) {
                faults.push(format!(
                    "{}: only {} may name `{name}`",
                    path.display(),
                    holders.join(", ")
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_does_one_job() {
    let mut faults = Vec::new();
    let router = files_below(&root().join("crates/router/src"));
    for (path, text) in sources().into_iter().chain(router.into_iter().map(read)) {
        // Tests that are too many to stand beside the code.
        if path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        if !text.starts_with("//!") {
            faults.push(format!("{}: begins without a module doc", path.display()));
        }
        let lines = without_tests(&text).lines().count();
        if lines > LINES {
            faults.push(format!(
                "{}: {lines} lines without tests; split it",
                path.display()
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_runtime_crate_stays_small() {
    let manifest = fs::read_to_string(root().join("crates/router/Cargo.toml")).unwrap();
    for heavy in [
        "tokio",
        "linfa",
        "ndarray",
        "rand",
        "serde_derive",
        "thiserror",
    ] {
        assert!(
            !manifest.contains(heavy),
            "crates/router depends on {heavy}"
        );
    }
    for (path, text) in files_below(&root().join("crates/router/src"))
        .into_iter()
        .map(read)
    {
        for banned in [
            "SystemTime",
            "Instant::now",
            "std::thread",
            "HashMap",
            "env::var",
        ] {
            assert!(
                !code(&text).contains(banned),
                "{}: names {banned}",
                path.display()
            );
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<(PathBuf, String)> {
    let files = files_below(&root().join("src")).into_iter();
    files.filter(|path| !is_test(path)).map(read).collect()
}

/// Whether a file holds tests alone, which may look where their module may not.
fn is_test(path: &Path) -> bool {
    let mut below = path.strip_prefix(root()).unwrap().components();
    below.any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

fn read(path: PathBuf) -> (PathBuf, String) {
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The first folder or file below `src`.
fn module_of(path: &Path) -> String {
    let below = path.strip_prefix(root().join("src")).unwrap();
    let first = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    match first.trim_end_matches(".rs") {
        "lib" => "main".to_owned(),
        module => module.to_owned(),
    }
}

fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap()
}

/// The text without tests and comments.
fn code(text: &str) -> String {
    without_tests(text)
        .lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Modules of this crate, and `router`, that a text names. Number types are free everywhere.
fn uses(code: &str) -> Vec<String> {
    let mut used: BTreeMap<String, ()> = BTreeMap::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + 7..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list
                .split('}')
                .next()
                .unwrap()
                .split(',')
                .map(|item| item.trim().split("::").next().unwrap())
                .collect(),
            None => vec![
                rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next()
                    .unwrap(),
            ],
        };
        for name in names
            .into_iter()
            .filter(|name| !name.is_empty() && name.starts_with(|c: char| c.is_lowercase()))
        {
            used.insert(name.to_owned(), ());
        }
    }
    for (at, _) in code.match_indices("weighbridge::") {
        let name = code[at + 13..]
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
            .unwrap();
        used.insert(name.to_owned(), ());
    }
    let free = ["Usd", "Tokens", "Millis", "Probability", "Ppm", "Timestamp"];
    for (at, _) in code.match_indices("weighbridge_router::") {
        let rest = &code[at + 20..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list
                .split('}')
                .next()
                .unwrap()
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .collect(),
            None => vec![
                rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next()
                    .unwrap(),
            ],
        };
        if names.iter().any(|name| !free.contains(name)) {
            used.insert("router".to_owned(), ());
        }
    }
    used.into_keys().collect()
}
