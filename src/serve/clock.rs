//! The wall clock, and the identities of requests that bring none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::crypto::ring::default_provider;
use weighbridge_router::Timestamp;

/// Milliseconds since 1970; 0 on a machine whose clock stands before that.
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

/// Identities that no other request of this or another server bears, and that nobody can guess from
/// one that he was given: a counter, hashed with a key of the system's randomness. Who knows a
/// request's id may score its answer, and chooses its draw.
pub(super) struct Ids {
    key: [u8; 32],
    next: AtomicU64,
}

impl Ids {
    /// # Errors
    /// Where the system has no randomness to give.
    pub(super) fn try_new() -> io::Result<Self> {
        let mut key = [0; 32];
        default_provider()
            .secure_random
            .fill(&mut key)
            .map_err(|_| io::Error::other("the system gives no random numbers"))?;
        let next = AtomicU64::new(1);
        Ok(Self { key, next })
    }

    pub(super) fn fresh(&self) -> String {
        // Only distinctness matters, not the order among threads.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let hash = Sha256::new()
            .chain_update(self.key)
            .chain_update(number.to_be_bytes())
            .finalize();
        // Half of it tells as many apart as a random UUID does.
        let half = hash
            .iter()
            .take(16)
            .fold(0, |sum, byte| sum << 8 | u128::from(*byte));
        format!("{half:032x}")
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_distinct_and_neither_order_nor_server_shows() {
        let servers = [Ids::try_new().unwrap(), Ids::try_new().unwrap()];
        let ids: Vec<String> = (0..2_000).map(|i| servers[i % 2].fresh()).collect();
        let distinct: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert!(!ids.is_sorted());
        for id in &ids {
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        // At no place do most ids agree: none has a start, a process or a counter in it.
        for place in 0..32 {
            let mut counts = [0; 256];
            ids.iter()
                .for_each(|id| counts[usize::from(id.as_bytes()[place])] += 1);
            assert!(counts.iter().all(|&count| count < 400), "{place}");
        }
        assert_eq!(format!("{:?}", servers[0]), "Ids(hidden)");
    }
}
