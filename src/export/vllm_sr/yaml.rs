//! Texts as the semantic router's configuration reads them.

use crate::export::endpoints;

/// A text in double quotes; `$` is doubled, since the router puts variables of the environment in
/// after it.
pub(super) fn quoted(text: &str) -> String {
    endpoints::quoted(&text.replace('$', "$$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_the_configuration_loses_it() {
        assert_eq!(quoted("a\"b\\c\n$HOME"), r#""a\"b\\c\n$$HOME""#);
    }
}
