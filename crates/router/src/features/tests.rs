use super::*;
use proptest::prelude::*;

fn surface_of(prompt: &str) -> [f64; surface::COUNT] {
    let mut values = [f64::NAN; surface::COUNT];
    surface::measure(prompt, &mut values);
    values
}

fn value(prompt: &str, name: &str) -> f64 {
    let at = surface::NAMES.iter().position(|n| *n == name).unwrap();
    surface_of(prompt)[at]
}

#[track_caller]
fn check(prompt: &str, expected: &[(&str, f64)]) {
    for (name, want) in expected {
        let got = value(prompt, name);
        assert!((got - want).abs() < 1e-12, "{name} is {got}, not {want}");
    }
}

fn words(bits: u8) -> Words {
    Words {
        bits,
        idf: vec![1.5; 1 << bits],
        weight: 1.0,
    }
}

fn surface_step() -> Surface {
    Surface(Scaling {
        mean: vec![1.0; surface::COUNT],
        scale: vec![2.0; surface::COUNT],
        weight: 0.5,
    })
}

fn recipe() -> Recipe {
    let tag = Tag {
        values: vec!["math".into(), "code".into()],
    };
    Recipe::try_new(vec![
        Step::Surface(surface_step()),
        Step::Words(words(6)),
        Step::Tag(tag),
    ])
    .unwrap()
}

fn request<'a>(prompt: &'a str, task: Option<&'a str>) -> RequestRef<'a> {
    RequestRef {
        prompt: Some(prompt),
        task,
        ..RequestRef::default()
    }
}

fn row(recipe: &Recipe, prompt: &str, task: Option<&str>) -> Vec<(u32, f64)> {
    let mut scratch = FeatureScratch::default();
    recipe.compute(&request(prompt, task), &mut scratch);
    scratch.entries().to_vec()
}

#[test]
fn options_and_stem_are_told_apart() {
    let prompt = "Why does Anna, or Bob Miller, NOT see the following? 12 = x\n\
                  A. the red fox \r\n (b) not 7 foxes\nc) the red\nAnswer:";
    check(
        prompt,
        &[
            ("prompt_bytes_log", (prompt.len() as f64).ln_1p()),
            ("stem_words_log", 13_f64.ln()),
            ("stem_sentences_log", 2_f64.ln()),
            ("words_per_sentence_log", 13_f64.ln()),
            ("options", 3.0),
            ("option_bytes_mean_log", (32_f64 / 3.0).ln()),
            // Bytes 11, 11 and 7, mean 29/3, variance 32/9.
            (
                "option_bytes_spread",
                (32_f64 / 9.0).sqrt() / (29.0 / 3.0 + 1.0),
            ),
            ("option_digit_share", 1.0 / 3.0),
            ("option_single_word_share", 0.0),
            ("option_repeated_word_share", 2.0 / 8.0),
            ("option_stem_word_share", 3.0 / 8.0),
            ("option_negated_share", 1.0 / 3.0),
            ("option_repeated_start_share", 1.0 / 3.0),
            ("option_to_stem_log", (30_f64 / 61.0).ln()),
            ("stem_ends_in_question_mark", 0.0),
            ("stem_has_statements", 1.0),
            ("stem_has_why", 1.0),
            ("stem_has_what", 0.0),
            ("name_share", 3.0 / 12.0),
            ("negations_log", 3_f64.ln()),
            ("numbers_log", 3_f64.ln()),
            ("single_letter_share", 1.0 / 21.0),
            ("operators_log", 2_f64.ln()),
        ],
    );
}

#[test]
fn one_line_that_looks_like_an_option_is_none() {
    check(
        "Read:\nA. one\nB.two\nK. three",
        &[("options", 0.0), ("option_single_word_share", 0.0)],
    );
    check("1: a\n\t2) b\n(3. c", &[("options", 3.0)]);
    let many = "a) x\n".repeat(40);
    check(&many, &[("options", 16.0)]);
}

#[test]
fn terms_marks_and_classes_are_counted() {
    check(
        "Compute $x^2$; he walked red1 __ {3, 14}?  ",
        &[
            ("asks_to_compute", 1.0),
            ("latex_log", 3_f64.ln()),
            ("code_log", 4_f64.ln()),
            ("has_blank", 1.0),
            ("third_person_share", 1.0 / 8.0),
            ("stop_word_share", 1.0 / 8.0),
            ("past_share", 1.0 / 8.0),
            ("digit_share", 5.0 / 43.0),
            ("uppercase_share", 1.0 / 43.0),
            ("comma_share", 1.0 / 8.0),
            ("term_bytes_mean", 20.0 / 5.0),
            // compute: o, u, e; x: none is one; he: e; walked: a, e; red1: e.
            ("vowel_runs_per_term", 8.0 / 5.0),
            ("stem_ends_in_question_mark", 1.0),
            ("distinct_word_share", 1.0),
        ],
    );
    check(
        "Naïveté naïveté incomprehensible",
        &[
            ("long_term_share", 1.0 / 3.0),
            ("distinct_word_share", 2.0 / 3.0),
            // Bytes from 0x80 break a run of vowels: na ï ve té.
            ("vowel_runs_per_term", (2.0 + 2.0 + 6.0) / 3.0),
        ],
    );
}

#[test]
fn an_empty_prompt_measures_as_zeros() {
    let values = surface_of("");
    assert!(values.iter().all(|value| *value == 0.0), "{values:?}");
}

#[test]
fn surface_values_are_centred_scaled_cut_and_weighted() {
    let entries = row(&recipe(), "A. one\nB. two\nC. three\nD. four", None);
    // 4 options: (4 - 1) * 2 is cut at 4, times 0.5.
    assert_eq!(entries[4], (4, 2.0));
    // No blank: (0 - 1) * 2 * 0.5.
    assert_eq!(entries[32], (32, -1.0));
}

#[test]
fn words_and_pairs_stand_in_order_of_appearance() {
    let step = words(18);
    let mut scratch = FeatureScratch::default();
    let counts = word_counts(18, "Red, red FOX", &mut scratch).to_vec();
    let place = |gram: &[u8]| {
        let hash = gram.iter().fold(crate::text::HASH_START, |h, b| {
            crate::text::hash_byte(h, *b)
        });
        let place = crate::text::bucket(hash, 19);
        (place / 2, if place % 2 == 1 { 1 } else { -1 })
    };
    let column = |gram| place(gram).0;
    let want = [&b"red"[..], b"red red", b"fox", b"red fox"].map(place);
    let times = [2, 1, 1, 1];
    let signed: Vec<_> = (want.iter().zip(times))
        .map(|((c, sign), n)| (*c, sign * n))
        .collect();
    assert_eq!(counts, signed);
    assert!(counts.iter().any(|(_, n)| *n < 0) && counts.iter().any(|(_, n)| *n > 0));
    let recipe = Recipe::try_new(vec![Step::Words(step)]).unwrap();
    let entries = row(&recipe, "Red, red FOX", None);
    let first = 1.0 + 2_f64.ln();
    let norm = (first * first + 3.0).sqrt();
    for ((entry, (column, sign)), size) in entries.iter().zip(want).zip([first, 1.0, 1.0, 1.0]) {
        assert_eq!(entry.0, column);
        assert!((entry.1 - f64::from(sign) * size / norm).abs() < 1e-15);
    }
    let found = recipe.words_of("Red, red FOX. RED fox", column(b"red fox"));
    assert_eq!(found, ["red fox"]);
}

#[test]
fn an_idf_of_zero_gives_zeros_instead_of_a_division() {
    let mut step = words(4);
    step.idf.fill(0.0);
    let recipe = Recipe::try_new(vec![Step::Words(step)]).unwrap();
    let entries = row(&recipe, "red fox", None);
    assert!(!entries.is_empty() && entries.iter().all(|(_, value)| *value == 0.0));
}

#[test]
fn columns_have_names_and_tasks_their_own() {
    let recipe = recipe();
    assert_eq!(recipe.columns(), 40 + 64 + 2);
    let name = |column| recipe.column_name(column).unwrap();
    assert_eq!(
        [name(0), name(40), name(103), name(105)],
        ["prompt_bytes_log", "word#0", "word#63", "task=code"]
    );
    assert_eq!(recipe.column_name(106), None);
    assert_eq!(row(&recipe, "", Some("code")).last(), Some(&(105, 1.0)));
    for task in [None, Some("Code"), Some("law")] {
        assert_eq!(row(&recipe, "", task).len(), 40);
    }
    assert!(recipe.words_of("red", 105).is_empty());
}

#[test]
fn broken_steps_are_refused_by_place() {
    let surface = |change: fn(&mut Surface)| {
        let mut step = surface_step();
        change(&mut step);
        Step::Surface(step)
    };
    let words_step = |change: fn(&mut Words)| {
        let mut step = words(4);
        change(&mut step);
        Step::Words(step)
    };
    let tag = |values: &[&str]| {
        Step::Tag(Tag {
            values: values.iter().map(ToString::to_string).collect(),
        })
    };
    let cases = [
        (vec![surface(|s| s.0.mean.truncate(3))], "[0].mean"),
        (vec![surface(|s| s.0.mean[2] = f32::NAN)], "[0].mean"),
        (vec![surface(|s| s.0.scale[2] = -1.0)], "[0].scale"),
        (vec![surface(|s| s.0.weight = f32::INFINITY)], "[0].weight"),
        (vec![words_step(|w| w.bits = 3)], "[0].bits"),
        (vec![words_step(|w| w.bits = 200)], "[0].bits"),
        (vec![words_step(|w| w.idf.truncate(9))], "[0].idf"),
        (vec![words_step(|w| w.idf[0] = f32::INFINITY)], "[0].idf"),
        (vec![words_step(|w| w.weight = -1.0)], "[0].weight"),
        (vec![tag(&["a", "b", "a"])], "[0].values[2]"),
        (vec![tag(&["a"]), tag(&["b"])], "[1]"),
    ];
    for (steps, path) in cases {
        assert_eq!(Recipe::try_new(steps).unwrap_err().path(), path);
    }
}

#[test]
fn a_prompt_of_five_megabytes_is_measured_in_linear_time() {
    for text in ["word2 ", "A. x\n", "e", "\n", "é?"] {
        let prompt = text.repeat(5_000_000 / text.len());
        let entries = row(&recipe(), &prompt, None);
        assert!(entries.iter().all(|(_, value)| value.is_finite()));
    }
}

proptest! {
    #[test]
    fn any_prompt_has_a_finite_row_within_the_columns(prompt in "\\PC{0,200}|[ -~\n\r\t]{0,200}", task in "[a-z]{0,4}") {
        let recipe = recipe();
        let entries = row(&recipe, &prompt, Some(&task));
        let mut columns: Vec<_> = entries.iter().map(|(column, _)| *column).collect();
        prop_assert!(entries.iter().all(|(_, value)| value.is_finite()));
        prop_assert!(columns.iter().all(|column| (*column as usize) < recipe.columns()));
        columns.sort_unstable();
        columns.dedup();
        prop_assert_eq!(columns.len(), entries.len());
        let squares: f64 = entries.iter().filter(|(c, _)| (40..104).contains(c)).map(|(_, v)| v * v).sum();
        prop_assert!((squares - 1.0).abs() < 1e-12 || squares == 0.0);
    }

    #[test]
    fn words_do_not_depend_on_ascii_case(prompt in ".{0,80}") {
        let recipe = Recipe::try_new(vec![Step::Words(words(10))]).unwrap();
        prop_assert_eq!(
            row(&recipe, &prompt, None),
            row(&recipe, &prompt.to_ascii_uppercase(), None)
        );
        for (name, (a, b)) in surface::NAMES.iter().zip(
            surface_of(&prompt).into_iter().zip(surface_of(&prompt.to_ascii_lowercase())),
        ) {
            prop_assert!(a == b || ["uppercase_share", "name_share"].contains(name), "{name}");
        }
    }

    #[test]
    fn a_used_scratch_gives_the_same_row_as_a_new_one(first in ".{0,60}", second in ".{0,60}") {
        let recipe = recipe();
        let mut scratch = FeatureScratch::default();
        recipe.compute(&request(&first, Some("math")), &mut scratch);
        recipe.compute(&request(&second, None), &mut scratch);
        prop_assert_eq!(scratch.entries(), &row(&recipe, &second, None)[..]);
    }
}

#[test]
fn a_column_whose_grams_cancel_is_left_out() {
    // With 16 columns some word has the opposite sign in the same column.
    let step = words(4);
    let mut scratch = FeatureScratch::default();
    let mut single = |word: &str| word_counts(4, word, &mut scratch)[0];
    let (column, sign) = single("w0");
    let other = (1..500)
        .map(|i| format!("w{i}"))
        .find(|word| single(word) == (column, -sign))
        .unwrap();
    let idf = vec![1.0; 16];
    let step = Words { idf, ..step };
    let prompt = format!("w0 {other}");
    let pair =
        word_counts(4, "w0", &mut scratch).len() + word_counts(4, &other, &mut scratch).len();
    assert_eq!(pair, 2);
    // Only the pair itself is left, wherever it falls.
    assert_eq!(word_counts(4, &prompt, &mut scratch).len(), 1);
    let recipe = Recipe::try_new(vec![Step::Words(step)]).unwrap();
    assert_eq!(row(&recipe, &prompt, None).len(), 1);
    assert!(recipe.words_of(&prompt, column).contains(&other));
}
