//! Text to markup: the one place where names that anybody may have written become part of a page.

/// Text as it stands in an element or in an attribute within double quotes. Characters that XML and
/// HTML have no place for are shown as what they are, a replacement.
#[must_use]
pub(super) fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Within an attribute a bare one may be read as a space.
            '\n' => safe.push_str("&#10;"),
            c if c.is_control() && c != '\t' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A name that somebody chose: its direction of writing stays its own.
#[must_use]
pub(super) fn name(raw: &str) -> String {
    format!("<bdi>{}</bdi>", text(raw))
}

/// JSON as the content of a script element: nothing in it can end the element.
#[must_use]
pub(super) fn json_block(json: &str) -> String {
    // All of them can only stand within strings.
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// Letters and digits of a name, for an id that no other of the page has by its prefix.
#[must_use]
pub(super) fn id(prefix: &str, raw: &str) -> String {
    let plain = raw.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
        _ => '-',
    });
    format!("{prefix}-{}", plain.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_name_stays_text() {
        let evil = "</script><img src=x onerror=\"alert('1')\">&\u{0}";
        let safe = text(evil);
        assert!(!safe.contains(['<', '>', '"', '\'', '\0']), "{safe}");
        assert_eq!(text("学習 <b>"), "学習 &lt;b&gt;");
        let block = json_block(r#"{"name":"</script><!--"}"#);
        assert!(!block.contains('<'));
        let back: serde_json::Value = serde_json::from_str(&block).unwrap();
        assert_eq!(back["name"], "</script><!--");
    }
}
