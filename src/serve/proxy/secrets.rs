//! The keys of all upstreams, as texts that must not reach a client: whatever an upstream says goes
//! through [`Secrets::hide`] on its way.
//!
//! Nearly always nothing is found, so finding nothing is what is fast.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;

use memchr::memmem::Finder;

/// Stands in the place of a key.
const HIDDEN: &[u8] = b"[hidden]";

/// What goes before a key in the header that brings it.
pub(super) const SCHEME: &str = "Bearer ";

/// The fewest bytes of a key that is looked for by itself; a shorter one would be found in any text.
const MIN_BYTES: usize = 8;

/// Whether a key is so short that it is only hidden behind its scheme.
pub(super) fn is_too_short(key: &str) -> bool {
    key.len() < MIN_BYTES
}

/// What is looked for.
#[derive(Default)]
pub(super) struct Secrets {
    /// Longest first, so that no key leaves the rest of a longer one standing.
    keys: Vec<(String, Finder<'static>)>,
    /// What stands in a JSON text that spells one of them with escapes of two characters.
    escapes: Vec<Finder<'static>>,
    /// What stands in one that spells one of them with escapes by number.
    by_number: Option<Finder<'static>>,
    /// Whether no escape but that of a visible ASCII character can spell any.
    are_ascii: bool,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} hidden)", self.keys.len())
    }
}

impl Secrets {
    pub(super) fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut texts: Vec<String> = (keys.into_iter())
            .map(|key| match is_too_short(key) {
                true => format!("{SCHEME}{key}"),
                false => key.to_owned(),
            })
            .collect();
        texts.sort_by_key(|text| Reverse(text.len()));
        texts.dedup();
        let mut marks: Vec<&str> = Vec::new();
        for (character, mark) in [('"', "\\\""), ('\\', "\\\\"), ('/', "\\/")] {
            if texts.iter().any(|text| text.contains(character)) {
                marks.push(mark);
            }
        }
        let finder = |text: &str| Finder::new(text).into_owned();
        Self {
            escapes: marks.into_iter().map(finder).collect(),
            by_number: (!texts.is_empty()).then(|| finder("\\u")),
            are_ascii: texts.iter().all(|text| text.is_ascii()),
            keys: (texts.into_iter())
                .map(|text| {
                    let finder = finder(&text);
                    (text, finder)
                })
                .collect(),
        }
    }

    /// A text without any key, however JSON spells it; as it stands where there is none.
    pub(super) fn hide<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let finds = |finder: &Finder<'_>| finder.find(text).is_some();
        let may_have_one = self.keys.iter().any(|(_, finder)| finds(finder))
            || self.escapes.iter().any(finds)
            || self.may_have_one_by_number(text);
        match may_have_one {
            true => self.rewritten(text),
            false => Cow::Borrowed(text),
        }
    }

    /// Whether an escape by number could be of a key: those of other scripts are not.
    fn may_have_one_by_number(&self, text: &[u8]) -> bool {
        let escapes = self.by_number.as_ref().map(|finder| finder.find_iter(text));
        let mut digits = escapes.into_iter().flatten().map(|at| &text[at + 2..]);
        digits.any(|digits| !self.are_ascii || matches!(digits, [b'0', b'0', b'2'..=b'7', ..]))
    }

    /// The same for a text that is to be read by people.
    pub(super) fn hide_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.hide(text.as_bytes())).into_owned()
    }

    fn rewritten<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let (mut out, mut copied, mut at) = (Vec::new(), 0, 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let step = step_of(rest);
            let Some(end) = self.end_within(rest, step).map(|length| at + length) else {
                at += step;
                continue;
            };
            out.extend_from_slice(&text[copied..at]);
            out.extend_from_slice(HIDDEN);
            // What is cut in its middle goes whole, so that JSON stays JSON.
            while at < end {
                at += step_of(&text[at..]);
            }
            copied = at;
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        out.extend_from_slice(&text[copied..]);
        Cow::Owned(out)
    }

    /// Where a key ends that begins within so many bytes.
    fn end_within(&self, text: &[u8], bytes: usize) -> Option<usize> {
        (0..bytes.min(text.len())).find_map(|from| {
            let mut keys = self.keys.iter();
            let length = keys.find_map(|(key, _)| begins_with(&text[from..], key))?;
            Some(from + length)
        })
    }
}

/// How many bytes the first character of a JSON text takes, its escape as a whole.
fn step_of(text: &[u8]) -> usize {
    match text {
        [b'\\', b'u', digits @ ..] if digits.len() >= 4 => 6,
        [b'\\', _, ..] => 2,
        _ => 1,
    }
}

/// How long a key is at the beginning of a text, as it stands or spelled with JSON's escapes.
fn begins_with(text: &[u8], key: &str) -> Option<usize> {
    if text.starts_with(key.as_bytes()) {
        return Some(key.len());
    }
    let mut at = 0;
    for character in key.chars() {
        at += spelled(&text[at..], character)?;
    }
    Some(at)
}

/// How long a character is at the beginning of a text.
fn spelled(text: &[u8], character: char) -> Option<usize> {
    let escaped = match text {
        [b'\\', b'u', digits @ ..] => {
            let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
            let unit = u32::from_str_radix(digits, 16).ok();
            (unit == Some(u32::from(character))).then_some(6)
        }
        [b'\\', next, ..] if matches!(next, b'"' | b'\\' | b'/') => {
            (char::from(*next) == character).then_some(2)
        }
        _ => None,
    };
    let mut bytes = [0; 4];
    let plain = character.encode_utf8(&mut bytes).as_bytes();
    escaped.or_else(|| text.starts_with(plain).then_some(plain.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hidden(keys: &[&str], text: &str) -> String {
        Secrets::new(keys.iter().copied()).hide_text(text)
    }

    #[test]
    fn a_key_is_hidden_however_it_is_spelled() {
        let key = "sk-a/b+\"c\\d";
        for spelled in [
            key,
            r#"sk-a\/b+\"c\\d"#,
            r"\u0073\u006B\u002d\u0061\u002F\u0062\u002b\u0022\u0063\u005c\u0064",
            r#"sk-a/b\u002b\"c\\\u0064"#,
        ] {
            let text = format!(r#"{{"a":"Bearer {spelled}, {spelled}"}}"#);
            let seen = hidden(&["another-key", key], &text);
            assert_eq!(seen, r#"{"a":"Bearer [hidden], [hidden]"}"#, "{spelled}");
        }
        assert_eq!(
            hidden(&["clé-secrète"], r"x clé-secr\u00e8te"),
            "x [hidden]"
        );
        // A key that begins in an escape takes the escape along.
        assert_eq!(hidden(&["n-secret"], r#""a\n-secret""#), r#""a[hidden]""#);
        assert_eq!(hidden(&["secret-\\"], r#""secret-\"b""#), r#""[hidden]b""#);
        for near in [
            "sk-a/b+\"c\\",
            r"sk-a\u002g",
            r"\u00",
            "\\",
            "sk-a/b+\"c\\\\\\",
        ] {
            assert_eq!(hidden(&[key], near), near);
        }
    }

    #[test]
    fn no_key_leaves_the_rest_of_a_longer_one() {
        let keys = ["sk-12345", "sk-1234567890"];
        assert_eq!(
            hidden(&keys, "sk-1234567890 sk-123456"),
            "[hidden] [hidden]6"
        );
    }

    #[test]
    fn a_short_key_is_hidden_behind_its_scheme_alone() {
        assert_eq!(
            hidden(&["EMPTY", "x"], "EMPTY x: Bearer EMPTY, Bearer x"),
            "EMPTY x: [hidden], [hidden]"
        );
        assert!(is_too_short("EMPTY") && !is_too_short("sk-12345"));
    }

    #[test]
    fn what_has_no_key_is_not_copied() {
        for keys in [&[][..], &["sk-12345"]] {
            let secrets = Secrets::new(keys.iter().copied());
            for text in ["", "sk-1234", r#"{"a":"\u00e9"}"#] {
                assert!(matches!(secrets.hide(text.as_bytes()), Cow::Borrowed(_)));
            }
        }
        assert_eq!(
            format!("{:?}", Secrets::new(["sk-12345"])),
            "Secrets(1 hidden)"
        );
    }

    proptest! {
        /// JSON that says a key anywhere stays JSON, and says it nowhere.
        #[test]
        fn what_is_json_stays_json_without_the_key(
            key in "[!#-~]{8,20}",
            before in ".{0,12}",
            after in ".{0,12}",
            escaped in prop::collection::vec(any::<bool>(), 20),
        ) {
            let plain = |text: &str| {
                let quoted = serde_json::to_string(text).unwrap();
                quoted[1..quoted.len() - 1].to_owned()
            };
            let spelled: String = key.chars().enumerate().map(|(place, c)| match escaped[place] {
                true => format!("\\u{:04x}", u32::from(c)),
                false => plain(&c.to_string()),
            }).collect();
            let text = format!(r#"{{"a":"{}{spelled}{}"}}"#, plain(&before), plain(&after));
            let seen = Secrets::new([key.as_str()]).hide(text.as_bytes()).into_owned();
            let seen: serde_json::Value = serde_json::from_slice(&seen).unwrap();
            prop_assert!(!seen["a"].as_str().unwrap().contains(&key));
        }
    }
}
