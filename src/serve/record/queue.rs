//! What waits to be written: bounded in bytes, filled without waiting, emptied whole.
//!
//! A mutex that is held for the time of a push or a swap, and a writer that is woken once for many
//! entries: at full load a push costs no system call.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::entry::{Attempt, Entry, Logged};
use crate::trace_io::Feedback;
use weighbridge_router::Request;

/// What may wait at most, in the hands of the writer too, texts counted. At 20,000 requests of a kilobyte in a
/// second it takes half a second of a disk that stands still.
pub(super) const QUEUE_BYTES: usize = 16 << 20;

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
    /// What the writer took and has not written yet.
    taken: usize,
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
        self.add(bytes_of_entry(&entry), |batch| batch.entries.push(entry))
    }

    /// Add some reports, all or none; `false` where there is no room.
    pub(super) fn report(&self, reports: Vec<Feedback>) -> bool {
        let bytes = reports.iter().map(bytes_of_report).sum();
        self.add(bytes, |batch| batch.reports.extend(reports))
    }

    fn add(&self, bytes: usize, put: impl FnOnce(&mut Batch)) -> bool {
        let mut waiting = self.lock();
        if waiting.closed || waiting.taken + waiting.bytes + bytes > self.limit {
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
    /// takes the place of the empty `batch`, whose room is used again: what was taken before is written.
    /// `false` once the queue is closed: nothing will come after.
    pub(super) fn take(&self, batch: &mut Batch, patience: Duration, gather: Duration) -> bool {
        let idle = |waiting: &mut Waiting| waiting.batch.is_empty() && !waiting.closed;
        let mut waiting = self.lock();
        waiting.taken = 0;
        let waited = self.news.wait_timeout_while(waiting, patience, idle);
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
        waiting.taken = mem::take(&mut waiting.bytes);
        !waiting.closed
    }

    /// Take nothing more; what waits is still taken out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_all();
    }
}

/// The memory of an entry. Every field is named: one that is added must be counted.
fn bytes_of_entry(entry: &Entry) -> usize {
    let Entry {
        id,
        request,
        logged,
        shadow,
        attempts,
    } = entry;
    let Request {
        at: _,
        prompt,
        task,
        tenant,
        session,
        turn: _,
        channel,
        region,
        needs,
        input_tokens: _,
        max_output_tokens: _,
        prefix,
        embedding,
        value_usd: _,
        wrong_usd: _,
        second_usd: _,
        deadline_ms: _,
    } = request;
    let texts = [prompt, task, tenant, session, channel, region].map(held);
    let lists = [needs, prefix].map(|list| {
        let texts = list.iter().map(String::capacity);
        list.capacity() * size_of::<String>() + texts.sum::<usize>()
    });
    let draws = [logged, shadow].map(|logged| {
        let draw = logged.as_ref();
        draw.map_or(
            0,
            |Logged {
                 endpoint,
                 propensity: _,
                 policy,
             }| held(endpoint) + policy.capacity(),
        )
    });
    let tried = attempts
        .iter()
        .map(|tried| tried.model.capacity() + tried.endpoint.capacity());
    let embedding = embedding.as_ref().map_or(0, Vec::capacity) * size_of::<f32>();
    size_of::<Entry>()
        + id.capacity()
        + embedding
        + attempts.capacity() * size_of::<Attempt>()
        + texts.iter().chain(&lists).chain(&draws).sum::<usize>()
        + tried.sum::<usize>()
}

/// The memory of a report.
fn bytes_of_report(report: &Feedback) -> usize {
    let Feedback {
        id,
        at: _,
        endpoint,
        status,
        score: _,
        input_tokens: _,
        cached_tokens: _,
        output_tokens: _,
        reasoning_tokens: _,
        ttft_ms: _,
        latency_ms: _,
        cost_usd: _,
    } = report;
    size_of::<Feedback>() + id.capacity() + held(endpoint) + held(status)
}

fn held(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::capacity)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    /// What the entries of these tests take beside their prompts.
    const ENTRY_BYTES: usize = size_of::<Entry>() + 8;

    fn entry(id: &str, prompt: usize) -> Entry {
        let request = weighbridge_router::Request {
            prompt: Some("x".repeat(prompt)),
            ..Default::default()
        };
        Entry::passed_through(id.into(), request, Vec::new())
    }

    #[test]
    fn what_has_no_room_is_refused_at_once_and_room_comes_back() {
        let queue = Queue::new(10 * ENTRY_BYTES + 7);
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
        assert!(!queue.push(entry("more", 0)), "the writer has them still");
        batch.entries.clear();
        assert!(queue.take(&mut batch, NOW, NOW));
        assert!(!queue.push(entry("long", 10 * ENTRY_BYTES)));
        assert!(queue.push(entry("short", 8 * ENTRY_BYTES)));
        let one = size_of::<Feedback>();
        let few = ENTRY_BYTES / one;
        let reports = vec![Feedback::default(); 2 * few];
        assert!(!queue.report(reports), "all or none");
        assert!(queue.report(vec![Feedback::default(); few]));
    }

    /// Each place where a client, a file or an upstream can put a long text.
    #[test]
    fn every_text_counts() {
        const LONG: usize = 1 << 20;
        let text = || "x".repeat(LONG);
        let of_request = |put: fn(&mut Request, String)| {
            let mut request = Request::default();
            put(&mut request, text());
            Entry::passed_through("r".into(), request, Vec::new())
        };
        let of_entry = |put: fn(&mut Entry, String)| {
            let mut made = entry("r", 0);
            put(&mut made, text());
            made
        };
        let logged = |endpoint: Option<String>, policy: String| {
            let propensity = weighbridge_router::Ppm::ONE;
            Some(Logged {
                endpoint,
                propensity,
                policy,
            })
        };
        let mut entries = vec![
            of_request(|request, text| request.prompt = Some(text)),
            of_request(|request, text| request.task = Some(text)),
            of_request(|request, text| request.tenant = Some(text)),
            of_request(|request, text| request.session = Some(text)),
            of_request(|request, text| request.channel = Some(text)),
            of_request(|request, text| request.region = Some(text)),
            of_request(|request, text| request.needs = vec![text]),
            of_request(|request, text| request.prefix = vec![text]),
            of_request(|request, text| request.needs = vec![String::new(); text.len() / 24 + 1]),
            of_request(|request, text| request.embedding = Some(vec![0.0; text.len() / 4])),
            of_entry(|entry, text| entry.id = text),
            of_entry(|entry, text| {
                entry.attempts.push(Attempt {
                    model: text,
                    ..Attempt::default()
                })
            }),
            of_entry(|entry, text| {
                entry.attempts.push(Attempt {
                    endpoint: text,
                    ..Attempt::default()
                })
            }),
        ];
        for draw in [logged(Some(text()), String::new()), logged(None, text())] {
            entries.push(Entry {
                shadow: draw.clone(),
                ..entry("r", 0)
            });
            entries.push(Entry {
                logged: draw,
                ..entry("r", 0)
            });
        }
        for (place, entry) in entries.into_iter().enumerate() {
            assert!(bytes_of_entry(&entry) > LONG, "{place}");
            assert!(!Queue::new(LONG).push(entry), "{place}");
        }
        let put: [fn(&mut Feedback, String); 3] = [
            |report, text| report.id = text,
            |report, text| report.endpoint = Some(text),
            |report, text| report.status = Some(text),
        ];
        for (place, put) in put.into_iter().enumerate() {
            let mut report = Feedback::default();
            put(&mut report, text());
            assert!(!Queue::new(LONG).report(vec![report]), "{place}");
        }
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
        let queue = Queue::new(8 * size_of::<Entry>());
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
