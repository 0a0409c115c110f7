//! `--plot`: the front and the deferral curve in characters.

use super::support::{Folder, run};

const REPLAY: [&str; 10] = [
    "replay",
    "traces/engineering.jsonl",
    "-p",
    "policies",
    "--value",
    "2",
    "--replicates",
    "20",
    "--plot",
    "-q",
];

#[test]
fn a_replay_draws_every_policy_and_floor_or_says_where_it_is_hidden() {
    let said = run(&REPLAY).done();
    let chart = said.out.split("Cost against success\n").nth(1).unwrap();
    let (grid, legend) = chart.split_once("USD / 1,000 requests\n").unwrap();
    for mark in ["a", "b", "c", "d", "e", "f", "g", "1", "2", "3", "4", "^"] {
        let drawn = grid.lines().skip(2).any(|line| {
            line.split_once(['│', '┤'])
                .is_some_and(|(_, cells)| cells.contains(mark))
        });
        let hidden = legend.contains(&format!("  · {mark} is where "));
        assert!(drawn != hidden, "{mark}\n{chart}");
        assert!(legend.contains(&format!("\n {mark}   ")), "{mark}\n{chart}");
    }
    assert!(
        grid.matches('·').count() > 20,
        "the front is joined\n{chart}"
    );
    assert!(!said.out.contains('\u{1b}'), "a pipe gets no colours");
}

#[test]
fn an_evaluation_draws_the_curves_of_the_router_and_its_floors() {
    let said = run(&[
        "eval",
        "models/engineering.router.json",
        "traces/engineering.jsonl",
        "--replicates",
        "20",
        "--plot",
        "-q",
        "--format",
        "markdown",
    ])
    .done();
    let chart = said.out.split("```text\nDeferral curve\n").nth(1).unwrap();
    let (chart, rest) = chart.split_once("```").unwrap();
    assert_eq!(rest.trim(), "");
    for mark in ['●', '^', 't', 'l', '·', '░'] {
        assert!(chart.matches(mark).count() > 5, "{mark}\n{chart}");
    }
    assert!(chart.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn a_plan_draws_its_front() {
    let said = run(&[
        "plan",
        "traces/engineering.jsonl",
        "-p",
        "policies",
        "--value",
        "2",
        "--replicates",
        "100",
        "--plot",
        "-q",
    ]);
    let chart = said
        .out
        .split("The front: cost against success\n")
        .nth(1)
        .unwrap();
    assert!(chart.contains("┤") && chart.contains(" a   "), "{chart}");
}

#[test]
fn charts_are_not_for_programs() {
    for format in ["json", "csv"] {
        let said = run(&[&REPLAY[..], &["--format", format]].concat());
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains("--plot"), "{}", said.err);
        assert_eq!(said.out, "");
    }
}

#[test]
fn a_trace_without_costs_or_with_one_request_is_drawn_as_far_as_it_goes() {
    let folder = Folder::new();
    let trace = folder.file(
        "one.jsonl",
        "{\"format\":\"weighbridge.trace/1\"}\n{\"id\":\"a\",\"outcomes\":[{\"model\":\"m\",\"score\":1.0}]}\n",
    );
    let policy = folder.file(
        "m.toml",
        "format = \"weighbridge.policy/1\"\n[choose]\nkind = \"always\"\nto = \"m\"\n",
    );
    let said = run(&["replay", &trace, "-p", &policy, "--plot", "-q"]).done();
    assert!(said.out.contains("Nothing to draw."), "{}", said.out);
    assert!(said.out.contains("not drawn: m: "), "{}", said.out);
}
