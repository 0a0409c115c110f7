//! A segment that is there twice, plain and compressed: which of the two holds all of it.
//!
//! A recorder removes the plain file only when the compressed one is there whole. But a copy that broke off, or a
//! file system that lost power, can leave a compressed file that is not: none is believed that has not been read
//! to its end.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// What a compressed file is to the plain one beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twin {
    /// It is whole, and holds all that the plain one holds.
    Whole,
    /// All that can be read of it stands in the plain one as well.
    Part,
    /// Each has what the other has not, or that cannot be told.
    Other,
}

/// How much is compared at once.
const PIECE: usize = 1 << 16;

/// The name that a segment has once it is compressed.
pub(super) fn packed(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    name.into()
}

/// Read both to the end of what bears on the answer.
///
/// # Errors
/// Where the plain one cannot be read.
pub(super) fn compare(mut plain: impl Read, packed: impl Read) -> io::Result<Twin> {
    let mut packed = MultiGzDecoder::new(packed);
    let (mut here, mut there) = (vec![0; PIECE], vec![0; PIECE]);
    let mut unpacked = 0;
    loop {
        let held = fill(&mut plain, &mut here);
        let held = held.1.map_or(Ok(held.0), Err)?;
        let (found, broken) = fill(&mut packed, &mut there);
        unpacked += found;
        let common = held.min(found);
        if here[..common] != there[..common] {
            return Ok(Twin::Other);
        }
        if found < held || (broken.is_some() && found == held) {
            return Ok(Twin::Part);
        }
        if held < PIECE {
            // The plain one has ended: the rest must be whole, and an empty file is no compressed one.
            let whole = broken.is_none() && io::copy(&mut packed, &mut io::sink()).is_ok();
            return Ok(match (whole, unpacked) {
                (true, 1..) => Twin::Whole,
                (_, 0) => Twin::Part,
                _ => Twin::Other,
            });
        }
    }
}

/// Read until the buffer is full or nothing more comes: how much, and what stopped it.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn only_what_was_read_to_its_end_is_believed() {
        for length in [1, 2, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let text: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let twin = |packed: &[u8]| compare(&text[..], packed).unwrap();
            let whole = gzip(&text);
            assert_eq!(twin(&whole), Twin::Whole, "{length}");
            // More than the plain one has, in two members.
            assert_eq!(twin(&[&whole[..], &gzip(b"more")].concat()), Twin::Whole);
            for cut in [0, 1, 9, whole.len() / 2, whole.len() - 1] {
                assert_eq!(twin(&whole[..cut]), Twin::Part, "{length} {cut}");
            }
            let mut damaged = whole.clone();
            // The checksum.
            damaged[whole.len() - 8] ^= 1;
            assert_eq!(twin(&damaged), Twin::Part, "{length}");
            assert_eq!(twin(b"no gzip"), Twin::Part);
            assert_eq!(twin(&gzip(&text[..length - 1])), Twin::Part);
            assert_eq!(twin(&gzip(b"\xff another")), Twin::Other);
            let longer = gzip(&[&text[..], &[7; 2 * PIECE]].concat());
            assert_eq!(twin(&longer), Twin::Whole);
            assert_eq!(twin(&longer[..longer.len() - 3]), Twin::Other);
        }
        assert_eq!(compare(&b""[..], &b""[..]).unwrap(), Twin::Part);
    }
}
