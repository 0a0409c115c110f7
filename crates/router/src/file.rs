//! The router file: the frame that lets any language check the body before parsing it.
//!
//! ```text
//! {"format":"weighbridge.router/1","bytes":N,"sha256":"...","body":      line 1
//! N bytes: one JSON object, its last byte a line feed
//! }                                                                      and a line feed
//! ```
//!
//! The whole is valid JSON. It knows nothing of what the body holds: that is `wire`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind};
use crate::golden;
use crate::router::Router;
use crate::wire;

/// The format that this version writes and reads.
///
/// Version 1: the first.
const FORMAT: &str = "weighbridge.router/1";
/// What every version's name begins with.
const FAMILY: &str = "weighbridge.router/";
/// The most bytes that line 1 may have, its line feed included.
const MAX_HEADER_BYTES: usize = 256;
/// The most bytes that a file may have or declare: 64 MiB.
const MAX_FILE_BYTES: usize = 64 << 20;
/// What follows the body.
const END: &[u8] = b"}\n";

/// Line 1.
#[derive(Debug, PartialEq)]
struct Header<'a> {
    /// Bytes of the line itself.
    len: usize,
    /// Bytes of the body.
    body: usize,
    sha256: &'a str,
}

impl Router {
    /// Read and check a router file: its frame, its checksum, every field, and that its golden
    /// requests are decided as it says.
    ///
    /// # Errors
    /// Where anything of that is wrong; see [`ErrorKind`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let header = Header::read(bytes, MAX_FILE_BYTES)?;
        let body = header.body_of(bytes)?;
        if hex(&Sha256::digest(body)) != header.sha256 {
            return Err(frame(
                "the checksum does not match: the file was changed or damaged; get it again or compile it again",
            ));
        }
        let body = std::str::from_utf8(body)
            .map_err(|error| frame(format!("the body is not UTF-8: {error}")))?;
        let (router, goldens) = wire::read(body)?;
        golden::verify(&router, &goldens)?;
        Ok(router)
    }

    /// [`Self::from_bytes`] of a file. No more of it is read than its first line may declare.
    ///
    /// # Errors
    /// Where the file cannot be read, and as [`Self::from_bytes`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let unreadable =
            |error| Error::new(ErrorKind::Io, format!("the file cannot be read: {error}"));
        let mut file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        let mut read = |limit: usize, bytes: &mut Vec<u8>| {
            (&mut file)
                .take(limit as u64)
                .read_to_end(bytes)
                .map_err(unreadable)
        };
        read(MAX_HEADER_BYTES, &mut bytes)?;
        let whole = Header::read(&bytes, MAX_FILE_BYTES)?.file_len();
        // One byte more than declared tells a file that is too long.
        read((whole + 1).saturating_sub(bytes.len()), &mut bytes)?;
        Self::from_bytes(&bytes)
    }

    /// The router file: the same router gives the same bytes. The golden requests are made anew.
    ///
    /// # Errors
    /// Where a part cannot be written, such as a price below zero, or would not be read back.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let body = wire::write(self, &golden::invent(self))?;
        let hash = hex(&Sha256::digest(body.as_bytes()));
        let bytes = body.len();
        let mut file = format!(
            "{{\"format\":\"{FORMAT}\",\"bytes\":{bytes},\"sha256\":\"{hash}\",\"body\":\n"
        );
        file.push_str(&body);
        file.push_str("}\n");
        // A file that nobody can load must not leave the house.
        Self::from_bytes(file.as_bytes())?;
        Ok(file.into_bytes())
    }
}

impl<'a> Header<'a> {
    /// Read line 1 from the first bytes of a file. `format` comes first, so that a file of
    /// another version or kind is called by its name.
    fn read(bytes: &'a [u8], max_file_bytes: usize) -> Result<Self, Error> {
        let start = &bytes[..bytes.len().min(MAX_HEADER_BYTES)];
        let len = start.iter().position(|&byte| byte == b'\n');
        let line = std::str::from_utf8(&start[..len.unwrap_or(start.len())]).unwrap_or_default();
        let rest = line.strip_prefix("{\"format\":\"").ok_or_else(|| {
            frame(format!(
                "not a router file: it must begin with {{\"format\":\"{FORMAT}\""
            ))
        })?;
        let (format, rest) = rest
            .split_once('"')
            .ok_or_else(|| frame("the first line is cut off"))?;
        check_format(format)?;
        let len = len.ok_or_else(|| frame("the first line is cut off or longer than 256 bytes"))?;
        if rest.ends_with('\r') {
            return Err(frame(
                "line ends were changed to CR LF; keep the file byte for byte (`-text` in .gitattributes)",
            ));
        }
        let (body, sha256) = declared(rest).ok_or_else(|| {
            frame("the first line must go on with ,\"bytes\":N,\"sha256\":\"...\",\"body\":")
        })?;
        let header = Self {
            len: len + 1,
            body: usize::try_from(body).unwrap_or(usize::MAX),
            sha256,
        };
        if header.body > max_file_bytes || header.file_len() > max_file_bytes {
            return Err(frame(format!(
                "the file declares {body} bytes, more than the limit of {max_file_bytes}"
            )));
        }
        Ok(header)
    }

    fn file_len(&self) -> usize {
        self.len + self.body + END.len()
    }

    /// The body, where the file has exactly the declared length.
    fn body_of(&self, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        let (found, declared) = (bytes.len(), self.file_len());
        if found < declared {
            return Err(frame(format!(
                "the file is cut off: {found} of {declared} bytes"
            )));
        }
        if found > declared {
            return Err(frame(format!(
                "bytes follow the end of the file, which is at {declared}"
            )));
        }
        let (body, end) = bytes[self.len..].split_at(self.body);
        if end != END || body.last() != Some(&b'\n') {
            return Err(frame(
                "the body must end in a line feed, and the file in a brace and a line feed",
            ));
        }
        Ok(body)
    }
}

fn check_format(format: &str) -> Result<(), Error> {
    if format == FORMAT {
        return Ok(());
    }
    let newer = format
        .strip_prefix(FAMILY)
        .is_some_and(|version| version.parse::<u32>().is_ok_and(|version| version > 1));
    Err(if newer {
        Error::new(
            ErrorKind::Version,
            format!("`{format}` was written by a newer version; upgrade weighbridge"),
        )
    } else {
        frame(format!("this is `{format}`, not `{FORMAT}`"))
    })
}

/// Bytes and hash of the rest of line 1.
fn declared(rest: &str) -> Option<(u64, &str)> {
    let (bytes, rest) = rest
        .strip_prefix(",\"bytes\":")?
        .split_once(",\"sha256\":\"")?;
    let canonical = bytes.bytes().all(|byte| byte.is_ascii_digit())
        && (bytes == "0" || !bytes.starts_with('0'));
    let sha256 = rest.strip_suffix("\",\"body\":")?;
    let is_hash = sha256.len() == 64
        && sha256
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (canonical && is_hash).then_some(())?;
    // More digits than fit a u64 are far above any limit.
    let bytes = if bytes.is_empty() {
        return None;
    } else {
        bytes.parse().unwrap_or(u64::MAX)
    };
    Some((bytes, sha256))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn frame(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Frame, message)
}
