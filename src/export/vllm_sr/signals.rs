//! Conditions as signals of the semantic router: which there are, their names, and the patterns of
//! words.
//!
//! A keyword signal there has Unicode's case folding, takes `_` for a letter and letters beyond ASCII
//! for none, so words are written out as patterns of a `structure` signal with the boundaries that
//! they have here. What no signal can tell is a reason to refuse, by name.

use std::fmt::Write as _;

use weighbridge_router::{Condition, Field, Limits, Phrases, Quantity};

use super::logic::Formula;
use super::yaml::quoted;

/// What is no part of a word: ASCII but letters and digits.
const BETWEEN: &str = r"[^0-9A-Za-z\x{80}-\x{10FFFF}]";

/// The signals of a configuration; each stands once.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Type, name and definition, in order of their first use.
    held: Vec<(&'static str, String, String)>,
}

impl Signals {
    /// The signals of each type, as YAML below `signals:`.
    pub(super) fn yaml(&self) -> String {
        let mut text = String::new();
        for kind in ["context", "structure", "conversation", "metadata"] {
            let own: Vec<_> = self.held.iter().filter(|held| held.0 == kind).collect();
            if own.is_empty() {
                continue;
            }
            // Writing to a text does not fail.
            let _ = writeln!(text, "    {kind}:");
            for (_, name, definition) in own {
                let _ = writeln!(text, "      - {{name: {name}, {definition}}}");
            }
        }
        text
    }

    /// A signal of that definition, named after what it is; a number keeps twins apart.
    fn signal(&mut self, kind: &'static str, stem: &str, definition: String) -> Formula {
        let same = |held: &&(&str, String, String)| held.0 == kind && held.2 == definition;
        if let Some(held) = self.held.iter().find(same) {
            return Formula::Signal(kind, held.1.clone());
        }
        let taken = |name: &str| {
            self.held
                .iter()
                .any(|held| held.0 == kind && held.1 == name)
        };
        let mut name = stem.to_owned();
        let mut number = 2;
        while taken(&name) {
            name = format!("{stem}_{number}");
            number += 1;
        }
        self.held.push((kind, name.clone(), definition));
        Formula::Signal(kind, name)
    }

    /// The formula of a condition; what cannot be told is added to `reasons` under its place.
    pub(super) fn formula(
        &mut self,
        condition: &Condition,
        place: &str,
        reasons: &mut Vec<String>,
    ) -> Formula {
        match condition {
            Condition::All(parts) => Formula::all(self.each(parts, place, "all", reasons)),
            Condition::Any(parts) => Formula::any(self.each(parts, place, "any", reasons)),
            Condition::Not(part) => self.formula(part, &format!("{place}.not"), reasons).not(),
            Condition::Member(Field::Needs, needs) => self.needs(needs, place, reasons),
            Condition::Member(field, values) => self.member(field_name(*field), values),
            Condition::PromptAny(phrases) => {
                let texts = phrases.texts();
                let words = if texts.is_empty() {
                    Formula::Never
                } else {
                    self.words(phrases.texts())
                };
                Formula::all([self.prompt(), words])
            }
            Condition::PromptAll(phrases) => {
                let texts = phrases.texts().iter();
                let words: Vec<Formula> = texts
                    .map(|text| self.words(std::slice::from_ref(text)))
                    .collect();
                Formula::all([self.prompt()].into_iter().chain(words))
            }
            Condition::Range(quantity, limits) => self.range(*quantity, *limits, place, reasons),
        }
    }

    fn each(
        &mut self,
        parts: &[Condition],
        place: &str,
        list: &str,
        reasons: &mut Vec<String>,
    ) -> Vec<Formula> {
        let parts = parts.iter().enumerate();
        parts
            .map(|(i, part)| self.formula(part, &format!("{place}.{list}[{i}]"), reasons))
            .collect()
    }

    /// The request defines tools.
    pub(super) fn tools(&mut self) -> Formula {
        let definition = "feature: {type: exists, source: {type: tool_definition}}";
        self.signal("conversation", "has_tools", definition.into())
    }

    /// The request brings an image.
    pub(super) fn images(&mut self) -> Formula {
        let definition = "feature: {type: exists, source: {type: image_content}}";
        self.signal("conversation", "has_images", definition.into())
    }

    /// The request has a message of a user: without one, the text that is looked at is that of the
    /// others, and there is no prompt.
    fn prompt(&mut self) -> Formula {
        let definition = "feature: {type: exists, source: {type: message, role: user}}";
        self.signal("conversation", "has_prompt", definition.into())
    }

    fn needs(&mut self, needs: &[String], place: &str, reasons: &mut Vec<String>) -> Formula {
        let mut parts = Vec::new();
        for need in needs {
            match need.as_str() {
                "tools" => parts.push(self.tools()),
                "vision" => parts.push(self.images()),
                other => reasons.push(format!(
                    "{place}.needs: no signal tells that a request needs `{other}`; those for `tools` and `vision` there are"
                )),
            }
        }
        Formula::any(parts)
    }

    /// The field of the request's metadata has one of the values.
    pub(super) fn member(&mut self, field: &'static str, values: &[String]) -> Formula {
        if values.is_empty() {
            return Formula::Never;
        }
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        let definition = format!("key: {field}, predicate: {{in: [{}]}}", values.join(", "));
        self.signal("metadata", field, definition)
    }

    /// The field is in the request's metadata.
    pub(super) fn known(&mut self, field: &'static str) -> Formula {
        let definition = format!("key: {field}, predicate: {{exists: true}}");
        self.signal("metadata", &format!("{field}_known"), definition)
    }

    /// The request takes up to so many tokens, as the semantic router counts them.
    pub(super) fn fits(&mut self, tokens: u32) -> Formula {
        let definition = format!("min_tokens: \"0\", max_tokens: \"{tokens}\"");
        self.signal("context", &format!("fits_{tokens}"), definition)
    }

    /// One of the words or phrases stands in the prompt.
    fn words(&mut self, texts: &[String]) -> Formula {
        let definition = format!(
            "feature: {{type: exists, source: {{type: regex, case_sensitive: true, pattern: {}}}}}",
            quoted(&pattern(texts))
        );
        self.signal("structure", "words", definition)
    }

    fn range(
        &mut self,
        quantity: Quantity,
        limits: Limits,
        place: &str,
        reasons: &mut Vec<String>,
    ) -> Formula {
        if quantity != Quantity::PromptBytes {
            reasons.push(format!(
                "{place}.{}: {}",
                quantity.name(),
                why_not(quantity)
            ));
            return Formula::Never;
        }
        let limits = [("gte", limits.min), ("lte", limits.max)];
        let limits: Vec<String> = limits
            .into_iter()
            .filter_map(|(name, limit)| Some(format!("{name}: {}", number(limit?))))
            .collect();
        self.bytes(&limits.join(", "))
    }

    /// The quantity of a threshold is above its limit.
    pub(super) fn above(
        &mut self,
        quantity: Quantity,
        limit: f64,
        place: &str,
        reasons: &mut Vec<String>,
    ) -> Formula {
        if quantity != Quantity::PromptBytes {
            reasons.push(format!(
                "{place}.feature = \"{}\": {}",
                quantity.name(),
                why_not(quantity)
            ));
            return Formula::Never;
        }
        self.bytes(&format!("gt: {}", number(limit)))
    }

    fn bytes(&mut self, predicate: &str) -> Formula {
        let definition = format!(
            "feature: {{type: count, source: {{type: text_bytes}}}}, predicate: {{{predicate}}}"
        );
        let bytes = self.signal("structure", "prompt_bytes", definition);
        Formula::all([self.prompt(), bytes])
    }
}

/// A number as YAML reads it back.
fn number(limit: f64) -> String {
    serde_json::Value::from(limit).to_string()
}

/// Why no signal stands for a quantity.
fn why_not(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::InputTokens => {
            "context signals count the whole request with framing, tool definitions and a reserve for the answer, so requests near the limit would go elsewhere; write prompt_bytes, which is counted exactly"
        }
        Quantity::Turn => "no signal knows a request's place in its session",
        Quantity::ValueUsd | Quantity::DeadlineMs => "metadata signals compare texts, not numbers",
        Quantity::HourUtc => "no signal knows the time",
        Quantity::PromptBytes | Quantity::Surface(_) => {
            "no signal measures this feature of a prompt; prompt_bytes there is"
        }
    }
}

/// The field's name, which is its key in a request's metadata.
fn field_name(field: Field) -> &'static str {
    match field {
        Field::Task => "task",
        Field::Tenant => "tenant",
        Field::Channel => "channel",
        Field::Region => "region",
        Field::Needs => "needs",
    }
}

/// A pattern (of RE2) that is found in a text exactly where one of the phrases stands in it.
fn pattern(texts: &[String]) -> String {
    let phrases: Vec<String> = texts
        .iter()
        .map(|text| {
            let words: Vec<String> = Phrases::words_of(text).map(|word| folded(&word)).collect();
            words.join(&format!("{BETWEEN}+"))
        })
        .collect();
    format!(r"(?:\A|{BETWEEN})(?:{})(?:{BETWEEN}|\z)", phrases.join("|"))
}

/// A word in either case of its ASCII letters; nothing else folds, and nothing in a word has a
/// meaning in a pattern.
fn folded(word: &str) -> String {
    let mut pattern = String::new();
    for c in word.chars() {
        if c.is_ascii_alphabetic() {
            pattern.extend(['[', c.to_ascii_lowercase(), c.to_ascii_uppercase(), ']']);
        } else {
            pattern.push(c);
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_out_with_the_boundaries_that_they_have_here() {
        let texts = ["Race  condition", "b2é"].map(String::from);
        let between = BETWEEN;
        assert_eq!(
            pattern(&texts),
            format!(
                r"(?:\A|{between})(?:[rR][aA][cC][eE]{between}+[cC][oO][nN][dD][iI][tT][iI][oO][nN]|[bB]2é)(?:{between}|\z)"
            )
        );
    }

    #[test]
    fn a_signal_of_one_definition_stands_once() {
        let mut signals = Signals::default();
        let math = signals.member("task", &["math".into()]);
        let code = signals.member("task", &["code".into()]);
        assert_eq!(math, signals.member("task", &["math".into()]));
        assert_eq!(math, Formula::Signal("metadata", "task".into()));
        assert_eq!(code, Formula::Signal("metadata", "task_2".into()));
        assert_eq!(
            signals.yaml(),
            "    metadata:\n      - {name: task, key: task, predicate: {in: [\"math\"]}}\n      \
             - {name: task_2, key: task, predicate: {in: [\"code\"]}}\n"
        );
    }
}
