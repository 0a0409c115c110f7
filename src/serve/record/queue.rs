//! What waits to be written: bounded in bytes, filled without waiting, emptied whole.
//!
//! A mutex that is held for the time of a push or a swap, and a writer that is woken once for many
//! entries: at full load a push costs no system call.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::entry::Entry;
use crate::trace_io::Feedback;

/// What may wait at most, texts counted. At 20,000 requests of a kilobyte in a second it takes half
/// a second of a disk that stands still.
pub(super) const QUEUE_BYTES: usize = 16 << 20;

/// What an entry takes beside its longest texts, roughly.
const ENTRY_BYTES: usize = 1024;

/// What a report takes, roughly.
const REPORT_BYTES: usize = 320;

/// Things to write, one kind at a time.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) reports: Vec<Feedback>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.reports.is_empty()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    limit: usize,
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: Mutex::default(),
            news: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here panics between two steps that belong together.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Add an entry; `false` where there is no room.
    pub(super) fn push(&self, entry: Entry) -> bool {
        let request = &entry.request;
        let prompt = request.prompt.as_ref().map_or(0, String::len);
        let embedding = request.embedding.as_ref().map_or(0, Vec::len) * 4;
        self.add(ENTRY_BYTES + prompt + embedding, |batch| {
            batch.entries.push(entry);
        })
    }

    /// Add some reports, all or none; `false` where there is no room.
    pub(super) fn report(&self, reports: Vec<Feedback>) -> bool {
        self.add(REPORT_BYTES * reports.len(), |batch| {
            batch.reports.extend(reports);
        })
    }

    fn add(&self, bytes: usize, put: impl FnOnce(&mut Batch)) -> bool {
        let mut waiting = self.lock();
        if waiting.closed || waiting.bytes + bytes > self.limit {
            return false;
        }
        let before = waiting.bytes;
        let news = waiting.batch.is_empty();
        waiting.bytes += bytes;
        put(&mut waiting.batch);
        let news = news || (before < self.pressing() && waiting.bytes >= self.pressing());
        drop(waiting);
        if news {
            self.news.notify_one();
        }
        true
    }

    /// With so much waiting, the writer gathers no longer.
    fn pressing(&self) -> usize {
        self.limit / 4
    }

    /// Wait until something is there, the queue is closed, or `patience` has passed; and then
    /// `gather` longer, for more to come together, unless much waits already. What was there then
    /// takes the place of the empty `batch`, whose room is used again. `false` once the queue is
    /// closed: nothing will come after.
    pub(super) fn take(&self, batch: &mut Batch, patience: Duration, gather: Duration) -> bool {
        let idle = |waiting: &mut Waiting| waiting.batch.is_empty() && !waiting.closed;
        let waited = self.news.wait_timeout_while(self.lock(), patience, idle);
        let (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let waiting = if waiting.batch.is_empty() {
            waiting
        } else {
            let calm = |waiting: &mut Waiting| !waiting.closed && waiting.bytes < self.pressing();
            let waited = self.news.wait_timeout_while(waiting, gather, calm);
            waited.unwrap_or_else(PoisonError::into_inner).0
        };
        let mut waiting = waiting;
        mem::swap(&mut waiting.batch, batch);
        waiting.bytes = 0;
        !waiting.closed
    }

    /// Take nothing more; what waits is still taken out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn entry(id: &str, prompt: usize) -> Entry {
        let request = weighbridge_router::Request {
            prompt: Some("x".repeat(prompt)),
            ..Default::default()
        };
        Entry::passed_through(id.into(), request, Vec::new())
    }

    #[test]
    fn what_has_no_room_is_refused_at_once_and_room_comes_back() {
        let queue = Queue::new(10 * ENTRY_BYTES);
        let taken = (0..20).filter(|i| queue.push(entry(&i.to_string(), 0)));
        assert_eq!(taken.count(), 10);
        let mut batch = Batch::default();
        assert!(queue.take(&mut batch, NOW, NOW));
        let ids: Vec<_> = batch
            .entries
            .iter()
            .map(|entry| entry.id.as_str())
            .collect();
        assert_eq!(ids, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        assert!(!queue.push(entry("long", 10 * ENTRY_BYTES)));
        assert!(queue.push(entry("short", 8 * ENTRY_BYTES)));
        let reports = vec![Feedback::default(); 4];
        assert!(!queue.report(reports), "all or none");
        assert!(queue.report(vec![Feedback::default(); 3]));
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_takes_no_more() {
        let queue = Queue::new(QUEUE_BYTES);
        assert!(queue.push(entry("last", 0)));
        queue.close();
        assert!(!queue.push(entry("late", 0)));
        let mut batch = Batch::default();
        // Neither waits once it is closed.
        let hour = Duration::from_secs(3600);
        assert!(!queue.take(&mut batch, hour, hour));
        assert_eq!(batch.entries.len(), 1);
    }

    #[test]
    fn with_much_waiting_nobody_waits_for_more() {
        let queue = Queue::new(8 * ENTRY_BYTES);
        let hour = Duration::from_secs(3600);
        let mut batch = Batch::default();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| queue.take(&mut batch, hour, hour));
            assert!(queue.push(entry("one", 0)));
            assert!(queue.push(entry("two", 0)));
            assert!(writer.join().unwrap());
        });
        assert!(!batch.entries.is_empty());
    }

    #[test]
    fn many_threads_lose_nothing() {
        let queue = Queue::new(QUEUE_BYTES);
        let mut batch = Batch::default();
        let mut got = 0;
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    for i in 0..500 {
                        assert!(queue.push(entry(&format!("{worker}/{i}"), 10)));
                    }
                });
            }
            while got < 2000 {
                queue.take(&mut batch, Duration::from_secs(1), NOW);
                got += batch.entries.len();
                batch.entries.clear();
            }
        });
        assert_eq!(got, 2000);
    }
}
