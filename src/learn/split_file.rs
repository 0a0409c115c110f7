//! Splits that somebody else has drawn: `protocol,seed,fold,id,part`, plain or gzip.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;

use super::error::LearnError;
use crate::trace::Trace;

/// One split: rows of the trace, by their place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenSplit {
    /// The protocol's name.
    pub protocol: String,
    /// Which repetition.
    pub seed: u64,
    /// Which fold of it.
    pub fold: u64,
    /// Rows to train on, in the order of the file.
    pub train: Vec<usize>,
    /// Rows to predict, in the order of the file.
    pub test: Vec<usize>,
}

const COLUMNS: [&str; 5] = ["protocol", "seed", "fold", "id", "part"];

/// Reads the splits of a file, in order of first appearance. `name` is for messages; whether it is
/// gzip shows in the first bytes.
///
/// # Errors
/// A column that is missing, an id that the trace does not have, a row that stands twice in one
/// split, another part than `train`, `test` or `unused`, or a file that is cut off.
pub fn read_splits(
    name: &str,
    input: impl Read,
    trace: &Trace,
) -> Result<Vec<GivenSplit>, LearnError> {
    let fault = |line: u64, message: String| LearnError::SplitFile {
        file: name.to_owned(),
        line,
        message,
    };
    let mut input = BufReader::new(input);
    let start = input
        .fill_buf()
        .map_err(|error| fault(0, error.to_string()))?;
    let text: Box<dyn Read + '_> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(input))
    } else {
        Box::new(input)
    };
    let mut reader = csv::Reader::from_reader(text);
    let read_fault = |error: &csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        fault(line, format!("cannot be read: {error}"))
    };
    let headers = reader.headers().map_err(|error| read_fault(&error))?;
    let mut places = [0; COLUMNS.len()];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        *place = headers
            .iter()
            .position(|header| header == column)
            .ok_or_else(|| {
                let want = COLUMNS.join(",");
                fault(
                    1,
                    format!("there is no column `{column}`; the columns are {want}"),
                )
            })?;
    }
    let rows: BTreeMap<&str, usize> = (0..trace.len()).map(|row| (trace.id(row), row)).collect();
    let mut collected = Collected::default();
    for record in reader.records() {
        let record = record.map_err(|error| read_fault(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields = places.map(|place| record.get(place).unwrap_or(""));
        collected
            .take(fields, &rows)
            .map_err(|message| fault(line, message))?;
    }
    if collected.splits.is_empty() {
        return Err(fault(
            0,
            "there are no splits in it; a line is a row of a split".into(),
        ));
    }
    Ok(collected.splits)
}

#[derive(Default)]
struct Collected {
    splits: Vec<GivenSplit>,
    by_key: BTreeMap<(String, u64, u64), usize>,
    /// For each split, the rows that it has had.
    seen: Vec<Vec<bool>>,
}

impl Collected {
    fn take(&mut self, fields: [&str; 5], rows: &BTreeMap<&str, usize>) -> Result<(), String> {
        let [protocol, seed, fold, id, part] = fields;
        let whole = |name: &str, text: &str| {
            text.parse::<u64>()
                .map_err(|_| format!("{name}: `{text}` is not a whole number from 0"))
        };
        let key = (
            protocol.to_owned(),
            whole("seed", seed)?,
            whole("fold", fold)?,
        );
        let at = *self.by_key.entry(key).or_insert_with_key(|key| {
            self.splits.push(GivenSplit {
                protocol: key.0.clone(),
                seed: key.1,
                fold: key.2,
                ..GivenSplit::default()
            });
            self.seen.push(vec![false; rows.len()]);
            self.splits.len() - 1
        });
        let row = *rows
            .get(id)
            .ok_or_else(|| format!("id: the trace has no request `{id}`"))?;
        if std::mem::replace(&mut self.seen[at][row], true) {
            return Err(format!("id: `{id}` stands twice in this split"));
        }
        match part {
            "train" => self.splits[at].train.push(row),
            "test" => self.splits[at].test.push(row),
            "unused" => {}
            other => {
                return Err(format!("part: `{other}` is none of train, test and unused"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::trace::{Row, TraceBuilder};
    use weighbridge_router::RequestRef;

    fn trace() -> Trace {
        let mut builder = TraceBuilder::default();
        for id in ["a", "b", "c"] {
            let row = Row {
                id,
                request: RequestRef::default(),
                outcomes: &[],
                logged: None,
                extra: None,
            };
            builder.push(&row).unwrap();
        }
        builder.finish().unwrap().0
    }

    const TEXT: &str = "protocol,seed,fold,id,part\nA,0,0,b,train\nA,0,0,a,test\nB,1,2,c,train\nA,0,0,c,unused\nB,1,2,a,test\n";

    #[test]
    fn splits_are_read_plain_and_compressed() {
        let plain = read_splits("s.csv", TEXT.as_bytes(), &trace()).unwrap();
        let a = GivenSplit {
            protocol: "A".into(),
            train: vec![1],
            test: vec![0],
            ..GivenSplit::default()
        };
        assert_eq!(plain[0], a);
        assert_eq!((plain[1].seed, plain[1].fold), (1, 2));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(TEXT.as_bytes()).unwrap();
        let mut bytes = gzip.finish().unwrap();
        assert_eq!(read_splits("s", &bytes[..], &trace()).unwrap(), plain);
        bytes.truncate(bytes.len() - 12);
        assert!(read_splits("s", &bytes[..], &trace()).is_err());
    }

    #[test]
    fn what_is_wrong_in_a_file_of_splits_is_named_with_its_line() {
        for (text, says) in [
            ("", "s.csv:1: there is no column `protocol`"),
            (
                "protocol,seed,fold,id,part\n",
                "s.csv:0: there are no splits",
            ),
            (
                "seed,fold,id,part\n",
                "s.csv:1: there is no column `protocol`",
            ),
            (
                &TEXT.replace("0,b", "0,z"),
                "s.csv:2: id: the trace has no request `z`",
            ),
            (
                &TEXT.replace("c,unused", "a,unused"),
                "s.csv:5: id: `a` stands twice in this split",
            ),
            (
                &TEXT.replace("unused", "unsued"),
                "s.csv:5: part: `unsued` is none of",
            ),
            (
                &TEXT.replace("A,0", "A,-1"),
                "s.csv:2: seed: `-1` is not a whole number",
            ),
            (
                "protocol,seed,fold,id,part\nA,0\n",
                "s.csv:2: cannot be read",
            ),
        ] {
            let error = read_splits("s.csv", text.as_bytes(), &trace())
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(says), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
