//! `surface/1`: what a prompt looks like, as forty numbers.
//!
//! Owns their names, definitions and measurement. It does not know how they are scaled, nor who
//! asks. The table below is frozen: another definition is another step, as [`super::surface2`] is.
//!
//! # Terms
//! All on UTF-8 bytes; only ASCII letters have a case.
//! - *word*: a run of ASCII letters, digits and bytes from 0x80; *number*: a word of digits alone;
//!   *term*: any other word. Words are compared after folding.
//! - *option*: a line that starts with spaces or tabs or none, then `(` or not, one of `A-J a-j 1-9`,
//!   one of `. ) :` and at least one space or tab; what follows on the line, without spaces, tabs
//!   and carriage returns at its end, is the option's text. The first sixteen such lines count. Fewer than
//!   two are none.
//! - *stem*: the bytes before the first option's line; the whole prompt if there are no options.
//!   Option texts are one kind of section, the stem and what stands between and after the options
//!   another; nothing is looked for across a section's ends, and the options' marks (`A. `) and
//!   trimmed ends belong to none.
//! - *met before*: of the two sets of words, those of option texts and those of other sections,
//!   each holds 4,096 buckets; a word is in a set if its bucket (the top 12 bits of `m` as
//!   `words/1` defines it) is.
//! - *log*: `ln(1 + x)`. *Share of*: a quotient; a denominator of 0 is taken as 1.
//!
//! | name | value | range |
//! |---|---|---|
//! | `prompt_bytes_log` | log of the prompt's bytes | 0.. |
//! | `stem_words_log` | log of the stem's words | 0.. |
//! | `stem_sentences_log` | log of the stem's sentence ends: `. ! ?` before a space, tab, carriage return, line feed or the section's end | 0.. |
//! | `words_per_sentence_log` | log of the stem's words / sentence ends (0 as 1) | 0.. |
//! | `options` | options | 0, 2-16 |
//! | `option_bytes_mean_log` | log of the mean bytes of an option | 0.. |
//! | `option_bytes_spread` | population standard deviation of the options' bytes / (mean + 1) | 0..4 |
//! | `option_to_stem_log` | ln((bytes of options + 1) / (bytes of stem + 1)) | real |
//! | `option_digit_share` | options with a digit / options | 0-1 |
//! | `option_single_word_share` | options of at most one word / options | 0-1 |
//! | `option_repeated_word_share` | options' words met before in an option (the same one too) / options' words | 0-1 |
//! | `option_stem_word_share` | options' words met before outside options / options' words | 0-1 |
//! | `option_negated_share` | options with a negation / options | 0-1 |
//! | `option_repeated_start_share` | options whose first word's bucket is an earlier option's (no word is a start too) / options | 0-1 |
//! | `term_bytes_mean` | bytes of terms / terms | 0.. |
//! | `vowel_runs_per_term` | sum over terms of max(1, runs of a e i o u y) / terms | 0.. |
//! | `long_term_share` | terms of 10 bytes or more / words | 0-1 |
//! | `distinct_word_share` | words met before nowhere / words | 0-1 |
//! | `uppercase_share` | A-Z / bytes of the prompt | 0-1 |
//! | `punctuation_share` | ASCII punctuation / bytes of the prompt | 0-1 |
//! | `name_share` | in the stem, A-Z then a-z after a space that follows a-z or a comma / stem's words | 0-1 |
//! | `comma_share` | commas / words | 0.. |
//! | `digit_share` | digits / bytes of the prompt | 0-1 |
//! | `numbers_log` | log of the numbers | 0.. |
//! | `operators_log` | log of the bytes `= + * / ^ < >` | 0.. |
//! | `latex_log` | log of the bytes `$ \` | 0.. |
//! | `single_letter_share` | terms of one letter but a and i / words | 0-1 |
//! | `asks_to_compute` | 1 if the stem has: find, calculate, compute, solve, evaluate, determine, estimate, many, much, value, sum, prove, simplify | 0, 1 |
//! | `code_log` | log of the bytes `{ } ;` and the grave accent | 0.. |
//! | `negations_log` | log of the negations: not, no, never, none, cannot, neither, nor, without, except, least, incorrect, false, untrue, unlikely, wrong | 0.. |
//! | `stem_has_statements` | 1 if the stem has: statement, statements, following | 0, 1 |
//! | `stem_ends_in_question_mark` | 1 if the stem, without white space at its end, ends so | 0, 1 |
//! | `has_blank` | 1 if a section has `__` | 0, 1 |
//! | `stem_has_what` `_which` `_how` `_why` | 1 if the stem has the word | 0, 1 |
//! | `third_person_share` | he, she, his, her, him, they, their / words | 0-1 |
//! | `stop_word_share` | stop words / words: the a an of to in and is that for on by with as are be at from this it which or was were has have had not but their its his her he she they them we you i who what when where how why than then there these those if into can will would may must should could do does did been being such | 0-1 |
//! | `past_share` | was, were, had, and terms of 4 bytes or more that end in ed / words | 0-1 |

use crate::features::classes::Class;
use crate::features::options::{OptionLine, Reading};
use crate::features::scan::{Counts, is_space};

/// How many features there are.
pub const COUNT: usize = 40;

/// The features' names, in their order.
pub const NAMES: [&str; COUNT] = [
    "prompt_bytes_log",
    "stem_words_log",
    "stem_sentences_log",
    "words_per_sentence_log",
    "options",
    "option_bytes_mean_log",
    "option_bytes_spread",
    "option_to_stem_log",
    "option_digit_share",
    "option_single_word_share",
    "option_repeated_word_share",
    "option_stem_word_share",
    "option_negated_share",
    "option_repeated_start_share",
    "term_bytes_mean",
    "vowel_runs_per_term",
    "long_term_share",
    "distinct_word_share",
    "uppercase_share",
    "punctuation_share",
    "name_share",
    "comma_share",
    "digit_share",
    "numbers_log",
    "operators_log",
    "latex_log",
    "single_letter_share",
    "asks_to_compute",
    "code_log",
    "negations_log",
    "stem_has_statements",
    "stem_ends_in_question_mark",
    "has_blank",
    "stem_has_what",
    "stem_has_which",
    "stem_has_how",
    "stem_has_why",
    "third_person_share",
    "stop_word_share",
    "past_share",
];

/// Measures a prompt: `out[i]` is the raw value of `NAMES[i]`, always finite.
pub fn measure(prompt: &str, out: &mut [f64; COUNT]) {
    *out = values(&Reading::of(prompt));
}

/// The values of a prompt that was read.
pub(super) fn values(reading: &Reading<'_>) -> [f64; COUNT] {
    let Reading { scan, stem, .. } = reading;
    let mut out = [0.0; COUNT];
    out[0] = log(reading.text.len());
    out[1..4].copy_from_slice(&stem_shape(stem));
    out[4..14].copy_from_slice(&option_values(reading));
    out[14..29].copy_from_slice(&prompt_values(&scan.counts, stem, reading.text.len()));
    out[29..].copy_from_slice(&form_values(&scan.counts, stem, reading.stem_text));
    out
}

/// From the second feature to `words_per_sentence_log`.
fn stem_shape(stem: &Counts) -> [f64; 3] {
    [
        log(stem.words),
        log(stem.sentence_ends),
        libm::log1p(share(stem.words, stem.sentence_ends)),
    ]
}

/// From `options` to `option_repeated_start_share`.
fn option_values(reading: &Reading<'_>) -> [f64; 10] {
    let options = reading.options();
    let count = options.len();
    let of_options = |what: &dyn Fn(&OptionLine) -> bool| share_of(options, what);
    let words = options.iter().map(|option| option.held.words).sum();
    let bytes: usize = options.iter().map(OptionLine::bytes).sum();
    let mean = share(bytes, count);
    let square = options
        .iter()
        .map(|option| (option.bytes() as f64) * (option.bytes() as f64))
        .sum::<f64>()
        / count.max(1) as f64;
    let repeated = (0..count)
        .filter(|i| {
            let first = options[*i].section.first_word;
            let earlier = &mut options[..*i].iter();
            earlier.any(|other| other.section.first_word == first)
        })
        .count();
    [
        count as f64,
        libm::log1p(mean),
        libm::sqrt((square - mean * mean).max(0.0)) / (mean + 1.0),
        libm::log((bytes + 1) as f64 / (reading.stem_text.len() + 1) as f64),
        of_options(&|option| option.held.digits > 0),
        of_options(&|option| option.held.words <= 1),
        share(reading.scan.option_words_repeated, words),
        share(reading.scan.option_words_in_stem, words),
        of_options(&|option| option.held.negations > 0),
        share(repeated, count),
    ]
}

/// From `term_bytes_mean` to `code_log`.
fn prompt_values(all: &Counts, stem: &Counts, bytes: usize) -> [f64; 15] {
    [
        share(all.term_bytes, all.terms()),
        share(all.vowel_runs, all.terms()),
        share(all.long_terms, all.words),
        share(all.distinct, all.words),
        share(all.uppercase, bytes),
        share(all.punctuation(), bytes),
        share(stem.names, stem.words),
        share(all.bytes(b","), all.words),
        share(all.digits, bytes),
        log(all.numbers),
        log(all.bytes(b"=+*/^<>")),
        log(all.bytes(b"$\\")),
        share(all.single_letters, all.words),
        has(stem, Class::Compute),
        log(all.bytes(b"{};`")),
    ]
}

/// From `negations_log` to the last.
fn form_values(all: &Counts, stem: &Counts, stem_text: &[u8]) -> [f64; 11] {
    [
        log(all.of(Class::Negation)),
        flag(stem.of(Class::Label) + stem.of(Class::Following) > 0),
        flag(last_byte(stem_text) == Some(b'?')),
        flag(all.has_blank),
        has(stem, Class::What),
        has(stem, Class::Which),
        has(stem, Class::How),
        has(stem, Class::Why),
        share(all.of(Class::Third), all.words),
        share(all.of(Class::Stop), all.words),
        share(all.of(Class::Past), all.words),
    ]
}

/// The last byte but white space.
pub(super) fn last_byte(text: &[u8]) -> Option<u8> {
    text.iter().copied().rfind(|byte| !is_space(*byte))
}

/// The share of the options for which this holds.
pub(super) fn share_of(options: &[OptionLine], what: impl Fn(&OptionLine) -> bool) -> f64 {
    let count = options.iter().filter(|option| what(option)).count();
    share(count, options.len())
}

pub(super) fn has(counts: &Counts, class: Class) -> f64 {
    flag(counts.of(class) > 0)
}

pub(super) fn log(count: usize) -> f64 {
    libm::log1p(count as f64)
}

pub(super) fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

pub(super) fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}
