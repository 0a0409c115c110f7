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
/// How many grams of a column are told to people: few share one but in prompts of megabytes.
pub(super) const MAX_SHOWN: usize = 5;

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
    pub(super) fn columns(&self) -> usize {
        1 << self.bits
    }

    /// Adds the entries of the prompt, with columns from `first` on.
    pub(super) fn append(&self, prompt: &str, first: u32, scratch: &mut FeatureScratch) {
        let FeatureScratch { words, entries } = scratch;
        let weight = f64::from(self.weight);
        weigh(self.bits, &self.idf, prompt, words, |column, value| {
            entries.push((first + column, value * weight));
        });
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        check_hashing(self.bits, &self.idf, self.weight)
    }
}

/// Checks what hashed words are weighed with.
pub(super) fn check_hashing(bits: u8, idf: &[f32], weight: f32) -> Result<(), Error> {
    if !BITS.contains(&bits) {
        let (least, most) = (BITS.start(), BITS.end());
        return Err(Error::value(format!("{bits} is not from {least} to {most}")).within("bits"));
    }
    let columns = 1 << bits;
    if idf.len() != columns {
        return Err(Error::value(format!(
            "{} values where {bits} bits make {columns} columns",
            idf.len()
        ))
        .within("idf"));
    }
    if let Some(i) = idf.iter().position(|idf| !(0.0..=MAX_IDF).contains(idf)) {
        return Err(Error::value(format!(
            "value {i} is {}, not a number from 0 to {MAX_IDF}",
            idf[i]
        ))
        .within("idf"));
    }
    check_weight(weight)
}

/// The counts of the prompt's grams by column among `2^bits`: those that are not 0, in order of
/// first appearance. An idf is fitted on it: `ln((1 + n) / (1 + df)) + 1` where `df` of `n` prompts
/// have a count in the column.
///
/// # Panics
/// Where `bits` is above 31; a checked recipe has 4 to 18.
pub fn word_counts<'s>(
    bits: u8,
    prompt: &str,
    scratch: &'s mut FeatureScratch,
) -> &'s [(u32, i32)] {
    count(bits, prompt, &mut scratch.words)
}

fn count<'s>(bits: u8, prompt: &str, counts: &'s mut Counts) -> &'s [(u32, i32)] {
    counts.start(1 << bits);
    each_gram(prompt, |hash, _| counts.add(place(bits, hash)));
    counts.finish()
}

/// The first grams of the prompt in a column among `2^bits`, at most [`MAX_SHOWN`]: folded, a pair
/// with one space, each once, in order of first appearance.
pub(super) fn grams_in(bits: u8, prompt: &str, column: u32) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    each_gram(prompt, |hash, gram| {
        if found.len() < MAX_SHOWN && place(bits, hash).0 == column {
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

/// The column and the sign of a gram.
fn place(bits: u8, hash: u64) -> (u32, i32) {
    let with_sign = bucket(hash, bits + 1);
    (with_sign >> 1, if with_sign & 1 == 1 { 1 } else { -1 })
}

/// Calls `with` for each column of the prompt that has a count, with its value: damped count times
/// idf, over the Euclidean norm of them all; 0 where that is 0.
pub(super) fn weigh(
    bits: u8,
    idf: &[f32],
    prompt: &str,
    counts: &mut Counts,
    mut with: impl FnMut(u32, f64),
) {
    let counted = count(bits, prompt, counts);
    let value = |&(column, count): &(u32, i32)| damped(count) * f64::from(idf[column as usize]);
    let squares = counted.iter().fold(0.0, |sum, entry| {
        let value = value(entry);
        sum + value * value
    });
    let norm = libm::sqrt(squares);
    for entry in counted {
        let scaled = if norm > 0.0 { value(entry) / norm } else { 0.0 };
        with(entry.0, scaled);
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
