//! The recorder as a whole: what it writes is read, and a disk that refuses is told to whoever reports.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::serve::live::Loaded;
use weighbridge_router::{Parts, Ppm, Router};

/// A JSON value of a kind, most of the time one that is taken.
type Values = BoxedStrategy<String>;

fn texts() -> Values {
    let odd = select(vec![
        "",
        "math",
        "\u{0}",
        "\n",
        "\r\n",
        "\u{7f}\u{1b}[31m",
        "\u{2028}",
        "\u{feff}",
        "\"",
        "\\",
        "\u{1f600}",
        "e\u{301}",
        "=1+1",
        "\u{fffd}",
        "\u{10ffff}",
    ]);
    let any = prop_oneof![odd.prop_map(str::to_owned), any::<String>(), "[a-z ]{0,40}"];
    let escaped = select(vec![r#""\ud83d\ude00""#, r#""\u0000\/""#, r#""\ud800""#]);
    prop_oneof![
        9 => any.prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => escaped.prop_map(str::to_owned),
    ]
    .boxed()
}

/// Moments whose offset leads over the ends of the years, leap seconds, fractions of any length.
fn times() -> Values {
    let date = select(vec![
        "0000-01-01",
        "0000-12-31",
        "0001-01-01",
        "1969-12-31",
        "1970-01-01",
        "2024-02-29",
        "2025-12-02",
        "9999-12-31",
    ]);
    let time = select(vec![
        "T00:00:00",
        "t23:59:59",
        " 23:59:60",
        "T12:30:15.5",
        "T00:00:00.0009",
        "T23:59:59.999999999",
    ]);
    let zone = select(vec![
        "Z", "z", "+00:00", "-00:01", "+00:01", "+23:59", "-23:59", "+05:30",
    ]);
    prop_oneof![
        (date, time, zone).prop_map(|(date, time, zone)| format!("\"{date}{time}{zone}\"")),
        select(vec![
            r#""2025-12-02""#,
            r#""0000-01-01""#,
            r#""9999-12-31""#,
            r#""now""#,
            "null"
        ])
        .prop_map(str::to_owned),
    ]
    .boxed()
}

fn wholes() -> Values {
    let ends = select(vec![0, 1, u32::MAX - 2, u32::MAX - 1, u32::MAX]);
    let wrong = select(vec!["-1", "4294967296", "1e3", "0.5", "null", "1.0"]);
    prop_oneof![
        8 => any::<u32>().prop_map(|n| n.to_string()),
        3 => ends.prop_map(|n| n.to_string()),
        1 => wrong.prop_map(str::to_owned),
    ]
    .boxed()
}

fn numbers() -> Values {
    let ends = select(vec![
        "0",
        "-0",
        "-0.0",
        "1",
        "1e0",
        "0.1",
        "1e-12",
        "0.000000000001",
        "1e-13",
        "5e-324",
        "9223372.036854775807",
        "9223372",
        "9223373",
        "1e400",
        "-1",
        "0.30000000000000004",
        "1e-30",
        "123456.123456789012",
    ]);
    prop_oneof![
        ends.prop_map(str::to_owned),
        (0.0..=1.0f64).prop_map(|x| x.to_string()),
        (0.0..9e6f64).prop_map(|x| x.to_string()),
    ]
    .boxed()
}

fn lists(of: Values) -> Values {
    let items = prop::collection::vec(of, 0..4);
    items
        .prop_map(|items| format!("[{}]", items.join(",")))
        .boxed()
}

fn singles() -> Values {
    let ends = select(vec![
        "1e-45",
        "1.1754944e-38",
        "3.4028235e38",
        "3.5e38",
        "-0.0",
        "0.1",
        "16777217",
    ]);
    let any = any::<f32>().prop_filter("JSON", |x| x.is_finite());
    lists(
        prop_oneof![
            ends.prop_map(str::to_owned),
            any.prop_map(|x| x.to_string())
        ]
        .boxed(),
    )
}

/// An object with some of these fields.
fn object(fields: Vec<(&'static str, Values)>) -> Values {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            prop::option::weighted(0.4, value).prop_map(move |value| Some((name, value?)))
        })
        .collect();
    fields
        .prop_map(|fields| {
            let fields = fields.into_iter().flatten();
            let fields: Vec<String> = fields
                .map(|(name, value)| format!("\"{name}\":{value}"))
                .collect();
            format!("{{{}}}", fields.join(","))
        })
        .boxed()
}

fn requests() -> Values {
    let native = object(vec![
        ("at", times()),
        ("prompt", texts()),
        ("task", texts()),
        ("tenant", texts()),
        ("session", texts()),
        ("turn", wholes()),
        ("channel", texts()),
        ("region", texts()),
        ("needs", lists(texts())),
        ("input_tokens", wholes()),
        ("max_output_tokens", wholes()),
        ("prefix", lists(texts())),
        ("embedding", singles()),
        ("value_usd", numbers()),
        ("wrong_usd", numbers()),
        ("second_usd", numbers()),
        ("deadline_ms", wholes()),
    ]);
    let message = texts().prop_map(|text| format!(r#"{{"role":"user","content":{text}}}"#));
    let hints = object(vec![
        ("task", texts()),
        ("session", texts()),
        ("value_usd", numbers()),
        ("deadline_ms", wholes()),
    ]);
    let chat = (message, hints, texts(), wholes()).prop_map(|(message, hints, user, most)| {
        format!(
            r#"{{"messages":[{message}],"metadata":{hints},"user":{user},"max_tokens":{most}}}"#
        )
    });
    prop_oneof![3 => native, 1 => chat].boxed()
}

fn answers() -> Values {
    let details = |name| object(vec![(name, wholes())]);
    let usage = object(vec![
        ("prompt_tokens", wholes()),
        ("completion_tokens", wholes()),
        ("prompt_cache_hit_tokens", wholes()),
        ("prompt_tokens_details", details("cached_tokens")),
        ("completion_tokens_details", details("reasoning_tokens")),
    ]);
    let reason = select(vec!["stop", "length", "\u{1b}"]);
    (usage, reason, prop::bool::weighted(0.9))
        .prop_map(|(usage, reason, whole)| {
            let reason = serde_json::to_string(reason).unwrap();
            let text = format!(
                r#"{{"choices":[{{"index":0,"finish_reason":{reason}}}],"usage":{usage}}}"#
            );
            if whole {
                text
            } else {
                text[..text.len() / 2].to_owned()
            }
        })
        .boxed()
}

fn reports(ids: usize) -> Values {
    let said = object(vec![
        ("at", times()),
        (
            "endpoint",
            select(vec![r#""a@x""#, r#""new@y""#, r#""\u0000""#])
                .prop_map(str::to_owned)
                .boxed(),
        ),
        ("status", texts()),
        ("score", numbers()),
        ("input_tokens", wholes()),
        ("cached_tokens", wholes()),
        ("output_tokens", wholes()),
        ("reasoning_tokens", wholes()),
        ("ttft_ms", wholes()),
        ("latency_ms", wholes()),
        ("cost_usd", numbers()),
    ]);
    (said, any::<Index>())
        .prop_map(move |(said, id)| {
            let id = id.index(ids + 2);
            said.replacen('{', &format!("{{\"id\":\"r-{id}\","), 1)
                .replace(",}", "}")
        })
        .boxed()
}

const AT_ONCE: usize = 24;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any request, answer and report: recorded by the real recorder, read by the real reader.
    #[test]
    fn what_is_recorded_is_read(
        asked in prop::collection::vec((requests(), prop::collection::vec(answers(), 0..3), reports(AT_ONCE)), AT_ONCE),
        prompts in select(vec![Prompts::Keep, Prompts::Keep, Prompts::Hash, Prompts::Drop]),
    ) {
        let ids: Vec<String> = (0..asked.len()).map(|i| format!("r-{i}")).collect();
        let said: Vec<Said<'_>> = asked.iter().zip(&ids).map(|((request, answers, reports), id)| Said {
            id,
            request,
            answers: answers.iter().map(String::as_bytes).collect(),
            reports: reports.as_bytes(),
        }).collect();
        let folder = tempfile::tempdir().unwrap();
        let [entries, _] = record_and_read(&said, prompts, &folder.path().join("rec"));
        prop_assert!(entries > 0 || said.len() < AT_ONCE);
    }
}

/// The recorder, into this folder, and what it says.
fn recording(folder: &Path) -> (Recorder, Arc<Mutex<String>>) {
    let active = Active {
        main: Loaded {
            name: "main".into(),
            router: Router::try_new(Parts {
                endpoints: vec![weighbridge_router::Endpoint::recorded_only("a@x")],
                choose: Some(
                    weighbridge_router::Choose::from_json(r#"{"kind":"always","to":"a@x"}"#)
                        .unwrap(),
                ),
                ..Parts::default()
            })
            .unwrap(),
        },
        canary: None,
        shadow: None,
        explore: Ppm(0),
    };
    let options = RecordOptions {
        folder: folder.to_owned(),
        prompts: Prompts::Keep,
        segment_bytes: 1 << 20,
        segment_age: Duration::from_secs(3600),
    };
    let said = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&said);
    let say = move |text: &str| writeln!(heard.lock().unwrap(), "{text}").unwrap();
    (
        Recorder::start(options, &active, Arc::new(say)).unwrap(),
        said,
    )
}

fn report(id: usize) -> Vec<Feedback> {
    let body = format!(r#"{{"id":"{id}","score":1}}"#);
    reports_of(
        body.as_bytes(),
        weighbridge_router::Timestamp::from_millis(0),
    )
    .unwrap()
}

fn record(recorder: &Recorder, id: usize) {
    recorder.record(|| {
        Entry::passed_through(
            id.to_string(),
            weighbridge_router::Request::default(),
            Vec::new(),
        )
    });
}

/// Wait, as long as it takes, until it is so.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}");
}

/// A folder that cannot be: a file stands in its place, which root too cannot write into.
#[test]
fn while_the_disk_refuses_reports_are_refused_and_those_that_were_taken_are_kept() {
    let tmp = tempfile::tempdir().unwrap();
    let folder = tmp.path().join("rec");
    let (recorder, said) = recording(&folder);
    recorder.feedback(report(0)).unwrap();
    let counts = || recorder.counts().unwrap();
    until("the first is written", || counts().written == 1);
    fs::rename(&folder, tmp.path().join("away")).unwrap();
    fs::write(&folder, "in the way").unwrap();
    // Taken before anyone can know.
    recorder.feedback(report(1)).unwrap();
    record(&recorder, 100);
    until("the request is lost", || counts().lost == 1);
    until("reports are refused", || {
        recorder.feedback(report(2)) == Err(NotTaken::Refused)
    });
    assert_eq!(
        counts(),
        Counts {
            written: 1,
            lost: 1,
            ..Counts::default()
        }
    );
    fs::remove_file(&folder).unwrap();
    // Nothing else comes: the writer looks by itself.
    until("reports are taken", || recorder.feedback(report(3)).is_ok());
    record(&recorder, 101);
    recorder.finish();
    assert_eq!(
        counts(),
        Counts {
            written: 4,
            lost: 1,
            ..Counts::default()
        }
    );
    let (trace, report) = crate::trace_io::read(
        std::slice::from_ref(&folder),
        &crate::trace_io::ReadOptions::default(),
        &mut |_| {},
    )
    .unwrap();
    assert_eq!((trace.len(), trace.id(0)), (1, "101"));
    assert_eq!(report.feedback.unknown, 2, "1 and 3");
    let said = said.lock().unwrap();
    for once in [
        "requests go on",
        "was removed or moved away, and is made anew",
        "takes lines again; 1 were lost",
    ] {
        assert_eq!(said.matches(once).count(), 1, "{said}");
    }
}

/// While only requests come and go, and while only the disk changes.
#[test]
fn a_disk_that_takes_again_is_noticed_though_nothing_waits_for_it() {
    let tmp = tempfile::tempdir().unwrap();
    let folder = tmp.path().join("rec");
    let (recorder, _) = recording(&folder);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "in the way").unwrap();
    record(&recorder, 1);
    until("it is lost", || recorder.counts().unwrap().lost == 1);
    assert_eq!(recorder.feedback(report(1)), Err(NotTaken::Refused));
    fs::remove_file(&folder).unwrap();
    until("it is noticed", || recorder.feedback(report(1)).is_ok());
    recorder.finish();
    let names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("feedback-") || name.starts_with('.')),
        "{names:?}"
    );
}

#[test]
fn a_folder_that_is_removed_is_made_anew() {
    let tmp = tempfile::tempdir().unwrap();
    let folder = tmp.path().join("deep/er/rec");
    let (recorder, said) = recording(&folder);
    for round in 0..3 {
        record(&recorder, round);
        recorder.feedback(report(round)).unwrap();
        until("both are written", || {
            recorder.counts().unwrap().written == 2 * (round as u64 + 1)
        });
        if round < 2 {
            fs::remove_dir_all(tmp.path().join("deep")).unwrap();
        }
    }
    recorder.finish();
    let (trace, report) = crate::trace_io::read(
        &[folder],
        &crate::trace_io::ReadOptions::default(),
        &mut |_| {},
    )
    .unwrap();
    assert_eq!(
        (trace.len(), trace.id(0), report.feedback.unplaced),
        (1, "2", 1)
    );
    let said = said.lock().unwrap();
    assert_eq!(said.matches("is made anew").count(), 2, "{said}");
    assert_eq!(recorder.counts().unwrap().lost, 0);
}
