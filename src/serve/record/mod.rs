//! What was asked, decided and answered, on its way into a trace.
//!
//! Recording never blocks and never fails a request. Start at [`Recorder`].

mod entry;

pub(super) use entry::{Attempt, Entry, Logged};

/// Where entries go.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder {}

impl Recorder {
    /// Records nothing.
    pub(super) fn off() -> Self {
        Self::default()
    }

    /// Take one entry; it is made only where something is recorded.
    #[expect(clippy::unused_self, reason = "recording is not built yet")]
    pub(super) fn record(&self, _entry: impl FnOnce() -> Entry) {}
}
