//! One pass over a prompt's bytes: the counts that the surface features are made of.
//!
//! Owns what is counted. It does not know the features: [`super::surface`] and [`super::surface2`]
//! make them of the counts, nor which words are of which class: [`super::classes`] does.

use crate::features::classes::{Class, LONGEST_ENDING, TABLE_BITS, class_of_ending, classes_of};
use crate::text::{HASH_START, bucket, hash_byte, is_word_byte};

/// Numbers are cut here: below it every whole number is a double.
const LARGEST_NUMBER: u64 = 1_000_000_000_000_000;
/// Only numbers of at most so many digits are read.
const MOST_DIGITS: usize = 15;

/// What a byte is, as bits.
const DIGIT: u8 = 1;
const VOWEL: u8 = 1 << 1;
const WORD: u8 = 1 << 2;
const UPPER: u8 = 1 << 5;
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut at = 0;
    while at < kinds.len() {
        let byte = at as u8;
        if is_word_byte(byte) {
            kinds[at] |= WORD;
        }
        if byte.is_ascii_digit() {
            kinds[at] |= DIGIT;
        }
        if byte.is_ascii_uppercase() {
            kinds[at] |= UPPER;
        }
        if matches!(
            byte.to_ascii_lowercase(),
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y'
        ) {
            kinds[at] |= VOWEL;
        }
        at += 1;
    }
    kinds
};

/// Which set of words a section belongs to.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Option,
    Other,
}

/// The sentences of the sections: what lies between two sentence ends and has a word.
#[derive(Default, Clone, Copy)]
pub(super) struct Sentences {
    pub(super) count: usize,
    pub(super) squares: u64,
    pub(super) longest: usize,
    /// Words of the last one.
    pub(super) last: usize,
}

impl Sentences {
    fn add(&mut self, words: usize) {
        if words > 0 {
            self.count += 1;
            self.squares += (words as u64) * (words as u64);
            self.longest = self.longest.max(words);
            self.last = words;
        }
    }
}

/// What stands in the sections that were scanned so far.
#[derive(Default, Clone)]
pub(super) struct Counts {
    pub(super) words: usize,
    pub(super) numbers: usize,
    pub(super) distinct: usize,
    pub(super) term_bytes: usize,
    pub(super) vowel_runs: usize,
    pub(super) polysyllables: usize,
    pub(super) short_terms: usize,
    pub(super) long_terms: usize,
    pub(super) single_letters: usize,
    pub(super) acronyms: usize,
    pub(super) capitals: usize,
    pub(super) names: usize,
    pub(super) uppercase: usize,
    pub(super) digits: usize,
    pub(super) high_bytes: usize,
    pub(super) largest: u64,
    pub(super) years: usize,
    pub(super) decimals: usize,
    pub(super) money: usize,
    pub(super) negatives: usize,
    pub(super) has_blank: bool,
    pub(super) sentence_ends: usize,
    pub(super) sentences: Sentences,
    /// How often each ASCII byte stands outside words.
    separators: Tally<128>,
    classes: Tally<{ Class::COUNT }>,
}

/// A count a kind.
#[derive(Clone)]
struct Tally<const KINDS: usize>([u32; KINDS]);

impl<const KINDS: usize> Default for Tally<KINDS> {
    fn default() -> Self {
        Self([0; KINDS])
    }
}

impl Counts {
    /// How many words are of the class.
    pub(super) fn of(&self, class: Class) -> usize {
        self.classes.0[class as usize] as usize
    }

    /// How often one of these separators stands here.
    pub(super) fn bytes(&self, separators: &[u8]) -> usize {
        let count = |byte: &u8| self.separators.0[usize::from(*byte)] as usize;
        separators.iter().map(count).sum()
    }

    /// How often ASCII punctuation stands here.
    pub(super) fn punctuation(&self) -> usize {
        let counts = (0_u8..).zip(&self.separators.0);
        counts
            .filter(|(byte, _)| byte.is_ascii_punctuation())
            .map(|(_, count)| *count as usize)
            .sum()
    }

    /// Words that are no numbers.
    pub(super) fn terms(&self) -> usize {
        self.words - self.numbers
    }
}

/// 4,096 buckets of words.
struct WordSet([u64; 64]);

impl WordSet {
    fn has(&self, bucket: u32) -> bool {
        self.0[bucket as usize / 64] >> (bucket % 64) & 1 == 1
    }

    fn insert(&mut self, bucket: u32) {
        self.0[bucket as usize / 64] |= 1 << (bucket % 64);
    }
}

/// The counts and what they need to remember.
pub(super) struct Scan {
    pub(super) counts: Counts,
    pub(super) option_words_repeated: usize,
    pub(super) option_words_in_stem: usize,
    in_options: WordSet,
    elsewhere: WordSet,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            option_words_repeated: 0,
            option_words_in_stem: 0,
            in_options: WordSet([0; 64]),
            elsewhere: WordSet([0; 64]),
        }
    }
}

/// What is known of one section alone.
#[derive(Default, Clone, Copy)]
pub(super) struct Section {
    /// The bucket of its first word.
    pub(super) first_word: Option<u32>,
    /// The classes of its first word.
    pub(super) first_classes: u64,
    /// The value of its first number.
    pub(super) first_number: Option<u64>,
    /// A bit for each word's bucket, 64 buckets.
    pub(super) signature: u64,
    /// Words of the sentence that has not ended.
    sentence: usize,
}

/// A word as the scan met it.
struct Word<'a> {
    raw: &'a [u8],
    hash: u64,
    vowel_runs: usize,
    digits: usize,
    uppercase: usize,
    /// Its last bytes, folded.
    tail: [u8; LONGEST_ENDING],
}

impl Scan {
    /// Counts a section.
    pub(super) fn section(&mut self, text: &[u8], part: Part) -> Section {
        let mut section = Section::default();
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            if is_word_byte(*byte) {
                self.counts.names += usize::from(is_name(text, at));
                let word = self.read(&text[at..]);
                at += word.raw.len();
                self.meet(&word, part, &mut section);
            } else {
                if self.separator(text, at) {
                    self.counts.sentences.add(section.sentence);
                    section.sentence = 0;
                }
                at += 1;
            }
        }
        self.counts.sentences.add(section.sentence);
        section
    }

    /// Counts a byte between words, and says whether a sentence ends there.
    fn separator(&mut self, text: &[u8], at: usize) -> bool {
        let byte = text[at];
        let counts = &mut self.counts;
        counts.separators.0[usize::from(byte & 127)] += 1;
        // Most separators are spaces.
        if byte == b' ' {
            return false;
        }
        let next = text.get(at + 1).copied();
        let before = at.checked_sub(1).map(|before| text[before]);
        let digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
        match byte {
            b'.' | b'!' | b'?' => {
                counts.decimals += usize::from(byte == b'.' && digit(before) && digit(next));
                let ends = next.is_none_or(is_space);
                counts.sentence_ends += usize::from(ends);
                return ends;
            }
            b'-' => {
                let alone = !before.is_some_and(is_word_byte);
                counts.negatives += usize::from(alone && digit(next));
            }
            b'$' => counts.money += usize::from(digit(next)),
            b'_' => counts.has_blank |= next == Some(b'_'),
            _ => {}
        }
        false
    }

    /// Reads the word that `text` starts with.
    fn read<'a>(&mut self, text: &'a [u8]) -> Word<'a> {
        let (mut hash, mut bytes, mut vowel_runs) = (HASH_START, 0, 0);
        let (mut digits, mut uppercase, mut high) = (0, 0, 0);
        let (mut tail, mut before) = (0_u64, 0);
        for byte in text {
            let kinds = KINDS[usize::from(*byte)];
            if kinds & WORD == 0 {
                break;
            }
            // The bit of a capital letter is the one that folding sets.
            let folded = byte | kinds & UPPER;
            hash = hash_byte(hash, folded);
            tail = tail << 8 | u64::from(folded);
            bytes += 1;
            digits += usize::from(kinds & DIGIT);
            uppercase += usize::from(kinds & UPPER) / usize::from(UPPER);
            high += usize::from(byte >> 7);
            vowel_runs += usize::from(kinds & !before & VOWEL) / usize::from(VOWEL);
            before = kinds;
        }
        self.counts.digits += digits;
        self.counts.uppercase += uppercase;
        self.counts.high_bytes += high;
        let [_, _, tail @ ..] = tail.to_be_bytes();
        Word {
            raw: &text[..bytes],
            hash,
            vowel_runs: vowel_runs.max(1),
            digits,
            uppercase,
            tail,
        }
    }

    /// Counts a word.
    fn meet(&mut self, word: &Word<'_>, part: Part, section: &mut Section) {
        let bucket = bucket(word.hash, TABLE_BITS);
        let (option, other) = (self.in_options.has(bucket), self.elsewhere.has(bucket));
        let counts = &mut self.counts;
        counts.words += 1;
        counts.distinct += usize::from(!option && !other);
        match part {
            Part::Option => {
                self.option_words_repeated += usize::from(option);
                self.option_words_in_stem += usize::from(other);
                self.in_options.insert(bucket);
            }
            Part::Other => self.elsewhere.insert(bucket),
        }
        section.signature |= 1 << (bucket >> (TABLE_BITS - 6));
        section.sentence += 1;
        let is_first = section.first_word.is_none();
        section.first_word.get_or_insert(bucket);
        if word.digits == word.raw.len() {
            let value = counts.number(word.raw);
            section.first_number.get_or_insert(value);
            return;
        }
        let classes = classes_of(word.raw, bucket);
        if is_first {
            section.first_classes = classes;
        }
        counts.term(word, classes);
    }
}

impl Counts {
    fn number(&mut self, digits: &[u8]) -> u64 {
        let value = if digits.len() > MOST_DIGITS {
            LARGEST_NUMBER
        } else {
            (digits.iter()).fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
        };
        self.numbers += 1;
        self.largest = self.largest.max(value);
        self.years += usize::from(digits.len() == 4 && (1000..2100).contains(&value));
        value
    }

    fn term(&mut self, word: &Word<'_>, classes: u64) {
        let bytes = word.raw.len();
        self.term_bytes += bytes;
        self.vowel_runs += word.vowel_runs;
        self.polysyllables += usize::from(word.vowel_runs >= 4);
        self.short_terms += usize::from(bytes <= 3);
        self.long_terms += usize::from(bytes >= 10);
        self.single_letters += usize::from(bytes == 1 && !matches!(word.tail[5], b'a' | b'i'));
        self.capitals += usize::from(word.raw[0].is_ascii_uppercase());
        self.acronyms += usize::from(bytes >= 2 && word.uppercase == bytes);
        let ending = class_of_ending(&word.tail, bytes).map_or(0, Class::bit);
        let mut classes = classes | ending;
        while classes != 0 {
            self.classes.0[classes.trailing_zeros() as usize] += 1;
            classes &= classes - 1;
        }
    }
}

/// Whether the word that starts here looks like a proper name inside a sentence.
fn is_name(text: &[u8], at: usize) -> bool {
    at >= 2
        && text[at].is_ascii_uppercase()
        && text.get(at + 1).is_some_and(u8::is_ascii_lowercase)
        && text[at - 1] == b' '
        && (text[at - 2].is_ascii_lowercase() || text[at - 2] == b',')
}

/// The bytes that are white space here.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
