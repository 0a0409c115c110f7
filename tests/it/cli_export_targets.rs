//! `export` to targets that cannot express every policy: what is refused and what stands in for it.

use std::fs;
use std::path::Path;

use super::support::{Folder, Said, generated, run};

const ROLES: [&str; 4] = [
    "--driver",
    "deepseek-v3.2",
    "--specialist",
    "deepseek-v3.2-speciale",
];

fn export(policy: &str, target: &str, more: &[&str]) -> Said {
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
fn an_approximation_binds_the_roles_of_the_traces_header_under_those_of_the_flags() {
    let folder = Folder::new();
    let trace = generated(&folder, "t.jsonl", 400, 3);
    let bare = folder.file("bare.jsonl", without_roles(&folder.read("t.jsonl")));
    // One that is bent, and one that is expressed as it stands.
    for policy in ["policies/random-95-5.toml", "policies/always-driver.toml"] {
        let shipped = |name: &str, trace: &str, roles: &[&str]| {
            let out = folder.at(name);
            let asked = ["export", policy, "--to", "vllm-sr", "-o", &out];
            let on = ["--approximate", trace, "--value", "2"];
            (run(&[&asked[..], &on, roles].concat()), out)
        };
        let router = |(said, out): (Said, String)| {
            said.done();
            let file = fs::read(format!("{out}/policy.router.json")).unwrap();
            fs::remove_dir_all(out).unwrap();
            file
        };
        let of_header = router(shipped("header", &trace, &[]));
        assert!(of_header == router(shipped("flags", &trace, &ROLES)));
        let swapped = [ROLES[0], ROLES[3], ROLES[2], ROLES[1]];
        assert!(of_header != router(shipped("swapped", &trace, &swapped)));
        let (unbound, out) = shipped("unbound", &bare, &[]);
        assert_eq!(unbound.code, Some(2));
        assert!(
            unbound.err.contains("in the header of the trace"),
            "{}",
            unbound.err
        );
        assert!(!Path::new(&out).exists());
    }
}

/// A trace whose header binds no roles.
fn without_roles(trace: &str) -> String {
    let (header, rest) = trace.split_once('\n').unwrap();
    let mut header: serde_json::Value = serde_json::from_str(header).unwrap();
    header.as_object_mut().unwrap().remove("roles");
    format!("{header}\n{rest}")
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
