//! Prompt texts: templates with slots, and clauses from which the difficulty is partly visible.
//!
//! A template is text with `{slot}` for an entry of that slot, drawn anew each time, and
//! `{2..900}` for a whole number; `{{` and `}}` are braces. Entries of slots are templates too.

use std::collections::BTreeMap;

use super::draw::Draw;
use super::laws::{logistic, normal_cdf};

/// A parsed template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Slot(usize),
    Number(u32, u32),
}

/// The entries of every slot, by the slot's number.
pub(super) type Slots = Vec<Vec<Template>>;

/// The number of each slot, by its name.
pub(super) type SlotNames<'a> = BTreeMap<&'a str, usize>;

/// Clauses that follow an opener: as many as the visible difficulty makes likely, up to this.
const MOST_CLAUSES: usize = 4;

/// How steeply hard clauses take over from easy ones with the visible difficulty.
const CLAUSE_SLOPE: f64 = 2.0;

/// What the prompts of a class are made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Texts {
    pub(super) openers: Vec<Template>,
    /// For turns after the first; openers where there are none.
    pub(super) follow_ups: Vec<Template>,
    pub(super) easy: Vec<Template>,
    pub(super) hard: Vec<Template>,
}

impl Template {
    /// # Errors
    /// What is wrong with the text: a brace alone, an empty range, a slot that is not there.
    pub(super) fn parse(text: &str, slots: &SlotNames<'_>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let after = &rest[at + 1..];
            if let Some(beyond) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = beyond;
                continue;
            }
            let Some((inside, beyond)) = after.split_once('}').filter(|_| brace == "{") else {
                return Err(format!("`{brace}` stands alone in `{text}`; double it"));
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(piece(inside, slots)?);
            rest = beyond;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The most bytes that it can grow to; unknown where that of one of its slots is.
    pub(super) fn longest(&self, slots: &[Option<usize>]) -> Option<usize> {
        self.0.iter().try_fold(0_usize, |sum, piece| {
            Some(sum.saturating_add(match piece {
                Piece::Text(text) => text.len(),
                Piece::Slot(slot) => slots[*slot]?,
                Piece::Number(_, high) => high.to_string().len(),
            }))
        })
    }

    fn write(&self, slots: &Slots, draw: &mut Draw, out: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Slot(slot) => {
                    let entries = &slots[*slot];
                    entries[draw.place(entries.len())].write(slots, draw, out);
                }
                Piece::Number(low, high) => out.push_str(&draw.between(*low, *high).to_string()),
            }
        }
    }
}

fn piece(inside: &str, slots: &SlotNames<'_>) -> Result<Piece, String> {
    if let Some((low, high)) = inside.split_once("..") {
        return match (low.parse(), high.parse()) {
            (Ok(low), Ok(high)) if low <= high => Ok(Piece::Number(low, high)),
            _ => Err(format!(
                "`{{{inside}}}` is no range; write it like {{2..900}}, the smaller number first"
            )),
        };
    }
    slots
        .get(inside)
        .map(|slot| Piece::Slot(*slot))
        .ok_or_else(|| {
            let known: Vec<&str> = slots.keys().copied().collect();
            format!(
                "there is no slot `{inside}`; known: {}; for a brace write `{{{{`",
                known.join(", ")
            )
        })
}

/// The most bytes that each slot can grow to.
///
/// # Errors
/// A slot whose entries lead back to itself.
pub(super) fn longest(slots: &Slots) -> Result<Vec<usize>, usize> {
    // In each round those slots are settled that name settled ones alone; what is left, turns.
    let mut settled: Vec<Option<usize>> = vec![None; slots.len()];
    for _ in 0..slots.len() {
        let before = settled.clone();
        for slot in 0..slots.len() {
            settled[slot] = slots[slot]
                .iter()
                .try_fold(0, |most, entry| Some(entry.longest(&settled)?.max(most)));
        }
        if settled == before {
            break;
        }
    }
    match settled.iter().position(Option::is_none) {
        Some(endless) => Err(endless),
        None => Ok(settled.into_iter().flatten().collect()),
    }
}

impl Texts {
    /// A prompt for a turn (from 1) of the visible difficulty `visible` (standard normal).
    pub(super) fn prompt(&self, slots: &Slots, turn: u32, visible: f64, draw: &mut Draw) -> String {
        let openers = if turn > 1 && !self.follow_ups.is_empty() {
            &self.follow_ups
        } else {
            &self.openers
        };
        let mut prompt = String::new();
        openers[draw.place(openers.len())].write(slots, draw, &mut prompt);
        let (level, hard) = (normal_cdf(visible), logistic(CLAUSE_SLOPE * visible));
        // Two walks around the lists, so that no clause stands twice in a short prompt.
        let mut next = [draw.place(self.easy.len()), draw.place(self.hard.len())];
        for _ in 0..MOST_CLAUSES {
            if !draw.happens(level) {
                continue;
            }
            let kind = usize::from(draw.happens(hard));
            let clauses = [&self.easy, &self.hard][kind];
            if !prompt.ends_with('\n') {
                prompt.push(' ');
            }
            clauses[next[kind]].write(slots, draw, &mut prompt);
            next[kind] = (next[kind] + 1) % clauses.len();
        }
        prompt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> BTreeMap<&'static str, usize> {
        BTreeMap::from([("a", 0), ("b", 1)])
    }

    #[test]
    fn templates_fill_slots_numbers_and_braces() {
        let parse = |text| Template::parse(text, &known()).unwrap();
        let slots = vec![vec![parse("x{b}")], vec![parse("y")]];
        let mut out = String::new();
        let template = parse("{{ {a} {7..7} }}");
        template.write(&slots, &mut Draw::new(1, "t", 0, 0), &mut out);
        assert_eq!(out, "{ xy 7 }");
        assert_eq!(longest(&slots), Ok(vec![2, 1]));
        let endless = vec![vec![parse("{b}")], vec![parse("{a}")]];
        assert_eq!(longest(&endless), Err(0));
    }

    #[test]
    fn faults_of_templates_name_the_mend() {
        for (text, expect) in [
            ("x } y", "`}` stands alone in `x } y`; double it"),
            ("x {a", "`{` stands alone in `x {a`; double it"),
            ("{9..2}", "the smaller number first"),
            ("{c}", "there is no slot `c`; known: a, b"),
        ] {
            let message = Template::parse(text, &known()).unwrap_err();
            assert!(message.contains(expect), "{text}: {message}");
        }
    }

    #[test]
    fn visible_difficulty_brings_more_and_harder_clauses() {
        let parse = |text| vec![Template::parse(text, &known()).unwrap()];
        let texts = Texts {
            openers: parse("Go."),
            follow_ups: Vec::new(),
            easy: parse("e"),
            hard: parse("h"),
        };
        let all = |visible| -> String {
            (0..500)
                .map(|i| texts.prompt(&Vec::new(), 1, visible, &mut Draw::new(1, "t", i, 0)))
                .collect()
        };
        let count = |text: &str, clause| text.matches(clause).count();
        let (low, high) = (all(-1.5), all(1.5));
        assert!(count(&low, " e") > 3 * count(&low, " h"));
        assert!(count(&high, " h") > 1500 && count(&high, " e") < 200);
    }
}
