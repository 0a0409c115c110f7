//! Words of a text, as every loader of a router file must see them.
//!
//! Owns the tokeniser, the hash of a word, phrases and the prompt group. All rules are on UTF-8
//! bytes: a word is a maximal run of ASCII letters, digits and bytes from 0x80; only ASCII letters
//! fold. There are no Unicode tables, so that every runtime agrees. It does not know what words
//! mean: features and conditions do.

use std::cmp::Ordering;

use sha2::{Digest, Sha256};

use crate::error::Error;

/// Where the FNV-1a hash (64 bits) of a word starts.
pub(crate) const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_PRIME: u64 = 0x0000_0100_0000_01b3;
/// 2^64 divided by the golden ratio: spreads a hash over the high bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// One step of FNV-1a (Fowler, Noll and Vo) over 64 bits.
#[inline]
pub(crate) const fn hash_byte(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(HASH_PRIME)
}

/// The bucket of a hash among `2^bits`, `bits` from 1 to 32:
/// the top bits of `(h xor (h >> 32)) * 0x9e3779b97f4a7c15 mod 2^64`.
#[inline]
pub(crate) const fn bucket(hash: u64, bits: u8) -> u32 {
    // At most 32 bits are left.
    ((hash ^ (hash >> 32)).wrapping_mul(SPREAD) >> (64 - bits as u32)) as u32
}

/// Whether a byte belongs to a word.
#[inline]
pub(crate) const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// The words of a text in order, as they stand there: the caller folds.
pub(crate) fn words(text: &str) -> Words<'_> {
    Words {
        rest: text.as_bytes(),
    }
}

/// See [`words`].
#[derive(Clone)]
pub(crate) struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.iter().position(|byte| is_word_byte(*byte))?;
        let from_start = &self.rest[start..];
        let length = from_start
            .iter()
            .position(|byte| !is_word_byte(*byte))
            .unwrap_or(from_start.len());
        let (word, rest) = from_start.split_at(length);
        self.rest = rest;
        Some(word)
    }
}

/// Words and phrases to look for in prompts; a phrase is words that follow each other, whatever
/// stands between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Phrases {
    texts: Vec<String>,
    /// The folded words of each text, in ascending order.
    phrases: Vec<Vec<Vec<u8>>>,
}

impl Phrases {
    /// Reads each text into words.
    ///
    /// # Errors
    /// A text without a word could never be found, or always.
    pub(crate) fn try_new(texts: Vec<String>) -> Result<Self, Error> {
        let mut phrases = Vec::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            let phrase: Vec<_> = words(text).map(<[u8]>::to_ascii_lowercase).collect();
            if phrase.is_empty() {
                let text = text.escape_debug();
                return Err(
                    Error::value(format!("`{text}` has no word")).within(format_args!("[{i}]"))
                );
            }
            phrases.push(phrase);
        }
        phrases.sort();
        Ok(Self { texts, phrases })
    }

    /// The texts as they were given.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The words of a text, as they stand there.
    pub fn words_of(text: &str) -> impl Iterator<Item = String> {
        // A run of word bytes begins and ends between characters.
        words(text).map(|word| String::from_utf8_lossy(word).into_owned())
    }

    /// Whether at least one of the phrases stands in the prompt.
    pub(crate) fn any_in(&self, prompt: &str) -> bool {
        one_of(&self.phrases, prompt)
    }

    /// Whether each of the phrases stands in the prompt; reads it once a phrase.
    pub(crate) fn all_in(&self, prompt: &str) -> bool {
        self.phrases
            .iter()
            .all(|phrase| one_of(std::slice::from_ref(phrase), prompt))
    }
}

/// Whether one of the phrases, which are in ascending order, stands in the prompt.
fn one_of(phrases: &[Vec<Vec<u8>>], prompt: &str) -> bool {
    let mut at = words(prompt);
    while let Some(word) = at.next() {
        let first = phrases.partition_point(|phrase| folded(word, &phrase[0]).is_gt());
        let found = phrases[first..]
            .iter()
            .take_while(|phrase| folded(word, &phrase[0]).is_eq())
            .any(|phrase| {
                let mut next = at.clone();
                phrase[1..]
                    .iter()
                    .all(|want| next.next().is_some_and(|word| folded(word, want).is_eq()))
            });
        if found {
            return true;
        }
    }
    false
}

/// How a word compares, once folded, with a word that is folded already.
fn folded(word: &[u8], other: &[u8]) -> Ordering {
    word.iter()
        .map(u8::to_ascii_lowercase)
        .cmp(other.iter().copied())
}

/// The group of a prompt: prompts that differ only in ASCII case, spacing and punctuation share it.
///
/// SHA-256 of the prompt, ASCII-lowercased, with every run of bytes outside `[a-z0-9\x80-\xff]`
/// made one space, and trimmed; in other words its folded words joined by single spaces.
#[must_use]
pub fn prompt_group(prompt: &str) -> [u8; 32] {
    let mut sha = Sha256::new();
    let mut buffer = [0; 64];
    for (i, word) in words(prompt).enumerate() {
        if i > 0 {
            sha.update(b" ");
        }
        for chunk in word.chunks(buffer.len()) {
            let folded = &mut buffer[..chunk.len()];
            folded.copy_from_slice(chunk);
            folded.make_ascii_lowercase();
            sha.update(folded);
        }
    }
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phrases(texts: &[&str]) -> Phrases {
        Phrases::try_new(texts.iter().map(ToString::to_string).collect()).unwrap()
    }

    #[test]
    fn words_are_runs_of_letters_digits_and_high_bytes() {
        let found: Vec<_> = words("  Don't; naïve_x2\u{2014}y").collect();
        let want: [&[u8]; 5] = [
            b"Don",
            b"t",
            "naïve".as_bytes(),
            "x2\u{2014}y".as_bytes(),
            b"",
        ];
        assert_eq!(found, want[..4]);
        assert_eq!(words("").count() + words("?! .").count(), 0);
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        let hash = |word: &[u8]| word.iter().fold(HASH_START, |h, b| hash_byte(h, *b));
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
        assert!(bucket(hash(b"foobar"), 4) < 16);
    }

    #[test]
    fn a_phrase_is_whole_words_in_a_row_in_any_case() {
        let any = phrases(&["prove", "Big  Data", "big deal"]);
        assert!(any.any_in("PROVE it"));
        assert!(any.any_in("a big... deal?"));
        assert!(any.any_in("big\ndata"));
        assert!(!any.any_in("improve bigdata, data big"));
        assert!(!any.any_in("the big"));
        assert!(phrases(&["a a b"]).any_in("a a a b"));
        let all = phrases(&["prove", "big data"]);
        assert!(all.all_in("Big data: prove"));
        assert!(!all.all_in("prove big things about data"));
    }

    #[test]
    fn a_phrase_without_a_word_is_refused_with_its_place() {
        let error = Phrases::try_new(vec!["ok".into(), " -- ".into()]).unwrap_err();
        assert_eq!(error.path(), "[1]");
    }

    #[test]
    fn a_prompt_group_is_the_hash_of_the_normalised_prompt() {
        let plain: [u8; 32] = Sha256::digest("what is 2 2 é").into();
        assert_eq!(prompt_group("  What is 2+2 -- é?\n"), plain);
        let empty: [u8; 32] = Sha256::digest("").into();
        assert_eq!(prompt_group(" ?"), empty);
        let long = "Ab".repeat(1000);
        let want: [u8; 32] = Sha256::digest(long.to_lowercase()).into();
        assert_eq!(prompt_group(&long), want);
    }

    proptest! {
        #[test]
        fn a_phrase_made_of_a_prompts_own_words_is_found(prompt in "[ -~é]{0,60}") {
            let mine: Vec<_> = words(&prompt).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
            if !mine.is_empty() {
                let phrase = phrases(&["zzzqqq", &mine.join(" ")]);
                prop_assert!(phrase.any_in(&prompt.to_ascii_uppercase()));
                prop_assert!(!phrase.all_in(&prompt));
            }
        }

        #[test]
        fn the_group_ignores_case_and_punctuation(prompt in ".{0,80}") {
            let other = format!(" {}!", prompt.to_ascii_uppercase());
            prop_assert_eq!(prompt_group(&prompt), prompt_group(&other));
        }
    }
}
