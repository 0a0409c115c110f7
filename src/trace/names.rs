//! Interned text: a column of task or model names holds numbers, each text is kept once.

#[expect(clippy::disallowed_types, reason = "only looked up, never iterated")]
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A text of [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(u32);

impl NameId {
    /// Stands for an unknown text in a column.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// The place of the text, from 0 in order of first appearance.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The same, with the unknown told apart.
    #[must_use]
    pub fn known(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// Texts, each once, by number.
#[derive(Debug, Clone, Default)]
#[expect(clippy::disallowed_types, reason = "only looked up, never iterated")]
pub struct Names {
    texts: Vec<Box<str>>,
    by_text: HashMap<Box<str>, u32, BuildHasherDefault<NameHasher>>,
}

/// A hash of short texts: several names are looked up for every outcome that is read, and the
/// standard hasher, made to withstand chosen keys, takes a tenth of the whole reading time.
#[derive(Debug, Clone, Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u8(&mut self, _end_of_text: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Names {
    /// The number of a text, given now if it is new.
    pub(crate) fn intern(&mut self, text: &str) -> NameId {
        if let Some(&id) = self.by_text.get(text) {
            return NameId(id);
        }
        // Fewer texts than rows, and rows are bounded by `u32`.
        let id = u32::try_from(self.texts.len()).unwrap_or(u32::MAX - 1);
        self.texts.push(text.into());
        self.by_text.insert(text.into(), id);
        NameId(id)
    }

    pub(crate) fn intern_optional(&mut self, text: Option<&str>) -> NameId {
        text.map_or(NameId::NONE, |text| self.intern(text))
    }

    /// Take in the texts of another table: its numbers in this one.
    pub(crate) fn absorb(&mut self, other: &Self) -> Vec<NameId> {
        other.iter().map(|text| self.intern(text)).collect()
    }

    /// Bytes in memory: the texts twice, and a table at most seven eighths full.
    pub(crate) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| 2 * text.len()).sum();
        let slot = size_of::<(Box<str>, u32)>() + 1;
        texts
            + self.texts.capacity() * size_of::<Box<str>>()
            + self.by_text.capacity() * 8 / 7 * slot
    }

    pub(crate) fn shrink(&mut self) {
        self.texts.shrink_to_fit();
        self.by_text.shrink_to_fit();
    }

    /// The text of a number; `None` for the unknown.
    #[must_use]
    pub fn get(&self, id: NameId) -> Option<&str> {
        self.texts.get(id.index()).map(|text| &**text)
    }

    /// The text at a place below [`Names::len`].
    #[must_use]
    pub fn text(&self, place: usize) -> &str {
        &self.texts[place]
    }

    /// The number of a text that is there.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<NameId> {
        self.by_text.get(text).map(|&id| NameId(id))
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|text| &**text)
    }
}
