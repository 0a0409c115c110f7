//! How long a name may be, and how many things a body may hold: what is refused before it costs.

/// The most bytes of a name: whose request it is, what it is about, where it goes. They are counted,
/// compared, recorded and shown, and none is a text.
pub(super) const MAX_NAME_BYTES: usize = 256;

/// The longest request id.
const MAX_ID_BYTES: usize = 128;

/// What an id must be, for whoever sent another.
pub(super) const ID_RULE: &str = "must be 1 to 128 visible ASCII characters, without spaces";

/// Whether a text may be a request's id: it stands in a header, and in files by line.
pub(super) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The most keys of an object that is read here.
pub(super) const MAX_KEYS: usize = 1_000;

/// The most numbers of an embedding.
pub(super) const MAX_EMBEDDING: usize = 16_384;
