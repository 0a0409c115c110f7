//! The table of docs/proxy.md, row by row: what an upstream does, who is asked, what its client is
//! told and what is recorded. What the document says is what is expected here.

use std::collections::BTreeSet;

use super::fake::{
    Act, Fake, LAST, WORD, answer, chunk, completion, data, end, head, respond, stream,
};
use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/proxy.md");

/// A row, a field a cell.
#[derive(Debug, Clone)]
struct Row {
    does: String,
    asked_for: String,
    asked: [usize; 2],
    told: String,
    code: String,
    recorded: String,
}

fn rows() -> Vec<Row> {
    let table = DOCUMENT.split("<!-- behaviours -->\n").nth(1).unwrap();
    let table = table.split("\n\n").next().unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [does, asked_for, a, b, told, code, recorded] = cells[..] else {
            panic!("{line}");
        };
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        Row {
            does: does.to_owned(),
            asked_for: asked_for.to_owned(),
            asked: [a, b].map(|count| count.parse().unwrap()),
            told: told.to_owned(),
            code: bare(code),
            recorded: bare(recorded),
        }
    };
    table.lines().skip(2).map(row).collect()
}

/// The text of a row with its numbers taken out, and those.
fn phrase(does: &str) -> (String, Vec<u16>) {
    let (mut phrase, mut numbers) = (String::new(), Vec::new());
    for word in does.split(' ') {
        let letters = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let (digits, rest) = word.split_at(word.len() - letters.len());
        match digits.parse() {
            Ok(number) => {
                numbers.push(number);
                if !phrase.ends_with("#, ") && !phrase.ends_with("# ") {
                    phrase.push('#');
                } else {
                    phrase.truncate(phrase.trim_end_matches([',', ' ']).len());
                }
            }
            Err(_) => phrase.push_str(digits),
        }
        phrase.push_str(rest);
        phrase.push(' ');
    }
    (phrase.trim_end().to_owned(), numbers)
}

/// What an error of a test says, whatever its status.
const SAID: &str = r#"{"error":{"message":"no","code":"x"}}"#;

fn error(code: u16) -> String {
    format!(r#"{{"error":{{"message":"no","code":{code}}}}}"#)
}

fn whole_begun(then: Act) -> Vec<Act> {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"id\":";
    vec![Act::Say(head.into()), then]
}

fn begun(then: impl IntoIterator<Item = Act>) -> Vec<Act> {
    [head(), data(WORD)].into_iter().chain(then).collect()
}

fn unbegun(then: impl IntoIterator<Item = Act>) -> Vec<Act> {
    [head()].into_iter().chain(then).collect()
}

/// What upstreams do that do what a row says; none where it takes no connection.
fn scripts(phrase: &str, numbers: &[u16], streams: bool) -> Option<Vec<Vec<Act>>> {
    let codes = numbers.get(1..).unwrap_or_default();
    let one = |acts: Vec<Act>| vec![acts];
    let each = |of: &[u16], acts: &dyn Fn(u16) -> Vec<Act>| of.iter().map(|&n| acts(n)).collect();
    let empty_head = || Act::Say("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n".into());
    Some(match phrase {
        "answers #, whole" | "answers #, whole, to a stream" => one(vec![answer("a")]),
        "streams to `[DONE]`" => one(stream()),
        "streams to `[DONE] ` with a blank" => {
            one(begun([data(LAST), chunk("data: [DONE] \n\n"), end()]))
        }
        "streams to a `finish_reason`, without `[DONE]`" => one(begun([data(LAST), end()])),
        "ends by the limit of tokens" if streams => one(begun([
            data(&LAST.replace("stop", "length")),
            data("[DONE]"),
            end(),
        ])),
        "ends by the limit of tokens" => one(vec![respond(
            200,
            "",
            &completion("a").replace("stop", "length"),
        )]),
        "answers #" => each(numbers, &|status| vec![respond(status, "", SAID)]),
        "takes no connection" => return None,
        "breaks off before its answer" => vec![vec![Act::Reset], vec![Act::Close]],
        "says nothing" => one(vec![Act::Hang]),
        "says nothing after the head of its answer" => one(vec![empty_head(), Act::Hang]),
        "says blank lines and nothing more" => {
            one(vec![empty_head(), Act::Say("\n\r\n \n".into()), Act::Hang])
        }
        "says no HTTP" => one(vec![Act::Say("SSH-2.0-OpenSSH\r\n".into()), Act::Close]),
        "answers # without a body" => {
            let mut all: Vec<Vec<Act>> = each(numbers, &|status| vec![respond(status, "", "")]);
            all.push(vec![respond(200, "", "\n\n")]);
            all.push(unbegun([end()]));
            all
        }
        "answers #, compressed" => one(vec![respond(200, "content-encoding: gzip\r\n", "x")]),
        "answers # with an error of code #" => {
            each(codes, &|code| vec![respond(200, "", &error(code))])
        }
        "answers # with an error without a code" => {
            one(vec![respond(200, "", r#"{"error":{"message":"no"}}"#)])
        }
        "answers # with a page of HTML" => one(vec![respond(200, "", "<html>")]),
        "answers # with JSON that is no chat completion" => {
            one(vec![respond(200, "", r#"{"ok":true}"#)])
        }
        "breaks off in a whole answer" => {
            vec![whole_begun(Act::Reset), whole_begun(Act::Close)]
        }
        "stops in a whole answer" => one(whole_begun(Act::Hang)),
        "answers with more than # MiB" => {
            let bytes = (u64::from(numbers[0]) << 20) + 1;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n{{");
            one(vec![Act::Say(head), Act::Hang])
        }
        phrase => return Some(in_streams(phrase, numbers)),
    })
}

/// The same of what only streams can do.
fn in_streams(phrase: &str, numbers: &[u16]) -> Vec<Vec<Act>> {
    let one = |acts: Vec<Act>| vec![acts];
    let each = |acts: &dyn Fn(u16) -> Vec<Act>| numbers.iter().map(|&n| acts(n)).collect();
    match phrase {
        "says `[DONE]` before the first chunk" => one(unbegun([data("[DONE]"), end()])),
        "says comments and nothing more" => one(unbegun([chunk(": ping\n\n"), Act::Hang])),
        "says what is no JSON before the first chunk" => vec![
            unbegun([data("{not json"), end()]),
            unbegun([data("[]"), end()]),
        ],
        "says an error of code # before the first chunk" => {
            each(&|code| unbegun([data(&error(code)), end()]))
        }
        "says an error of code # after the first chunk" => {
            each(&|code| begun([data(&error(code)), data("[DONE]"), end()]))
        }
        "says what is no JSON after the first chunk" => vec![
            begun([data("{bad"), data("[DONE]"), end()]),
            begun([data("7"), data("[DONE]"), end()]),
        ],
        "says an event of more than # MiB after the first chunk" => {
            let long = "x".repeat((usize::from(numbers[0]) << 20) + 1);
            one(begun([chunk(&format!("data: {long}")), end()]))
        }
        "ends or breaks off after the first chunk" => vec![
            begun([end()]),
            begun([Act::Reset]),
            begun([Act::Close]),
            begun([chunk(&format!("data: {}", &LAST[..30])), end()]),
        ],
        "says nothing after the first chunk" => one(begun([Act::Hang])),
        other => panic!("docs/proxy.md: `{other}` is a row that nobody tries"),
    }
}

/// Every phrase above.
fn tried() -> BTreeSet<String> {
    let code = include_str!("table.rs")
        .split("/// What upstreams do")
        .nth(1);
    let body = code.unwrap().split("/// Every phrase").next().unwrap();
    let arms = body.lines().filter(|line| line.starts_with("        \""));
    let texts = arms.flat_map(|arm| {
        let names = arm.split("=>").next().unwrap();
        names
            .split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    texts.collect()
}

#[tokio::test]
async fn upstreams_are_treated_as_the_document_says() {
    let rows = rows();
    let written: BTreeSet<String> = rows.iter().map(|row| phrase(&row.does).0).collect();
    assert_eq!(
        written,
        tried(),
        "a row without a trial, or a trial without a row"
    );
    let mut cases = 0;
    for row in &rows {
        for streams in [false, true] {
            if !["both", if streams { "stream" } else { "whole" }].contains(&&*row.asked_for) {
                continue;
            }
            let (phrase, numbers) = phrase(&row.does);
            let Some(scripts) = scripts(&phrase, &numbers, streams) else {
                cases += 1;
                check(row, streams, None, &format!("table-{cases}")).await;
                continue;
            };
            assert!(!scripts.is_empty(), "{row:?}");
            for script in scripts {
                cases += 1;
                check(row, streams, Some(script), &format!("table-{cases}")).await;
            }
        }
    }
    assert!(cases > 100, "{cases}");
}

/// One row, by one upstream that does what it says.
async fn check(row: &Row, streams: bool, script: Option<Vec<Act>>, id: &str) {
    let what = format!("{}, asked for a stream: {streams}, {script:?}", row.does);
    let specialist = match &script {
        Some(script) => Some(Fake::start([script.clone()]).await),
        None => None,
    };
    let address = match &specialist {
        Some(fake) => fake.address,
        None => nobody().await,
    };
    let driver = match streams {
        true => Fake::start([stream()]).await,
        false => Fake::always([answer("b")]).await,
    };
    let world = World::with(driver.address, address, |options| {
        let is_silent = row.recorded == "timeout";
        options.silence = Duration::from_millis(if is_silent { 250 } else { 30_000 });
    })
    .await;
    let reply = world.chat(id, &ask("math", streams)).await;
    let [_, next] = row.asked;
    match next {
        1 => {
            assert_eq!(reply.status, 200, "{what}: {reply:?}");
            assert_eq!(reply.header("x-weighbridge-served"), Some(DRIVER), "{what}");
            let good = if streams { "[DONE]" } else { &completion("b") };
            assert_eq!(reply.events().last(), Some(&good), "{what}: {reply:?}");
        }
        _ => told(row, &reply, &what),
    }
    let attempts = recorded(id).await;
    let mut expected = vec![(SPECIALIST, row.recorded.as_str())];
    expected.extend((next == 1).then_some((DRIVER, "ok")));
    assert_eq!(outline(&attempts), expected, "{what}");
    let counts = [specialist.as_ref().map_or(1, Fake::count), driver.count()];
    assert_eq!(counts, row.asked, "{what}");
    // Alone: what its client is told.
    let mut body = ask("math", streams);
    body["model"] = json!(SPECIALIST);
    let alone = format!("{id}-alone");
    told(row, &world.chat(&alone, &body).await, &what);
    assert_eq!(
        outline(&recorded(&alone).await),
        [(SPECIALIST, &*row.recorded)],
        "{what}"
    );
}

fn told(row: &Row, reply: &Reply, what: &str) {
    assert!(reply.is_whole, "{what}: {reply:?}");
    match row.told.as_str() {
        "the same" => {
            assert!(
                row.does.contains(&reply.status.to_string()),
                "{what}: {reply:?}"
            );
            assert_eq!(
                (reply.body.as_str(), row.code.as_str()),
                (SAID, "its own"),
                "{what}"
            );
        }
        "200" => {
            assert_eq!(
                (reply.status, row.code.as_str()),
                (200, ""),
                "{what}: {reply:?}"
            );
            assert!(!reply.body.contains("error"), "{what}: {reply:?}");
            let streamed = reply.header("content-type") == Some("text/event-stream");
            assert_eq!(streamed, what.contains("a stream: true"), "{what}");
        }
        "200, then" => {
            assert_eq!(
                (reply.status, reply.code()),
                (200, row.code.clone()),
                "{what}"
            );
            assert!(!reply.body.contains("[DONE]"), "{what}: {reply:?}");
        }
        status => {
            let expected = (status.parse().unwrap(), row.code.clone());
            assert_eq!((reply.status, reply.code()), expected, "{what}: {reply:?}");
        }
    }
}
