//! Texts from files and clients on their way to a terminal, a log or a table.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with what would move a cursor, end a line or turn the direction of writing shown as an
/// escape, like `\n` or `\u{1b}`: whatever it holds, it is one line and gives no orders.
///
/// Borrowed where nothing had to be escaped. Other characters are kept, accents and emoji included.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let Some((first, _)) = text.char_indices().find(|&(_, c)| gives_orders(c)) else {
        return Cow::Borrowed(text);
    };
    let (plain, rest) = text.split_at(first);
    let mut shown = String::with_capacity(text.len() + 8);
    shown.push_str(plain);
    for c in rest.chars() {
        if gives_orders(c) {
            // Writing to a text does not fail.
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Controls (C0, DEL, C1), the separators of lines and paragraphs, and marks that reorder text
/// (<https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>).
fn gives_orders(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_orders_is_shown_and_the_rest_is_kept() {
        for (text, shown) in [
            ("", ""),
            ("plain é 漢字 👩‍💻 \\n", "plain é 漢字 👩‍💻 \\n"),
            ("a\x1b[31mred\x07", r"a\u{1b}[31mred\u{7}"),
            ("two\r\nlines\t", r"two\r\nlines\t"),
            ("\u{9b}2J\u{7f}", r"\u{9b}2J\u{7f}"),
            (
                "x\u{202e}y\u{2066}z\u{2028}",
                r"x\u{202e}y\u{2066}z\u{2028}",
            ),
        ] {
            assert_eq!(printable(text), shown);
            assert_eq!(printable(shown), shown);
        }
    }
}
