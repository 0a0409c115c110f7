//! How much memory bodies may take, all of them together.
//!
//! Counted as they come and not as they are declared, so that clients who say much and send little
//! hold little; given back when the last who holds a body lets go of it. Nobody waits: what does not
//! fit is refused. Start at [`BodyBudget::buffer`].

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;

/// Up to here a body is small: a quarter of the budget is kept for these, so that a few large ones
/// that are not going on cannot keep every request out.
const SMALL: usize = 64 << 10;

/// The bytes that all bodies share; clones are of the same budget.
#[derive(Debug, Clone)]
pub(super) struct BodyBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    held: AtomicUsize,
    most: usize,
}

/// There is no room now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent;

impl BodyBudget {
    /// So many bytes.
    pub(super) fn new(most: usize) -> Self {
        let held = AtomicUsize::new(0);
        Self(Arc::new(Shared { held, most }))
    }

    /// Part of it, which has no bytes yet: for what is held elsewhere than in a [`Buffer`].
    pub(super) fn share(&self) -> Share {
        let budget = self.clone();
        Share { budget, bytes: 0 }
    }

    /// A body to be, which has no bytes yet.
    pub(super) fn buffer(&self) -> Buffer {
        let share = self.share();
        let bytes = Vec::new();
        Buffer { share, bytes }
    }

    /// Bytes that are held now.
    pub(super) fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }
}

/// Bytes of the budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: BodyBudget,
    bytes: usize,
}

impl Share {
    /// Hold so many more.
    ///
    /// # Errors
    /// Where there is no room; what was held is.
    pub(super) fn grow(&mut self, more: usize) -> Result<(), Spent> {
        let Shared { held, most } = &*self.budget.0;
        let bytes = self.bytes.saturating_add(more);
        let room = if bytes > SMALL {
            most - most / 4
        } else {
            *most
        };
        // Only the sum matters: nothing is read on the strength of it.
        let before = held.fetch_add(more, Ordering::Relaxed);
        if before.saturating_add(more) > room {
            held.fetch_sub(more, Ordering::Relaxed);
            return Err(Spent);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Bytes that have come, as a body.
    ///
    /// # Errors
    /// Where there is no room for them.
    pub(super) fn hold(mut self, bytes: Bytes) -> Result<Whole, Spent> {
        self.grow(bytes.len())?;
        Ok(Whole {
            bytes,
            _share: self,
        })
    }

    /// Give all of it back.
    pub(super) fn clear(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.budget.0.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A body that comes in pieces.
pub(super) struct Buffer {
    share: Share,
    bytes: Vec<u8>,
}

impl Buffer {
    /// Add what has come. What the allocator is asked for is counted, not only what is used of it.
    ///
    /// # Errors
    /// Where there is no room in the budget.
    pub(super) fn extend(&mut self, piece: &[u8]) -> Result<(), Spent> {
        let (has, need) = (self.bytes.capacity(), self.bytes.len() + piece.len());
        if need > has {
            // Twice as much, so that a body is seldom moved; where that does not fit, what is needed.
            let wanted = need.max(has.saturating_mul(2)) - has;
            let more = if self.share.grow(wanted).is_ok() {
                wanted
            } else {
                self.share.grow(need - has)?;
                need - has
            };
            self.bytes.reserve_exact(has + more - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// The body, whole.
    pub(super) fn whole(self) -> Whole {
        let bytes = self.bytes.into();
        Whole {
            bytes,
            _share: self.share,
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body that is whole, counted until it is dropped.
pub(super) struct Whole {
    bytes: Bytes,
    _share: Share,
}

impl Whole {
    /// The same to be passed on, counted until the last clone and slice of it is gone.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bodies are nobody's business.
impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Whole({} bytes)", self.bytes.len())
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_until_the_last_of_it_is_gone() {
        let budget = BodyBudget::new(1000);
        let mut buffer = budget.buffer();
        assert_eq!(budget.held(), 0);
        buffer.extend(&[1; 300]).unwrap();
        buffer.extend(&[2; 100]).unwrap();
        // What the allocator was asked for.
        assert_eq!(budget.held(), 600);
        let whole = buffer.whole().into_bytes();
        let part = whole.slice(350..);
        drop(whole);
        assert_eq!(budget.held(), 600);
        assert_eq!(part, [2; 50][..]);
        drop(part);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn beyond_the_budget_nothing_is_taken_and_what_was_there_stays() {
        let budget = BodyBudget::new(1000);
        let mut one = budget.buffer();
        one.extend(&[0; 600]).unwrap();
        let mut other = budget.buffer();
        assert_eq!(other.extend(&[0; 401]), Err(Spent));
        assert_eq!(budget.held(), 600);
        // Twice as much would not fit, what is needed does.
        one.extend(&[0; 400]).unwrap();
        assert_eq!((budget.held(), one.len()), (1000, 1000));
        assert_eq!(one.extend(&[0]), Err(Spent));
        drop(one);
        assert_eq!(other.extend(&[0; 401]), Ok(()));
        drop(other);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn large_bodies_leave_a_quarter_to_small_ones() {
        let budget = BodyBudget::new(16 * SMALL);
        let mut large = budget.share();
        assert_eq!(large.grow(12 * SMALL + 1), Err(Spent));
        large.grow(12 * SMALL).unwrap();
        let small: Vec<Share> = (0..4).map(|_| budget.share()).collect();
        let small: Vec<Share> = small
            .into_iter()
            .map(|mut share| share.grow(SMALL).map(|()| share).unwrap())
            .collect();
        assert_eq!(budget.share().grow(1), Err(Spent));
        drop(small);
        large.clear();
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn many_threads_never_hold_more_than_there_is() {
        let budget = BodyBudget::new(10_000);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for i in 0..2_000 {
                        let mut share = budget.share();
                        if share.grow(1 + i * 7 % 4_000).is_ok() {
                            assert!(share.bytes <= 10_000);
                        }
                    }
                });
            }
        });
        assert_eq!(budget.held(), 0);
    }
}
