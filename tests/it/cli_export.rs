//! `export`: folders that are written whole, checked where they are, and never lost.

use std::fs;

use serde_json::Value;

use super::cli_router::compiled;
use super::support::{Folder, run};

const RULES: &str = "policies/hard-math-and-code.toml";
const ROLES: [&str; 4] = [
    "--driver",
    "deepseek-v3.2",
    "--specialist",
    "deepseek-v3.2-speciale",
];

/// Export a policy into the folder `out`.
fn exported(folder: &Folder, target: &str) -> String {
    let out = folder.at("out");
    run(&[&["export", RULES, "--to", target, "-o", &out][..], &ROLES].concat()).done();
    out
}

/// `verify` of a path, on a day when every endpoint is alive.
fn verified(path: &str) -> (Option<i32>, Value) {
    let said = run(&["verify", path, "--as-of", "2025-12-05", "--format", "json"]);
    (said.code, said.json())
}

#[test]
fn a_policy_and_the_router_file_that_it_compiles_to_give_the_same_folder() {
    for target in ["litellm", "envoy"] {
        same_folder(target);
    }
}

fn same_folder(target: &str) {
    let folder = Folder::new();
    let out = exported(&folder, target);
    let router = compiled(&folder, RULES);
    let other = folder.at("other");
    run(&["export", &router, "--to", target, "-o", &other]).done();
    let mut names: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    for name in &names {
        let read = |folder: &str| fs::read(format!("{folder}/{}", name.to_str().unwrap())).unwrap();
        assert!(read(&out) == read(&other), "{name:?}");
    }
    assert_eq!(
        folder.read("out/policy.router.json"),
        folder.read("p.router.json"),
        "shipped byte for byte"
    );
    let (code, result) = verified(&out);
    assert_eq!(code, Some(0), "{result}");
    assert_eq!(result["folder"]["target"], target);
    assert_eq!(result["folder"]["files"], names.len() - 1);
}

#[test]
fn a_changed_or_missing_file_does_not_verify_and_is_named() {
    let folder = Folder::new();
    let out = exported(&folder, "litellm");
    folder.file("out/config.yaml", "model_list: []\n");
    fs::remove_file(folder.at("out/check.py")).unwrap();
    folder.file("out/notes.txt", "mine");
    let (code, result) = verified(&out);
    assert_eq!(code, Some(1));
    assert_eq!(result["fit"], false);
    assert_eq!(
        result["folder"]["changed"],
        serde_json::json!(["config.yaml"])
    );
    assert_eq!(result["folder"]["missing"], serde_json::json!(["check.py"]));
    assert_eq!(
        result["folder"]["unknown"],
        serde_json::json!(["notes.txt"])
    );
    let said = run(&["verify", &out, "--as-of", "2025-12-05"]);
    assert!(said.out.contains("config.yaml was changed"), "{}", said.out);
}

#[test]
fn an_earlier_export_is_replaced_and_nothing_else_is_lost() {
    let folder = Folder::new();
    let out = exported(&folder, "litellm");
    let router = folder.read("out/policy.router.json");
    fs::create_dir(folder.at("out/__pycache__")).unwrap();
    folder.file("out/__pycache__/weighbridge_plugin.cpython-311.pyc", "x");
    let again = |policy: &str| {
        run(&[
            &["export", policy, "--to", "litellm", "-o", &out][..],
            &ROLES,
        ]
        .concat())
    };
    again("policies/always-driver.toml").done();
    assert_ne!(folder.read("out/policy.router.json"), router);
    assert!(!fs::exists(folder.at("out/__pycache__")).unwrap());
    assert_eq!(folder.names(), ["out"], "no temporary folder stays");

    folder.file("out/config.yaml", "mine: true\n");
    let said = again(RULES);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("`config.yaml` was changed"),
        "{}",
        said.err
    );
    assert_eq!(folder.read("out/config.yaml"), "mine: true\n");

    fs::create_dir(folder.at("full")).unwrap();
    let mine = folder.file("full/mine.txt", "mine");
    for (path, why) in [(folder.at("full"), "not empty"), (mine, "this is a file")] {
        let said = run(&[
            &["export", RULES, "--to", "litellm", "-o", &path][..],
            &ROLES,
        ]
        .concat());
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains(why), "{}", said.err);
    }
    assert_eq!(folder.read("full/mine.txt"), "mine");
}

#[test]
fn wrong_calls_name_the_mend_and_write_nothing() {
    let folder = Folder::new();
    let out = folder.at("out");
    let broken = folder.file("b.router.json", "{}");
    for (args, code, why) in [
        (
            vec!["export", RULES, "--to", "kong", "-o", &out],
            2,
            "litellm",
        ),
        (
            vec!["export", RULES, "--to", "litellm", "-o", &out],
            2,
            "--driver",
        ),
        (
            vec!["export", "no.toml", "--to", "litellm", "-o", &out],
            2,
            "no.toml",
        ),
        (
            vec!["export", &broken, "--to", "litellm", "-o", &out],
            1,
            "not a router file",
        ),
    ] {
        let said = run(&args);
        assert_eq!(said.code, Some(code), "{}", said.err);
        assert!(said.err.contains(why), "{}", said.err);
    }
    assert_eq!(folder.names(), ["b.router.json"]);
    let said = run(&["verify", &folder.at(".")]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("manifest.json"), "{}", said.err);
}
