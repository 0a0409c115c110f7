//! Names that a client chose give no orders to the operator's terminal, document or spreadsheet.

use super::support::{Folder, run};

const DRIVER: &str = "deepseek-v3.2";
const ORDERS: &str = r#"\u001b[31mRED\u001b]0;pwn\u0007\u009b2J\u202etxt"#;

/// A trace whose tasks, tenants, source and endpoints are hostile.
fn trace() -> String {
    let mut text = format!(
        "{{\"format\":\"weighbridge.trace/1\",\"source\":\"s{ORDERS}\",\"roles\":{{\"driver\":\"{DRIVER}\"}}}}\n"
    );
    for (i, task) in [
        ORDERS.to_owned(),
        r"two\nlines".to_owned(),
        r#"=cmd|' /C calc'!A0"#.to_owned(),
        "+1+cmd".to_owned(),
        "<script>alert(1)</script>".to_owned(),
        "[x](http://x.example)".to_owned(),
    ]
    .iter()
    .cycle()
    .take(60)
    .enumerate()
    {
        text += &format!(
            "{{\"id\":\"r-{i}\",\"request\":{{\"at\":\"2025-12-03\",\"task\":\"{task}\",\"tenant\":\"{task}\"}},\
             \"outcomes\":[{{\"model\":\"{DRIVER}\",\"score\":1,\"input_tokens\":9,\"output_tokens\":9}},\
             {{\"model\":\"m{ORDERS}\",\"score\":1,\"cost_usd\":0.1}}]}}\n"
        );
    }
    text
}

#[track_caller]
fn inert(text: &str) {
    let orders = |c: char| {
        (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2028}'
    };
    assert!(!text.contains(orders), "{}", text.escape_debug());
}

#[test]
fn tables_documents_and_messages_show_what_would_command() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", trace());
    let policy = folder.file("always.toml", super::support::always("driver"));
    let replay = [
        "replay",
        &trace,
        "-p",
        &policy,
        "--value",
        "2",
        "--replicates",
        "10",
    ];
    for by in ["task", "tenant"] {
        for format in ["table", "markdown", "csv"] {
            let said = run(&[&replay[..], &["--by", by, "--format", format]].concat()).done();
            inert(&said.out);
            inert(&said.err);
            assert!(said.out.contains(r"\u{1b}[31mRED"), "{}", said.out);
            let cells = |start: &str| said.out.lines().any(|line| line.starts_with(start));
            match format {
                "csv" => assert!(
                    !said.out.contains("\n=") && !said.out.contains(",=cmd"),
                    "{}",
                    said.out
                ),
                "markdown" => assert!(!said.out.contains("<script") && !said.out.contains("](h")),
                _ => assert!(!cells("lines"), "{}", said.out),
            }
        }
    }
    for format in ["table", "markdown", "csv"] {
        let said = run(&["inspect", &trace, "--format", format]).done();
        inert(&said.out);
        inert(&said.err);
    }
}

#[test]
fn errors_show_what_would_command_in_one_line() {
    let folder = Folder::new();
    let header = "{\"format\":\"weighbridge.trace/1\"}\n";
    let cases = [
        format!(
            "{header}{{\"id\":\"{ORDERS}\",\"request\":{{}},\"outcomes\":[{{\"model\":\"m\",\"score\":7}}]}}\n"
        ),
        format!("{header}{{\"id\":\"a\",\"request\":{{\"at\":\"{ORDERS}\"}},\"outcomes\":[]}}\n"),
        format!("{{\"format\":\"{ORDERS}\"}}\n"),
        format!("{header}{{\"id\":\"{ORDERS}\",\"request\":{{}},\"outcomes\":[]}}\n").repeat(2),
    ];
    for text in cases {
        let path = folder.file("t.jsonl", text);
        let said = run(&["inspect", &path]);
        assert_eq!(
            (said.code, said.err.lines().count()),
            (Some(1), 1),
            "{}",
            said.err
        );
        inert(&said.err);
    }
    let catalog =
        "format = \"weighbridge.catalog/1\"\n[[endpoint]]\nid = \"a\\u001b[2J\"\nmodel = 7\n";
    let path = folder.file("c.toml", catalog);
    let said = run(&["catalog", "check", "--catalog", &path]);
    assert_eq!(said.code, Some(1));
    inert(&said.err);
}
