//! `serve --upstream`: what is said of a wrong call, before anything listens. What the proxy does is
//! tested beside it, and with the official client in `tests/cross/openai_client.py`.

use super::support::{Folder, run};

#[test]
fn a_wrong_upstream_is_named_with_its_mend_and_no_key_is_shown() {
    let folder = Folder::new();
    let empty = folder.file("empty", " \n");
    let key = |source: &str| format!("deepseek-v3.2={source}");
    let upstream = ["--upstream", "deepseek-v3.2=http://127.0.0.1:9/v1"];
    let from_nowhere = key("ENV:WEIGHBRIDGE_NO_SUCH_VARIABLE");
    let (from_empty, absent) = (key(&format!("FILE:{empty}")), key("FILE:/no/such/file"));
    let bare = key("sk-secret");
    for (args, says) in [
        (
            vec!["--upstream", "nonsense"],
            "must be a name, `=` and a value",
        ),
        (
            vec!["--upstream", "m=example.com"],
            "--upstream m: `example.com` begins with neither http:// nor https://",
        ),
        (
            vec!["--upstream", "m=https://me:sk-secret@example.com"],
            "give keys by --upstream-key",
        ),
        (
            vec!["--upstream", "m=http://a", "--upstream", "m=http://b"],
            "--upstream m: stands twice",
        ),
        (
            vec!["--upstream-key", "m=ENV:HOME"],
            "--upstream-key m: there is no --upstream m=URL",
        ),
        (
            vec!["--upstream-key", "sk-secret"],
            "must be a name, `=` and a value",
        ),
        (
            vec!["--upstream-key", &bare],
            "write ENV:VARIABLE or FILE:PATH",
        ),
        (
            vec!["--upstream-key", &from_nowhere],
            "`WEIGHBRIDGE_NO_SUCH_VARIABLE`",
        ),
        (vec!["--upstream-key", &from_empty], "the key is empty"),
        (vec!["--upstream-key", &absent], "cannot read /no/such/file"),
        (
            vec!["--upstream-silence", "x"],
            "must be a number of seconds",
        ),
    ] {
        let mut call = vec![
            "serve",
            "models/engineering.router.json",
            "--listen",
            "127.0.0.1:0",
        ];
        if args[0] != "--upstream" {
            call.extend(upstream);
        }
        call.extend(&args);
        let said = run(&call);
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.err);
        assert!(said.err.contains(says), "{args:?}: {}", said.err);
        assert!(!said.err.contains("secret"), "{args:?}: {}", said.err);
    }
}
