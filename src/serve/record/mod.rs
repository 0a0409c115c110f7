//! What was asked, decided and answered, on its way into a trace.
//!
//! Recording never blocks and never fails a request: an entry goes into a bounded queue, and a
//! thread of its own writes what has gathered there. What cannot be recorded is counted and said.
//! Files and their format are `trace_io`'s. Start at [`Recorder`].

mod counts;
mod entry;
mod line;
mod options;
mod queue;
#[cfg(any(test, fuzzing))]
mod read_back;
mod reports;
mod stream;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

pub(super) use counts::Counts;
pub(super) use entry::{Attempt, Entry, Logged};
pub use options::{Prompts, RecordOptions};
#[cfg(any(test, fuzzing))]
pub use read_back::{Said, record_and_read};
pub(super) use reports::reports_of;

use self::counts::Counters;
use self::queue::{QUEUE_BYTES, Queue};
use self::writer::{Say, Surroundings};
use super::error::ServeError;
use super::live::Active;
use crate::trace::Header;
use crate::trace_io::{Feedback, Mended, RecordFolder, TraceError};

/// Where entries go.
#[derive(Clone, Default)]
pub(super) struct Recorder(Option<Arc<Running>>);

/// A recording that goes on.
struct Running {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    header: Arc<Mutex<Header>>,
    say: Say,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// Why a report was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// This server records nothing.
    Off,
    /// The disk does not keep up; later there may be room.
    Full,
    /// The disk takes nothing; later it may.
    Refused,
}

impl Recorder {
    /// Records nothing.
    pub(super) fn off() -> Self {
        Self::default()
    }

    /// Record into a folder; what a killed server left there is put right first. `active` tells the
    /// first line of each segment, `say` gets what the operator should know.
    ///
    /// # Errors
    /// Where the folder cannot be used, or the threads cannot be started.
    pub(super) fn start(
        options: RecordOptions,
        active: &Active,
        say: Say,
    ) -> Result<Self, ServeError> {
        let folder = RecordFolder::claim(&options.folder).map_err(ServeError::Record)?;
        let mended = folder.mend().map_err(ServeError::Record)?;
        say_mended(&mended, &say);
        let (queue, counters) = (Arc::new(Queue::new(QUEUE_BYTES)), Arc::default());
        let header = Arc::new(Mutex::new(header_of(active)));
        let with = Surroundings {
            queue: Arc::clone(&queue),
            counters: Arc::clone(&counters),
            header: Arc::clone(&header),
            say: Arc::clone(&say),
        };
        let path = options.folder.clone();
        let writer = writer::start(folder, mended.unfinished, options, with)
            .map_err(|error| ServeError::Record(TraceError::of_file(&path, error.to_string())))?;
        Ok(Self(Some(Arc::new(Running {
            queue,
            counters,
            header,
            say,
            writer: Mutex::new(Some(writer)),
        }))))
    }

    /// Other files are in force from here on: the next segment says so.
    pub(super) fn follow(&self, active: &Active) {
        if let Some(running) = &self.0 {
            let mut header = running
                .header
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *header = header_of(active);
        }
    }

    /// Take one entry; it is made only where something is recorded.
    pub(super) fn record(&self, entry: impl FnOnce() -> Entry) {
        if let Some(running) = &self.0
            && !running.queue.push(entry())
        {
            running.overflow(1);
        }
    }

    /// Take what was reported about answers, all or none.
    ///
    /// # Errors
    /// Where nothing is recorded, there is no room, or the disk has refused what was written last.
    pub(super) fn feedback(&self, reports: Vec<Feedback>) -> Result<(), NotTaken> {
        let running = self.0.as_ref().ok_or(NotTaken::Off)?;
        if running.counters.is_refusing() {
            return Err(NotTaken::Refused);
        }
        let count = reports.len() as u64;
        if running.queue.report(reports) {
            return Ok(());
        }
        running.overflow(count);
        Err(NotTaken::Full)
    }

    /// How much was recorded; none where nothing is.
    pub(super) fn counts(&self) -> Option<Counts> {
        self.0.as_ref().map(|running| running.counters.now())
    }

    /// Write what waits and finish the segments; returns when that is done. Nothing is taken after.
    pub(super) fn finish(&self) {
        let Some(running) = &self.0 else { return };
        running.queue.close();
        let writer = running
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            (running.say)("recording: the thread that writes has panicked; what it held is lost");
        }
    }
}

fn say_mended(mended: &Mended, say: &Say) {
    if !mended.unfinished.is_empty() {
        say(&format!(
            "recording: {} segments were left open; {} ended in a line that was cut off",
            mended.unfinished.len(),
            mended.torn
        ));
    }
    for path in &mended.aside {
        let path = path.display();
        say(&format!(
            "recording: {path}: put aside, it is not what the plain segment beside it is; look at both"
        ));
    }
    for path in &mended.foreign {
        say(&format!(
            "recording: {}: no regular file; left alone",
            path.display()
        ));
    }
}

/// What a segment says of itself.
fn header_of(active: &Active) -> Header {
    let roles = active.main.router.parts().roles.iter().cloned();
    Header {
        source: Some("recorded by weighbridge serve".to_owned()),
        roles: roles.collect(),
        ..Header::default()
    }
}

impl Running {
    fn overflow(&self, by: u64) {
        if self.counters.overflowed(by) == by {
            (self.say)("recording: the disk does not keep up; what finds no room is counted");
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recorder").field(&self.counts()).finish()
    }
}
