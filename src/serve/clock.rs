//! The wall clock, and the identities of requests that bring none.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use weighbridge_router::Timestamp;

/// Microseconds since 1970; 0 on a machine whose clock stands before that.
#[expect(
    clippy::disallowed_methods,
    reason = "a request that does not say when it arrived arrived now"
)]
fn now_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

/// Now, to the millisecond.
pub(super) fn now() -> Timestamp {
    // A thousandth of a u64 fits into an i64.
    Timestamp::from_millis((now_us() / 1000).cast_signed())
}

/// Identities that no other request of this or another server bears: the server's start, its
/// process and a counter.
#[derive(Debug)]
pub(super) struct Ids {
    server: String,
    next: AtomicU64,
}

impl Ids {
    pub(super) fn new() -> Self {
        Self {
            server: format!("{:x}-{:x}", now_us(), process::id()),
            next: AtomicU64::new(1),
        }
    }

    pub(super) fn fresh(&self) -> String {
        // Only distinctness matters, not the order among threads.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.server)
    }
}
