//! One pass over a prompt's bytes: the counts that `surface/1` is made of.
//!
//! Owns what is counted and which words are of which class, frozen with `surface/1`. It does not
//! know the features: [`super::surface`] makes them of the counts.

use crate::text::{HASH_START, bucket, hash_byte, is_word_byte};

pub(super) const COMPUTE: u16 = 1;
pub(super) const STATEMENT: u16 = 1 << 1;
pub(super) const WHAT: u16 = 1 << 2;
pub(super) const WHICH: u16 = 1 << 3;
pub(super) const HOW: u16 = 1 << 4;
pub(super) const WHY: u16 = 1 << 5;
const NEGATION: u16 = 1 << 6;
const STOP: u16 = 1 << 7;
const THIRD: u16 = 1 << 8;
const PAST: u16 = 1 << 9;

/// No word that has a class is longer, in bytes.
const LONGEST_CLASSED: usize = 10;

/// The classes of a folded word.
fn class_of(word: &[u8]) -> u16 {
    match word {
        b"find" | b"calculate" | b"compute" | b"solve" | b"evaluate" | b"determine"
        | b"estimate" | b"many" | b"much" | b"value" | b"sum" | b"prove" | b"simplify" => COMPUTE,
        b"statement" | b"statements" | b"following" => STATEMENT,
        b"what" => WHAT | STOP,
        b"which" => WHICH | STOP,
        b"how" => HOW | STOP,
        b"why" => WHY | STOP,
        b"not" => NEGATION | STOP,
        b"no" | b"never" | b"none" | b"cannot" | b"neither" | b"nor" | b"without" | b"except"
        | b"least" | b"incorrect" | b"false" | b"untrue" | b"unlikely" | b"wrong" => NEGATION,
        b"he" | b"she" | b"his" | b"her" | b"they" | b"their" => THIRD | STOP,
        b"him" => THIRD,
        b"was" | b"were" | b"had" => PAST | STOP,
        b"the" | b"a" | b"an" | b"of" | b"to" | b"in" | b"and" | b"is" | b"that" | b"for"
        | b"on" | b"by" | b"with" | b"as" | b"are" | b"be" | b"at" | b"from" | b"this" | b"it"
        | b"or" | b"has" | b"have" | b"but" | b"its" | b"them" | b"we" | b"you" | b"i" | b"who"
        | b"when" | b"where" | b"than" | b"then" | b"there" | b"these" | b"those" | b"if"
        | b"into" | b"can" | b"will" | b"would" | b"may" | b"must" | b"should" | b"could"
        | b"do" | b"does" | b"did" | b"been" | b"being" | b"such" => STOP,
        _ => 0,
    }
}

/// Which set of words a section belongs to.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Option,
    Other,
}

/// What stands in the sections that were scanned so far.
#[derive(Default, Clone)]
pub(super) struct Counts {
    pub(super) words: usize,
    pub(super) numbers: usize,
    pub(super) term_bytes: usize,
    pub(super) vowel_runs: usize,
    pub(super) long_terms: usize,
    pub(super) single_letters: usize,
    pub(super) distinct: usize,
    pub(super) names: usize,
    pub(super) negations: usize,
    pub(super) third_person: usize,
    pub(super) stop_words: usize,
    pub(super) past: usize,
    pub(super) sentence_ends: usize,
    pub(super) uppercase: usize,
    pub(super) digits: usize,
    pub(super) punctuation: usize,
    pub(super) commas: usize,
    pub(super) operators: usize,
    pub(super) latex: usize,
    pub(super) code: usize,
    pub(super) has_blank: bool,
    /// The classes of all words, united.
    pub(super) classes: u16,
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

/// A word as the scan met it.
struct Word {
    bytes: usize,
    hash: u64,
    vowel_runs: usize,
    all_digits: bool,
    /// The folded bytes, as far as a class can depend on them.
    head: [u8; LONGEST_CLASSED],
    ends_in_ed: bool,
}

impl Scan {
    /// Counts a section, and says in which bucket its first word falls.
    pub(super) fn section(&mut self, text: &[u8], part: Part) -> Option<u32> {
        let mut first = None;
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            if is_word_byte(*byte) {
                self.counts.names += usize::from(is_name(text, at));
                let word = self.read(&text[at..]);
                at += word.bytes;
                let bucket = self.meet(&word, part);
                first = first.or(Some(bucket));
            } else {
                self.separator(*byte, text.get(at + 1).copied());
                at += 1;
            }
        }
        first
    }

    fn separator(&mut self, byte: u8, next: Option<u8>) {
        let counts = &mut self.counts;
        counts.punctuation += usize::from(byte.is_ascii_punctuation());
        match byte {
            b'.' | b'!' | b'?' => {
                counts.sentence_ends += usize::from(next.is_none_or(is_space));
            }
            b',' => counts.commas += 1,
            b'=' | b'+' | b'*' | b'/' | b'^' | b'<' | b'>' => counts.operators += 1,
            b'$' | b'\\' => counts.latex += 1,
            b'{' | b'}' | b';' | b'`' => counts.code += 1,
            b'_' => counts.has_blank |= next == Some(b'_'),
            _ => {}
        }
    }

    /// Reads the word that `text` starts with.
    fn read(&mut self, text: &[u8]) -> Word {
        let mut word = Word {
            bytes: 0,
            hash: HASH_START,
            vowel_runs: 0,
            all_digits: true,
            head: [0; LONGEST_CLASSED],
            ends_in_ed: false,
        };
        let mut in_vowels = false;
        let mut previous = 0;
        for byte in text.iter().copied().take_while(|byte| is_word_byte(*byte)) {
            let folded = byte.to_ascii_lowercase();
            word.hash = hash_byte(word.hash, folded);
            if let Some(place) = word.head.get_mut(word.bytes) {
                *place = folded;
            }
            word.bytes += 1;
            let digit = byte.is_ascii_digit();
            word.all_digits &= digit;
            self.counts.digits += usize::from(digit);
            self.counts.uppercase += usize::from(byte.is_ascii_uppercase());
            let vowel = matches!(folded, b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
            word.vowel_runs += usize::from(vowel && !in_vowels);
            in_vowels = vowel;
            word.ends_in_ed = previous == b'e' && folded == b'd';
            previous = folded;
        }
        word
    }

    /// Counts a word and returns its bucket.
    fn meet(&mut self, word: &Word, part: Part) -> u32 {
        let bucket = bucket(word.hash, 12);
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
        if word.all_digits {
            counts.numbers += 1;
            return bucket;
        }
        counts.term_bytes += word.bytes;
        counts.vowel_runs += word.vowel_runs.max(1);
        counts.long_terms += usize::from(word.bytes >= 10);
        counts.single_letters +=
            usize::from(word.bytes == 1 && !matches!(word.head[0], b'a' | b'i'));
        let class = word.head.get(..word.bytes).map_or(0, class_of);
        counts.classes |= class;
        counts.negations += usize::from(class & NEGATION != 0);
        counts.third_person += usize::from(class & THIRD != 0);
        counts.stop_words += usize::from(class & STOP != 0);
        counts.past += usize::from(class & PAST != 0 || word.bytes >= 4 && word.ends_in_ed);
        bucket
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
