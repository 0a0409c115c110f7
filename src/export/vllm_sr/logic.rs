//! What must hold for a route, as a formula over named signals, simplified while it is built so
//! that no empty list ever reaches the semantic router.

/// A formula.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Formula {
    Always,
    Never,
    /// A signal matches: its type and name.
    Signal(&'static str, String),
    All(Vec<Formula>),
    Any(Vec<Formula>),
    Not(Box<Formula>),
}

use Formula::{All, Always, Any, Never, Not, Signal};

impl Formula {
    /// All of them hold; always where there are none.
    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Never => return Never,
                Always => {}
                All(nested) => kept.extend(nested),
                part if kept.contains(&part) => {}
                part => kept.push(part),
            }
        }
        match kept.len() {
            0 => Always,
            1 => kept.remove(0),
            _ => All(kept),
        }
    }

    /// One of them holds; never where there are none.
    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Always => return Always,
                Never => {}
                Any(nested) => kept.extend(nested),
                part => kept.push(part),
            }
        }
        match kept.len() {
            0 => Never,
            1 => kept.remove(0),
            _ => Any(kept),
        }
    }

    /// The other does not hold.
    pub(super) fn not(self) -> Self {
        match self {
            Always => Never,
            Never => Always,
            Not(part) => *part,
            part => Not(Box::new(part)),
        }
    }

    /// As a node of a decision's rules, in YAML's flow form.
    pub(super) fn yaml(&self) -> String {
        let list = |operator: &str, parts: &[Self]| {
            let parts: Vec<String> = parts.iter().map(Self::yaml).collect();
            format!(
                "{{operator: {operator}, conditions: [{}]}}",
                parts.join(", ")
            )
        };
        match self {
            Always => list("AND", &[]),
            // Routes that never apply are left out before anything is written.
            Never => list("OR", &[]),
            Signal(kind, name) => format!("{{type: {kind}, name: {name}}}"),
            All(parts) => list("AND", parts),
            Any(parts) => list("OR", parts),
            Not(part) => list("NOT", std::slice::from_ref(part)),
        }
    }

    /// The same as the root of a decision's rules, which must be an operator.
    pub(super) fn root_yaml(&self) -> String {
        match self {
            Signal(..) => format!("{{operator: AND, conditions: [{}]}}", self.yaml()),
            other => other.yaml(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(name: &str) -> Formula {
        Signal("metadata", name.to_owned())
    }

    #[test]
    fn constants_and_nested_lists_vanish() {
        let [a, b] = ["a", "b"].map(signal);
        assert_eq!(Formula::all([]), Always);
        assert_eq!(Formula::any([]), Never);
        assert_eq!(Formula::all([Always, a.clone(), Always]), a);
        assert_eq!(Formula::all([a.clone(), Never]), Never);
        assert_eq!(Formula::any([Never, Always, a.clone()]), Always);
        assert_eq!(a.clone().not().not(), a);
        let flat = Formula::all([a.clone(), Formula::all([b.clone(), a.clone()])]);
        assert_eq!(
            flat.yaml(),
            Formula::all([a, b])
                .yaml()
                .replace("]}", ", {type: metadata, name: a}]}")
        );
    }

    #[test]
    fn a_formula_is_written_as_the_rules_of_a_decision() {
        let [a, b] = ["a", "b"].map(signal);
        let formula = Formula::all([a.clone(), Formula::any([b.not(), a.clone()])]);
        assert_eq!(
            formula.root_yaml(),
            "{operator: AND, conditions: [{type: metadata, name: a}, {operator: OR, conditions: [\
             {operator: NOT, conditions: [{type: metadata, name: b}]}, {type: metadata, name: a}]}]}"
        );
        assert_eq!(
            a.root_yaml(),
            "{operator: AND, conditions: [{type: metadata, name: a}]}"
        );
        assert_eq!(Always.root_yaml(), "{operator: AND, conditions: []}");
    }
}
