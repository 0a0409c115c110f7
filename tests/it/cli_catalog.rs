//! `catalog show` and `catalog check`.

use super::support::{Folder, run};

const GAP: &str = r#"format = "weighbridge.catalog/1"
[[model]]
id = "m"
[[endpoint]]
id = "m@x"
model = "m"
[[endpoint.price]]
until = 2026-01-01
usd_per_mtok = { input = 1, output = 2 }
source = "a sheet"
[[endpoint.price]]
from = 2026-02-01
usd_per_mtok = { input = 1, output = 2 }
source = "a sheet"
"#;

#[test]
fn the_shipped_catalog_is_sound_on_the_days_of_the_article() {
    let said = run(&[
        "catalog",
        "check",
        "--as-of",
        "2025-12-05",
        "--format",
        "json",
    ])
    .done();
    let findings = said.json();
    let findings = findings["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .all(|finding| finding["severity"] != "error"),
        "{}",
        said.out
    );
}

#[test]
fn a_gap_between_price_rows_says_no() {
    let folder = Folder::new();
    let file = folder.file("gap.toml", GAP);
    let said = run(&[
        "catalog",
        "check",
        "--catalog",
        &file,
        "--as-of",
        "2026-03-01",
        "--format",
        "json",
    ]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let result = said.json();
    let errors: Vec<_> = result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .collect();
    assert_eq!(errors.len(), 1, "{}", said.out);
    assert_eq!(errors[0]["subject"], "m@x");
}

#[test]
fn show_names_endpoints_prices_and_sources() {
    let said = run(&[
        "catalog",
        "show",
        "deepseek-v3.2",
        "deepseek-v3.2-speciale",
        "--format",
        "csv",
    ])
    .done();
    let mut reader = csv::Reader::from_reader(said.out.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let official = rows
        .iter()
        .find(|row| &row[0] == "deepseek-v3.2-speciale@deepseek")
        .expect("it is there");
    assert!(
        official.iter().any(|cell| cell.contains("2025-12-15")),
        "{official:?}"
    );
    assert!(rows.iter().all(|row| {
        row.iter()
            .next_back()
            .is_some_and(|source| !source.is_empty())
    }));
    let unknown = run(&["catalog", "show", "deepseek-v9"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(2), ""));
    assert!(unknown.err.contains("deepseek-v9"), "{}", unknown.err);
}

#[test]
fn a_file_of_the_user_overrides_and_adds() {
    let folder = Folder::new();
    let file = folder.file(
        "own.toml",
        GAP.replace("m@x", "deepseek-v3.2@deepseek")
            .replace("\"m\"", "\"deepseek-v3.2\""),
    );
    let said = run(&[
        "catalog",
        "show",
        "deepseek-v3.2@deepseek",
        "--catalog",
        &file,
        "--format",
        "csv",
    ])
    .done();
    assert!(
        said.out.contains("a sheet") && !said.out.contains("0.28"),
        "{}",
        said.out
    );
}
