//! `surface/2`: what a prompt looks like, as about a hundred numbers in six groups.
//!
//! Owns the names, groups and measurement of the features that `surface/1` does not have; the first
//! forty are those of [`surface`]. It does not know how they are scaled, nor who asks. Frozen once
//! released: another definition is another step. docs/formats.md defines every feature in words.

use crate::features::classes::Class;
use crate::features::options::{OptionLine, Reading};
use crate::features::scan::Counts;
use crate::features::surface::{self, flag, has, last_byte, log, share, share_of};
use crate::text::is_word_byte;

/// How many features there are.
pub const COUNT: usize = surface::COUNT + OWN.len();

/// The features' names, in their order: those of `surface/1`, then the others.
pub const NAMES: [&str; COUNT] = names();

/// The group of each feature: options, shape, length, form, numbers or discourse.
pub const GROUPS: [&str; COUNT] = groups();

/// What `surface/1` does not have.
const OWN: [&str; 82] = [
    "option_bytes_max_log",
    "option_bytes_min_log",
    "option_words_log",
    "option_likeness",
    "option_likeness_max",
    "option_shared_start_share",
    "option_stem_word_range",
    "option_numeric_share",
    "option_numbers_ordered",
    "option_capital_share",
    "option_full_stop_share",
    "option_comma_share",
    "option_formula_share",
    "option_verdict_share",
    "option_summary_share",
    "option_term_bytes_mean",
    "option_stop_word_share",
    "term_bytes_spread",
    "short_term_share",
    "polysyllable_share",
    "stem_term_bytes_mean",
    "capital_share",
    "acronym_share",
    "mixed_term_share",
    "hyphen_share",
    "bracket_share",
    "colon_share",
    "non_ascii_share",
    "abstract_share",
    "learned_share",
    "doctrine_share",
    "adjective_share",
    "adverb_share",
    "ing_share",
    "words_log",
    "lines_log",
    "sentence_words_max_log",
    "sentence_words_spread",
    "last_sentence_words_log",
    "stem_starts_with_question_word",
    "stem_starts_with_order",
    "stem_has_who",
    "stem_has_when_or_where",
    "stem_has_following",
    "labels_log",
    "stem_ends_in_colon",
    "stem_ends_in_full_stop",
    "stem_ends_open",
    "question_marks_log",
    "question_negated",
    "shouted_log",
    "superlative_share",
    "supposition_share",
    "modal_share",
    "comparison_share",
    "stem_has_verdict",
    "stem_refers_to_text",
    "stem_numbers_log",
    "largest_number_log",
    "decimals_log",
    "percents_log",
    "money_log",
    "fractions_log",
    "equals_log",
    "negatives_log",
    "calls_log",
    "roman_share",
    "numeral_share",
    "unit_share",
    "quantity_share",
    "formal_share",
    "years_log",
    "connective_share",
    "cause_share",
    "hedge_share",
    "quotes_log",
    "apostrophe_share",
    "first_person_share",
    "second_person_share",
    "people_share",
    "society_share",
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
    (17, "shape"),
    (5, "length"),
    (18, "form"),
    (15, "numbers"),
    (10, "discourse"),
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

/// From `option_likeness` to `option_stem_word_range`.
fn likeness(reading: &Reading<'_>) -> [f64; 4] {
    let options = reading.options();
    let (mut sum, mut most, mut pairs) = (0.0, 0.0_f64, 0_usize);
    for (i, option) in options.iter().enumerate() {
        for other in &options[..i] {
            let (a, b) = (option.section.signature, other.section.signature);
            let alike = share((a & b).count_ones() as usize, (a | b).count_ones() as usize);
            sum += alike;
            most = most.max(alike);
            pairs += 1;
        }
    }
    let mut starts = 0.0;
    for pair in options.windows(2) {
        let [a, b] = [&pair[0], &pair[1]].map(|option| {
            let text = option.text(reading.text);
            &text[..text.len().min(MOST_COMPARED)]
        });
        let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        starts += share(same, a.len().min(b.len()));
    }
    let in_stem = options
        .iter()
        .map(|option| share(option.held.in_stem, option.held.words));
    let highest = in_stem.clone().fold(0.0, f64::max);
    let lowest = in_stem.fold(1.0, f64::min);
    [
        sum / pairs.max(1) as f64,
        most,
        starts / options.len().saturating_sub(1).max(1) as f64,
        (highest - lowest).max(0.0),
    ]
}

/// No more bytes of two neighbouring options are compared.
const MOST_COMPARED: usize = 64;

/// From `option_numeric_share` to `option_stop_word_share`.
fn option_kinds(reading: &Reading<'_>) -> [f64; 10] {
    let options = reading.options();
    let of_options = |what: &dyn Fn(&OptionLine) -> bool| share_of(options, what);
    let sum = |what: &dyn Fn(&OptionLine) -> usize| options.iter().map(what).sum::<usize>();
    let text = |option: &OptionLine| option.text(reading.text);
    let sums_up = Class::Total.bit();
    [
        of_options(&|option| {
            option.held.digits > 0 && option.held.terms == option.held.short_terms
        }),
        flag(in_order(options)),
        of_options(&|option| text(option).first().is_some_and(u8::is_ascii_uppercase)),
        of_options(&|option| text(option).last() == Some(&b'.')),
        of_options(&|option| option.held.commas > 0),
        of_options(&|option| option.held.formulas > 0),
        of_options(&|option| option.held.verdicts > 0),
        of_options(&|option| option.held.above > 0 || option.section.first_classes & sums_up != 0),
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

/// From `term_bytes_spread` to `ing_share`.
fn shape(reading: &Reading<'_>) -> [f64; 17] {
    let (all, stem) = (&reading.scan.counts, &reading.stem);
    let of = |class| share(all.of(class), all.words);
    [
        spread(all.term_squares, all.term_bytes, all.terms()),
        share(all.short_terms, all.words),
        share(all.polysyllables, all.words),
        share(stem.term_bytes, stem.terms()),
        share(all.capitals, all.words),
        share(all.acronyms, all.words),
        share(all.mixed_terms, all.words),
        share(all.hyphens, all.words),
        share(all.bytes(b"()[]"), all.words),
        share(all.bytes(b":;"), all.words),
        share(all.high_bytes, reading.text.len()),
        of(Class::Abstract),
        of(Class::Learned),
        of(Class::Doctrine),
        of(Class::Adjective),
        of(Class::Adverb),
        of(Class::Ing),
    ]
}

/// The population standard deviation of `count` whole numbers, from their squares' sum and their
/// own; 0 for none.
fn spread(squares: u64, sum: usize, count: usize) -> f64 {
    let mean = share(sum, count);
    let square = squares as f64 / count.max(1) as f64;
    libm::sqrt((square - mean * mean).max(0.0))
}

/// From `words_log` to `last_sentence_words_log`.
fn length(reading: &Reading<'_>) -> [f64; 5] {
    let (all, stem) = (&reading.scan.counts, &reading.stem);
    let sentences = &stem.sentences;
    let mean = share(stem.words, sentences.count);
    [
        log(all.words),
        log(all.bytes(b"\n")),
        log(sentences.longest),
        spread(sentences.squares, stem.words, sentences.count) / (mean + 1.0),
        log(sentences.last.words),
    ]
}

/// From `stem_starts_with_question_word` to `stem_refers_to_text`.
fn form(reading: &Reading<'_>) -> [f64; 18] {
    let (all, stem) = (&reading.scan.counts, &reading.stem);
    let of = |class| share(all.of(class), all.words);
    let starts = |classes: &[Class]| {
        let bits = classes.iter().fold(0, |bits, class| bits | class.bit());
        flag(reading.stem_section.first_classes & bits != 0)
    };
    let last = last_byte(reading.stem_text);
    [
        starts(&[
            Class::What,
            Class::Which,
            Class::How,
            Class::Why,
            Class::Who,
            Class::When,
        ]),
        starts(&[Class::Order, Class::Compute]),
        has(stem, Class::Who),
        has(stem, Class::When),
        has(stem, Class::Following),
        log(all.of(Class::Label)),
        flag(last == Some(b':')),
        flag(last == Some(b'.')),
        flag(last.is_some_and(is_word_byte)),
        log(all.bytes(b"?")),
        flag(stem.sentences.last.negations > 0),
        log(all.shouted),
        of(Class::Superlative),
        of(Class::Suppose),
        of(Class::Modal),
        of(Class::Compare),
        has(stem, Class::Verdict),
        has(stem, Class::Source),
    ]
}

/// From `stem_numbers_log` to `years_log`.
fn numbers(reading: &Reading<'_>) -> [f64; 15] {
    let (all, stem) = (&reading.scan.counts, &reading.stem);
    let of = |class| share(all.of(class), all.words);
    [
        log(stem.numbers),
        libm::log1p(all.largest as f64),
        log(all.decimals),
        log(all.bytes(b"%")),
        log(all.money),
        log(all.fractions),
        log(all.bytes(b"=")),
        log(all.negatives),
        log(all.calls),
        of(Class::Roman),
        of(Class::Numeral),
        of(Class::Unit),
        of(Class::Quantity),
        of(Class::Formal),
        log(all.years),
    ]
}

/// From `connective_share` to the last.
fn discourse(reading: &Reading<'_>) -> [f64; 10] {
    let all: &Counts = &reading.scan.counts;
    let of = |class| share(all.of(class), all.words);
    [
        of(Class::Connective),
        of(Class::Cause),
        of(Class::Hedge),
        log(all.bytes(b"\"")),
        share(all.apostrophes, all.words),
        of(Class::Me),
        of(Class::You),
        of(Class::People),
        of(Class::Society),
        of(Class::Idea),
    ]
}
