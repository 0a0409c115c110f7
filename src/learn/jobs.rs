//! Independent jobs on a few threads, their results in the order of the jobs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How far a long piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Fits that are done.
    pub done: usize,
    /// Fits in all.
    pub total: usize,
}

/// Runs the jobs `0..jobs`. Which thread takes which job is chance; the results are not, since
/// each is stored under its job's number.
pub(super) fn run<T: Send>(
    jobs: usize,
    threads: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<T>>> = Mutex::new((0..jobs).map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.max(1)) {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= jobs {
                        break;
                    }
                    let result = work(job);
                    results.lock().expect("no thread panics while it holds it")[job] = Some(result);
                }
            });
        }
    });
    let results = results
        .into_inner()
        .expect("no thread panics while it holds it");
    results
        .into_iter()
        .map(|result| result.expect("every job ran, or its panic left the scope"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_jobs_on_any_number_of_threads() {
        for threads in [0, 1, 3, 50] {
            assert_eq!(run(4, threads, |job| job * job), [0, 1, 4, 9]);
        }
        assert!(run(0, 2, |job| job).is_empty());
    }
}
