//! Texts as the semantic router's configuration reads them.

/// A text in YAML's double-quoted form, which JSON's is a part of; `$` is doubled, since the router
/// puts variables of the environment in after it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_the_configuration_loses_it() {
        assert_eq!(quoted("a\"b\\c\n$HOME"), r#""a\"b\\c\n$$HOME""#);
    }
}
