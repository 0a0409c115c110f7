//! A stream cut into blocks of whole lines.

use std::io::{self, BufRead, Read};

/// The longest line that is read: a prompt of many megabytes fits, a file that is no text does not.
pub const LINE_LIMIT: usize = 64 << 20;

/// How much is read before a block is cut: large enough that handing it over costs nothing, small
/// enough that all threads have work in a file of a few megabytes.
const BLOCK: usize = 2 << 20;

/// Reads a stream in blocks that end where a line ends.
pub(super) struct Blocks<R> {
    input: R,
    line_limit: usize,
    pending: Vec<u8>,
    ended: bool,
}

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Whole lines; the last of the stream may lack its line feed.
    Lines(Vec<u8>),
    /// One line over the limit, which was passed over.
    TooLong,
}

impl<R: Read> Blocks<R> {
    pub(super) fn new(input: R, line_limit: usize) -> Self {
        Self {
            input,
            line_limit,
            pending: Vec::new(),
            ended: false,
        }
    }

    pub(super) fn input(&self) -> &R {
        &self.input
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// Where the input cannot be read, or is damaged compressed data.
    pub(super) fn next(&mut self) -> io::Result<Option<Block>> {
        let mut searched = 0;
        loop {
            self.fill()?;
            if let Some(end) = last_line_end(&self.pending[searched..]) {
                let rest = self.pending.split_off(searched + end);
                return Ok(Some(Block::Lines(std::mem::replace(
                    &mut self.pending,
                    rest,
                ))));
            }
            searched = self.pending.len();
            if self.pending.len() > self.line_limit {
                self.pass_over()?;
                return Ok(Some(Block::TooLong));
            }
            if self.ended {
                let last = std::mem::take(&mut self.pending);
                return Ok((!last.is_empty()).then_some(Block::Lines(last)));
            }
        }
    }

    /// Read another block's worth behind what is pending.
    fn fill(&mut self) -> io::Result<()> {
        let mut filled = self.pending.len();
        // Not `read_to_end`, which begins with small reads that are copied once more.
        self.pending.resize(filled + BLOCK, 0);
        while filled < self.pending.len() {
            match self.input.read(&mut self.pending[filled..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.pending.truncate(filled);
        Ok(())
    }

    /// Drop the rest of a line that is too long.
    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            self.pending.clear();
            self.fill()?;
            if let Some(feed) = self.pending.iter().position(|&byte| byte == b'\n') {
                self.pending.drain(..=feed);
                return Ok(());
            }
            if self.ended {
                self.pending.clear();
                return Ok(());
            }
        }
    }
}

/// Behind the last line feed.
fn last_line_end(bytes: &[u8]) -> Option<usize> {
    bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map(|feed| feed + 1)
}

/// The lines of a block, without line feed or carriage return.
pub(super) fn lines(mut block: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let mut behind = block;
        // Reading from memory does not fail; this search is several times faster than `split`.
        let len = behind.skip_until(b'\n').unwrap_or(0);
        let line = block.get(..len).filter(|line| !line.is_empty())?;
        block = behind;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// Whether a line holds nothing but spaces.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_join_to_the_stream_and_end_with_a_line() {
        let text: String = (0..400_000).map(|n| format!("line {n}\n")).collect();
        let mut blocks = Blocks::new(text.as_bytes(), 100);
        let mut joined = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            let Block::Lines(block) = block else {
                panic!("no line is too long")
            };
            assert!(block.ends_with(b"\n"));
            joined.extend(block);
        }
        assert!(joined == text.as_bytes());
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over() {
        let long = "x".repeat(3 * BLOCK);
        let text = format!("{long}\nnext\n{long}");
        let mut blocks = Blocks::new(text.as_bytes(), BLOCK);
        assert_eq!(blocks.next().unwrap(), Some(Block::TooLong));
        let after: Vec<_> = std::iter::from_fn(|| blocks.next().unwrap()).collect();
        assert_eq!(after.last(), Some(&Block::TooLong));
        let Block::Lines(lines) = &after[0] else {
            panic!()
        };
        assert!(lines.starts_with(b"next\n"));
    }

    #[test]
    fn lines_lose_their_ends() {
        let all = |block: &'static [u8]| lines(block).collect::<Vec<_>>();
        assert_eq!(all(b"a\r\n\nb"), [b"a".as_slice(), b"", b"b"]);
        assert_eq!(all(b"a\n"), [b"a"]);
        assert_eq!(all(b"\n"), [b""]);
        assert!(all(b"").is_empty());
    }
}
