//! Classes of words and of word endings, as the surface features count them.
//!
//! Owns the lists, frozen with the steps that count them, and a table to find a word's classes by
//! its bucket. It does not know what is made of a count. The lists are of plain English and name
//! no field of knowledge.

use crate::text::{HASH_START, bucket, hash_byte};

/// What a word or its ending tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Class {
    Compute,
    Label,
    Following,
    What,
    Which,
    How,
    Why,
    Negation,
    Stop,
    Third,
    Past,
    Who,
    When,
    Definition,
    Superlative,
    Me,
    Compare,
    Verdict,
    Total,
    Above,
    Numeral,
    Unit,
    Connective,
    Idea,
    Abstract,
    Learned,
    Ing,
}

impl Class {
    /// How many classes there are.
    pub(super) const COUNT: usize = Class::Ing as usize + 1;

    pub(super) const fn bit(self) -> u64 {
        1 << self as u32
    }
}

/// The words of the classes, folded, with one space between two. A word may be of several.
const WORDS: &[(Class, &str)] = &[
    (
        Class::Compute,
        "find calculate compute solve evaluate determine estimate many much value sum prove simplify",
    ),
    (Class::Label, "statement statements"),
    (Class::Following, "following"),
    (Class::What, "what"),
    (Class::Which, "which"),
    (Class::How, "how"),
    (Class::Why, "why"),
    (
        Class::Negation,
        "not no never none cannot neither nor without except least incorrect false untrue unlikely \
         wrong",
    ),
    (
        Class::Stop,
        "the a an of to in and is that for on by with as are be at from this it which or was were \
         has have had not but their its his her he she they them we you i who what when where how \
         why than then there these those if into can will would may must should could do does did \
         been being such",
    ),
    (Class::Third, "he she his her him they their"),
    (Class::Past, "was were had"),
    (Class::Who, "who whom whose"),
    (Class::When, "when where"),
    (
        Class::Definition,
        "called known term refers mean means meaning define defined definition",
    ),
    (
        Class::Superlative,
        "best most least likely mostly primary primarily main mainly chief major greatest largest \
         highest lowest smallest fewest worst closest strongest",
    ),
    (Class::Me, "i we me my our us mine ours"),
    (
        Class::Compare,
        "than more less greater fewer higher lower larger smaller better worse same equal different \
         similar compared increase increases increased decrease decreases decreased",
    ),
    (
        Class::Verdict,
        "true false yes no right wrong correct incorrect valid invalid",
    ),
    (Class::Total, "all none both neither"),
    (Class::Above, "above"),
    (
        Class::Numeral,
        "one two three four five six seven eight nine ten eleven twelve twenty hundred thousand \
         million billion twice half double once dozen first second third fourth",
    ),
    (
        Class::Unit,
        "kg mg cm mm km ml hz khz mhz ev kev mev nm kj mol kpa atm mph kw mw gb mb kb meter meters \
         metre metres feet foot inch inches mile miles gram grams kilogram kilograms liter liters \
         seconds minute minutes hour hours day days week weeks month months year years degree \
         degrees volt volts watt watts joule joules newton newtons dollar dollars cents percent",
    ),
    (
        Class::Connective,
        "because therefore however although though thus hence since while whereas moreover \
         furthermore nevertheless unless despite so yet otherwise instead consequently meanwhile",
    ),
    (
        Class::Idea,
        "theory hypothesis principle concept argument belief claim claims view idea doctrine \
         approach model method process system",
    ),
];

/// The endings with that last letter, the longer ones first.
const fn endings(last: u8) -> &'static [(&'static [u8], Class)] {
    use Class::{Abstract, Ing, Learned, Past};
    match last {
        b'a' => &[(b"algia", Learned), (b"emia", Learned), (b"uria", Learned)],
        b'c' => &[(b"genic", Learned)],
        b'd' => &[(b"hood", Abstract), (b"oid", Learned), (b"ed", Past)],
        b'e' => &[(b"ance", Abstract), (b"ence", Abstract), (b"cyte", Learned)],
        b'g' => &[(b"ing", Ing)],
        b'm' => &[(b"plasm", Learned)],
        b'n' => &[(b"tion", Abstract), (b"sion", Abstract)],
        b'p' => &[(b"ship", Abstract)],
        b's' => &[
            (b"lysis", Learned),
            (b"ness", Abstract),
            (b"itis", Learned),
            (b"osis", Learned),
        ],
        b't' => &[(b"ment", Abstract)],
        b'y' => &[
            (b"graphy", Learned),
            (b"scopy", Learned),
            (b"pathy", Learned),
            (b"logy", Learned),
            (b"tomy", Learned),
            (b"ency", Abstract),
            (b"ancy", Abstract),
            (b"ity", Abstract),
        ],
        _ => &[],
    }
}

/// No ending is longer, in bytes.
pub(super) const LONGEST_ENDING: usize = 6;

/// The class of a word of `bytes` bytes by its ending: the first of those with its last letter that
/// it ends in, with at least two bytes before it. `tail` ends as the word does, folded.
#[inline]
pub(super) fn class_of_ending(tail: &[u8; LONGEST_ENDING], bytes: usize) -> Option<Class> {
    endings(tail[LONGEST_ENDING - 1])
        .iter()
        .find(|(ending, _)| bytes >= ending.len() + 2 && tail.ends_with(ending))
        .map(|(_, class)| *class)
}

/// How many bits of a word's hash its place in the table has.
pub(super) const TABLE_BITS: u8 = 12;
const SLOTS: usize = 1 << TABLE_BITS;
/// More than there are words with a class.
const MOST_WORDS: usize = 384;

/// Words with their classes, found by their buckets.
struct Table {
    /// By bucket, or the next free place after it: one more than the place in `words`, 0 for none.
    slots: [u16; SLOTS],
    words: [(&'static [u8], u64); MOST_WORDS],
    count: usize,
}

static TABLE: Table = Table::build();

impl Table {
    const fn build() -> Self {
        let mut table = Self {
            slots: [0; SLOTS],
            words: [(b"", 0); MOST_WORDS],
            count: 0,
        };
        let mut at = 0;
        while at < WORDS.len() {
            let (class, list) = WORDS[at];
            let mut rest = list.as_bytes();
            while !rest.is_empty() {
                let mut bytes = 0;
                while bytes < rest.len() && rest[bytes] != b' ' {
                    bytes += 1;
                }
                let (word, after) = rest.split_at(bytes);
                table = table.with(word, class);
                rest = match after {
                    [_, next @ ..] => next,
                    [] => after,
                };
            }
            at += 1;
        }
        table
    }

    const fn with(mut self, word: &'static [u8], class: Class) -> Self {
        let mut hash = HASH_START;
        let mut at = 0;
        while at < word.len() {
            hash = hash_byte(hash, word[at]);
            at += 1;
        }
        let mut slot = bucket(hash, TABLE_BITS) as usize;
        while self.slots[slot] != 0 {
            let known = self.slots[slot] as usize - 1;
            if same(self.words[known].0, word) {
                self.words[known].1 |= class.bit();
                return self;
            }
            slot = (slot + 1) % SLOTS;
        }
        self.words[self.count] = (word, class.bit());
        self.count += 1;
        self.slots[slot] = self.count as u16;
        self
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// The classes of a word, as bits; `place` is its bucket of [`TABLE_BITS`].
#[inline]
pub(super) fn classes_of(word: &[u8], place: u32) -> u64 {
    let mut slot = place as usize;
    loop {
        match TABLE.slots[slot] {
            0 => return 0,
            found => {
                let (known, classes) = TABLE.words[usize::from(found) - 1];
                if known.eq_ignore_ascii_case(word) {
                    return classes;
                }
            }
        }
        slot = (slot + 1) % SLOTS;
    }
}
