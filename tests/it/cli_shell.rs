//! `completions` and `man`.

use super::support::{Folder, run};

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).done().out;
        for word in ["replay", "whatif", "requests-per-day"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    let said = run(&["completions", "csh"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("possible values: bash"), "{}", said.err);
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = Folder::new();
    run(&["man", &folder.at("")]).done();
    let names = folder.names();
    for name in [
        "weighbridge.1",
        "weighbridge-replay.1",
        "weighbridge-catalog-show.1",
    ] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    let page = folder.read("weighbridge-replay.1");
    assert!(
        page.contains(".SH SYNOPSIS") && page.contains(r"\-\-value"),
        "{page}"
    );
    let said = run(&["man", &folder.at("nowhere")]);
    assert_eq!(
        (said.code, said.err.lines().count()),
        (Some(1), 1),
        "{}",
        said.err
    );
}
