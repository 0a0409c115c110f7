//! Traces as JSON lines: reading on several threads, writing.
//!
//! A file is cut into blocks of whole lines; each thread turns blocks into rows of a builder of its
//! own, and the builders are joined in the file's order, so that the trace is the same on one
//! thread or many.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::atomic::write_file;
use super::blocks::{Block, Blocks, LINE_LIMIT, is_blank, lines};
use super::collect::Reading;
use super::directory::{Inputs, as_it_is_now, never_begun};
use super::error::{OnError, ReadReport, TraceError};
use super::given::GivenLater;
use super::header::{read_header, write_header};
use super::line::{push_line, too_long, write_line};
use super::source::Source;
use crate::trace::{RowFault, Trace, TraceBuilder};

/// How to read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions {
    /// What to do with a line that cannot be taken.
    pub on_error: OnError,
    /// On how many threads lines are read; 0 counts as 1.
    pub threads: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            on_error: OnError::Fail,
            threads: 1,
        }
    }
}

/// Read traces as one: their headers joined, their requests in order of time. `-` is standard
/// input, a folder all traces in it with the feedback beside them; gzip is known by its first bytes. `progress` is told the stored bytes read so far, of
/// all files.
///
/// # Errors
/// Where a file cannot be read, has no header of this format, or headers disagree; where no
/// request is left; and, unless faults are skipped, at the first line that cannot be taken or
/// whose id stood before.
pub fn read(
    paths: &[PathBuf],
    options: &ReadOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<(Trace, ReadReport), TraceError> {
    read_within(paths, options, LINE_LIMIT, progress)
}

pub(super) fn read_within(
    paths: &[PathBuf],
    options: &ReadOptions,
    line_limit: usize,
    progress: &mut dyn FnMut(u64),
) -> Result<(Trace, ReadReport), TraceError> {
    let inputs = Inputs::of(paths)?;
    let mut reading = Reading::new(&inputs.traces, options.on_error);
    reading.found.clone_from(&inputs.found);
    let given = GivenLater::read(&inputs.feedback, options.on_error, &mut reading.report)?;
    let how = How {
        threads: options.threads.max(1),
        line_limit,
        on_error: options.on_error,
        given: given.as_ref(),
    };
    for file in 0..inputs.traces.len() {
        reading.read_file(file, how, progress)?;
    }
    if let Some(given) = &given {
        reading.report.feedback = given.report();
    }
    reading.finish()
}

/// How each file is read.
#[derive(Clone, Copy)]
struct How<'a> {
    threads: usize,
    line_limit: usize,
    on_error: OnError,
    /// What was reported later.
    given: Option<&'a GivenLater>,
}

/// What a thread made of a block.
#[derive(Default)]
struct Part {
    builder: TraceBuilder,
    /// The line of each row, from 0 within the block.
    rows: Vec<u32>,
    /// Lines that could not be taken.
    faults: Vec<(u32, RowFault)>,
    lines: u32,
    /// Whether the last line lacks its line feed.
    unended: bool,
}

impl Reading<'_> {
    /// Read one file's header and lines.
    fn read_file(
        &mut self,
        file: usize,
        how: How<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TraceError> {
        let path: &Path = &self.paths[file];
        let source = if self.found[file] {
            let path = as_it_is_now(path);
            if never_begun(&path).map_err(|error| TraceError::of_reading(&path, &error))? {
                self.report.torn += 1;
                return Ok(());
            }
            Source::open(&path)?
        } else {
            Source::open(path)?
        };
        let mut blocks = Blocks::new(source, how.line_limit);
        let before = self.report.bytes;
        let (header, first, line) = read_header(&mut blocks, path)?;
        self.take_header(file, header)?;
        let threads = how.threads;
        let mut place = Place { file, line };
        let mut failed = None;
        in_parallel(how, |crew| {
            let mut next = Ok(Some(Block::Lines(first)));
            loop {
                let block = match next {
                    Ok(Some(block)) => block,
                    Ok(None) => break,
                    Err(error) => {
                        failed = Some(TraceError::of_reading(path, &error));
                        break;
                    }
                };
                crew.give(block);
                while let Some(part) = crew.take(2 * threads) {
                    self.join(&mut place, part)?;
                }
                self.report.bytes = before + blocks.input().stored_bytes();
                progress(self.report.bytes);
                next = blocks.next();
            }
            while let Some(part) = crew.take(0) {
                self.join(&mut place, part)?;
            }
            Ok(())
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Take in the next part of a file.
    fn join(&mut self, place: &mut Place, part: Part) -> Result<(), TraceError> {
        let path: &Path = &self.paths[place.file];
        let last = part.lines.saturating_sub(1);
        for (line, fault) in part.faults {
            if part.unended && line == last && self.found[place.file] {
                self.report.torn += 1;
                continue;
            }
            let fault = TraceError::of_row(path, place.line + u64::from(line), fault);
            self.report.refuse(self.on_error, fault)?;
        }
        let file = u32::try_from(place.file).unwrap_or(u32::MAX);
        let line = |row: u32| u32::try_from(place.line + u64::from(row)).unwrap_or(u32::MAX);
        self.positions
            .extend(part.rows.iter().map(|&row| (file, line(row))));
        self.builder
            .append(part.builder)
            .map_err(|fault| TraceError::of_row(path, place.line, fault))?;
        place.line += u64::from(part.lines);
        Ok(())
    }
}

/// Where the next part begins.
struct Place {
    file: usize,
    line: u64,
}

/// Threads that turn blocks into parts.
struct Crew {
    blocks: Sender<(usize, Block)>,
    parts: Receiver<(usize, Part)>,
    given: usize,
    taken: usize,
    /// Parts that came before their turn.
    early: BTreeMap<usize, Part>,
}

impl Crew {
    fn give(&mut self, block: Block) {
        // A thread that is gone took its panic along, which the scope hands on.
        let _ = self.blocks.send((self.given, block));
        self.given += 1;
    }

    /// The next part in the file's order, once more than `backlog` are under way.
    fn take(&mut self, backlog: usize) -> Option<Part> {
        if self.given - self.taken <= backlog {
            return None;
        }
        while !self.early.contains_key(&self.taken) {
            let (number, part) = self.parts.recv().ok()?;
            self.early.insert(number, part);
        }
        self.taken += 1;
        self.early.remove(&(self.taken - 1))
    }
}

fn in_parallel(
    how: How<'_>,
    lead: impl FnOnce(&mut Crew) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    let (block_sender, block_receiver) = mpsc::channel::<(usize, Block)>();
    let (part_sender, part_receiver) = mpsc::channel();
    let waiting = Mutex::new(block_receiver);
    std::thread::scope(|scope| {
        for _ in 0..how.threads {
            let (waiting, parts) = (&waiting, part_sender.clone());
            scope.spawn(move || {
                loop {
                    let next = waiting.lock().map(|blocks| blocks.recv());
                    let Ok(Ok((number, block))) = next else { break };
                    let part = part_of(&block, how);
                    if parts.send((number, part)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(part_sender);
        lead(&mut Crew {
            blocks: block_sender,
            parts: part_receiver,
            given: 0,
            taken: 0,
            early: BTreeMap::new(),
        })
    })
}

fn part_of(block: &Block, how: How<'_>) -> Part {
    let line_limit = how.line_limit;
    let mut part = Part::default();
    let Block::Lines(block) = block else {
        part.faults.push((0, too_long(line_limit)));
        part.lines = 1;
        return part;
    };
    part.builder.reserve_prompts(block.len());
    part.unended = !block.ends_with(b"\n");
    for line in lines(block) {
        let number = part.lines;
        part.lines += 1;
        if is_blank(line) {
            continue;
        }
        let pushed = if line.len() > line_limit {
            Err(too_long(line_limit))
        } else {
            push_line(&mut part.builder, line, how.given)
        };
        match pushed {
            Ok(()) => part.rows.push(number),
            Err(fault) => {
                part.faults.push((number, fault));
                if how.on_error == OnError::Fail {
                    break;
                }
            }
        }
    }
    part
}

/// Write a trace as JSON lines: whole or not at all, gzip where the name ends in `.gz`, `-` is
/// standard output. Reading it again gives the same trace, unknown fields included.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(trace: &Trace, path: &Path) -> Result<(), TraceError> {
    let compress = path.extension().is_some_and(|ending| ending == "gz");
    write_file(path, |out| {
        if compress {
            let mut gzip = GzEncoder::new(out, Compression::default());
            write_lines(trace, &mut gzip)?;
            gzip.finish().map(drop)
        } else {
            write_lines(trace, out)
        }
    })
}

/// The rows of JSON lines without a header, such as [`write_row`](super::write_row) writes them.
///
/// # Errors
/// At the first line that cannot be taken.
pub fn rows_of_lines(lines: &[u8]) -> Result<Trace, RowFault> {
    let mut builder = TraceBuilder::default();
    let lines = lines.split(|&byte| byte == b'\n');
    for line in lines.filter(|line| !is_blank(line)) {
        push_line(&mut builder, line, None)?;
    }
    builder.finish().map(|(trace, _)| trace)
}

fn write_lines(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    write_header(trace.header(), out)?;
    for i in 0..trace.len() {
        write_line(trace, i, out)?;
    }
    Ok(())
}
