//! `serve --record`: what the real binary writes is a trace, whatever happens to it or its disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::cli_router::compiled;
use super::server::Server;
use super::support::{FEW_ROWS, Folder, generated, run, trained};

/// How many entries and reports this became of.
fn count(server: &Server, outcome: &str) -> u64 {
    let (_, answer) = server.ask("GET", "/metrics", "");
    let name = format!("weighbridge_recorded_total{{outcome=\"{outcome}\"}} ");
    let line = answer.lines().find_map(|line| line.strip_prefix(&name));
    let count = line.and_then(|count| count.parse().ok());
    count.unwrap_or_else(|| panic!("no {name}in {answer}"))
}

/// Wait until so many have become one of these.
fn wait_for(server: &Server, outcomes: &[&str], enough: u64) {
    for _ in 0..600 {
        if outcomes.iter().map(|it| count(server, it)).sum::<u64>() >= enough {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("not {enough} are {outcomes:?}");
}

/// The lines of all segments of a folder whose names begin so, without headers; torn ends included
/// only as far as they are whole.
fn lines(folder: &str, prefix: &str) -> Vec<Value> {
    let mut lines = Vec::new();
    for (name, text) in segments(folder) {
        if name.starts_with(prefix) {
            let whole = text.rfind('\n').map_or("", |feed| &text[..feed]);
            let rows = whole.lines().skip(1);
            lines.extend(rows.map(|line| serde_json::from_str::<Value>(line).expect("JSON")));
        }
    }
    lines
}

fn segments(folder: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("it can be listed").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    let segments = names.filter(|name| name.ends_with(".jsonl") || name.ends_with(".jsonl.gz"));
    let mut found: BTreeMap<String, String> = segments
        .filter_map(|name| {
            // A running server may have compressed it by now.
            let bytes = fs::read(Path::new(folder).join(&name)).ok()?;
            let mut text = String::new();
            if name.ends_with(".gz") {
                GzDecoder::new(&*bytes)
                    .read_to_string(&mut text)
                    .expect("it is gzip");
            } else {
                text = String::from_utf8(bytes).expect("UTF-8");
            }
            Some((name, text))
        })
        .collect();
    // A server that was killed as it compressed one leaves it in both forms.
    let packed = found.clone();
    found.retain(|name, text| packed.get(&format!("{name}.gz")) != Some(text));
    found
}

fn ids(lines: &[Value]) -> BTreeSet<String> {
    let ids = lines.iter().map(|line| line["id"].as_str().expect("an id"));
    ids.map(str::to_owned).collect()
}

#[test]
fn a_recording_with_feedback_is_replayed_and_trained_on_as_it_stands() {
    let folder = Folder::new();
    let source = generated(&folder, "t.jsonl", 600, 31);
    let recorded = folder.at("rec");
    let server = Server::start(&[trained(), "--record", &recorded, "--explore", "0.5"]);
    let mut client = server.client();
    let text = folder.read("t.jsonl");
    let (mut propensities, mut given) = (BTreeMap::new(), 0);
    for line in text.lines().skip(1) {
        let line: Value = serde_json::from_str(line).unwrap();
        let id = line["id"].as_str().unwrap();
        let answer = client.route(id, &line["request"]);
        assert_eq!(
            answer["choice"]
                .as_object()
                .unwrap()
                .values()
                .map(|share| share.as_u64().unwrap())
                .sum::<u64>(),
            1_000_000
        );
        propensities.insert(id.to_owned(), answer);
        let mut reports: Vec<Value> = Vec::new();
        for outcome in line["outcomes"].as_array().unwrap() {
            let model = outcome["model"].as_str().unwrap();
            let mut report = outcome.clone();
            let report_fields = report.as_object_mut().unwrap();
            report_fields.remove("model");
            report_fields.insert("id".into(), id.into());
            report_fields.insert("endpoint".into(), format!("{model}@deepseek").into());
            reports.push(report);
        }
        let count = reports.len();
        let (status, said) = client
            .post("/v1/feedback", &Value::Array(reports).to_string())
            .unwrap();
        assert_eq!((status, &said["accepted"]), (200, &json!(count)));
        given += count;
    }
    let (status, said) = client
        .post("/v1/feedback", r#"{"id":"nobody","score":1}"#)
        .unwrap();
    assert_eq!((status, said), (200, json!({"accepted": 1})));
    server.end("-TERM");
    // All is finished and compressed.
    assert!(
        segments(&recorded)
            .keys()
            .all(|name| name.ends_with(".jsonl.gz"))
    );
    let rows = lines(&recorded, "weighbridge-");
    assert_eq!(rows.len(), 600);
    for row in &rows {
        let answer = &propensities[row["id"].as_str().unwrap()];
        assert_eq!(row["logged"]["endpoint"], answer["endpoint"]);
        assert_eq!(row["logged"]["propensity"], answer["propensity"]);
        assert_eq!(row["logged"]["policy"], "small");
    }

    let inspected = run(&["inspect", &recorded, "--format", "json"]).done();
    assert!(
        inspected
            .err
            .contains(&format!("feedback: {given} reports joined")),
        "{}",
        inspected.err
    );
    let unknown = "1 reports of feedback have an id that no line has";
    assert!(inspected.err.contains(unknown), "{}", inspected.err);
    let replay = [
        "-p",
        "policies/always-driver.toml",
        "policies/always-specialist.toml",
    ];
    let options = ["--value", "2", "--format", "json", "--replicates", "0"];
    let of = |trace: &str| {
        let args = [&["replay", trace][..], &replay, &options].concat();
        run(&args).done().json()["policies"].clone()
    };
    // The same figures as of the trace that the answers come from.
    let (here, there) = (of(&recorded), of(&source));
    for policy in 0..2 {
        for figure in ["success", "cost_usd_per_request", "net_usd_per_request"] {
            assert_eq!(
                here[policy][figure]["x"], there[policy][figure]["x"],
                "{figure}"
            );
        }
    }
    let router = folder.at("again.router.json");
    run(&[
        &["train", &recorded, "-o", &router, "--value", "2"],
        FEW_ROWS,
    ]
    .concat())
    .done();
    run(&["verify", &router, "--as-of", "2025-12-02"]).done();
    let decided = run(&["decide", &router, &recorded]).done();
    assert_eq!(decided.out.lines().count(), 600);
}

/// Load from four clients until the server is killed: what was answered, and how long before the kill.
#[expect(
    clippy::disallowed_methods,
    reason = "what was answered in the last second before the kill is told by the clock"
)]
fn killed_under_load(server: Server, kill: usize) -> Vec<(String, Duration)> {
    let clients: Vec<_> = (0..4)
        .map(|worker| {
            let mut client = server.client();
            thread::spawn(move || {
                let prompt = "word ".repeat(200);
                let mut answered = Vec::new();
                for i in 0.. {
                    // Not so fast that the queue overflows, which is another matter than a kill.
                    thread::sleep(Duration::from_micros(200));
                    let id = format!("{kill}-{worker}-{i}");
                    let body = json!({"id": id, "request": {"prompt": prompt}}).to_string();
                    match client.post("/v1/route", &body) {
                        Some((200, _)) => answered.push((id, Instant::now())),
                        Some(other) => panic!("{other:?}"),
                        None => break,
                    }
                }
                answered
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(1500));
    let killed_at = Instant::now();
    server.end("-KILL");
    let answered = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap());
    answered
        .map(|(id, at)| (id, killed_at.saturating_duration_since(at)))
        .collect()
}

/// Three kills, and the next server goes on in the same folder. `tests/cross/edge_kills.py` measures what thirty lose.
#[test]
fn a_kill_loses_at_most_a_second_doubles_nothing_and_leaves_a_trace() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let recorded = folder.at("rec");
    let mut there = BTreeSet::new();
    for kill in 0..3 {
        // One segment, however fast the machine is.
        let server = Server::start(&[&router, "--record", &recorded, "--segment-mb", "4096"]);
        let answered = killed_under_load(server, kill);
        let rows = lines(&recorded, "weighbridge-");
        there = ids(&rows);
        assert_eq!(there.len(), rows.len(), "a line stands twice");
        let second = Duration::from_secs(1);
        let (old, lost): (Vec<_>, Vec<_>) = answered.iter().partition(|(_, at)| *at > second);
        assert!(old.len() > 100, "{}", old.len());
        assert!(old.iter().all(|(id, _)| there.contains(id)));
        assert!(there.len() + lost.len() >= answered.len());
        run(&["inspect", &recorded]).done();
    }

    // Cut the last whole line off, as a kill in the middle of a write does; this one may have, too.
    let (name, text) = segments(&recorded)
        .into_iter()
        .rfind(|(name, _)| name.ends_with(".jsonl"))
        .expect("the one that the last kill left open");
    let whole = text.rfind('\n').unwrap();
    fs::write(Path::new(&recorded).join(&name), &text[..whole - 40]).unwrap();
    let told = run(&["inspect", &recorded]).done();
    assert!(
        told.err
            .contains("1 files ended in a line that was cut off"),
        "{}",
        told.err
    );

    let server = Server::start(&[&router, "--record", &recorded]);
    server.client().route("after", &json!({"prompt": "again"}));
    let said = server.end("-TERM");
    let mended = "1 segments were left open; 1 ended in a line that was cut off";
    assert!(said.contains(mended), "{said}");
    let names: Vec<String> = segments(&recorded).into_keys().collect();
    assert!(
        names.len() == 4 && names.iter().all(|name| name.ends_with(".gz")),
        "{names:?}"
    );
    let now = ids(&lines(&recorded, "weighbridge-"));
    assert!(now.contains("after"));
    assert_eq!(now.len(), there.len(), "one line was cut off, one has come");
}

/// Each is refused with its field, or recorded so that the folder is read.
#[test]
fn what_is_answered_is_recorded_and_read_however_odd() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let recorded = folder.at("rec");
    let server = Server::start(&[&router, "--record", &recorded]);
    let mut client = server.client();
    let mut taken = 0;
    for (place, (request, field)) in [
        (r#"{"at":"0000-01-01T00:00:00+00:01"}"#, Some("request.at")),
        (r#"{"at":"9999-12-31T23:59:59-00:01"}"#, Some("request.at")),
        (r#"{"at":"0000-01-01T00:01:00+00:01"}"#, None),
        (r#"{"at":"9999-12-31T23:59:59.999999Z"}"#, None),
        (
            r#"{"at":"2016-12-31T23:59:60Z","task":"\u0000\u001b[31m"}"#,
            None,
        ),
        (
            r#"{"prompt":"\ud83d\ude00\u2028\r\n","session":"\ufeff"}"#,
            None,
        ),
        (r#"{"prompt":"\ud800"}"#, Some("")),
        (
            r#"{"turn":4294967294,"deadline_ms":0,"value_usd":1e-12}"#,
            None,
        ),
        (r#"{"value_usd":1e400}"#, Some("")),
        (
            r#"{"value_usd":9223372,"embedding":[1e-45,3.4028235e38,-0.0]}"#,
            None,
        ),
        (r#"{"embedding":[3.5e38]}"#, Some("request.embedding[0]")),
        (r#"{"needs":["","\"",""],"prefix":["","\n"]}"#, None),
    ]
    .into_iter()
    .enumerate()
    {
        let body = format!(r#"{{"id":"r-{place}","request":{request}}}"#);
        let (status, said) = client.post("/v1/route", &body).unwrap();
        assert_eq!(
            status,
            if field.is_some() { 400 } else { 200 },
            "{body}: {said}"
        );
        if let Some(field) = field.filter(|field| !field.is_empty()) {
            assert_eq!(said["error"]["param"], field, "{body}");
        }
        taken += u64::from(field.is_none());
    }
    for (report, field) in [
        (
            r#"{"id":"r-2","at":"0000-01-01T00:00:00+00:01","score":1}"#,
            "at",
        ),
        (r#"{"id":"r 2","score":1}"#, "id"),
        (r#"{"id":"r-2\n","score":1}"#, "id"),
        (r#"{"id":"r-2","score":1,"endpoint":""}"#, "endpoint"),
    ] {
        let (status, said) = client.post("/v1/feedback", report).unwrap();
        assert_eq!(
            (status, said["error"]["param"].as_str()),
            (400, Some(field))
        );
    }
    let long = json!({"id": "r-2", "status": "x".repeat(257)}).to_string();
    let (status, said) = client.post("/v1/feedback", &long).unwrap();
    assert_eq!(
        (status, said["error"]["param"].as_str()),
        (400, Some("status"))
    );
    let report = r#"{"id":"r-2","at":"9999-12-31T23:59:59.999Z","endpoint":"m@x","score":1,"status":"\u001b"}"#;
    assert_eq!(client.post("/v1/feedback", report).unwrap().0, 200);
    drop(client);
    server.end("-TERM");
    assert_eq!(lines(&recorded, "weighbridge-").len() as u64, taken);
    let inspected = run(&["inspect", &recorded]).done();
    assert!(
        inspected.err.contains("1 reports joined"),
        "{}",
        inspected.err
    );
}

/// The recording's own lock lies on the folder, so that nobody lets a second server in by tidying up.
#[cfg(unix)]
#[test]
fn a_folder_whose_lock_file_was_removed_takes_no_second_server() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let recorded = folder.at("rec");
    let first = Server::start(&[&router, "--record", &recorded]);
    fs::remove_file(Path::new(&recorded).join(".weighbridge.lock")).unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--record", &recorded];
    let said = run(&[&["serve", &router][..], &listen].concat());
    assert_eq!(said.code, Some(1));
    let why = "another server records into this folder";
    assert!(said.err.contains(why), "{}", said.err);
    first.end("-TERM");
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let recorded = folder.at("rec");
    let first = Server::start(&[&router, "--record", &recorded]);
    let args = [
        "serve",
        &router,
        "--listen",
        "127.0.0.1:0",
        "--record",
        &recorded,
    ];
    let said = run(&args);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("another server records into this folder"),
        "{}",
        said.err
    );
    first.end("-TERM");
    let without = Server::start(&[&router]);
    let (status, said) = without
        .client()
        .post("/v1/feedback", r#"{"id":"a","score":1}"#)
        .unwrap();
    assert_eq!(
        (status, said["error"]["code"].as_str()),
        (409, Some("not_recording"))
    );
}

#[test]
fn segments_are_finished_by_size_and_age_and_read_while_the_server_goes_on() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let recorded = folder.at("rec");
    let prompt = "0123456789abcdef".repeat(2048);
    let server = Server::start(&[&router, "--record", &recorded, "--segment-mb", "1"]);
    let mut client = server.client();
    let mut sent = 0;
    while segments(&recorded)
        .keys()
        .filter(|name| name.ends_with(".gz"))
        .count()
        < 2
    {
        for _ in 0..20 {
            client.route(&format!("r-{sent}"), &json!({"prompt": prompt}));
            sent += 1;
        }
        // At the disk's pace: what finds no room in the queue would be left out.
        wait_for(&server, &["written"], sent);
        assert!(sent < 5000, "{:?}", segments(&recorded).into_keys());
    }
    run(&["inspect", &recorded]).done();
    drop(client);
    server.end("-TERM");
    assert_eq!(lines(&recorded, "weighbridge-").len() as u64, sent);
    let most = segments(&recorded).values().map(String::len).max().unwrap();
    // A segment is finished at the first write that fills it.
    assert!(most < (1 << 20) + (1 << 19), "{most}");

    let aged = folder.at("aged");
    let server = Server::start(&[&router, "--record", &aged, "--segment-seconds", "1"]);
    server.client().route("old", &json!({}));
    for _ in 0..300 {
        if segments(&aged)
            .keys()
            .any(|name| name.ends_with(".jsonl.gz"))
        {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(
        ids(&lines(&aged, "weighbridge-")),
        ids(&[json!({"id": "old"})])
    );
    assert!(segments(&aged).keys().all(|name| name.ends_with(".gz")));
    server.end("-TERM");
}

#[test]
fn a_full_disk_loses_whole_lines_and_no_request() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let disk = folder.at("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs", &disk])
        .output();
    if !mounted.is_ok_and(|done| done.status.success()) {
        // Needs root; the next test does the same with a limit on files.
        return skip_quietly();
    }
    let unmount = Unmount(disk.clone());
    let filler = Path::new(&disk).join("filler");
    fs::write(&filler, vec![0; 100 << 10]).unwrap();
    let recorded = format!("{disk}/rec");
    let server = Server::start(&[&router, "--record", &recorded]);
    let mut client = server.client();
    let prompt = "word ".repeat(200);
    for i in 0..600 {
        client.route(&format!("full-{i}"), &json!({"prompt": prompt}));
    }
    wait_for(&server, &["written", "lost"], 600);
    let whole = lines(&recorded, "weighbridge-").len() as u64;
    assert!((20..600).contains(&whole), "{whole}");
    assert_eq!(count(&server, "written"), whole);
    assert_eq!(count(&server, "lost"), 600 - whole);
    run(&["inspect", &recorded]).done();
    // Whoever reports is told, instead of being thanked for nothing.
    let report = r#"{"id":"full-1","score":1}"#;
    let (status, refused) = client.post("/v1/feedback", report).unwrap();
    assert_eq!(
        (status, &refused["error"]["code"]),
        (503, &json!("overloaded"))
    );
    fs::remove_file(filler).unwrap();
    for i in 0..5 {
        client.route(&format!("after-{i}"), &json!({}));
    }
    wait_for(&server, &["written", "lost"], 605);
    assert_eq!(client.post("/v1/feedback", report).unwrap().0, 200);
    drop(client);
    let said = server.end("-TERM");
    let once = "requests go on, what cannot be written is lost and counted";
    assert_eq!(said.matches(once).count(), 1, "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    let again = format!("takes lines again; {} were lost", 600 - whole);
    assert!(said.contains(&again), "{said}");
    let there = ids(&lines(&recorded, "weighbridge-"));
    assert!((0..5).all(|i| there.contains(&format!("after-{i}"))));
    drop(unmount);
}

/// A limit on the size of files, where nothing can be mounted: a write stops short as well.
#[test]
fn a_file_that_may_not_grow_is_left_whole_and_the_next_begun() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let recorded = folder.at("rec");
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_weighbridge")]);
    command.args([
        "serve",
        &router,
        "--listen",
        "127.0.0.1:0",
        "--record",
        &recorded,
    ]);
    let server = Server::of(command);
    let mut client = server.client();
    let prompt = "word ".repeat(200);
    for i in 0..600 {
        client.route(&format!("r-{i}"), &json!({"prompt": prompt}));
    }
    drop(client);
    let said = server.end("-TERM");
    assert!(said.contains("File too large"), "{said}");
    let there = lines(&recorded, "weighbridge-");
    assert!((100..600).contains(&there.len()), "{}", there.len());
    assert!(segments(&recorded).len() > 1);
    run(&["inspect", &recorded]).done();
}

#[test]
fn texts_are_kept_hashed_or_dropped() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    for what in ["hash", "drop"] {
        let recorded = folder.at(what);
        let server = Server::start(&[&router, "--record", &recorded, "--prompts", what]);
        let mut client = server.client();
        for (id, prompt) in [
            ("a", "A secret: xyzzy"),
            ("b", "a  SECRET -- Xyzzy"),
            ("c", "other"),
        ] {
            client.route(id, &json!({"prompt": prompt, "session": "s-1"}));
        }
        drop(client);
        server.end("-TERM");
        let rows = lines(&recorded, "weighbridge-");
        assert!(
            segments(&recorded)
                .values()
                .all(|text| !text.to_lowercase().contains("xyzzy"))
        );
        assert_eq!(rows[0]["request"]["session"], "s-1");
        assert_eq!(rows[0]["request"]["input_tokens"], 4);
        assert_eq!(rows[0]["prompt_group"], rows[1]["prompt_group"]);
        assert_eq!(rows[0]["prompt_group"].is_string(), what == "hash");
        assert_ne!(
            (what, &rows[2]["prompt_group"]),
            ("hash", &rows[0]["prompt_group"])
        );
        run(&[
            "replay",
            &recorded,
            "-p",
            "policies/always-driver.toml",
            "--replicates",
            "0",
        ])
        .done();
    }
}

#[test]
fn a_shadow_changes_nothing_and_a_canary_is_told_by_its_name() {
    let folder = Folder::new();
    let driver = compiled(&folder, "policies/always-driver.toml");
    let specialist = folder.at("always-specialist.router.json");
    fs::copy(
        compiled(&folder, "policies/always-specialist.toml"),
        &specialist,
    )
    .unwrap();
    compiled(&folder, "policies/always-driver.toml");
    let recorded = folder.at("rec");
    let args = [&driver, "--record", &recorded, "--shadow", &specialist];
    let canary = ["--canary", &specialist, "--canary-share", "0.5"];
    let server = Server::start(&[&args[..], &canary].concat());
    let mut client = server.client();
    let at = "2025-12-02T00:00:00Z";
    for i in 0..60 {
        let session = format!("s-{}", i / 3);
        client.route(&format!("r-{i}"), &json!({"at": at, "session": session}));
    }
    drop(client);
    server.end("-TERM");
    let mut arms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in lines(&recorded, "weighbridge-") {
        let policy = row["logged"]["policy"].as_str().unwrap();
        let endpoint = row["logged"]["endpoint"].as_str().unwrap();
        assert_eq!(
            policy == "always-specialist",
            endpoint.contains("speciale"),
            "{row}"
        );
        assert_eq!(row["logged"]["propensity"], 1.0);
        assert_eq!(row["shadow"]["endpoint"], "deepseek-v3.2-speciale@deepseek");
        let session = row["request"]["session"].as_str().unwrap();
        arms.entry(session.to_owned())
            .or_default()
            .insert(policy.to_owned());
    }
    assert!(
        arms.values().all(|policies| policies.len() == 1),
        "sessions stay together"
    );
    let all: BTreeSet<&String> = arms.values().flatten().collect();
    assert_eq!(all.len(), 2);
}

#[test]
fn what_does_not_go_together_is_a_wrong_call() {
    for (args, says) in [
        (&["--prompts", "hash"][..], "--record"),
        (&["--shadow", "x.json"], "--record"),
        (&["--canary", "x.json"], "--canary-share"),
        (&["--explore", "1.5"], "must be a number from 0 to 1"),
        (&["--explore", "0.0000001"], "at most six decimal places"),
    ] {
        let said = run(&[&["serve", "policies/always-driver.toml"], args].concat());
        assert_eq!(said.code, Some(2), "{args:?}");
        assert!(said.err.contains(says), "{}", said.err);
    }
}

#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
fn skip_quietly() {
    println!("skipped: a full disk: a small one can be mounted by root only");
}

struct Unmount(String);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", &self.0]).status();
    }
}
