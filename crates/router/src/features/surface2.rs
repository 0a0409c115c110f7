//! `surface/2`: what a prompt looks like, as about a hundred numbers in six groups.
//!
//! Owns the names, groups and measurement of the features that `surface/1` does not have; the first
//! forty are those of [`surface`]. It does not know how they are scaled, nor who asks. Frozen once
//! released: another definition is another step. docs/formats.md defines every feature in words.

use crate::features::classes::Class;
use crate::features::options::{OptionLine, Reading};
use crate::features::surface::{self, flag, has, last_byte, log, share, share_of};
use crate::text::is_word_byte;

/// How many features there are.
pub const COUNT: usize = surface::COUNT + OWN.len();

/// The features' names, in their order: those of `surface/1`, then the others.
pub const NAMES: [&str; COUNT] = names();

/// The group of each feature: options, shape, length, form, numbers or discourse.
pub const GROUPS: [&str; COUNT] = groups();

/// What `surface/1` does not have.
const OWN: [&str; 55] = [
    "option_bytes_max_log",
    "option_bytes_min_log",
    "option_words_log",
    "option_likeness",
    "option_likeness_max",
    "option_trigram_likeness_max",
    "option_numbers_ordered",
    "option_capital_share",
    "option_full_stop_share",
    "option_comma_share",
    "option_bracket_share",
    "option_formula_share",
    "option_verdict_share",
    "option_summary_share",
    "option_number_start_share",
    "option_term_bytes_mean",
    "option_stop_word_share",
    "short_term_share",
    "polysyllable_share",
    "stem_term_bytes_mean",
    "stem_distinct_word_share",
    "capital_share",
    "acronym_share",
    "non_ascii_share",
    "abstract_share",
    "learned_share",
    "ing_share",
    "words_log",
    "lines_log",
    "sentence_words_max_log",
    "sentence_words_spread",
    "last_sentence_words_log",
    "stem_starts_with_question_word",
    "stem_has_who",
    "stem_has_following",
    "stem_has_verdict",
    "asks_for_definition",
    "stem_ends_open",
    "question_marks_log",
    "superlative_share",
    "comparison_share",
    "stem_numbers_log",
    "largest_number_log",
    "decimals_log",
    "money_log",
    "equals_log",
    "negatives_log",
    "number_share",
    "numeral_share",
    "unit_share",
    "years_log",
    "connective_share",
    "quotes_log",
    "first_person_share",
    "idea_share",
];

/// How many features in a row are of a group.
const RUNS: [(usize, &str); 16] = [
    // Those of `surface/1`.
    (4, "length"),
    (10, "options"),
    (6, "shape"),
    (1, "discourse"),
    (1, "shape"),
    (5, "numbers"),
    (1, "form"),
    (1, "numbers"),
    (8, "form"),
    (3, "discourse"),
    // The others.
    (17, "options"),
    (10, "shape"),
    (5, "length"),
    (9, "form"),
    (10, "numbers"),
    (4, "discourse"),
];

const fn names() -> [&'static str; COUNT] {
    let mut all = [""; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = if at < surface::COUNT {
            surface::NAMES[at]
        } else {
            OWN[at - surface::COUNT]
        };
        at += 1;
    }
    all
}

const fn groups() -> [&'static str; COUNT] {
    let mut all = [""; COUNT];
    let (mut at, mut run, mut left) = (0, 0, RUNS[0].0);
    while at < COUNT {
        if left == 0 {
            run += 1;
            left = RUNS[run].0;
        }
        all[at] = RUNS[run].1;
        at += 1;
        left -= 1;
    }
    all
}

/// Measures a prompt: `out[i]` is the raw value of `NAMES[i]`, always finite.
pub fn measure(prompt: &str, out: &mut [f64; COUNT]) {
    let reading = Reading::of(prompt);
    let parts = [
        &surface::values(&reading)[..],
        &option_lengths(&reading),
        &likeness(&reading),
        &option_kinds(&reading),
        &shape(&reading),
        &length(&reading),
        &form(&reading),
        &numbers(&reading),
        &discourse(&reading),
    ];
    for (place, value) in out.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *value;
    }
}

/// From `option_bytes_max_log` to `option_words_log`.
fn option_lengths(reading: &Reading<'_>) -> [f64; 3] {
    let options = reading.options();
    let bytes = || options.iter().map(OptionLine::bytes);
    [
        log(bytes().max().unwrap_or(0)),
        log(bytes().min().unwrap_or(0)),
        log(options.iter().map(|option| option.held.words).sum()),
    ]
}

/// From `option_likeness` to `option_trigram_likeness_max`: of each two options, what they share of
/// what they have.
fn likeness(reading: &Reading<'_>) -> [f64; 3] {
    let options = reading.options();
    let (mut sum, mut most, mut most_trigrams, mut pairs) = (0.0, 0.0_f64, 0.0_f64, 0_usize);
    for (i, option) in options.iter().enumerate() {
        for other in &options[..i] {
            let words = alike(&[option.section.signature], &[other.section.signature]);
            sum += words;
            most = most.max(words);
            most_trigrams = most_trigrams.max(alike(&option.trigrams, &other.trigrams));
            pairs += 1;
        }
    }
    [sum / pairs.max(1) as f64, most, most_trigrams]
}

/// Bits that both have / bits that one has.
fn alike(a: &[u64], b: &[u64]) -> f64 {
    let (mut both, mut either) = (0_usize, 0_usize);
    for (a, b) in a.iter().zip(b) {
        both += (a & b).count_ones() as usize;
        either += (a | b).count_ones() as usize;
    }
    share(both, either)
}

/// From `option_numbers_ordered` to `option_stop_word_share`.
fn option_kinds(reading: &Reading<'_>) -> [f64; 11] {
    let options = reading.options();
    let of_options = |what: &dyn Fn(&OptionLine) -> bool| share_of(options, what);
    let sum = |what: &dyn Fn(&OptionLine) -> usize| options.iter().map(what).sum::<usize>();
    let text = |option: &OptionLine| option.text(reading.text);
    let sums_up = Class::Total.bit();
    [
        flag(in_order(options)),
        of_options(&|option| text(option).first().is_some_and(u8::is_ascii_uppercase)),
        of_options(&|option| text(option).last() == Some(&b'.')),
        of_options(&|option| option.held.commas > 0),
        of_options(&|option| option.held.brackets > 0),
        of_options(&|option| option.held.formulas > 0),
        of_options(&|option| option.held.verdicts > 0),
        of_options(&|option| option.held.above > 0 || option.section.first_classes & sums_up != 0),
        of_options(&|option| starts_as_number(text(option))),
        share(
            sum(&|option| option.held.term_bytes),
            sum(&|option| option.held.terms),
        ),
        share(
            sum(&|option| option.held.stop_words),
            sum(&|option| option.held.words),
        ),
    ]
}

/// Whether at least three options have a number, and their first numbers never fall or never rise,
/// and are not all the same.
fn in_order(options: &[OptionLine]) -> bool {
    let numbers = || (options.iter()).filter_map(|option| option.section.first_number);
    let pairs = || numbers().zip(numbers().skip(1));
    let (rises, falls) = (pairs().any(|(a, b)| a < b), pairs().any(|(a, b)| a > b));
    numbers().count() >= 3 && rises != falls
}

/// Whether it starts with a digit or a point, after one of `- + $ (` or not.
fn starts_as_number(text: &[u8]) -> bool {
    let text = match text {
        [b'-' | b'+' | b'$' | b'(', rest @ ..] => rest,
        _ => text,
    };
    matches!(text, [b'0'..=b'9' | b'.', ..])
}

/// From `short_term_share` to `ing_share`.
fn shape(reading: &Reading<'_>) -> [f64; 10] {
    let (all, stem) = (&reading.scan.counts, &reading.stem);
    let of = |class| share(all.of(class), all.words);
    [
        share(all.short_terms, all.words),
        share(all.polysyllables, all.words),
        share(stem.term_bytes, stem.terms()),
        share(stem.distinct, stem.words),
        share(all.capitals, all.words),
        share(all.acronyms, all.words),
        share(all.high_bytes, reading.text.len()),
        of(Class::Abstract),
        of(Class::Learned),
        of(Class::Ing),
    ]
}

/// From `words_log` to `last_sentence_words_log`.
fn length(reading: &Reading<'_>) -> [f64; 5] {
    let (all, stem) = (&reading.scan.counts, &reading.stem);
    let sentences = &stem.sentences;
    let mean = share(stem.words, sentences.count);
    let square = sentences.squares as f64 / sentences.count.max(1) as f64;
    [
        log(all.words),
        log(all.bytes(b"\n")),
        log(sentences.longest),
        libm::sqrt((square - mean * mean).max(0.0)) / (mean + 1.0),
        log(sentences.last),
    ]
}

/// From `stem_starts_with_question_word` to `comparison_share`.
fn form(reading: &Reading<'_>) -> [f64; 9] {
    let (all, stem) = (&reading.scan.counts, &reading.stem);
    let last = last_byte(reading.stem_text);
    [
        flag(reading.stem_section.first_classes & QUESTION_WORDS != 0),
        has(stem, Class::Who),
        has(stem, Class::Following),
        has(stem, Class::Verdict),
        has(stem, Class::Definition),
        flag(last.is_some_and(is_word_byte)),
        log(all.bytes(b"?")),
        share(all.of(Class::Superlative), all.words),
        share(all.of(Class::Compare), all.words),
    ]
}

const QUESTION_WORDS: u64 = Class::What.bit()
    | Class::Which.bit()
    | Class::How.bit()
    | Class::Why.bit()
    | Class::Who.bit()
    | Class::When.bit();

/// From `stem_numbers_log` to `years_log`.
fn numbers(reading: &Reading<'_>) -> [f64; 10] {
    let (all, stem) = (&reading.scan.counts, &reading.stem);
    [
        log(stem.numbers),
        libm::log1p(all.largest as f64),
        log(all.decimals),
        log(all.money),
        log(all.bytes(b"=")),
        log(all.negatives),
        share(all.numbers, all.words),
        share(all.of(Class::Numeral), all.words),
        share(all.of(Class::Unit), all.words),
        log(all.years),
    ]
}

/// From `connective_share` to the last.
fn discourse(reading: &Reading<'_>) -> [f64; 4] {
    let all = &reading.scan.counts;
    [
        share(all.of(Class::Connective), all.words),
        log(all.bytes(b"\"")),
        share(all.of(Class::Me), all.words),
        share(all.of(Class::Idea), all.words),
    ]
}
