//! `words/1`: which words and pairs of words a prompt has, folded into few columns.
//!
//! Owns the hashing and weighing of 1-grams and 2-grams. It does not know how the idf was fitted.
//!
//! A gram's hash is FNV-1a (64 bits) over the folded bytes of its first word and, for a pair, over
//! the byte 0x20 and the folded second word; a pair is two words that follow each other, whatever
//! stands between them. With `m = (h xor (h >> 32)) * 0x9e3779b97f4a7c15 mod 2^64`, its column is
//! the top `bits` bits of `m` and its sign the bit below them, 1 for plus. A column's count is the
//! sum of the signs of its grams, so that grams which share a column by chance tend to cancel
//! (Weinberger et al. 2009, "Feature hashing for large scale multitask learning").
//!
//! The value of a column with count `c` other than 0 is `sign(c) * (1 + ln |c|) * idf`, divided by
//! the Euclidean norm of all columns of the prompt (0 where that is 0), times the step's weight.
//! Columns stand in the order of their first appearance, a word before the pair that it ends.

use crate::error::Error;
use crate::features::{FeatureScratch, check_weight};
use crate::text::{HASH_START, bucket, hash_byte, words};

/// The least and most bits that a column number may have.
const BITS: std::ops::RangeInclusive<u8> = 4..=18;
/// The largest idf; a fitted one is `ln((1 + n) / (1 + df)) + 1`, below 50.
const MAX_IDF: f32 = 1e6;

/// The step `words/1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// There are `2^bits` columns; 4 to 18.
    pub bits: u8,
    /// A factor a column: rare words count more. From 0 to 1e6.
    pub idf: Vec<f32>,
    /// What the values are multiplied by, from 0 to 1e6: the smaller, the more a penalised fit
    /// shrinks what it learns from words.
    pub weight: f32,
}

/// Stands in `Counts::dense` for a column that no gram touched.
const UNTOUCHED: i32 = i32::MIN;

/// Counts by column, remembering which columns were touched.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// A count a column while counting; all untouched between two prompts.
    dense: Vec<i32>,
    /// The touched columns in order of first appearance, with their counts once counting is done.
    touched: Vec<(u32, i32)>,
}

impl Counts {
    fn start(&mut self, columns: usize) {
        self.touched.clear();
        if self.dense.len() < columns {
            self.dense.resize(columns, UNTOUCHED);
        }
    }

    fn add(&mut self, (column, sign): (u32, i32)) {
        let count = &mut self.dense[column as usize];
        if *count == UNTOUCHED {
            self.touched.push((column, 0));
            *count = 0;
        }
        // A prompt has fewer than 2^31 grams, so the sentinel is out of reach.
        *count = count.saturating_add(sign);
    }

    fn finish(&mut self) -> &[(u32, i32)] {
        for (column, count) in &mut self.touched {
            *count = std::mem::replace(&mut self.dense[*column as usize], UNTOUCHED);
        }
        self.touched.retain(|(_, count)| *count != 0);
        &self.touched
    }
}

impl Words {
    /// The counts of the prompt's grams by column, numbered from 0: those that are not 0, in order
    /// of first appearance. Needs `bits` alone, so that an idf can be fitted on it: it is
    /// `ln((1 + n) / (1 + df)) + 1` where `df` of `n` prompts have a count in the column.
    ///
    /// # Panics
    /// Where `bits` is above 31; a checked recipe has 4 to 18.
    pub fn counts<'s>(&self, prompt: &str, scratch: &'s mut FeatureScratch) -> &'s [(u32, i32)] {
        let counts = &mut scratch.words;
        counts.start(self.columns());
        each_gram(prompt, |hash, _| counts.add(self.place(hash)));
        counts.finish()
    }

    /// The column and the sign of a gram.
    fn place(&self, hash: u64) -> (u32, i32) {
        let with_sign = bucket(hash, self.bits + 1);
        (with_sign >> 1, if with_sign & 1 == 1 { 1 } else { -1 })
    }

    pub(super) fn columns(&self) -> usize {
        1 << self.bits
    }

    /// Adds the entries of the prompt, with columns from `first` on.
    pub(super) fn append(&self, prompt: &str, first: u32, scratch: &mut FeatureScratch) {
        self.counts(prompt, scratch);
        let FeatureScratch { words, entries } = scratch;
        let start = entries.len();
        let mut squares = 0.0;
        for &(column, count) in &words.touched {
            let value = damped(count) * f64::from(self.idf[column as usize]);
            squares += value * value;
            entries.push((first + column, value));
        }
        let norm = libm::sqrt(squares);
        let weight = f64::from(self.weight);
        for (_, value) in &mut entries[start..] {
            *value = if norm > 0.0 {
                *value / norm * weight
            } else {
                0.0
            };
        }
    }

    /// The grams of the prompt in a column, numbered from 0: folded, a pair with one space, each
    /// once, in order of first appearance.
    pub(super) fn grams_in(&self, prompt: &str, column: u32) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        each_gram(prompt, |hash, gram| {
            if self.place(hash).0 == column {
                let text = gram
                    .iter()
                    .map(|word| String::from_utf8_lossy(word).to_ascii_lowercase())
                    .collect::<Vec<_>>()
                    .join(" ");
                if !found.contains(&text) {
                    found.push(text);
                }
            }
        });
        found
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if !BITS.contains(&self.bits) {
            let (least, most) = (BITS.start(), BITS.end());
            return Err(
                Error::value(format!("{} is not from {least} to {most}", self.bits)).within("bits"),
            );
        }
        if self.idf.len() != self.columns() {
            return Err(Error::value(format!(
                "{} values where {} bits make {} columns",
                self.idf.len(),
                self.bits,
                self.columns()
            ))
            .within("idf"));
        }
        if let Some(i) = (self.idf.iter()).position(|idf| !(0.0..=MAX_IDF).contains(idf)) {
            return Err(Error::value(format!(
                "value {i} is {}, not a number from 0 to {MAX_IDF}",
                self.idf[i]
            ))
            .within("idf"));
        }
        check_weight(self.weight)
    }
}

/// `sign(c) * (1 + ln |c|)`, without a logarithm where there is nothing to damp.
fn damped(count: i32) -> f64 {
    let size = match count.unsigned_abs() {
        1 => 1.0,
        size => 1.0 + libm::log(f64::from(size)),
    };
    f64::from(count.signum()) * size
}

/// Calls `with` for each word and then for the pair that it ends, with hash and words.
fn each_gram(prompt: &str, mut with: impl FnMut(u64, &[&[u8]])) {
    let mut previous: Option<(u64, &[u8])> = None;
    for word in words(prompt) {
        let mut own = HASH_START;
        // Two chains of multiplications side by side cost hardly more than one.
        let mut pair = previous.map_or(0, |(hash, _)| hash_byte(hash, b' '));
        for byte in word {
            let folded = byte.to_ascii_lowercase();
            own = hash_byte(own, folded);
            pair = hash_byte(pair, folded);
        }
        with(own, &[word]);
        if let Some((_, before)) = previous {
            with(pair, &[before, word]);
        }
        previous = Some((own, word));
    }
}
