//! `export` to targets that cannot express every policy: what is refused and what stands in for it.

use std::path::Path;

use super::support::{Folder, generated, run};

const ROLES: [&str; 4] = [
    "--driver",
    "deepseek-v3.2",
    "--specialist",
    "deepseek-v3.2-speciale",
];

fn export(policy: &str, target: &str, more: &[&str]) -> super::support::Said {
    run(&[&["export", policy, "--to", target][..], &ROLES, more].concat())
}

#[test]
fn what_a_target_cannot_express_is_refused_by_place_with_the_nearest_and_nothing_is_written() {
    let folder = Folder::new();
    let out = folder.at("out");
    for (policy, target, says) in [
        (
            "policies/random-95-5.toml",
            "vllm-sr",
            "choose: kind = \"random\"",
        ),
        (
            "policies/random-95-5.toml",
            "vllm-sr",
            "the nearest that it can: choose: always deepseek-v3.2, the mixture's heaviest arm",
        ),
        (
            "policies/rules-then-learned.toml",
            "vllm-sr",
            "choose.else: kind = \"router\"",
        ),
        ("policies/learned.toml", "vllm-sr", "--approximate TRACE"),
        (
            "policies/always-driver.toml",
            "onnx",
            "it has no trained heads",
        ),
    ] {
        let said = export(policy, target, &["-o", &out]);
        assert_eq!(said.code, Some(1), "{policy}: {}", said.err);
        assert!(said.err.contains(says), "{policy}: {}", said.err);
        assert!(!Path::new(&out).exists(), "{policy}");
    }
}

#[test]
fn an_approximation_says_what_it_loses_on_screen_and_in_its_readme() {
    let folder = Folder::new();
    let trace = generated(&folder, "t.jsonl", 400, 3);
    let out = folder.at("out");
    let more = ["-o", &out, "--approximate", &trace, "--value", "2"];
    let said = export("policies/random-95-5.toml", "vllm-sr", &more).done();
    for part in ["net USD / 1,000", "right", "nearest", "policy"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let readme = folder.read("out/README.md");
    assert!(readme.starts_with("> **This folder holds an approximation.**"));
    assert!(readme.contains("the mixture's heaviest arm"), "{readme}");
    assert!(readme.contains("| nearest | policy |"), "{readme}");
    run(&["verify", &out, "--as-of", "2026-02-01"]).done();
    // What the target can express is not approximated.
    let plain = folder.at("plain");
    let more = ["-o", &plain, "--approximate", &trace];
    let said = export("policies/long-prompts.toml", "vllm-sr", &more).done();
    assert!(said.out.is_empty(), "{}", said.out);
    assert!(
        folder
            .read("plain/README.md")
            .starts_with("# A Weighbridge policy")
    );
}
