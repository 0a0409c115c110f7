//! The threads behind a recording: one writes whole lines, one compresses finished segments.
//!
//! Nobody waits for them but a server that stops. Whatever goes wrong with the disk is counted, said
//! once, and tried again with the next lines.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::counts::Counters;
use super::line::write_entry;
use super::options::RecordOptions;
use super::queue::{Batch, Queue};
use crate::serve::clock;
use crate::trace::Header;
use crate::trace_io::{Lost, RecordFolder, Segments, compress, feedback_header, requests_header};

/// How long entries are gathered before they are written: what a kill loses.
const GATHER: Duration = Duration::from_millis(100);

/// How often the age of segments is looked at while nothing comes.
const IDLE: Duration = Duration::from_secs(1);

/// How much is written at once.
const PIECE: usize = 1 << 18;

/// Where remarks go.
pub(super) type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// What the writer needs, besides its options.
pub(super) struct Surroundings {
    pub(super) queue: Arc<Queue>,
    pub(super) counters: Arc<Counters>,
    /// The first line of the next segment.
    pub(super) header: Arc<Mutex<Header>>,
    pub(super) say: Say,
}

/// Start both threads; `unfinished` segments are compressed first. They end once the queue is closed.
pub(super) fn start(
    folder: RecordFolder,
    unfinished: Vec<PathBuf>,
    options: RecordOptions,
    with: Surroundings,
) -> std::io::Result<JoinHandle<()>> {
    let (finished, waiting) = mpsc::channel();
    for path in unfinished {
        // The other end is in the next lines.
        let _ = finished.send(path);
    }
    let say = Arc::clone(&with.say);
    let packer = thread::Builder::new()
        .name("record-pack".into())
        .spawn(move || pack(&waiting, &say))?;
    thread::Builder::new()
        .name("record-write".into())
        .spawn(move || {
            let writer = Writer {
                requests: Stream::new(folder.requests()),
                feedback: Stream::new(folder.feedback()),
                options,
                with,
                finished,
                lost_at_last: 0,
            };
            writer.run();
            // A panic there has been told by its own thread.
            let _ = packer.join();
            // Only now may another server record here.
            drop(folder);
        })
}

struct Writer {
    requests: Stream,
    feedback: Stream,
    options: RecordOptions,
    with: Surroundings,
    finished: Sender<PathBuf>,
    /// Entries that were lost since the disk last took something.
    lost_at_last: u64,
}

/// Segments of one kind, and what will be appended next.
struct Stream {
    segments: Segments,
    since: Option<Instant>,
    lines: Vec<u8>,
}

impl Stream {
    fn new(segments: Segments) -> Self {
        Self {
            segments,
            since: None,
            lines: Vec::new(),
        }
    }
}

impl Writer {
    fn run(mut self) {
        let queue = Arc::clone(&self.with.queue);
        let mut batch = Batch::default();
        loop {
            let open = queue.take(&mut batch, IDLE, GATHER);
            for entry in batch.entries.drain(..) {
                match write_entry(&entry, self.options.prompts, &mut self.requests.lines) {
                    Ok(()) => {}
                    Err(why) => self.refuse(&entry.id, &why.to_string()),
                }
                if self.requests.lines.len() >= PIECE {
                    self.append_requests();
                }
            }
            self.append_requests();
            for report in batch.reports.drain(..) {
                // Memory takes everything.
                let _ = report.write_line(&mut self.feedback.lines);
            }
            self.append_feedback();
            self.finish_those_that_are_full(!open);
            if !open {
                return;
            }
        }
    }

    /// An entry that no trace can hold.
    fn refuse(&self, id: &str, why: &str) {
        if self.with.counters.unfit() == 1 {
            (self.with.say)(&format!(
                "recording: request {id} cannot stand in a trace ({why}); it is left out, and so are others like it, which are counted"
            ));
        }
    }

    fn append_requests(&mut self) {
        let header = &self.with.header;
        let result = self
            .requests
            .append(|| requests_header(&header.lock().unwrap_or_else(PoisonError::into_inner)));
        self.note(result);
    }

    fn append_feedback(&mut self) {
        let result = self.feedback.append(feedback_header);
        self.note(result);
    }

    /// Count what was written and lost, and say it when that begins and ends.
    fn note(&mut self, (lines, result): (u64, Result<(), Lost>)) {
        if lines == 0 {
            return;
        }
        let lost = result.as_ref().map_or_else(|lost| lost.lines, |()| 0);
        self.with.counters.written(lines.saturating_sub(lost));
        self.with.counters.lost(lost);
        match result {
            Err(lost) => {
                if self.lost_at_last == 0 {
                    (self.with.say)(&format!(
                        "recording: {}: {}; requests go on, what cannot be written is lost and counted",
                        self.options.folder.display(),
                        lost.error
                    ));
                }
                self.lost_at_last += lost.lines;
                // A file that may not grow: the next one may.
                if lost.error.kind() == std::io::ErrorKind::FileTooLarge {
                    self.finish_those_that_are_full(true);
                }
            }
            Ok(()) if self.lost_at_last > 0 => {
                (self.with.say)(&format!(
                    "recording: {} takes lines again; {} were lost",
                    self.options.folder.display(),
                    self.lost_at_last
                ));
                self.lost_at_last = 0;
            }
            Ok(()) => {}
        }
    }

    fn finish_those_that_are_full(&mut self, all: bool) {
        for stream in [&mut self.requests, &mut self.feedback] {
            let full = stream.segments.bytes() >= self.options.segment_bytes
                || stream
                    .since
                    .is_some_and(|since| since.elapsed() >= self.options.segment_age);
            if !(all || full) {
                continue;
            }
            stream.since = None;
            if let Some((path, synced)) = stream.segments.finish() {
                if let Err(error) = synced {
                    (self.with.say)(&format!("recording: {}: {error}", path.display()));
                }
                // The packer lives as long as this end of the channel.
                let _ = self.finished.send(path);
            }
        }
    }
}

impl Stream {
    /// Append the lines that wait: how many, and what came of it.
    fn append(&mut self, header: impl FnOnce() -> Vec<u8>) -> (u64, Result<(), Lost>) {
        if self.lines.is_empty() {
            return (0, Ok(()));
        }
        let lines = self.lines.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let result = self.segments.append(&self.lines, clock::now(), header);
        if self.segments.bytes() > 0 {
            self.since.get_or_insert_with(this_moment);
        }
        self.lines.clear();
        // One long prompt is no reason to keep its room.
        self.lines.shrink_to(2 * PIECE);
        (lines, result)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a segment is finished when it is old"
)]
fn this_moment() -> Instant {
    Instant::now()
}

/// Compress what is finished; what cannot be is tried again with the next.
fn pack(finished: &Receiver<PathBuf>, say: &Say) {
    let mut waiting: Vec<PathBuf> = Vec::new();
    while let Ok(path) = finished.recv() {
        let troubled = !waiting.is_empty();
        waiting.push(path);
        waiting.retain(|path| match compress(path) {
            Ok(()) => false,
            // Somebody took it away, as he may.
            Err(_) if !path.exists() => false,
            Err(error) => {
                if !troubled {
                    say(&format!(
                        "recording: {error}; the segment stays as it is, and is read as well"
                    ));
                }
                true
            }
        });
    }
}
