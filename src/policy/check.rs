//! From a policy file to a policy.

use std::collections::BTreeMap;

use weighbridge_router::Choose;

use super::dial::Dial;
use super::error::PolicyError;
use super::wire::{ChooseWire, Named, PolicyWire};
use crate::catalog::{Place, TomlError};

/// How to choose, names not yet resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its name; the file's where the policy has none.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Names to try in order where the choice is ineligible.
    pub fallback: Vec<String>,
    /// The choice, targets by name.
    pub choose: Choose<String>,
    /// Roles that the policy binds by itself, by name.
    pub roles: BTreeMap<String, String>,
    /// The trained router that its learned choices choose by.
    pub router_file: Option<RouterRef>,
    /// The dial of each learned choice, in the order in which [`Choose::trades`] visits them.
    pub(super) dials: Vec<(Dial, Place)>,
    /// The file that it was read from.
    pub(super) file: String,
    /// Where each target stands, in order of the file.
    pub(super) targets: Vec<Named>,
    /// Where each role is bound.
    pub(super) role_places: BTreeMap<String, Place>,
}

/// A router file that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterRef {
    /// Its path, relative to the policy file.
    pub path: String,
    /// The hash that it must have, 64 lower-case hexadecimal digits.
    pub sha256: Option<String>,
}

impl Policy {
    /// Read a policy file.
    ///
    /// # Errors
    /// The first fault, with file, line and field.
    pub fn parse(file: &str, text: &str) -> Result<Self, PolicyError> {
        let wire = PolicyWire::read(file, text)?;
        let choose = Choose::from_json(&wire.choose.json.to_string())
            .map_err(|error| located(file, &error, &wire.choose))?;
        let mut targets = wire.choose.targets;
        targets.extend(wire.fallback.iter().cloned());
        targets.sort_by_key(|target| target.place.line);
        let (mut roles, mut role_places) = (BTreeMap::new(), BTreeMap::new());
        for (role, Named { name, place }) in wire.roles {
            roles.insert(role.clone(), name);
            role_places.insert(role, place);
        }
        Ok(Self {
            name: wire.name.unwrap_or_else(|| stem(file).to_owned()),
            description: wire.description,
            fallback: wire.fallback.into_iter().map(|named| named.name).collect(),
            choose,
            roles,
            router_file: wire.choose.router,
            dials: wire.choose.dials,
            file: file.to_owned(),
            targets,
            role_places,
        })
    }
}

/// A fault of the JSON form, at the line of the policy that it came from: that of the value, or
/// of the innermost table around it where the value is missing.
fn located(file: &str, error: &weighbridge_router::Error, choose: &ChooseWire) -> TomlError {
    let path = error.path();
    let text = error.to_string();
    let message = text.strip_prefix(path).map_or(text.as_str(), |rest| {
        rest.strip_prefix(": ").unwrap_or(rest)
    });
    let mut known = path;
    let place = loop {
        if let Some(place) = choose.places.get(known) {
            break place;
        }
        match known.rfind(['.', '[']) {
            Some(cut) => known = &known[..cut],
            None if !known.is_empty() => known = "",
            None => {
                return TomlError {
                    file: file.to_owned(),
                    line: 1,
                    field: "choose".to_owned(),
                    message: message.to_owned(),
                };
            }
        }
    };
    let rest = &path[known.len()..];
    let separator = if rest.is_empty() || rest.starts_with(['.', '[']) {
        ""
    } else {
        "."
    };
    TomlError {
        field: format!("{}{separator}{rest}", place.field),
        ..place.fault(message)
    }
}

/// The file's name without folders and endings.
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.strip_suffix(".toml").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Goal;
    use weighbridge_router::{Trade, Usd};

    fn usd(text: &str) -> Usd {
        Usd::parse(text).unwrap()
    }

    const HEAD: &str = "format = \"weighbridge.policy/1\"\n[choose]\n";

    fn refusal(text: &str) -> String {
        Policy::parse("policies/own.toml", text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_is_wrong_in_a_choice_is_named_with_line_field_and_mend() {
        for (rest, says) in [
            (
                "kind = \"always\"\ntoo = \"driver\"\n",
                "2: choose.to: this field is missing",
            ),
            (
                "kind = \"always\"\nto = \"driver\"\ntoo = \"driver\"\n",
                "5: choose.too: unknown field; did you mean `to`?",
            ),
            (
                "kind = \"allways\"\n",
                "3: choose.kind: there is no kind `allways`; did you mean `always`?",
            ),
            (
                "kind = \"cascade\"\n",
                "3: choose.kind: the kind `cascade` is reserved for a later version",
            ),
            ("kind = 3\n", "3: choose.kind: must be a text, not 3"),
            ("to = \"driver\"\n", "2: choose.kind: this field is missing"),
            (
                "kind = \"random\"\nweights = { driver = 0.5,\nspecialist = 0.6 }\n",
                "4: choose.weights: the shares add up to 1.1, not to 1",
            ),
            (
                "kind = \"random\"\n[choose.weights]\ndriver = 1.5\nspecialist = -0.5\n",
                "5: choose.weights.driver: 1.5 is not a share in [0, 1] with at most six decimal places",
            ),
            (
                "kind = \"threshold\"\nfeature = \"prompt_byte\"\nabove = 1\nto = \"a\"\nelse = \"b\"\n",
                "4: choose.feature: there is no quantity `prompt_byte`; did you mean `prompt_bytes`?",
            ),
            (
                "kind = \"threshold\"\nfeature = \"turn\"\nabove = nan\nto = \"a\"\nelse = \"b\"\n",
                "5: choose.above: must be a finite number, not nan",
            ),
            (
                "kind = \"rules\"\nelse = \"b\"\n[[choose.rule]]\nto = \"a\"\nwhen = { all = [\n{ task = [\"x\"] },\n{ tasks = [\"x\"] },\n] }\n",
                "9: choose.rule[0].when.all[1].tasks: unknown condition; did you mean `task`?",
            ),
            (
                "kind = \"rules\"\nelse = \"b\"\n[[choose.rule]]\nto = \"a\"\nwhen = { user_mood = { min = 1 } }\n",
                "7: choose.rule[0].when.user_mood: there is no quantity `user_mood`; known: ",
            ),
            (
                "kind = \"rules\"\nelse = \"b\"\n[[choose.rule]]\nto = \"a\"\n",
                "5: choose.rule[0].when: this field is missing",
            ),
            (
                "kind = \"rules\"\nrule = 4\n",
                "4: choose.rule: must be a list, not 4",
            ),
            (
                "kind = \"rules\"\n[choose.else]\nkind = \"alway\"\n",
                "5: choose.else.kind: there is no kind `alway`; did you mean `always`?",
            ),
        ] {
            let found = refusal(&format!("{HEAD}{rest}"));
            assert!(
                found.starts_with(&format!("policies/own.toml:{says}")),
                "{found}"
            );
        }
    }

    #[test]
    fn what_is_wrong_in_a_trade_is_named_with_line_field_and_mend() {
        for (rest, says) in [
            (
                "",
                "2: choose.trade: a learned choice needs a dial; add [choose.trade] with `value_usd = ...`",
            ),
            (
                "value_usd = 2\n",
                "5: choose.value_usd: unknown field; known here: kind, file, sha256, trade",
            ),
            (
                "sha256 = \"12\"\n",
                "5: choose.sha256: must be 64 hexadecimal digits, as in the file's first line",
            ),
            (
                "[choose.trade]\n",
                "5: choose.trade.value_usd: a trade needs exactly one dial; add `value_usd = ...`",
            ),
            (
                "[choose.trade]\nvalue_usd = 2\nshare = 0.05\n",
                "7: choose.trade.share: a trade has exactly one dial, and here are `value_usd` and `share`; keep one",
            ),
            (
                "[choose.trade]\nmin_success = 0.9\nshare = 0.05\n",
                "6: choose.trade.min_success: a trade has exactly one dial, and here are `share` and `min_success`; keep one",
            ),
            (
                "[choose.trade]\nshare = 1.05\n",
                "6: choose.trade.share: must be a share from 0 to 1, like 0.05",
            ),
            (
                "[choose.trade]\nmin_success = -0.5\n",
                "6: choose.trade.min_success: must be a share from 0 to 1, like 0.05",
            ),
            (
                "[choose.trade]\nspend_usd_per_day = -5\n",
                "6: choose.trade.spend_usd_per_day: -5 USD must not be negative",
            ),
            (
                "[choose.trade]\nvalue_usd = -2\n",
                "6: choose.trade.value_usd: -2 USD must not be negative",
            ),
            (
                "[choose.trade]\nvalue = 2\n",
                "6: choose.trade.value: unknown field; known here: value_usd, share, spend_usd_per_day, min_success, wrong_usd, second_usd",
            ),
            (
                "[choose.trade]\nvalue_usd = 2\nsecond_used = 2\n",
                "7: choose.trade.second_used: unknown field; did you mean `second_usd`?",
            ),
        ] {
            let found = refusal(&format!(
                "{HEAD}kind = \"router\"\nfile = \"x.router.json\"\n{rest}"
            ));
            assert_eq!(found, format!("policies/own.toml:{says}"));
        }
        assert_eq!(
            refusal(&format!("{HEAD}kind = \"router\"\n")),
            "policies/own.toml:2: choose.file: this field is missing"
        );
    }

    #[test]
    fn what_is_wrong_around_the_choice_is_named_with_line_field_and_mend() {
        for (text, says) in [
            (
                "[choose]\n",
                "1: format: this field is missing; begin the file with `format = \"weighbridge.policy/1\"`",
            ),
            (
                "format = \"weighbridge.policy/1\"\n",
                "1: choose: this field is missing",
            ),
            (
                "format = \"weighbridge.policy/1\"\nchoose = \"driver\"\n",
                "2: choose: must be a table, not \"driver\"",
            ),
            (
                "format = \"weighbridge.policy/1\"\nfallbak = []\nchoose = { kind = \"always\", to = \"a\" }\n",
                "2: fallbak: unknown field; did you mean `fallback`?",
            ),
            (
                "format = \"weighbridge.policy/1\"\nfallback = [3]\nchoose = { kind = \"always\", to = \"a\" }\n",
                "2: fallback[0]: must be a text, not 3",
            ),
            (
                "format = \"weighbridge.policy/1\"\nchoose = { kind = \"always\", to = \"a\" }\n[roles]\ndriver = 1\n",
                "4: roles.driver: must be a text, not 1",
            ),
        ] {
            assert_eq!(refusal(text), format!("policies/own.toml:{says}"));
        }
    }

    #[test]
    fn a_policy_uses_one_router_file() {
        let two = |other: &str| {
            format!(
                "{HEAD}kind = \"threshold\"\nfeature = \"turn\"\nabove = 1\n[choose.to]\nkind = \"router\"\nfile = \"x.router.json\"\ntrade = {{ value_usd = 1 }}\n[choose.else]\nkind = \"router\"\nfile = \"{other}\"\ntrade = {{ value_usd = 2 }}\n"
            )
        };
        assert_eq!(
            refusal(&two("y.router.json")),
            "policies/own.toml:12: choose.else.file: a policy can use one router file, and another stands above; name the same one"
        );
        let policy = Policy::parse("own.toml", &two("x.router.json")).unwrap();
        assert_eq!(policy.router_file.unwrap().path, "x.router.json");
        let goals: Vec<Goal> = policy.dials.iter().map(|(dial, _)| dial.goal).collect();
        assert_eq!(goals, [Goal::Value(usd("1")), Goal::Value(usd("2"))]);
    }

    #[test]
    fn a_policy_is_read_whole() {
        let text = format!(
            "name = \"mine\"\ndescription = \"why\"\nfallback = [\"driver\", \"o3\"]\n{HEAD}kind = \"router\"\nfile = \"x.router.json\"\nsha256 = \"{}\"\ntrade = {{ value_usd = 2.5, second_usd = 0.0005 }}\n[roles]\ndriver = \"o3\"\n",
            "AB".repeat(32)
        );
        let policy = Policy::parse("policies/own.toml", &text).unwrap();
        assert_eq!(policy.name, "mine");
        assert_eq!(policy.description.as_deref(), Some("why"));
        assert_eq!(policy.fallback, ["driver", "o3"]);
        assert_eq!(policy.roles["driver"], "o3");
        let router = RouterRef {
            path: "x.router.json".into(),
            sha256: Some("ab".repeat(32)),
        };
        assert_eq!(policy.router_file, Some(router));
        let trade = Trade {
            value: Usd::parse("2.5").unwrap(),
            wrong: Usd::ZERO,
            second: Usd::parse("0.0005").unwrap(),
        };
        assert_eq!(policy.choose, Choose::Router(trade));
    }

    #[test]
    fn a_dial_that_is_solved_later_is_kept_with_its_modifiers() {
        let text = format!(
            "{HEAD}kind = \"router\"\nfile = \"x.router.json\"\ntrade = {{ share = 0.05, wrong_usd = 1 }}\n"
        );
        let policy = Policy::parse("own.toml", &text).unwrap();
        let dial = Dial {
            goal: Goal::Share(0.05),
            wrong: usd("1"),
            second: Usd::ZERO,
        };
        assert_eq!(policy.dials[0].0, dial);
        assert_eq!(policy.dials[0].1.line, 5);
    }

    #[test]
    fn a_policy_without_a_name_has_its_files() {
        let text = format!("{HEAD}kind = \"always\"\nto = \"a\"\n");
        assert_eq!(
            Policy::parse("some/where/own.toml", &text).unwrap().name,
            "own"
        );
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!(
            "{HEAD}kind = \"rules\"\nelse = {}\"a\"{}\n",
            "{ kind = \"rules\", else = ".repeat(5000),
            " }".repeat(5000)
        );
        assert!(refusal(&deep).starts_with("policies/own.toml:4: "));
        let some = format!(
            "{HEAD}kind = \"rules\"\nelse = {}\"a\"{}\n",
            "{ kind = \"rules\", else = ".repeat(30),
            " }".repeat(30)
        );
        assert!(
            refusal(&some).contains("nested more than"),
            "{}",
            refusal(&some)
        );
    }
}
