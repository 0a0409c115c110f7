//! The threads behind a recording: one writes whole lines, one compresses finished segments.
//!
//! Nobody waits for them but a server that stops. Whatever goes wrong with the disk is counted, said
//! once, and tried again with the next lines. Feedback, which was acknowledged, waits for that; a request's
//! line does not.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::counts::Counters;
use super::line::{write_entry, write_report};
use super::options::RecordOptions;
use super::queue::{Batch, Queue};
use super::stream::{Appended, Stream};
use crate::trace::Header;
use crate::trace_io::{RecordFolder, compress, feedback_header, requests_header};

/// How long entries are gathered before they are written: what a kill loses.
const GATHER: Duration = Duration::from_millis(100);

/// How often the age of segments is looked at while nothing comes, and the disk while it refuses.
const IDLE: Duration = Duration::from_secs(1);

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
                folder,
                options,
                with,
                finished,
                lost_at_last: 0,
            };
            // Only when both are done may another server record here.
            let _folder = writer.run();
            // A panic there has been told by its own thread.
            let _ = packer.join();
        })
}

struct Writer {
    folder: RecordFolder,
    requests: Stream,
    feedback: Stream,
    options: RecordOptions,
    with: Surroundings,
    finished: Sender<PathBuf>,
    /// Entries that were lost since the disk last took something.
    lost_at_last: u64,
}

impl Writer {
    fn run(mut self) -> RecordFolder {
        let queue = Arc::clone(&self.with.queue);
        let mut batch = Batch::default();
        loop {
            let open = queue.take(&mut batch, IDLE, GATHER);
            let idle = batch.is_empty() && self.feedback.is_empty();
            for entry in batch.entries.drain(..) {
                let written = write_entry(&entry, self.options.prompts, self.requests.lines());
                if let Err(why) = written {
                    self.refuse("request", &entry.id, &why.to_string());
                }
                if self.requests.is_long() {
                    self.append_requests();
                }
            }
            self.append_requests();
            for report in batch.reports.drain(..) {
                if let Err(why) = write_report(&report, self.feedback.lines()) {
                    self.refuse("feedback of", &report.id, &why.to_string());
                }
            }
            self.append_feedback(!open);
            if idle && self.with.counters.is_refusing() {
                self.try_disk();
            }
            self.finish_those_that_are_full(!open);
            if !open {
                return self.folder;
            }
        }
    }

    /// An entry or a report that no trace can hold.
    fn refuse(&self, what: &str, id: &str, why: &str) {
        if self.with.counters.unfit() == 1 {
            (self.with.say)(&format!(
                "recording: {what} {id} cannot stand in a trace ({why}); it is left out, and so are others like it, which are counted"
            ));
        }
    }

    fn append_requests(&mut self) {
        if self.requests.is_empty() {
            return;
        }
        let appended = match self.look_after_folder() {
            Ok(()) => {
                let header = &self.with.header;
                let header = || header.lock().unwrap_or_else(PoisonError::into_inner);
                self.requests.append(|| requests_header(&header()))
            }
            Err(why) => Appended::nothing(why),
        };
        let lost = self.requests.drop_lines();
        self.note(appended, lost);
    }

    /// What was acknowledged stays until the disk takes it, or the server stops, which is when it is
    /// lost; as far as there is room for it.
    fn append_feedback(&mut self, last: bool) {
        if self.feedback.is_empty() {
            return;
        }
        let appended = match self.look_after_folder() {
            Ok(()) => self.feedback.append(feedback_header),
            Err(why) => Appended::nothing(why),
        };
        let lost = match last || self.feedback.is_too_long_to_keep() {
            true => self.feedback.drop_lines(),
            false => 0,
        };
        self.note(appended, lost);
    }

    /// See that what is written next can be found again: a folder that was removed is made anew, a
    /// segment that was taken away is followed by another.
    ///
    /// # Errors
    /// Where the folder is gone and cannot be had: why.
    fn look_after_folder(&mut self) -> Result<(), String> {
        let renewed = self.folder.renew();
        if renewed.as_ref().map_or(true, |&renewed| renewed) {
            self.requests.give_up();
            self.feedback.give_up();
        }
        if renewed.map_err(|error| error.message)? {
            let folder = self.options.folder.display();
            (self.with.say)(&format!(
                "recording: {folder}: was removed or moved away, and is made anew"
            ));
        }
        for stream in [&mut self.requests, &mut self.feedback] {
            if let Some(path) = stream.give_up_if_gone() {
                let path = path.display();
                (self.with.say)(&format!(
                    "recording: {path}: was taken away while it was open; another is begun"
                ));
            }
        }
        Ok(())
    }

    /// While nothing is written nobody would notice that the disk takes lines again.
    fn try_disk(&mut self) {
        if self.look_after_folder().is_ok() && self.folder.probe().is_ok() {
            self.note(Appended::default(), 0);
        }
    }

    /// Count what was written and lost, and say it when that begins and ends.
    fn note(&mut self, appended: Appended, lost: u64) {
        let Appended { written, fault } = appended;
        self.with.counters.written(written);
        self.with.counters.lost(lost);
        self.lost_at_last += lost;
        let refused = self.with.counters.set_refusing(fault.is_some());
        let folder = self.options.folder.display();
        match fault {
            Some(fault) => {
                if !refused {
                    (self.with.say)(&format!(
                        "recording: {folder}: {}; requests go on, what cannot be written is lost and counted",
                        fault.why
                    ));
                }
                // A file that may not grow: the next one may.
                if fault.is_too_large {
                    self.finish_those_that_are_full(true);
                }
            }
            None if refused => {
                (self.with.say)(&format!(
                    "recording: {folder} takes lines again; {} were lost",
                    self.lost_at_last
                ));
                self.lost_at_last = 0;
            }
            None => {}
        }
    }

    fn finish_those_that_are_full(&mut self, all: bool) {
        for stream in [&mut self.requests, &mut self.feedback] {
            if !(all || stream.is_full(&self.options)) {
                continue;
            }
            if let Some((path, synced)) = stream.finish() {
                if let Err(error) = synced {
                    (self.with.say)(&format!("recording: {}: {error}", path.display()));
                }
                // The packer lives as long as this end of the channel.
                let _ = self.finished.send(path);
            }
        }
    }
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
