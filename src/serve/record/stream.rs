//! Segments of one kind, and the lines that will be appended next.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use super::options::RecordOptions;
use super::queue::QUEUE_BYTES;
use crate::serve::clock;
use crate::trace_io::{Lost, Segments};

/// How much is written at once.
const PIECE: usize = 1 << 18;

/// See the module.
pub(super) struct Stream {
    segments: Segments,
    since: Option<Instant>,
    lines: Vec<u8>,
}

/// What came of lines.
#[derive(Default)]
pub(super) struct Appended {
    /// How many were written.
    pub(super) written: u64,
    /// Why not all of them.
    pub(super) fault: Option<Fault>,
}

/// Why a disk takes nothing.
pub(super) struct Fault {
    pub(super) why: String,
    /// Whether another file may be longer.
    pub(super) is_too_large: bool,
}

impl Appended {
    /// None were written.
    pub(super) fn nothing(why: String) -> Self {
        let fault = Fault {
            why,
            is_too_large: false,
        };
        Self {
            written: 0,
            fault: Some(fault),
        }
    }
}

impl Stream {
    pub(super) fn new(segments: Segments) -> Self {
        Self {
            segments,
            since: None,
            lines: Vec::new(),
        }
    }

    /// Where whole lines are put.
    pub(super) fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.lines
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether so much waits that it should be written.
    pub(super) fn is_long(&self) -> bool {
        self.lines.len() >= PIECE
    }

    pub(super) fn is_too_long_to_keep(&self) -> bool {
        self.lines.len() > QUEUE_BYTES
    }

    /// Append the lines that wait; those that could not be written wait on.
    pub(super) fn append(&mut self, header: impl FnOnce() -> Vec<u8>) -> Appended {
        let waiting = count(&self.lines);
        let result = self.segments.append(&self.lines, clock::now(), header);
        if self.segments.bytes() > 0 {
            self.since.get_or_insert_with(this_moment);
        }
        match result {
            Ok(()) => {
                self.drop_lines();
                Appended {
                    written: waiting,
                    fault: None,
                }
            }
            Err(Lost {
                lines,
                written,
                error,
            }) => {
                self.lines.drain(..written);
                let fault = Fault {
                    why: error.to_string(),
                    is_too_large: error.kind() == io::ErrorKind::FileTooLarge,
                };
                Appended {
                    written: waiting - lines,
                    fault: Some(fault),
                }
            }
        }
    }

    /// Forget the lines that wait: how many there were.
    pub(super) fn drop_lines(&mut self) -> u64 {
        let dropped = count(&self.lines);
        self.lines.clear();
        // One long prompt is no reason to keep its room.
        self.lines.shrink_to(2 * PIECE);
        dropped
    }

    /// The open segment is gone, with its folder.
    pub(super) fn give_up(&mut self) {
        self.since = None;
        drop(self.segments.finish());
    }

    /// Give the open segment up where somebody took it away: its path.
    pub(super) fn give_up_if_gone(&mut self) -> Option<PathBuf> {
        let gone = self.segments.give_up_if_gone()?;
        self.since = None;
        Some(gone)
    }

    /// Whether the open segment is long or old enough.
    pub(super) fn is_full(&self, options: &RecordOptions) -> bool {
        let old = |since: Instant| since.elapsed() >= options.segment_age;
        self.segments.bytes() >= options.segment_bytes || self.since.is_some_and(old)
    }

    /// Finish the open segment: its path, to be compressed, and whether it is safe.
    pub(super) fn finish(&mut self) -> Option<(PathBuf, io::Result<()>)> {
        self.since = None;
        self.segments.finish()
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[expect(
    clippy::disallowed_methods,
    reason = "a segment is finished when it is old"
)]
fn this_moment() -> Instant {
    Instant::now()
}
