//! A prompt taken apart: its stem, the lines that offer an answer, and the counts of both.
//!
//! Owns what an option is and what is known of each. It does not know the features.

use crate::features::classes::Class;
use crate::features::scan::{Counts, Part, Scan, Section, is_space};

/// More lines than these are no options.
const MOST_OPTIONS: usize = 16;

/// A prompt that was read once.
pub(super) struct Reading<'a> {
    pub(super) text: &'a [u8],
    /// The bytes before the first option's line.
    pub(super) stem_text: &'a [u8],
    /// What stands in the stem.
    pub(super) stem: Counts,
    pub(super) stem_section: Section,
    /// What stands anywhere.
    pub(super) scan: Scan,
    options: Options,
}

impl<'a> Reading<'a> {
    pub(super) fn of(prompt: &'a str) -> Self {
        let text = prompt.as_bytes();
        let mut options = Options::find(text);
        let stem_end = options.stem_end(text);
        let stem_text = &text[..stem_end];
        let mut scan = Scan::default();
        let stem_section = scan.section(stem_text, Part::Other);
        let stem = scan.counts.clone();
        let mut at = stem_end;
        for option in &mut options.found[..options.count] {
            scan.section(&text[at..option.line_start], Part::Other);
            option.count(&mut scan, text);
            at = option.line_end;
        }
        scan.section(&text[at..], Part::Other);
        Self {
            text,
            stem_text,
            stem,
            stem_section,
            scan,
            options,
        }
    }

    pub(super) fn options(&self) -> &[OptionLine] {
        &self.options.found[..self.options.count]
    }
}

/// The lines that offer an answer.
#[derive(Default)]
struct Options {
    found: [OptionLine; MOST_OPTIONS],
    count: usize,
}

/// One of them: where it stands and what its text has.
#[derive(Default, Clone, Copy)]
pub(super) struct OptionLine {
    line_start: usize,
    line_end: usize,
    /// Where the option's own text starts and ends.
    start: usize,
    end: usize,
    pub(super) section: Section,
    pub(super) held: Held,
    /// A bit for each three bytes in a row, folded: 1,024 buckets.
    pub(super) trigrams: [u64; 16],
}

/// Counts of one option's text, or before it.
#[derive(Default, Clone, Copy)]
pub(super) struct Held {
    pub(super) words: usize,
    pub(super) terms: usize,
    pub(super) term_bytes: usize,
    pub(super) digits: usize,
    pub(super) negations: usize,
    pub(super) stop_words: usize,
    pub(super) verdicts: usize,
    pub(super) above: usize,
    pub(super) commas: usize,
    pub(super) formulas: usize,
    pub(super) brackets: usize,
}

impl Held {
    fn so_far(scan: &Scan) -> Self {
        let counts = &scan.counts;
        Self {
            words: counts.words,
            terms: counts.terms(),
            term_bytes: counts.term_bytes,
            digits: counts.digits,
            negations: counts.of(Class::Negation),
            stop_words: counts.of(Class::Stop),
            verdicts: counts.of(Class::Verdict),
            above: counts.of(Class::Above),
            commas: counts.bytes(b","),
            formulas: counts.bytes(b"=+*/^<>$\\"),
            brackets: counts.bytes(b"(["),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            words: self.words - before.words,
            terms: self.terms - before.terms,
            term_bytes: self.term_bytes - before.term_bytes,
            digits: self.digits - before.digits,
            negations: self.negations - before.negations,
            stop_words: self.stop_words - before.stop_words,
            verdicts: self.verdicts - before.verdicts,
            above: self.above - before.above,
            commas: self.commas - before.commas,
            formulas: self.formulas - before.formulas,
            brackets: self.brackets - before.brackets,
        }
    }
}

impl OptionLine {
    pub(super) fn bytes(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn text<'a>(&self, prompt: &'a [u8]) -> &'a [u8] {
        &prompt[self.start..self.end]
    }

    fn count(&mut self, scan: &mut Scan, prompt: &[u8]) {
        let before = Held::so_far(scan);
        self.section = scan.section(self.text(prompt), Part::Option);
        self.held = Held::so_far(scan).since(before);
        for three in self.text(prompt).windows(3) {
            let folded = three
                .iter()
                .map(|byte| usize::from(byte.to_ascii_lowercase()));
            let bucket = folded.fold(0, |bucket, byte| bucket * 37 + byte) % 1024;
            self.trigrams[bucket / 64] |= 1 << (bucket % 64);
        }
    }
}

impl Options {
    fn find(text: &[u8]) -> Self {
        let mut options = Self::default();
        let mut at = 0;
        for line in text.split(|byte| *byte == b'\n') {
            if options.count == options.found.len() {
                break;
            }
            if let Some(mark) = mark_bytes(line) {
                let kept = line[mark..]
                    .iter()
                    .rposition(|byte| !is_space(*byte))
                    .map_or(0, |last| last + 1);
                options.found[options.count] = OptionLine {
                    line_start: at,
                    line_end: at + line.len(),
                    start: at + mark,
                    end: at + mark + kept,
                    ..OptionLine::default()
                };
                options.count += 1;
            }
            at += line.len() + 1;
        }
        if options.count < 2 {
            options.count = 0;
        }
        options
    }

    fn stem_end(&self, text: &[u8]) -> usize {
        self.found[..self.count]
            .first()
            .map_or(text.len(), |option| option.line_start)
    }
}

/// How many bytes of the line mark it as an option.
fn mark_bytes(line: &[u8]) -> Option<usize> {
    let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t');
    let blanks = |at: usize| line[at..].iter().take_while(blank).count();
    let mut at = blanks(0);
    at += usize::from(line.get(at) == Some(&b'('));
    let label = matches!(line.get(at), Some(b'A'..=b'J' | b'a'..=b'j' | b'1'..=b'9'));
    let end = matches!(line.get(at + 1), Some(b'.' | b')' | b':'));
    if !label || !end {
        return None;
    }
    match blanks(at + 2) {
        0 => None,
        after => Some(at + 2 + after),
    }
}
