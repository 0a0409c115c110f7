//! `surface/2`: its own features, and what it shares with `surface/1`.

use super::surface2::{COUNT, GROUPS, NAMES, measure};
use super::*;
use proptest::prelude::*;

fn values(prompt: &str) -> [f64; COUNT] {
    let mut values = [f64::NAN; COUNT];
    measure(prompt, &mut values);
    values
}

#[track_caller]
fn check(prompt: &str, expected: &[(&str, f64)]) {
    let values = values(prompt);
    for (name, want) in expected {
        let at = NAMES.iter().position(|known| known == name).unwrap();
        let got = values[at];
        assert!((got - want).abs() < 1e-12, "{name} is {got}, not {want}");
    }
}

#[test]
fn every_feature_has_one_name_and_one_of_six_groups() {
    let mut names = NAMES.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), COUNT);
    assert_eq!(NAMES[..surface::COUNT], surface::NAMES);
    let of = |group| GROUPS.iter().filter(|known| **known == group).count();
    let groups = ["options", "shape", "length", "form", "numbers", "discourse"];
    assert_eq!(groups.map(of), [27, 17, 9, 18, 16, 8]);
    let group = |name| GROUPS[NAMES.iter().position(|known| *known == name).unwrap()];
    for (name, want) in [
        ("stem_words_log", "length"),
        ("option_stem_word_share", "options"),
        ("asks_to_compute", "form"),
        ("code_log", "numbers"),
        ("past_share", "discourse"),
        ("option_stop_word_share", "options"),
        ("ing_share", "shape"),
        ("comparison_share", "form"),
        ("years_log", "numbers"),
        ("idea_share", "discourse"),
    ] {
        assert_eq!(group(name), want, "{name}");
    }
}

#[test]
fn options_are_compared_and_told_by_kind() {
    check(
        "Pick.\nA. Red fox (old).\nB. red fox, old\nC. $12 + 5\nD. None of these\nE. 4 false",
        &[
            ("option_bytes_max_log", 14_f64.ln_1p()),
            ("option_bytes_min_log", 7_f64.ln_1p()),
            ("option_words_log", 13_f64.ln_1p()),
            ("option_likeness", 1.0 / 10.0),
            ("option_likeness_max", 1.0),
            ("option_numbers_ordered", 0.0),
            ("option_capital_share", 2.0 / 5.0),
            ("option_full_stop_share", 1.0 / 5.0),
            ("option_comma_share", 1.0 / 5.0),
            ("option_bracket_share", 1.0 / 5.0),
            ("option_formula_share", 1.0 / 5.0),
            ("option_verdict_share", 1.0 / 5.0),
            ("option_summary_share", 1.0 / 5.0),
            ("option_number_start_share", 2.0 / 5.0),
            ("option_term_bytes_mean", (18.0 + 11.0 + 5.0) / 10.0),
            ("option_stop_word_share", 2.0 / 13.0),
        ],
    );
}

#[test]
fn trigrams_of_options_are_compared_whatever_their_case() {
    check(
        "A. abcd\nB. xABCy",
        &[
            // abc, bcd against xab, abc, bcy.
            ("option_trigram_likeness_max", 1.0 / 4.0),
            ("option_likeness_max", 0.0),
        ],
    );
    check(
        "A. ab\nB. cd",
        &[
            ("option_trigram_likeness_max", 0.0),
            ("option_likeness", 0.0),
        ],
    );
}

#[test]
fn first_numbers_of_options_are_in_order_or_not() {
    for (options, want) in [
        ("A. 1 m\nB. 2 m\nC. 2 m\nD. 30 m", 1.0),
        ("A. about 9\nB. x\nC. 5\nD. 5 or 1", 1.0),
        ("A. 1\nB. 3\nC. 2", 0.0),
        ("A. 7\nB. 7\nC. 7", 0.0),
        ("A. 1\nB. 2\nC. x", 0.0),
    ] {
        check(options, &[("option_numbers_ordered", want)]);
    }
}

#[test]
fn sentences_and_questions_of_the_stem_are_measured() {
    check(
        "Who owns it? The term is used there. Red is\n\nA. one?\nB. two?",
        &[
            ("words_log", 12_f64.ln_1p()),
            ("lines_log", 3_f64.ln_1p()),
            ("sentence_words_max_log", 5_f64.ln_1p()),
            // 3, 5 and 2 words: mean 10/3, variance 14/9.
            (
                "sentence_words_spread",
                (14_f64 / 9.0).sqrt() / (13.0 / 3.0),
            ),
            ("last_sentence_words_log", 2_f64.ln_1p()),
            ("stem_distinct_word_share", 9.0 / 10.0),
            ("stem_starts_with_question_word", 1.0),
            ("stem_has_who", 1.0),
            ("stem_has_following", 0.0),
            ("asks_for_definition", 1.0),
            ("stem_ends_open", 1.0),
            ("question_marks_log", 3_f64.ln_1p()),
        ],
    );
}

#[test]
fn shapes_numbers_and_words_of_a_class_are_counted() {
    check(
        "I gave NASA -4 kg and $5.25 in 1969, not 10-3 = \"7\"; biology née more than Two \
         incomprehensibilities running",
        &[
            ("capital_share", 3.0 / 21.0),
            ("acronym_share", 1.0 / 21.0),
            ("short_term_share", 6.0 / 21.0),
            ("polysyllable_share", 1.0 / 21.0),
            ("learned_share", 1.0 / 21.0),
            ("ing_share", 1.0 / 21.0),
            ("abstract_share", 0.0),
            ("stem_numbers_log", 7_f64.ln_1p()),
            ("number_share", 7.0 / 21.0),
            ("largest_number_log", 1969_f64.ln_1p()),
            ("decimals_log", 1_f64.ln_1p()),
            ("money_log", 1_f64.ln_1p()),
            ("equals_log", 1_f64.ln_1p()),
            ("negatives_log", 1_f64.ln_1p()),
            ("years_log", 1_f64.ln_1p()),
            ("numeral_share", 1.0 / 21.0),
            ("unit_share", 1.0 / 21.0),
            ("quotes_log", 2_f64.ln_1p()),
            ("first_person_share", 1.0 / 21.0),
            ("comparison_share", 2.0 / 21.0),
            ("non_ascii_share", 2.0 / 109.0),
        ],
    );
}

#[test]
fn an_empty_prompt_measures_as_zeros_in_both_versions() {
    assert!(values("").iter().all(|value| *value == 0.0));
}

#[test]
fn a_prompt_of_five_megabytes_is_measured_in_linear_time_too() {
    for text in ["word2 ", "A. x\n", "e", "9", "\n", "é?"] {
        let prompt = text.repeat(5_000_000 / text.len());
        assert!(values(&prompt).iter().all(|value| value.is_finite()));
    }
}

#[test]
fn a_step_of_either_version_takes_as_many_factors_as_it_has_features() {
    let scaling = Scaling {
        mean: vec![0.0; COUNT],
        scale: vec![1.0; COUNT],
        weight: 0.5,
    };
    let step = Surface2(scaling.clone());
    let recipe = Recipe::try_new(vec![Step::Surface2(step)]).unwrap();
    assert_eq!(recipe.columns(), COUNT);
    assert_eq!(recipe.column_name(94).unwrap(), "idea_share");
    let mut scratch = FeatureScratch::default();
    let request = RequestRef {
        prompt: Some("A. one\nB. two"),
        ..RequestRef::default()
    };
    recipe.compute(&request, &mut scratch);
    assert_eq!(scratch.entries().len(), COUNT);
    assert_eq!(scratch.entries()[4], (4, 1.0));
    let short = Surface2(Scaling {
        scale: vec![1.0; surface::COUNT],
        ..scaling
    });
    let error = Recipe::try_new(vec![Step::Surface2(short)]).unwrap_err();
    assert_eq!(error.path(), "[0].scale");
}

proptest! {
    #[test]
    fn any_bytes_that_are_text_have_finite_values_and_those_of_the_first_version(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        text in "[ -~\n\r\t]{0,200}|([a-d]?[.)] ?[0-9a-cé\"']{0,9}\n){0,20}",
    ) {
        for prompt in [&*String::from_utf8_lossy(&bytes), &text] {
            let values = values(prompt);
            prop_assert!(values.iter().all(|value| value.is_finite()));
            let mut first = [0.0; surface::COUNT];
            surface::measure(prompt, &mut first);
            prop_assert_eq!(&values[..surface::COUNT], &first[..]);
            let shares = NAMES.iter().zip(values).filter(|(name, _)| name.ends_with("_share"));
            for (name, value) in shares {
                prop_assert!(value >= 0.0 && (value <= 1.0 || *name == "comma_share"), "{name}");
            }
        }
    }
}
