//! Broken files and impossible calls: one clear line, the right exit code, nothing left behind.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use super::support::{Folder, SMALL_TRACE, Said, python, run, run_with_input, trained};

/// One line that begins with `error:` and holds all of `needles`, the exit code, no result.
#[track_caller]
fn refused(name: &str, said: &Said, code: i32, needles: &[&str]) {
    assert_eq!(said.code, Some(code), "{name}: {} {}", said.err, said.out);
    assert_eq!(said.out, "", "{name}");
    assert!(!said.err.contains("panicked"), "{name}: {}", said.err);
    let lines: Vec<&str> = said.err.lines().collect();
    assert_eq!(lines.len(), 1, "{name}: {}", said.err);
    assert!(lines[0].starts_with("error: "), "{name}: {}", said.err);
    for needle in needles {
        assert!(
            said.err.contains(needle),
            "{name}: no `{needle}` in: {}",
            said.err
        );
    }
}

const HEADER: &str = r#"{"format":"weighbridge.trace/1"}"#;

#[test]
fn broken_traces() {
    let outcome = |fields: &str| {
        format!(r#"{{"id":"a","outcomes":[{{"model":"m"}},{{"model":"n",{fields}}}]}}"#)
    };
    let request = |fields: &str| format!(r#"{{"id":"a","request":{{{fields}}}}}"#);
    let cases: Vec<(&str, String, &[&str])> = vec![
        ("a malformed line", r#"{"id":"a""#.into(), &[":3"]),
        ("no object", "17".into(), &[":3", "object"]),
        ("no id", "{}".into(), &[":3: id", "missing"]),
        (
            "a wrong type",
            outcome(r#""score":"good""#),
            &[":3: outcomes[1].score", "number"],
        ),
        ("NaN", outcome(r#""score":NaN"#), &[":3"]),
        (
            "a number beyond doubles",
            outcome(r#""score":1e999"#),
            &[":3"],
        ),
        (
            "negative tokens",
            outcome(r#""output_tokens":-1"#),
            &[":3: outcomes[1].output_tokens", "whole number from 0"],
        ),
        (
            "a score outside its scale",
            outcome(r#""score":1.5"#),
            &[":3: outcomes[1].score", "0", "1"],
        ),
        (
            "a negative bill",
            outcome(r#""cost_usd":-0.1"#),
            &[":3: outcomes[1].cost_usd", "negative"],
        ),
        (
            "an outcome without a model",
            r#"{"id":"a","outcomes":[{"score":1}]}"#.into(),
            &[":3: outcomes[0].model", "missing"],
        ),
        (
            "a time that is none",
            request(r#""at":"yesterday""#),
            &[":3: request.at", "2025-12-02T09:14:03Z"],
        ),
        (
            "tokens beyond counting",
            request(r#""input_tokens":5000000000"#),
            &[":3: request.input_tokens"],
        ),
        (
            "a duplicate id",
            r#"{"id":"first"}"#.into(),
            &[":3: id", "first"],
        ),
        (
            "nesting without end",
            request(&format!(r#""x":{}"#, "[".repeat(100_000))),
            &[":3"],
        ),
    ];
    let folder = Folder::new();
    for (name, line, needles) in cases {
        let path = folder.file(
            "broken.jsonl",
            format!("{HEADER}\n{{\"id\":\"first\"}}\n{line}\n"),
        );
        let mut needles = needles.to_vec();
        needles.push("broken.jsonl:");
        let report = folder.at("report.json");
        let args = [
            "replay",
            &path,
            "-p",
            "policies/always-driver.toml",
            "--driver",
            "deepseek-v3.2",
            "-o",
            &report,
        ];
        refused(name, &run(&args), 1, &needles);
        refused(
            name,
            &run(&["inspect", &path, "--threads", "4"]),
            1,
            &needles,
        );
        let piped = run_with_input(&["inspect", "-"], &fs::read(&path).unwrap());
        refused(name, &piped, 1, &needles[..needles.len() - 1]);
        assert_eq!(folder.names(), ["broken.jsonl"], "{name}");
    }
}

#[test]
fn traces_that_are_empty_cut_off_or_something_else() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(SMALL_TRACE.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut flipped = gzip.clone();
    flipped[30] ^= 0x55;
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("nothing at all", vec![], &["t.jsonl", "empty"]),
        (
            "a header alone",
            format!("{HEADER}\n").into_bytes(),
            &["t.jsonl", "no request"],
        ),
        (
            "a gzip that is cut off",
            gzip[..gzip.len() / 2].to_vec(),
            &["t.jsonl", "cut off"],
        ),
        ("a gzip with a flipped bit", flipped, &["t.jsonl"]),
        (
            "no header",
            SMALL_TRACE.lines().nth(1).unwrap().into(),
            &["t.jsonl:1", "format"],
        ),
        (
            "a later version",
            SMALL_TRACE.replace("trace/1", "trace/2").into_bytes(),
            &["t.jsonl:1", "weighbridge.trace/2"],
        ),
        (
            "another kind of file",
            SMALL_TRACE.replace("trace/1", "router/1").into_bytes(),
            &["t.jsonl:1", "weighbridge.router/1"],
        ),
        (
            "bytes that are no text",
            [HEADER.as_bytes(), b"\n{\"id\":\"\xff\"}"].concat(),
            &["t.jsonl:2", "UTF-8"],
        ),
        (
            "a picture",
            vec![0x89, b'P', b'N', b'G', 0, 1, 2, 3],
            &["t.jsonl"],
        ),
    ];
    let folder = Folder::new();
    for (name, bytes, needles) in cases {
        let path = folder.file("t.jsonl", bytes);
        refused(
            name,
            &run(&["inspect", &path, "-o", &folder.at("o.json")]),
            1,
            needles,
        );
        assert_eq!(folder.names(), ["t.jsonl"], "{name}");
    }
    refused(
        "a file that is not there",
        &run(&["inspect", &folder.at("none.jsonl")]),
        1,
        &["none.jsonl", "no such file"],
    );
}

#[test]
fn a_prompt_of_five_megabytes_is_a_prompt() {
    let folder = Folder::new();
    let mut text = format!("{HEADER}\n{{\"id\":\"a\",\"request\":{{\"prompt\":\"");
    (0..700_000).for_each(|i| write!(text, "w{} \u{e9} ", i % 1000).unwrap());
    text.push_str("\"}}\n");
    assert!(text.len() > 5_000_000);
    let trace = folder.file("t.jsonl", text);
    let said = run(&["decide", trained(), &trace]).done();
    assert!(said.out.starts_with("{\"id\":\"a\""), "{:.200}", said.out);
    run(&["inspect", &trace]).done();
}

#[test]
fn names_that_mean_nothing() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let policy = folder.file("p.toml", super::support::always("deepseek-v3.3"));
    let said = run(&["replay", &trace, "-p", &policy, "-o", &folder.at("o.json")]);
    refused(
        "a name in neither",
        &said,
        2,
        &["p.toml", "deepseek-v3.3", "deepseek-v3.2"],
    );
    assert_eq!(folder.names(), ["p.toml", "t.jsonl"]);
}

#[test]
fn broken_policies() {
    let policy = |body: &str| format!("format = \"weighbridge.policy/1\"\n{body}\n");
    let learned = |dial: &str| {
        policy(&format!(
            "[choose]\nkind = \"router\"\nfile = \"x.router.json\"\n[choose.trade]\n{dial}"
        ))
    };
    let rule = |when: &str| {
        policy(&format!(
            "[choose]\nkind = \"rules\"\nelse = \"driver\"\n[[choose.rule]]\nwhen = {when}\nto = \"specialist\""
        ))
    };
    let cases: Vec<(&str, String, &[&str])> = vec![
        (
            "a misspelt key",
            policy("falback = []\n[choose]\nkind = \"always\"\nto = \"driver\""),
            &[":2", "falback", "fallback"],
        ),
        (
            "a misspelt kind",
            policy("[choose]\nkind = \"alway\"\nto = \"driver\""),
            &[":3", "alway", "always"],
        ),
        (
            "two dials",
            learned("value_usd = 1\nshare = 0.05"),
            &["value_usd", "share"],
        ),
        (
            "a share above all",
            learned("share = 5"),
            &[":6", "share", "0 to 1"],
        ),
        ("no dial", learned("second_usd = 0"), &["value_usd"]),
        (
            "a field that does not exist",
            rule("{ mood = [\"fine\"] }"),
            &[":6", "mood"],
        ),
        (
            "a threshold on nothing",
            policy(
                "[choose]\nkind = \"threshold\"\nfeature = \"prompt_bites\"\nabove = 3\nto = \"specialist\"\nelse = \"driver\"",
            ),
            &[":4", "prompt_bites", "prompt_bytes"],
        ),
        (
            "weights beyond one",
            policy("[choose]\nkind = \"random\"\nweights = { driver = 0.9, specialist = 0.2 }"),
            &["weights", "1"],
        ),
        (
            "a range upside down",
            rule("{ input_tokens = { min = 9, max = 3 } }"),
            &[":6", "input_tokens"],
        ),
        (
            "a kind of later versions",
            policy("[choose]\nkind = \"cascade\""),
            &[":3", "cascade"],
        ),
        (
            "no TOML",
            "format = \"weighbridge.policy/1\"\n[choose\n".into(),
            &[":2"],
        ),
        (
            "a later version",
            policy("").replace("policy/1", "policy/2"),
            &["weighbridge.policy/2"],
        ),
        ("nothing", String::new(), &["format"]),
    ];
    let folder = Folder::new();
    for (name, text, needles) in cases {
        let path = folder.file("p.toml", text);
        let mut needles = needles.to_vec();
        needles.push("p.toml");
        let args = [
            "compile",
            &path,
            "-o",
            &folder.at("p.router.json"),
            "--driver",
            "deepseek-v3.2",
            "--specialist",
            "deepseek-v3.2-speciale",
        ];
        refused(name, &run(&args), 1, &needles);
        assert_eq!(folder.names(), ["p.toml"], "{name}");
    }
}

#[test]
fn broken_catalogs() {
    let catalog = |endpoint: &str| {
        format!(
            "format = \"weighbridge.catalog/1\"\n[[model]]\nid = \"m\"\n[[endpoint]]\nid = \"m@x\"\nmodel = \"m\"\n{endpoint}\n"
        )
    };
    let price = "[[endpoint.price]]\nusd_per_mtok = { input = 1, output = 2 }\nsource = \"s\"\n";
    let cases: Vec<(&str, String, &[&str])> = vec![
        (
            "overlapping prices",
            catalog(&format!("{price}{price}")),
            &[":10", "endpoint[0].price[1]", "overlap", "line 7"],
        ),
        (
            "a negative price",
            catalog(&price.replace("output = 2", "output = -2")),
            &[":8", "output"],
        ),
        (
            "a price that is no number",
            catalog(&price.replace("output = 2", "output = nan")),
            &[":8", "output"],
        ),
        (
            "a misspelt key",
            catalog("tokens_per_seconds = 3"),
            &[":7", "tokens_per_second"],
        ),
        (
            "a price without a source",
            catalog("[[endpoint.price]]\nusd_per_mtok = { input = 1, output = 2 }"),
            &["source"],
        ),
        (
            "a model that is nowhere",
            catalog("").replace("model = \"m\"", "model = \"n\""),
            &[":6", "n"],
        ),
    ];
    let folder = Folder::new();
    for (name, text, needles) in cases {
        let path = folder.file("c.toml", text);
        let mut needles = needles.to_vec();
        needles.push("c.toml");
        refused(
            name,
            &run(&[
                "catalog",
                "check",
                "--catalog",
                &path,
                "-o",
                &folder.at("o.json"),
            ]),
            1,
            &needles,
        );
        assert_eq!(folder.names(), ["c.toml"], "{name}");
    }
}

#[test]
fn one_class_only_trains_nothing() {
    let folder = Folder::new();
    let mut text = r#"{"format":"weighbridge.trace/1","roles":{"driver":"deepseek-v3.2","specialist":"deepseek-v3.2-speciale"}}"#.to_owned();
    for i in 0..200 {
        let outcome = |model: &str, score: i32| {
            format!(r#"{{"model":"{model}","score":{score},"output_tokens":100}}"#)
        };
        let outcomes = [
            outcome("deepseek-v3.2", i % 2),
            outcome("deepseek-v3.2-speciale", 1),
        ]
        .join(",");
        write!(text, "\n{{\"id\":\"r{i}\",\"request\":{{\"prompt\":\"question {i}\"}},\"outcomes\":[{outcomes}]}}").unwrap();
    }
    let trace = folder.file("t.jsonl", text);
    let said = run(&[
        "train",
        &trace,
        "-o",
        &folder.at("r.router.json"),
        "--quiet",
    ]);
    refused("one class", &said, 1, &["deepseek-v3.2-speciale"]);
    assert_eq!(folder.names(), ["t.jsonl"]);
}

/// The body of a router file in a new frame, checksum and all.
fn framed(body: &str) -> Vec<u8> {
    let hash = Sha256::digest(body.as_bytes())
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("{{\"format\":\"weighbridge.router/1\",\"bytes\":{},\"sha256\":\"{hash}\",\"body\":\n{body}}}\n", body.len()).into_bytes()
}

/// The same base64 with its first float replaced.
fn first_float(body: &str, field: &str, value: f32) -> String {
    let start = body
        .find(&format!("\"{field}\":\""))
        .expect("the field is there")
        + field.len()
        + 4;
    let end = start + body[start..].find('"').expect("it ends");
    let mut bytes = STANDARD.decode(&body[start..end]).expect("it is base64");
    bytes[..4].copy_from_slice(&value.to_le_bytes());
    format!(
        "{}{}{}",
        &body[..start],
        STANDARD.encode(bytes),
        &body[end..]
    )
}

#[test]
fn broken_router_files_are_refused_in_rust_and_in_python() {
    let sound = fs::read(trained()).unwrap();
    let text = String::from_utf8(sound.clone()).unwrap();
    let (head, rest) = text.split_once('\n').unwrap();
    let body = &rest[..rest.len() - 2];
    assert!(
        framed(body) == sound,
        "the test frames files as the product does"
    );
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 4;
        bytes
    };
    // A flipped bit could leave no hexadecimal digit, which is another fault.
    let other_digit = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        bytes
    };
    let number = |field: &str, value: &str| {
        let start = body
            .find(&format!("\"{field}\":"))
            .expect("the field is there")
            + field.len()
            + 3;
        let end = start + body[start..].find([',', '}']).expect("it ends");
        framed(&format!("{}{value}{}", &body[..start], &body[end..]))
    };
    let declared = head
        .split("\"bytes\":")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("nothing", vec![], &["not a router file"]),
        ("cut off in line 1", sound[..60].to_vec(), &["cut off"]),
        (
            "cut off in the body",
            sound[..sound.len() / 2].to_vec(),
            &["cut off"],
        ),
        ("one byte short", sound[..sound.len() - 1].to_vec(), &[]),
        ("one byte long", [&sound[..], b"\n"].concat(), &[]),
        (
            "a bit of the body flipped",
            flipped(sound.len() / 2),
            &["checksum"],
        ),
        (
            "another digit in the checksum",
            other_digit(head.len() - 20),
            &["checksum"],
        ),
        (
            "a later version",
            text.replacen("router/1", "router/2", 1).into_bytes(),
            &["weighbridge.router/2"],
        ),
        (
            "another kind of file",
            text.replacen("router/1", "trace/1", 1).into_bytes(),
            &["weighbridge.trace/1"],
        ),
        (
            "a gigabyte declared",
            text.replacen(declared, "1073741824", 1).into_bytes(),
            &["1073741824", "limit"],
        ),
        (
            "more than any machine declared",
            text.replacen(declared, "99999999999999999999999", 1)
                .into_bytes(),
            &[],
        ),
        (
            "line ends changed",
            text.replace('\n', "\r\n").into_bytes(),
            &["CR LF"],
        ),
        (
            "a weight that is no number",
            framed(&first_float(body, "weights", f32::NAN)),
            &["weights", "finite"],
        ),
        (
            "an infinite weight",
            framed(&first_float(body, "weights", f32::INFINITY)),
            &["weights", "finite"],
        ),
        (
            "another mean",
            framed(&first_float(body, "mean", 900.0)),
            &["golden"],
        ),
        ("a bias beyond doubles", number("bias", "1e999"), &[]),
        ("a bias of NaN", number("bias", "NaN"), &[]),
        (
            "an unknown step",
            framed(&body.replacen("surface/2", "surface/9", 1)),
            &["features", "surface/9"],
        ),
        (
            "an unknown head",
            framed(&body.replacen("log_linear/1", "forest/1", 1)),
            &["heads[1]", "forest/1"],
        ),
        (
            "an unknown field",
            framed(&body.replacen("{\"endpoints\"", "{\"mood\":1,\"endpoints\"", 1)),
            &["mood"],
        ),
        (
            "a field twice",
            framed(&body.replacen("{\"endpoints\"", "{\"fallback\":[],\"endpoints\"", 1)),
            &["fallback"],
        ),
        (
            "a choice of nobody",
            framed(&body.replacen("\"fallback\":[\"", "\"fallback\":[\"nobody", 1)),
            &["fallback", "nobody"],
        ),
        ("a negative price", number("input", "-1"), &["input"]),
        ("no body", framed("\n"), &[]),
        (
            "nesting without end",
            framed(&format!("{}\n", "[".repeat(200_000))),
            &[],
        ),
    ];
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    for (name, bytes, needles) in cases {
        assert!(bytes != sound, "{name} changes nothing");
        let path = folder.file("broken.router.json", bytes);
        let mut needles = needles.to_vec();
        needles.push("broken.router.json");
        refused(name, &run(&["decide", &path, &trace]), 1, &needles);
        refused(
            name,
            &run(&["verify", &path, "-o", &folder.at("o.json")]),
            1,
            &needles,
        );
        refused(name, &run(&["replay", &trace, "-p", &path]), 1, &needles);
        assert_eq!(folder.names(), ["broken.router.json", "t.jsonl"], "{name}");
        if let Some(mut python) = python() {
            let trace = fs::File::open(&trace).unwrap();
            let output = python
                .args(["gateways/python/weighbridge_router.py", &path])
                .stdin(trace)
                .output()
                .unwrap();
            refused(&format!("{name}, in Python"), &output.into(), 1, &needles);
        }
    }
    refused(
        "no file",
        &run(&["decide", &folder.at("none.router.json"), &trace]),
        2,
        &["none.router.json", "weighbridge compile"],
    );
}

#[test]
fn broken_requests_are_refused_in_rust_and_in_python() {
    let cases: [(&str, &str, &[&str]); 6] = [
        ("no JSON", "{\"prompt\":", &[]),
        ("a wrong type", r#"{"prompt":3}"#, &["prompt"]),
        (
            "negative tokens",
            r#"{"input_tokens":-3}"#,
            &["input_tokens"],
        ),
        ("NaN", r#"{"value_usd":NaN}"#, &[]),
        ("a time that is none", r#"{"at":"soon"}"#, &["at"]),
        ("a list", "[]", &[]),
    ];
    let folder = Folder::new();
    for (name, request, needles) in cases {
        let said = run_with_input(&["decide", trained(), "-"], request.as_bytes());
        refused(name, &said, 1, needles);
        let path = folder.file("requests.jsonl", request);
        if let Some(mut python) = python() {
            let requests = fs::File::open(&path).unwrap();
            let output = python
                .args(["gateways/python/weighbridge_router.py", trained()])
                .stdin(requests)
                .output()
                .unwrap();
            refused(&format!("{name}, in Python"), &output.into(), 1, needles);
        }
        let said = run(&["explain", trained(), "--request", request]);
        refused(name, &said, 2, &["--request"]);
    }
}
