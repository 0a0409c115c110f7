//! How long a name may be, and how many things a body may hold: what is refused before it costs.

/// The most bytes of a name: whose request it is, what it is about, where it goes. They are counted,
/// compared, recorded and shown, and none is a text.
pub(super) const MAX_NAME_BYTES: usize = 256;

/// The most keys of an object that is read here.
pub(super) const MAX_KEYS: usize = 1_000;

/// The most numbers of an embedding.
pub(super) const MAX_EMBEDDING: usize = 16_384;
