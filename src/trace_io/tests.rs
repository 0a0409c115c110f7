//! Tests of reading, writing and importing as a caller sees them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use weighbridge_router::{Millis, RequestRef, Timestamp, Tokens, Usd};

use super::jsonl::read_within;
use super::wire::{
    AssumptionWire, ExtraWire, HeaderWire, LineWire, LoggedWire, OutcomeWire, RequestWire,
};
use super::*;
use crate::trace::{Assumption, LoggedRef, OutcomeRef, Row, Trace, TraceBuilder};

const HEADER: &str = r#"{"format":"weighbridge.trace/1"}"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// An error's text without the folder.
    fn says(&self, error: &TraceError) -> String {
        error
            .to_string()
            .replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn read_one(path: &Path) -> Result<(Trace, ReadReport), TraceError> {
    read(&[path.to_path_buf()], &ReadOptions::default(), &mut |_| {})
}

fn skipping(threads: usize) -> ReadOptions {
    ReadOptions {
        on_error: OnError::Skip,
        threads,
    }
}

#[test]
fn every_field_of_a_line_is_read_and_unknown_ones_survive() {
    let folder = Folder::new();
    let header = r#"{"format":"weighbridge.trace/1","source":"s","licence":"l","synthetic":"y","roles":{"driver":"d"},"pass_at":0.5,"prices_at":"2025-12-01T00:00:00Z","requests_per_day":7.5,"assumed":[{"field":"f","what":"w"}],"more":{ "a": [1.50] }}"#;
    let line = r#"{"id":"r-1","request":{"at":"2025-12-02T09:14:03.120Z","prompt":"a \"b\"\n","task":"math","tenant":"acme","session":"s-17","turn":2,"channel":"api","region":"eu","needs":["tools"],"input_tokens":812,"max_output_tokens":8000,"prefix":["a1","b7"],"embedding":[0.1,7.038531e-26],"value_usd":1234567.123456789012,"wrong_usd":0,"second_usd":0.0005,"deadline_ms":30000,"mood":1.0},"outcomes":[{"model":"m","endpoint":"m@p","sample":1,"status":"ok","score":1.0,"input_tokens":812,"cached_tokens":512,"output_tokens":1930,"reasoning_tokens":1500,"ttft_ms":900,"latency_ms":21000,"cost_usd":0.000000000001,"x":null}],"logged":{"endpoint":"m@p","propensity":0.95,"policy":"p","why":"?"},"z":[{}]}"#;
    let path = folder.file("a.jsonl", format!("{header}\n{line}"));
    let (trace, _) = read_one(&path).unwrap();
    assert_eq!(
        trace.request(0).value_usd.unwrap().picos(),
        1_234_567_123_456_789_012
    );
    let out = folder.0.path().join("b.jsonl");
    write(&trace, &out).unwrap();
    let written = std::fs::read_to_string(&out).unwrap();
    let lines: Vec<_> = written.lines().collect();
    assert_eq!(lines[0], header);
    // That number is written longer, since its shortest text reads wrongly by way of a double.
    let split = |text: &str| {
        text.split_once(",7.03853")
            .map(|(before, _)| before.to_string())
    };
    assert_eq!(split(lines[1]), split(line));
    assert!(split(line).is_some());
    let (again, _) = read_one(&out).unwrap();
    assert_eq!(again.fingerprint(), trace.fingerprint());
    write(&again, &out).unwrap();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), written);
    assert!(written.contains(r#""mood":1.0},"#) && written.contains(r#""x":null}"#));
    assert!(written.contains(r#""why":"?"},"z":[{}]}"#), "{written}");
}

/// A line and what is said of it.
const LINES_AT_FAULT: &[(&str, &str)] = &[
    (
        r#"{"id":"a","request":{"input_tokens":-3}}"#,
        "request.input_tokens: must be a whole number from 0 to 4294967294, not -3",
    ),
    (
        r#"{"id":"a","request":{"value_usd":-0.5}}"#,
        "request.value_usd: -0.5 must not be negative",
    ),
    (
        r#"{"id":"a","request":{"needs":["x",1]}}"#,
        "request.needs[1]: must be a text, not 1",
    ),
    (
        r#"{"id":"a","request":[]}"#,
        "request: must be an object, not []",
    ),
    (r#"{"id":7}"#, "id: must be a text, not 7"),
    (r#"{"id":""}"#, "id: must not be empty"),
    (r#"{"request":{}}"#, "id: this field is missing"),
    (
        r#"{"id":"a","outcomes":{}}"#,
        "outcomes: must be a list, not {}",
    ),
    (
        r#"{"id":"a","outcomes":[{"score":1}]}"#,
        "outcomes[0].model: this field is missing",
    ),
    (
        r#"{"id":"a","outcomes":[{"model":"m"},{"model":"m","score":"1"}]}"#,
        "outcomes[1].score: must be a number, not \"1\"",
    ),
    (
        r#"{"id":"a","outcomes":[{"model":"m","score":1.5}]}"#,
        "outcomes[0].score: 1.5 is outside [0, 1]; scale scores before they are recorded",
    ),
    (
        r#"{"id":"a","outcomes":[{"model":"m","score":NaN}]}"#,
        "not valid JSON at column 44: expected value",
    ),
    (
        r#"{"id":"a","outcomes":[{"model":"m","cost_usd":1e9}]}"#,
        "outcomes[0].cost_usd: must be an amount in USD (a number, at most 9 million), not 1000000000.0",
    ),
    (
        r#"{"id":"a","outcomes":[{"model":"m","ttft_ms":4294967295}]}"#,
        "outcomes[0].ttft_ms: must be less than 4294967295",
    ),
    (
        r#"{"id":"a","logged":{"propensity":0.5}}"#,
        "logged.endpoint: this field is missing",
    ),
    (
        r#"{"id":"a","logged":{"endpoint":"m","propensity":0}}"#,
        "logged.propensity: 0 is not in (0, 1]; what was chosen had a probability above 0",
    ),
    (r#"{"id":"a","id":"b"}"#, "duplicate field `id`"),
    (r#"{"id":"a","x":1,"x":2}"#, "duplicate field `x`"),
    (
        r#"{"id":"a","request":{"mood":[{"x":1,"y":{"z":1,"z":2}}]}}"#,
        "the field `z` stands twice in one object",
    ),
    (
        r#"{"id":"a","request":{"at":"0000-01-01T00:00:00+00:01"}}"#,
        "request.at: `0000-01-01T00:00:00+00:01` lies outside of the years 0000 to 9999 in UTC",
    ),
    (
        r#"{"id":"a""#,
        "not valid JSON at column 9: EOF while parsing an object",
    ),
    ("[]", "must be an object, not []"),
];

#[test]
fn faults_are_named_with_file_line_and_field() {
    let folder = Folder::new();
    for (line, says) in LINES_AT_FAULT {
        let path = folder.file("t.jsonl", format!("{HEADER}\n\n{line}\n"));
        assert_eq!(
            folder.says(&read_one(&path).unwrap_err()),
            format!("t.jsonl:3: {says}")
        );
    }
    let path = folder.file(
        "t.jsonl",
        [HEADER.as_bytes(), b"\n{\"id\":\"\xff\"}"].concat(),
    );
    let says = "t.jsonl:2: byte 8 of the line is not UTF-8; save the file as UTF-8";
    assert_eq!(folder.says(&read_one(&path).unwrap_err()), says);
}

#[test]
fn headers_and_whole_files_at_fault_are_refused() {
    let cases: &[(&str, &str)] = &[
        ("", "t.jsonl: empty; no header and no requests"),
        ("\n\n", "t.jsonl: empty; no header and no requests"),
        (HEADER, "t.jsonl: no requests"),
        (
            r#"{"id":"a"}"#,
            r#"t.jsonl:1: an object without `format` instead of the header; the first line must be {"format":"weighbridge.trace/1"}"#,
        ),
        (
            r#"{"format":"weighbridge.trace/2"}"#,
            "t.jsonl:1: format: `weighbridge.trace/2` is not a version that this program reads (weighbridge.trace/1); upgrade it",
        ),
        (
            r#"{"format":"weighbridge.router/1"}"#,
            r#"t.jsonl:1: format: `weighbridge.router/1` is no trace; a trace has "weighbridge.trace/1" here"#,
        ),
        (
            r#"{"format":"weighbridge.trace/1","pass_at":2}"#,
            "t.jsonl:1: pass_at: 2 is not in (0, 1]",
        ),
    ];
    let folder = Folder::new();
    for (text, says) in cases {
        let path = folder.file("t.jsonl", text);
        assert_eq!(folder.says(&read_one(&path).unwrap_err()), *says);
    }
    let nothing = read_one(Path::new("no-such-file")).unwrap_err();
    assert_eq!(nothing.to_string(), "no-such-file: there is no such file");
}

#[test]
fn gzip_is_read_by_its_bytes_and_a_cut_file_is_told() {
    let folder = Folder::new();
    let mut text = format!("{HEADER}\r\n");
    for n in 0..2000 {
        write!(
            text,
            "{{\"id\":\"r-{}\",\"request\":{{\"turn\":{n}}}}}\r\n",
            n * n
        )
        .unwrap();
    }
    let plain = read_one(&folder.file("t.jsonl", &text)).unwrap().0;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    let packed = read_one(&folder.file("no-ending", &bytes)).unwrap();
    assert_eq!(packed.0.fingerprint(), plain.fingerprint());
    assert_eq!(packed.1.bytes, bytes.len() as u64);
    let cut = folder.file("t.jsonl.gz", &bytes[..bytes.len() / 2]);
    let skip = read(&[cut], &skipping(2), &mut |_| {}).unwrap_err();
    let says =
        "t.jsonl.gz: the compressed data end too early; the file was cut off, fetch it again";
    assert_eq!(folder.says(&skip), says);
    let named = folder.file("t.jsonl.gz", &text);
    let says = "t.jsonl.gz: ends in .gz but is not gzip; rename it or compress it";
    assert_eq!(folder.says(&read_one(&named).unwrap_err()), says);
    let out = folder.0.path().join("out.jsonl.gz");
    write(&plain, &out).unwrap();
    assert_eq!(read_one(&out).unwrap().0.fingerprint(), plain.fingerprint());
}

#[test]
fn skipped_lines_are_counted_and_the_first_listed() {
    let folder = Folder::new();
    let mut text = format!("{HEADER}\n");
    for n in 0..30 {
        writeln!(
            text,
            "{{\"id\":\"r-{n}\"}}\n{{\"id\":{n}}}\n{{\"id\":\"r-{n}\"}}"
        )
        .unwrap();
    }
    let path = folder.file("t.jsonl", text);
    let (trace, report) = read(&[path], &skipping(2), &mut |_| {}).unwrap();
    assert_eq!(
        (trace.len(), report.skipped, report.issues.len()),
        (30, 60, ISSUES_KEPT)
    );
    assert_eq!(
        folder.says(&report.issues[0]),
        "t.jsonl:3: id: must be a text, not 0"
    );
}

#[test]
fn duplicate_ids_are_named_with_both_places_over_files() {
    let folder = Folder::new();
    let a = folder.file(
        "a.jsonl",
        format!("{HEADER}\n{{\"id\":\"x\"}}\n{{\"id\":\"y\"}}\n"),
    );
    let b = folder.file("b.jsonl", format!("{HEADER}\n\n{{\"id\":\"y\"}}"));
    let error = read(&[a, b], &ReadOptions::default(), &mut |_| {}).unwrap_err();
    let says = "b.jsonl:3: id: `y` stands on a.jsonl:3 already; ids must be unique over all traces read together";
    assert_eq!(folder.says(&error), says);
}

#[test]
fn files_are_read_as_one_and_headers_must_agree() {
    let folder = Folder::new();
    let with = |name, roles: &str, id, at| {
        let header =
            format!(r#"{{"format":"weighbridge.trace/1","requests_per_day":5,"roles":{roles}}}"#);
        folder.file(
            name,
            format!("{header}\n{{\"id\":\"{id}\",\"request\":{{\"at\":\"{at}\"}}}}\n"),
        )
    };
    let a = with("a.jsonl", r#"{"driver":"d"}"#, "a", "2025-12-02");
    let b = with("b.jsonl", r#"{"specialist":"s"}"#, "b", "2025-12-01");
    let c = with("c.jsonl", r#"{"driver":"e"}"#, "c", "2025-12-01");
    let (trace, report) = read(&[a.clone(), b], &ReadOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((trace.id(0), report.out_of_order), ("b", 1));
    assert_eq!(
        (trace.header().roles.len(), trace.header().requests_per_day),
        (2, Some(10.0))
    );
    let error = read(&[a, c], &ReadOptions::default(), &mut |_| {}).unwrap_err();
    assert!(
        folder
            .says(&error)
            .starts_with("c.jsonl: the headers disagree on roles.driver")
    );
}

#[test]
fn long_lines_are_refused_and_long_prompts_are_not() {
    let folder = Folder::new();
    let long = "x".repeat(5_000_000);
    let line =
        |id, prompt: &str| format!("{{\"id\":\"{id}\",\"request\":{{\"prompt\":\"{prompt}\"}}}}");
    let text = format!(
        "{HEADER}\n{}\n{}\n{}",
        line("a", "-"),
        line("b", &long),
        line("c", "-")
    );
    let path = folder.file("t.jsonl", text);
    let (trace, _) = read_one(&path).unwrap();
    assert_eq!(trace.prompt(1).map(str::len), Some(long.len()));
    for limit in [100, 4_000_000] {
        let read = read_within(
            std::slice::from_ref(&path),
            &skipping(2),
            limit,
            &mut |_| {},
        );
        let (trace, report) = read.unwrap();
        assert_eq!((trace.len(), trace.id(1)), (2, "c"));
        let says = format!("t.jsonl:3: the line is longer than {limit} bytes; is this a trace?");
        assert_eq!(folder.says(&report.issues[0]), says);
    }
}

#[test]
fn requests_come_in_order_from_trace_lines_and_bare_objects() {
    let folder = Folder::new();
    let text = format!(
        "{HEADER}\n{{\"id\":\"a\",\"request\":{{\"turn\":1}}}}\n\n{{\"turn\":2}}\n{{\"id\":\"c\",\"turn\":-3}}\n{{\"id\":\"d\",\"outcomes\":[]}}"
    );
    let path = folder.file("t.jsonl", text);
    let lines: Vec<String> = RequestLines::open(&path)
        .unwrap()
        .map(|item| match item {
            Ok((id, request)) => format!("{id} {:?}", request.turn),
            Err(error) => folder.says(&error),
        })
        .collect();
    let fault = "t.jsonl:5: turn: must be a whole number from 0 to 4294967294, not -3";
    assert_eq!(lines, ["a Some(1)", "4 Some(2)", fault, "d None"]);
}

fn options(map: &[&str]) -> ImportOptions {
    let pair = |pair: &&str| {
        let (field, column) = pair.split_once('=').unwrap();
        (field.to_string(), column.to_string())
    };
    ImportOptions {
        map: map.iter().map(pair).collect(),
        ..ImportOptions::default()
    }
}

#[test]
fn long_csv_rows_of_one_id_are_joined_wherever_they_stand() {
    let folder = Folder::new();
    let text = "i,m,s,c,t,n\na,x,true,0.22785100000000003,9,\"tools, vision\"\nb,x,0,,7.0,\na,y,0.5,1e-12,,\"tools, vision\"\n";
    let path = folder.file("t.csv", text);
    let options = ImportOptions {
        assume_output_tokens: Some(1),
        ..options(&[
            "id=i",
            "model=m",
            "score=s",
            "cost_usd=c",
            "output_tokens=t",
            "needs=n",
        ])
    };
    let (trace, report) = import(ImportFormat::Csv, &[path], &options).unwrap();
    assert_eq!((trace.len(), report.bytes), (2, text.len() as u64));
    assert_eq!(trace.request(0).needs, ["tools", "vision"]);
    let a: Vec<_> = trace.outcomes(0).map(|k| trace.outcome(k)).collect();
    assert_eq!(
        (a[0].model, a[0].score, a[0].output_tokens),
        ("x", Some(1.0), Some(Tokens(9)))
    );
    assert_eq!(a[0].cost_usd.unwrap().picos(), 227_851_000_000);
    assert_eq!(
        (a[1].cost_usd.unwrap().picos(), a[1].output_tokens),
        (1, Some(Tokens(1)))
    );
    let b = trace.outcome(trace.outcomes(1).start);
    assert_eq!(
        (b.score, b.cost_usd, b.output_tokens),
        (Some(0.0), None, Some(Tokens(7)))
    );
    assert_eq!(
        trace.header().assumed[0].what,
        "1 by --assume-output-tokens"
    );
}

#[test]
fn long_csv_faults_name_line_and_column() {
    let base: &[&str] = &["id=i", "model=m", "task=t", "score=s"];
    let cases: &[(&str, &[&str], &str)] = &[
        (
            "i,m,t,s\na,x,k,2\n",
            base,
            "t.csv:2: s: must be true, false or a number in [0, 1], not `2`; empty is unknown",
        ),
        (
            "i,m,t,s\na,x,k,nan\n",
            base,
            "t.csv:2: s: must be true, false or a number in [0, 1], not `nan`; empty is unknown",
        ),
        (
            "i,m,t,s\na,x,k,1\na,y,l,1\n",
            base,
            "t.csv:3: t: `l` here and `k` on t.csv:2 for the same id `a`; task belongs to the request and must agree",
        ),
        (
            "i,m,t,s\na,x,k,1\na,x,k,1\n",
            base,
            "t.csv:3: model: `x` has an outcome for `a` on t.csv:2 already; map `sample` to tell them apart",
        ),
        (
            "i,m,t,s\na,x,k\n",
            base,
            "t.csv:2: 3 cells where the first row has 4; is a quote missing?",
        ),
        ("i,m,t,s\n,x,k,1\n", base, "t.csv:2: id: must not be empty"),
        (
            "i,m,t,s\na,,k,1\n",
            base,
            "t.csv:2: s: is given without a model",
        ),
        (
            "i,m,t\na,x,k\n",
            base,
            "t.csv: has no column `s` for score; columns are: i, m, t",
        ),
        ("i,m,t,s\n", base, "t.csv: no requests"),
        (
            "i,m\na,x\n",
            &["id=i", "modle=m"],
            "--map: `modle` is no field of a trace; did you mean `model`?",
        ),
        (
            "i,m\na,x\n",
            &["id=i"],
            "--map: `model` is not mapped; add --map model=COLUMN",
        ),
        (
            "i,m,c\na,x,-1\n",
            &["id=i", "model=m", "cost_usd=c"],
            "t.csv:2: outcomes[0].cost_usd: -1 must not be negative",
        ),
    ];
    let folder = Folder::new();
    for (text, map, says) in cases {
        let path = folder.file("t.csv", text);
        let error = import(ImportFormat::Csv, &[path], &options(map)).unwrap_err();
        assert_eq!(folder.says(&error), *says);
    }
    let path = folder.file("t.tsv", "i\tm\ns\na\tx\n");
    let skip = ImportOptions {
        on_error: OnError::Skip,
        ..options(&["id=i", "model=m"])
    };
    let (trace, report) = import(ImportFormat::Csv, &[path], &skip).unwrap();
    assert_eq!((trace.len(), report.skipped), (1, 1));
}

#[test]
fn routellm_files_become_a_task_each() {
    let folder = Folder::new();
    folder.file(
        "mmlu_law.csv",
        "prompt,weak/1,strong\n\"two\nlines\",True,False\nq,False,True\n",
    );
    folder.file("mmlu_art.csv", "prompt,weak/1,strong\nq,True,True\n");
    folder.file("README.md", "not a table");
    let options = ImportOptions {
        assume_output_tokens: Some(1),
        roles: [("driver".to_string(), "weak/1".to_string())].into(),
        ..ImportOptions::default()
    };
    let input = [folder.0.path().to_path_buf()];
    let (trace, _) = import(ImportFormat::RouteLlm, &input, &options).unwrap();
    let ids: Vec<_> = (0..trace.len()).map(|i| trace.id(i)).collect();
    assert_eq!(ids, ["art/0", "law/0", "law/1"]);
    assert_eq!(
        (trace.prompt(1), trace.request(1).task),
        (Some("two\nlines"), Some("law"))
    );
    let scores: Vec<_> = trace.outcomes(1).map(|k| trace.outcome(k).score).collect();
    assert_eq!(scores, [Some(1.0), Some(0.0)]);
    assert_eq!(trace.header().licence.as_deref(), Some("Apache-2.0"));
    assert_eq!(trace.header().roles["driver"], "weak/1");
    let path = folder.file("mmlu_bad.csv", "prompt,m\nq,yes\n");
    let error = import(ImportFormat::RouteLlm, &[path], &options).unwrap_err();
    assert_eq!(
        folder.says(&error),
        "mmlu_bad.csv:2: m: must be True or False, not `yes`"
    );
}

/// The data of the project's bars, beside the repository.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    let required =
        std::env::vars().any(|(key, value)| key == "WEIGHBRIDGE_REQUIRE_SHARED" && value == "1");
    assert!(!required, "{} is not there", path.display());
    println!("skipped: {} is not there", path.display());
    None
}

#[test]
fn the_real_files_are_imported_whole() {
    let Some(mmlu) = shared("routellm-mmlu") else {
        return;
    };
    let (trace, _) = import(ImportFormat::RouteLlm, &[mmlu], &ImportOptions::default()).unwrap();
    assert_eq!(trace.outcome_count(), 2 * trace.len());
    assert_eq!(trace.models().len(), 2);
    let Some(agents) = shared("swebench-agents/outcomes.csv") else {
        return;
    };
    let map = [
        "id=instance_id",
        "task=repo",
        "model=model",
        "score=resolved",
        "cost_usd=cost_usd",
    ];
    let (trace, _) = import(ImportFormat::Csv, &[agents], &options(&map)).unwrap();
    assert_eq!((trace.len(), trace.outcome_count()), (269, 269 * 24));
}

#[test]
fn the_schema_names_the_fields_that_are_read() {
    let schema = include_str!("../../docs/trace.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    for (shape, fields) in [
        ("header", HeaderWire::FIELDS),
        ("line", LineWire::FIELDS),
        ("request", RequestWire::FIELDS),
        ("outcome", OutcomeWire::FIELDS),
        ("logged", LoggedWire::FIELDS),
        ("assumption", AssumptionWire::FIELDS),
    ] {
        let properties = schema["$defs"][shape]["properties"].as_object().unwrap();
        let mut named: Vec<_> = properties.keys().map(String::as_str).collect();
        let mut fields = fields.to_vec();
        named.sort_unstable();
        fields.sort_unstable();
        assert_eq!(named, fields, "{shape}");
    }
    assert_eq!(ExtraWire::FIELDS, ["line", "request", "logged"]);
}

/// A request with its outcomes, owned.
#[derive(Debug, Clone)]
struct Made {
    texts: Vec<Option<String>>,
    numbers: Vec<Option<u32>>,
    money: Vec<Option<i64>>,
    at: Option<i64>,
    needs: Vec<String>,
    embedding: Option<Vec<f32>>,
    scores: Vec<Option<f64>>,
    unknown: bool,
}

prop_compose! {
    fn made()(
        texts in prop::collection::vec(prop::option::of(any::<String>()), 9),
        numbers in prop::collection::vec(prop::option::of(0..u32::MAX), 6),
        money in prop::collection::vec(prop::option::of(0..i64::MAX), 4),
        at in prop::option::of(-62_135_596_800_000i64..253_402_300_799_999),
        needs in prop::collection::vec(any::<String>(), 0..3),
        embedding in prop::option::of(prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, 0..4)),
        scores in prop::collection::vec(prop::option::of(0.0..=1.0f64), 0..3),
        unknown in any::<bool>(),
    ) -> Made {
        Made { texts, numbers, money, at, needs, embedding, scores, unknown }
    }
}

fn build(rows: &[Made]) -> Trace {
    let mut builder = TraceBuilder::default();
    let header = builder.header_mut();
    header.source = rows.first().and_then(|row| row.texts[0].clone());
    header.roles = [("driver".to_string(), "m".to_string())].into();
    header.requests_per_day = rows
        .first()
        .and_then(|row| row.numbers[0])
        .map(|n| f64::from(n) + 0.1);
    header.assumed = vec![Assumption {
        field: "a".into(),
        what: "b".into(),
    }];
    header.extra = [("other".to_string(), "{ \"x\": 1e400 }".to_string())].into();
    for (n, row) in rows.iter().enumerate() {
        let text = |i: usize| row.texts[i].as_deref();
        let money = |i: usize| row.money[i].map(Usd::from_picos);
        let request = RequestRef {
            at: row.at.map(Timestamp::from_millis),
            prompt: text(0),
            task: text(1),
            tenant: text(2),
            session: text(3),
            turn: row.numbers[0],
            channel: text(4),
            region: text(5),
            needs: &row.needs,
            input_tokens: row.numbers[1].map(Tokens),
            max_output_tokens: row.numbers[2].map(Tokens),
            prefix: &row.needs,
            embedding: row.embedding.as_deref(),
            value_usd: money(0),
            wrong_usd: money(1),
            second_usd: money(2),
            deadline_ms: row.numbers[3].map(Millis),
        };
        let outcome = |&score: &Option<f64>| OutcomeRef {
            model: "m",
            endpoint: text(6),
            sample: row.numbers[4].unwrap_or(0),
            status: text(7),
            score,
            output_tokens: row.numbers[5].map(Tokens),
            cost_usd: money(3),
            extra: row.unknown.then_some(r#"{"é \"":[ 1.0,2 ]}"#),
            ..OutcomeRef::default()
        };
        let outcomes: Vec<_> = row.scores.iter().map(outcome).collect();
        let endpoint = text(8).filter(|_| row.unknown);
        let row = Row {
            id: &format!("r{n}"),
            request,
            outcomes: &outcomes,
            logged: endpoint.map(|endpoint| LoggedRef {
                endpoint,
                propensity: Some(0.3),
                policy: text(7),
            }),
            extra: row
                .unknown
                .then_some(r#"{"line":{"l":null},"request":{"r":"\u0041"}}"#),
        };
        builder.push(&row).unwrap();
    }
    builder.finish().unwrap().0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_trace_survives_being_written_and_read(rows in prop::collection::vec(made(), 1..6), threads in 1usize..4) {
        let trace = build(&rows);
        let folder = Folder::new();
        let path = folder.0.path().join("t.jsonl");
        write(&trace, &path).unwrap();
        let options = ReadOptions { threads, ..ReadOptions::default() };
        let (again, report) = read(std::slice::from_ref(&path), &options, &mut |_| {}).unwrap();
        prop_assert_eq!(report.out_of_order, 0);
        prop_assert_eq!(again.fingerprint(), trace.fingerprint());
        prop_assert_eq!(again.header(), trace.header());
        for i in 0..trace.len() {
            prop_assert_eq!(again.request_extra(i), trace.request_extra(i));
        }
        for k in 0..trace.outcome_count() {
            prop_assert_eq!(again.outcome(k).extra, trace.outcome(k).extra);
        }
        let bytes = std::fs::read(&path).unwrap();
        write(&again, &path).unwrap();
        prop_assert!(bytes == std::fs::read(&path).unwrap());
    }

    #[test]
    fn no_line_makes_the_reader_panic(line in any::<Vec<u8>>(), cut in 0usize..200) {
        let folder = Folder::new();
        let good = br#"{"id":"r-1","request":{"at":"2025-12-02","needs":["tools"],"embedding":[1],"value_usd":1},"outcomes":[{"model":"m","score":1}],"logged":{"endpoint":"e"}}"#;
        let cut = cut.min(good.len());
        let text = [HEADER.as_bytes(), b"\n", &good[..cut], &line, &good[cut..]].concat();
        let _ = read_one(&folder.file("t.jsonl", text));
    }
}
