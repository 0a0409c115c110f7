//! The bytes of a tally: its state, to be merged elsewhere.

use sha2::{Digest, Sha256};
use tool::replay;
use tool::trace::{OutcomeRef, Row};
use tool::trace_io::{rows_of_lines, write_row};

use super::{About, FORMAT, MISMATCH, Sums};
use crate::rows::Open;

impl About {
    /// The format, the hash of the specification, that of all after it; whether it is finished,
    /// requests dropped, how long the lines of open requests are; those; the sums.
    pub(super) fn bytes_of(&self, sums: &Sums) -> Result<Vec<u8>, String> {
        let mut open = Vec::new();
        for (id, held) in &sums.open {
            held.with_row(id, |row| write_row(row, &mut open))
                .map_err(|error| error.to_string())?;
            if open.last() != Some(&b'\n') {
                open.push(b'\n');
            }
        }
        let mut body = vec![u8::from(sums.finished)];
        body.extend(sums.dropped.to_le_bytes());
        body.extend((open.len() as u64).to_le_bytes());
        body.extend(open);
        body.extend(sums.tally.to_bytes());
        Ok([FORMAT, &self.hash, &Sha256::digest(&body), &body].concat())
    }

    pub(super) fn sums_of(&self, bytes: &[u8]) -> Result<Sums, String> {
        let rest = bytes
            .strip_prefix(FORMAT)
            .ok_or("these are no bytes of a tally, or of another version's")?;
        let cut = || "the bytes of the tally are damaged or cut off".to_owned();
        let (hash, rest) = rest.split_at_checked(32).ok_or_else(cut)?;
        let (checksum, body) = rest.split_at_checked(32).ok_or_else(cut)?;
        if checksum != &Sha256::digest(body)[..] {
            return Err(cut());
        }
        if hash != self.hash {
            return Err(MISMATCH.to_owned());
        }
        self.body(body).ok_or_else(cut)
    }

    fn body(&self, body: &[u8]) -> Option<Sums> {
        let (&finished, body) = body.split_first()?;
        let (&dropped, body) = body.split_first_chunk()?;
        let (&length, body) = body.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(length)).ok()?;
        let (open, sums) = body.split_at_checked(length)?;
        let rows = rows_of_lines(open).ok()?;
        let open = (0..rows.len()).map(|i| {
            let outcomes = rows.outcomes(i).map(|k| rows.outcome(k));
            let outcomes: Vec<OutcomeRef<'_>> = outcomes.collect();
            let row = Row {
                id: rows.id(i),
                request: rows.request(i),
                outcomes: &outcomes,
                logged: None,
                extra: None,
            };
            (rows.id(i).to_owned(), Open::of(&row))
        });
        Some(Sums {
            open: open.collect(),
            tally: replay::Tally::from_bytes(self.spec.clone(), sums)?,
            dropped: u64::from_le_bytes(dropped),
            finished: finished == 1,
        })
    }
}
