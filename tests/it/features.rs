//! The surface features of Rust and of the one-file Python loader, on prompts of many kinds.

use std::io::Write;
use std::process::Stdio;

use rand::Rng;
use weighbridge::stats::Keyed;
use weighbridge_router::surface2::{COUNT, NAMES, measure};

use crate::support::{python, root};

/// Reads JSON texts, one a line, and writes the values of each as little-endian doubles.
const DRIVER: &str = "
import json, struct, sys
sys.dont_write_bytecode = True
sys.path.insert(0, 'gateways/python')
import weighbridge_router as loader
assert loader.SURFACE_2_NAMES == sys.argv[1].split(), 'other names'
for line in sys.stdin:
    values = loader.surface_2(loader.Reading(json.loads(line)))
    sys.stdout.buffer.write(struct.pack(f'<{len(values)}d', *values))
";

/// What prompts are put together from, beside every word that has a class.
const PIECES: &[&str] = &[
    " ",
    " ",
    " ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    ".",
    ". ",
    "? ",
    "! ",
    ", ",
    "; ",
    ": ",
    "\"",
    "'",
    "(",
    ")",
    "[x]",
    "{y}",
    "`z`",
    "$",
    "$5",
    "\\frac",
    "x^2",
    "f(x)",
    "=",
    "+",
    "-",
    "-7",
    "well-known",
    "don't",
    "1/2",
    "3.14",
    "1,000",
    "50%",
    "1999",
    "2100",
    "0",
    "12345678901234567",
    "H2O",
    "___",
    "NASA",
    "Anna",
    "of Miller",
    "A. ",
    "\nA. ",
    "\nB) ",
    "\n(c) ",
    "\n D: ",
    "\n2. ",
    "\nA.",
    "naïve",
    "Überraschung",
    "привет",
    "ПРИВЕТ",
    "漢字",
    "かな",
    "مرحبا",
    "שלום",
    "नमस्ते",
    "😀",
    "👩‍👩‍👧",
    "é",
    "biology",
    "SYNTHESIS",
    "incomprehensibilities",
    "fn main() { x += 1; }",
    "a",
    "I",
    "q",
    "\u{0}",
];

/// A prompt by its number: the same in every run.
fn prompt(number: usize, words: &[&str]) -> String {
    let mut draws = Keyed::new(7, "prompt", &number.to_le_bytes());
    let length = draws.gen_range(0..90);
    let mut text = String::new();
    for _ in 0..length {
        let word = words[draws.gen_range(0..words.len())];
        match draws.gen_range(0..8) {
            0 => text.push_str(&word.to_uppercase()),
            1..=3 => text.push_str(word),
            _ => text.push_str(PIECES[draws.gen_range(0..PIECES.len())]),
        }
        if draws.gen_range(0..3) > 0 {
            text.push(' ');
        }
    }
    text
}

/// The words between quotation marks of the lists of classes, so that none is left out.
fn listed_words() -> String {
    let path = root().join("crates/router/src/features/classes.rs");
    let source = std::fs::read_to_string(path).unwrap();
    let lists = source.split('"').skip(1).step_by(2);
    lists.collect::<Vec<_>>().join(" ").replace('\\', " ")
}

/// Both measure the prompts alike. Logarithms are any good library's, and may differ in the last
/// digit.
fn agree(prompts: &[String]) {
    let Some(mut python) = python() else { return };
    let mut child = python
        .args(["-c", DRIVER, &NAMES.join(" ")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<u8> = prompts
        .iter()
        .flat_map(|prompt| format!("{}\n", serde_json::json!(prompt)).into_bytes())
        .collect();
    let writer = std::thread::spawn(move || input.write_all(&lines));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let (values, rest) = output.stdout.as_chunks::<8>();
    assert!(rest.is_empty() && values.len() == prompts.len() * COUNT);
    for (prompt, theirs) in prompts.iter().zip(values.chunks(COUNT)) {
        let mut ours = [0.0; COUNT];
        measure(prompt, &mut ours);
        for ((name, ours), theirs) in NAMES.iter().zip(ours).zip(theirs) {
            let theirs = f64::from_le_bytes(*theirs);
            let log = name.ends_with("_log");
            let allowed = if log {
                4e-15 * ours.abs().max(1.0)
            } else {
                0.0
            };
            let shown: String = prompt.chars().take(200).collect();
            assert!(
                (ours - theirs).abs() <= allowed,
                "{name}: {ours} {theirs}: {shown:?}"
            );
        }
    }
}

#[test]
fn rust_and_python_measure_ten_thousand_prompts_of_several_scripts_alike() {
    let listed = listed_words();
    let words: Vec<&str> = listed.split_whitespace().collect();
    assert!(words.len() > 300, "{}", words.len());
    let prompts: Vec<String> = (0..10_000).map(|number| prompt(number, &words)).collect();
    agree(&prompts);
}

#[test]
fn rust_and_python_measure_empty_and_very_long_prompts_alike() {
    let long = |text: &str| text.repeat(5_000_000 / text.len());
    agree(&[
        String::new(),
        "\n".into(),
        "A. x\nB. y".into(),
        long("e"),
        long("\n"),
        long("漢"),
        long("A. one 7\n"),
        long("The 3 Red foxes, e.g. “Ann's”, ran 1.5 km! "),
    ]);
}
