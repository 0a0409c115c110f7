//! `generate`: seeded traces that say what they are.

use super::support::{Folder, run};

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let folder = Folder::new();
    let made = |name: &str, seed: &str| {
        run(&[
            "generate",
            "-o",
            &folder.at(name),
            "--requests",
            "200",
            "--seed",
            seed,
        ])
        .done();
        folder.read(name)
    };
    let first = made("a.jsonl", "5");
    assert!(first == made("b.jsonl", "5"));
    assert!(first != made("c.jsonl", "6"));
    assert_eq!(first.lines().count(), 201);
    let header: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert!(
        header["synthetic"]
            .as_str()
            .is_some_and(|how| how.contains("scenario engineering")),
        "{header}"
    );
}

#[test]
fn standard_output_and_gzip_hold_the_same_trace() {
    let folder = Folder::new();
    let plain = run(&["generate", "-o", "-", "--requests", "50", "--quiet"]).done();
    assert_eq!(plain.err, "");
    let path = folder.at("t.jsonl.gz");
    run(&["generate", "-o", &path, "--requests", "50"]).done();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text)
        .unwrap();
    assert!(text == plain.out);
}

#[test]
fn an_unknown_scenario_names_those_that_there_are() {
    let folder = Folder::new();
    let said = run(&[
        "generate",
        "-o",
        &folder.at("t.jsonl"),
        "--scenario",
        "marketing",
    ]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("marketing") && said.err.contains("engineering"),
        "{}",
        said.err
    );
    assert!(folder.names().is_empty());
}
