//! How much was recorded, and how much was not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts since the server started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::serve) struct Counts {
    /// Lines that stand in files.
    pub(in crate::serve) written: u64,
    /// Entries and reports that found the queue full.
    pub(in crate::serve) overflowed: u64,
    /// Lines that the disk did not take.
    pub(in crate::serve) lost: u64,
    /// Entries and reports that no trace can hold.
    pub(in crate::serve) unfit: u64,
}

/// The same as they grow.
#[derive(Debug, Default)]
pub(super) struct Counters {
    written: AtomicU64,
    overflowed: AtomicU64,
    lost: AtomicU64,
    unfit: AtomicU64,
    refusing: AtomicBool,
}

impl Counters {
    pub(super) fn written(&self, by: u64) {
        self.written.fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, by: u64) {
        self.lost.fetch_add(by, Ordering::Relaxed);
    }

    /// Count some that found no room; how many there are by now.
    pub(super) fn overflowed(&self, by: u64) -> u64 {
        self.overflowed.fetch_add(by, Ordering::Relaxed) + by
    }

    /// Count one that no trace can hold; how many there are by now.
    pub(super) fn unfit(&self) -> u64 {
        self.unfit.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The disk refuses what is written, or takes it; whether it refused before.
    pub(super) fn set_refusing(&self, refusing: bool) -> bool {
        self.refusing.swap(refusing, Ordering::Relaxed)
    }

    /// Whether the disk refused what was written last.
    pub(super) fn is_refusing(&self) -> bool {
        self.refusing.load(Ordering::Relaxed)
    }

    pub(super) fn now(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            written: read(&self.written),
            overflowed: read(&self.overflowed),
            lost: read(&self.lost),
            unfit: read(&self.unfit),
        }
    }
}
