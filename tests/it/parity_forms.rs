//! What the two implementations take and refuse, Rust and the one-file Python loader: forms of
//! lines, times, whole numbers, keys that stand twice, prices.

use std::io::{Cursor, Write};
use std::process::Stdio;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use weighbridge::trace_io::RequestLines;
use weighbridge_router::{Router, Scratch, Timestamp, decision_line};

use super::support::{Folder, SMALL_TRACE, binary, python, root, run};

/// What became of an input: the text of a decision, or why there is none.
type Outcome = Result<String, String>;

/// What the Python loader makes of many inputs: `look` is the body of a function of one, `text`.
fn python_says(look: &str, inputs: &[String]) -> Option<Vec<Outcome>> {
    let script = format!(
        "import io, json, sys\n\
         sys.path.insert(0, 'gateways/python')\n\
         import weighbridge_router as loader\n\
         def look(text):\n{look}\n\
         for text in json.load(sys.stdin):\n    \
             try:\n        print(json.dumps({{'Ok': look(text)}}))\n    \
             except loader.RouterError as error:\n        print(json.dumps({{'Err': str(error)}}))\n"
    );
    let mut child = python()?
        .args(["-c", &script, root().join("models").to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(serde_json::to_string(inputs).unwrap().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let read = |line| serde_json::from_str(line).unwrap();
    let outcomes: Vec<Outcome> = lines.lines().map(read).collect();
    assert_eq!(outcomes.len(), inputs.len());
    Some(outcomes)
}

/// Both take and refuse the same inputs, and make the same of them; how many they took.
fn agree(inputs: &[String], ours: &[Outcome], theirs: &[Outcome]) -> usize {
    for (input, (a, b)) in inputs.iter().zip(ours.iter().zip(theirs)) {
        match (a, b) {
            (Ok(a), Ok(b)) => assert_eq!(decided(a), decided(b), "{input}"),
            (Err(_), Err(_)) => {}
            _ => panic!("{input}\nRust: {a:?}\nPython: {b:?}"),
        }
    }
    ours.iter().filter(|outcome| outcome.is_ok()).count()
}

/// A decision line without what is equal to the ninth place alone.
fn decided(line: &str) -> Value {
    let mut line: Value = serde_json::from_str(line).unwrap();
    let predictions = line.get_mut("predictions").and_then(Value::as_array_mut);
    for prediction in predictions.into_iter().flatten() {
        for field in ["success", "output_tokens"] {
            let x = prediction[field].as_f64().unwrap();
            prediction[field] = json!(format!("{x:.6e}"));
        }
    }
    line
}

fn drawn<T>(strategy: impl Strategy<Value = T>, n: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    let one = |runner: &mut TestRunner| strategy.new_tree(runner).unwrap().current();
    (0..n).map(|_| one(&mut runner)).collect()
}

/// A time as it is written, often at an end of what can be.
fn time() -> impl Strategy<Value = String> {
    let date = select(vec![
        "0000-01-01",
        "9999-12-31",
        "2025-12-15",
        "2024-02-29",
        "2025-02-29",
        "1969-12-31",
    ]);
    let clock = select(vec![
        "",
        "T00:00:00",
        "T23:59:59.999",
        "t15:59:60",
        " 12:00:00.1",
        "T24:00:00",
    ]);
    let zone = "|Z|z|[+-]00:00|[+-]00:01|[+-]23:59|\\+24:00|-0100";
    (date, clock, zone).prop_map(|(date, clock, zone)| format!("{date}{clock}{zone}"))
}

/// A field of a request, right or wrong.
fn request_field() -> impl Strategy<Value = String> {
    let whole = select(vec![
        "turn",
        "input_tokens",
        "max_output_tokens",
        "deadline_ms",
    ]);
    let number = select(vec![
        "0",
        "1",
        "4294967294",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "-1",
        "-0",
        "1.0",
        "1e2",
        "null",
        "true",
        "\"1\"",
    ]);
    let text = select(vec![
        r#""prompt":"Prove that the sum converges.""#,
        r#""prompt":"""#,
        r#""prompt":null"#,
        r#""prom\u0070t":"hello""#,
        r#""task":"math""#,
        r#""task":7"#,
        r#""needs":["tools"]"#,
        r#""needs":["vision",null]"#,
        r#""needs":null"#,
        r#""value_usd":0.5"#,
        r#""value_usd":1e-400"#,
        r#""value_usd":9300000"#,
        r#""embedding":[0.1,1e39]"#,
        r#""mood":{"a":1,"b":2}"#,
        r#""mood":{"a":1,"b":{"c":1,"c":1}}"#,
    ]);
    prop_oneof![
        3 => text.prop_map(str::to_owned),
        1 => (whole, number).prop_map(|(name, number)| format!("\"{name}\":{number}")),
        1 => time().prop_map(|time| format!("\"at\":\"{time}\"")),
    ]
}

fn object(fields: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
    vec(fields, 0..most).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

/// A field that says what sort of line it is.
fn line_field() -> impl Strategy<Value = String> {
    let id = select(vec![
        r#""id":"x""#,
        r#""id":"""#,
        r#""id":null"#,
        r#""id":7"#,
        r#""id":"é\n\u0000""#,
        r#""id":"\ud800""#,
    ]);
    let format = select(vec![
        r#""format":"weighbridge.trace/1""#,
        r#""format":"weighbridge.trace/2""#,
        r#""format":"pdf""#,
        r#""format":null"#,
        r#""format":1"#,
    ]);
    let chat = select(vec![
        r#""messages":[{"role":"user","content":"Prove that it converges."}]"#,
        r#""messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"}]}]"#,
        r#""messages":[]"#,
        r#""messages":null"#,
        r#""messages":[{"content":"hi"}]"#,
        r#""messages":[{"role":"user","role":"user","content":"hi"}]"#,
        r#""model":"auto""#,
        r#""max_tokens":4294967295"#,
        r#""max_completion_tokens":100"#,
        r#""metadata":{"task":"math","deadline_ms":"4294967295"}"#,
        r#""metadata":{"task":"math","task":"law"}"#,
        r#""tools":[{}]"#,
    ]);
    let other = select(vec![
        r#""request":null"#,
        r#""request":[]"#,
        r#""request":"hi""#,
        r#""outcomes":[{"model":"m"}]"#,
    ]);
    prop_oneof![
        3 => id.prop_map(str::to_owned),
        1 => format.prop_map(str::to_owned),
        3 => chat.prop_map(str::to_owned),
        1 => other.prop_map(str::to_owned),
        3 => object(request_field(), 4).prop_map(|request| format!("\"request\":{request}")),
        6 => request_field(),
    ]
}

/// A line of input, most of them objects.
fn line() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "",
        " \t\r",
        "\u{c}",
        "\u{b}",
        "\u{a0}",
        "\u{feff}{}",
        "[]",
        "7",
        "null",
        "{} {}",
        "{\"prompt\":",
        "{\"prompt\":\"\t\"}",
        "NaN",
        "{\"a\":NaN}",
    ]);
    let spaced = (object(line_field(), 5), select(vec!["", " ", "\r", "\t"]));
    prop_oneof![
        1 => odd.prop_map(str::to_owned),
        19 => spaced.prop_map(|(object, blank)| format!("{blank}{object}{blank}")),
    ]
}

#[test]
fn rust_and_python_take_and_refuse_the_same_lines() {
    let path = root().join("models/engineering.router.json");
    let router = Router::load(&path).unwrap();
    let inputs = drawn(line(), 6000);
    let look = "    global router\n    \
        router = globals().get('router') or loader.load(sys.argv[1] + '/engineering.router.json')\n    \
        lines = loader.Lines(io.BytesIO(b'\\n' + text.encode('utf-8')), None, '')\n    \
        return ''.join(router.decide(request).line(id) for id, request in lines)";
    let Some(theirs) = python_says(look, &inputs) else {
        return;
    };
    let mut scratch = Scratch::default();
    let mut ours = |input: &String| {
        let input = format!("\n{input}").into_bytes();
        let lines = RequestLines::read("<lines>", Box::new(Cursor::new(input))).unwrap();
        let decided = lines.map(|line| {
            let (id, request) = line.map_err(|error| error.to_string())?;
            Ok(decision_line(&router, &id, &request.as_ref(), &mut scratch))
        });
        decided.collect::<Result<String, String>>()
    };
    let ours: Vec<Outcome> = inputs.iter().map(&mut ours).collect();
    // Blank lines and headers are taken, and give no decision.
    let quiet = |outcomes: &[Outcome]| {
        let shown = |outcome: &Outcome| {
            outcome
                .clone()
                .map(|line| if line.is_empty() { "null".into() } else { line })
        };
        outcomes.iter().map(shown).collect::<Vec<_>>()
    };
    let taken = agree(&inputs, &quiet(&ours), &quiet(&theirs));
    assert!((1000..5000).contains(&taken), "{taken} lines were taken");
    let named = ours
        .iter()
        .flatten()
        .filter(|line| line.contains("\"id\":\"x\""));
    assert!(named.count() > 20);
}

#[test]
fn rust_and_python_read_the_same_times() {
    let inputs = drawn(time(), 3000);
    let look = "    return str(loader._time(text))";
    let Some(theirs) = python_says(look, &inputs) else {
        return;
    };
    let ours = inputs.iter().map(|text| {
        let time = Timestamp::parse(text).map_err(|error| error.to_string())?;
        Ok(time.millis().to_string())
    });
    let ours: Vec<Outcome> = ours.collect();
    let taken = agree(&inputs, &ours, &theirs);
    assert!((300..2700).contains(&taken), "{taken} times were taken");
    // Word for word where a time leaves the years that can be written.
    let beyond = ours.iter().zip(&theirs).filter_map(|(a, b)| {
        let (a, b) = (a.as_ref().err()?, b.as_ref().err()?);
        a.contains("outside of the years").then_some((a, b))
    });
    let beyond: Vec<_> = beyond.collect();
    assert!(beyond.len() > 30 && beyond.iter().all(|(a, b)| a == b));
}

/// A router file around a body.
fn framed(body: &str) -> String {
    let body = format!("{body}\n");
    let hash = Sha256::digest(body.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = body.len();
    format!(
        "{{\"format\":\"weighbridge.router/1\",\"bytes\":{bytes},\"sha256\":\"{hash}\",\"body\":\n{body}}}\n"
    )
}

fn body(price: &str, more: &str) -> String {
    format!(
        r#"{{"endpoints":[{{"id":"m@x","model":"m","can":[],"prices":[{{"usd_per_mtok":{{"input":0.5,"cached":{price},"output":1}}{more}}}]}}],"choose":{{"kind":"always","to":"m@x"}},"golden":[{{"request":{{}},"choice":{{"m@x":1000000}},"unanswered_ppm":0,"fell_back_ppm":0}}]}}"#
    )
}

#[test]
fn rust_and_python_take_and_refuse_the_same_prices_and_keys() {
    let mut bodies: Vec<String> = [
        "0",
        "-0",
        "0.0",
        "-0.0",
        "0.000001",
        "0.0000001",
        "1e-6",
        "1e-7",
        "1e-30",
        "1e-400",
        "-1",
        "-1e-30",
        "0.28",
        "0.2800009",
        "0.280000",
        "0.2800000000000001",
        "1073.741824",
        "1073.7418240000001",
        "1073.741825",
        "1074",
        "2147.483648",
        "9000000",
        "9007199254.740992",
        "1e12",
        "1e300",
        "1e308",
        "null",
        "\"1\"",
        "true",
        "NaN",
    ]
    .iter()
    .map(|price| body(price, ""))
    .collect();
    let prices = drawn((prop_oneof![0..1u64 << 11, 0..1u64 << 32], 0..9usize), 2000);
    bodies.extend(
        prices
            .iter()
            .map(|(digits, places)| body(&format!("{}e-{places}", digits), "")),
    );
    bodies.extend(
        [
            r#","from":null,"from":null"#,
            r#","fr\u006fm":null,"from":"2025-12-01""#,
            r#","tiers":[{"above_input_tokens":4294967294,"usd_per_mtok":{"input":1,"cached":1,"output":1073.741824}}]"#,
            r#","tiers":[{"above_input_tokens":4294967295,"usd_per_mtok":{"input":1,"cached":1,"output":1}}]"#,
            r#","tiers":[{"above_input_tokens":4,"usd_per_mtok":{"input":1,"cached":1,"output":1,"input":1}}]"#,
            r#","tiers":[{"above_input_tokens":4,"usd_per_mtok":{"input":1073.75,"cached":1,"output":1}}]"#,
            r#","until":"0000-01-01T00:00:00+00:01""#,
        ]
        .map(|more| body("1", more)),
    );
    let files: Vec<String> = bodies.iter().map(|body| framed(body)).collect();
    let look = "    return json.dumps([list(price.rates) for price in loader.from_bytes(text.encode('utf-8')).endpoints[0].prices])";
    let Some(theirs) = python_says(look, &files) else {
        return;
    };
    let ours = files.iter().map(|file| {
        let router = Router::from_bytes(file.as_bytes()).map_err(|error| error.to_string())?;
        let rates = router.endpoints()[0].prices.iter().map(|row| {
            let rates = [row.rates.input, row.rates.cached, row.rates.output];
            rates.map(weighbridge_router::Usd::picos)
        });
        Ok(serde_json::to_string(&rates.collect::<Vec<_>>()).unwrap())
    });
    let ours: Vec<Outcome> = ours.collect();
    let taken = agree(&bodies, &ours, &theirs);
    assert!((300..1900).contains(&taken), "{taken} prices were taken");
    for (said, place) in [
        (" finer than a picodollar", 100),
        (" is more than a price can be, 1073.741824", 100),
        (" stands twice", 2),
    ] {
        let both = ours.iter().zip(&theirs).filter(|(a, b)| {
            [a, b]
                .iter()
                .all(|said_by| said_by.as_ref().is_err_and(|error| error.contains(said)))
        });
        assert!(both.count() >= place, "{said}");
    }
}

const UNTIMED: &str = concat!(
    r#"{"id":"late","prompt":"Prove it.","task":"math"}"#,
    "\n",
    r#"{"model":"auto","messages":[{"role":"user","content":"Prove it."}],"metadata":{"task":"math"}}"#,
    "\n",
    r#"{"id":"then","request":{"prompt":"Prove it.","task":"math","at":"2025-12-02"}}"#,
    "\n",
);

/// What `decide` and the loader say of lines, with more arguments: they say the same.
fn both_say(router: &str, lines: &str, more: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let folder = Folder::new();
    let path = folder.file("l.jsonl", lines);
    let ours = binary()
        .args(["decide", router, &path])
        .args(more)
        .output()
        .unwrap();
    let choices = |out: &[u8]| -> Vec<Value> {
        let lines = std::str::from_utf8(out).unwrap().lines();
        lines
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["choice"].take())
            .collect()
    };
    if let Some(mut python) = python() {
        let theirs = python
            .args(["gateways/python/weighbridge_router.py", router])
            .args(more)
            .stdin(std::fs::File::open(&path).unwrap())
            .output()
            .unwrap();
        assert_eq!(ours.status.code(), theirs.status.code());
        assert_eq!(choices(&ours.stdout), choices(&theirs.stdout));
        if ours.status.success() {
            assert_eq!(ours.stderr, theirs.stderr);
        }
    }
    (
        ours.status.code(),
        choices(&ours.stdout),
        String::from_utf8(ours.stderr).unwrap(),
    )
}

#[test]
fn no_request_goes_to_an_endpoint_that_has_ended_without_a_word() {
    let folder = Folder::new();
    let policy = folder.file(
        "p.toml",
        "format = \"weighbridge.policy/1\"\nfallback = [\"deepseek-v3.2@deepseek\"]\n[choose]\nkind = \"always\"\nto = \"deepseek-v3.2-speciale@deepseek\"\n",
    );
    let router = folder.at("p.router.json");
    run(&["compile", &policy, "-o", &router]).done();
    let to = |id: &str| json!({ id: 1_000_000 });
    let (ended, open) = (
        to("deepseek-v3.2-speciale@deepseek"),
        to("deepseek-v3.2@deepseek"),
    );
    let (code, choices, said) = both_say(&router, UNTIMED, &[]);
    assert_eq!((code, choices), (Some(0), vec![ended.clone(); 3]));
    assert!(
        said.starts_with("warning: 2 of 3 requests have no `at`: "),
        "{said}"
    );
    for at in ["now", "2026-01-01"] {
        let (code, choices, said) = both_say(&router, UNTIMED, &["--at", at]);
        assert_eq!((code, said.as_str()), (Some(0), ""));
        assert_eq!(choices, [open.clone(), open.clone(), ended.clone()]);
    }
    let (_, choices, said) = both_say(&router, UNTIMED, &["--at", "2025-12-15T15:58:59Z"]);
    assert_eq!((choices, said.as_str()), (vec![ended; 3], ""));
    let (code, ..) = both_say(&router, UNTIMED, &["--at", "soon"]);
    assert_eq!(code, Some(2));
    // A trace whose requests have times needs no word.
    let (code, choices, said) = both_say(&router, SMALL_TRACE, &[]);
    assert_eq!((code, choices.len(), said.as_str()), (Some(0), 3, ""));
}
