//! What the other modules need: the binary, folders that clean up after themselves, shared data,
//! and small traces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The folder of the repository.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The binary under test, to be started in the repository's folder.
pub(super) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge"));
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// What a finished process said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

impl Said {
    /// The same, if it is done.
    #[track_caller]
    pub(super) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.out).expect("standard output is JSON")
    }
}

/// Run the binary with these arguments.
pub(super) fn run<S: AsRef<str>>(args: &[S]) -> Said {
    let args = args.iter().map(AsRef::as_ref);
    binary().args(args).output().expect("it starts").into()
}

/// Run the binary with this on its standard input.
pub(super) fn run_with_input(args: &[&str], input: &[u8]) -> Said {
    assert_cmd::Command::from_std(binary())
        .args(args)
        .write_stdin(input)
        .output()
        .expect("it starts")
        .into()
}

/// A folder with files in it.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(TempDir::new().expect("there is room for a temporary folder"))
    }

    /// The full path of a name, whether or not there is a file.
    pub(super) fn at(&self, name: &str) -> String {
        let path = self.0.path().join(name);
        path.to_str().expect("temporary paths are UTF-8").to_owned()
    }

    /// Write a file; its full path.
    pub(super) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.at(name);
        fs::write(&path, bytes).expect("a temporary file can be written");
        path
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).expect("the file is there")
    }

    pub(super) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).expect("the file is JSON")
    }

    /// Every name in the folder, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| {
                let name = entry.expect("it can be listed").file_name();
                name.to_string_lossy().into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

#[expect(clippy::disallowed_methods, reason = "the test's own setting")]
fn required() -> bool {
    std::env::var("WEIGHBRIDGE_REQUIRE_SHARED").is_ok_and(|value| value == "1")
}

/// Say that something is not there; where everything is demanded, that is a failure.
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
pub(super) fn skip(name: &str, why: &str) {
    assert!(!required(), "{name}: {why}");
    println!("skipped: {name}: {why}");
}

/// A file or folder of the data that are kept beside the repository, or none.
pub(super) fn shared(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared").join(name);
    if path.exists() {
        return Some(path);
    }
    skip(name, "../shared is not there");
    None
}

/// `python3`, where it is installed.
pub(super) fn python() -> Option<Command> {
    let found = Command::new("python3").arg("--version").output();
    if found.is_ok_and(|output| output.status.success()) {
        let mut command = Command::new("python3");
        command.current_dir(root()).stdin(Stdio::null());
        return Some(command);
    }
    skip("python3", "it is not installed");
    None
}

/// Two priced models and one that the trace alone knows, ten requests.
pub(super) const SMALL_TRACE: &str = concat!(
    r#"{"format":"weighbridge.trace/1","roles":{"driver":"deepseek-v3.2","specialist":"deepseek-v3.2-speciale"}}"#,
    "\n",
    r#"{"id":"a","request":{"at":"2025-12-02T00:00:00Z","prompt":"Prove it.","task":"math","input_tokens":100},"outcomes":[{"model":"deepseek-v3.2","score":0,"output_tokens":1000},{"model":"deepseek-v3.2-speciale","score":1,"output_tokens":9000}]}"#,
    "\n",
    r#"{"id":"b","request":{"at":"2025-12-03T00:00:00Z","prompt":"Say hello to her.","task":"chat","input_tokens":10},"outcomes":[{"model":"deepseek-v3.2","score":1,"output_tokens":20},{"model":"deepseek-v3.2-speciale","score":1,"output_tokens":700}]}"#,
    "\n",
    r#"{"id":"c","request":{"at":"2025-12-04T00:00:00Z","prompt":"Look it up.","task":"chat","needs":["tools"],"input_tokens":50},"outcomes":[{"model":"deepseek-v3.2","score":1,"output_tokens":80},{"model":"deepseek-v3.2-speciale","score":1,"output_tokens":900}]}"#,
    "\n",
);

/// A policy that always takes one name.
pub(super) fn always(to: &str) -> String {
    format!("format = \"weighbridge.policy/1\"\n[choose]\nkind = \"always\"\nto = \"{to}\"\n")
}

/// What lets a router ship that learned from a test's few rows.
pub(super) const FEW_ROWS: &[&str] = &["--allow-no-gain", "--no-guard"];

/// A trace of the built-in scenario: its path.
pub(super) fn generated(folder: &Folder, name: &str, requests: u32, seed: u32) -> String {
    let path = folder.at(name);
    let (requests, seed) = (requests.to_string(), seed.to_string());
    run(&[
        "generate",
        "-o",
        &path,
        "--requests",
        &requests,
        "--seed",
        &seed,
    ])
    .done();
    path
}

/// A router file that was trained on a small trace, made once for all tests.
pub(super) fn trained() -> &'static str {
    static TRAINED: OnceLock<(Folder, String)> = OnceLock::new();
    let (_, path) = TRAINED.get_or_init(|| {
        let folder = Folder::new();
        let trace = generated(&folder, "t.jsonl", 1200, 21);
        let router = folder.at("small.router.json");
        run(&[&["train", &trace, "-o", &router, "--value", "2"], FEW_ROWS].concat()).done();
        (folder, router)
    });
    path
}
