//! Server-sent events, read from bytes that may be split anywhere.
//!
//! Knows nothing of what events say. Lines end in LF, CR or both; `data:` stands with or without a
//! space; `id:` and `retry:` are passed over, since clients of chat completions stumble over them.

use axum::body::Bytes;

/// What a stream says next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// The data of one event, its lines joined with a line feed.
    Data(&'a [u8]),
    /// The data of an event of the kind `error`.
    Error(&'a [u8]),
    /// A comment, as upstreams send to keep a connection alive.
    Comment(&'a [u8]),
}

/// An event is longer than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// A reader of events: [`push`](Self::push) bytes, then take [`next`](Self::next) until it has none.
#[derive(Debug)]
pub(super) struct Events {
    input: Bytes,
    /// The line that is not complete yet, or was completed last.
    line: Vec<u8>,
    line_is_complete: bool,
    after_cr: bool,
    first_line: bool,
    data: Vec<u8>,
    has_data: bool,
    data_is_complete: bool,
    is_error: bool,
    limit: usize,
}

impl Events {
    /// Events of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            input: Bytes::new(),
            line: Vec::new(),
            line_is_complete: false,
            after_cr: false,
            first_line: true,
            data: Vec::new(),
            has_data: false,
            data_is_complete: false,
            is_error: false,
            limit,
        }
    }

    /// The next bytes of the stream; those before must have been read to their end.
    pub(super) fn push(&mut self, bytes: Bytes) {
        debug_assert!(self.input.is_empty(), "events of the last bytes are left");
        self.input = bytes;
    }

    /// The next event that is complete.
    ///
    /// # Errors
    /// Where one is too long; nothing more can be read then.
    pub(super) fn next(&mut self) -> Result<Option<Event<'_>>, TooLong> {
        self.forget_what_was_taken();
        while self.read_line()? {
            if self.line.is_empty() {
                if self.has_data {
                    self.data_is_complete = true;
                    return Ok(Some(self.event()));
                }
                // An event without data is none.
                self.is_error = false;
            } else if self.line[0] == b':' {
                return Ok(Some(Event::Comment(&self.line[1..])));
            } else {
                self.field();
            }
            if self.data.len() > self.limit {
                return Err(TooLong);
            }
            self.line.clear();
            self.line_is_complete = false;
        }
        Ok(None)
    }

    /// What a stream that has ended leaves: an event whose blank line is missing.
    ///
    /// # Errors
    /// Where it is too long.
    pub(super) fn rest(&mut self) -> Result<Option<Event<'_>>, TooLong> {
        self.forget_what_was_taken();
        if !self.line.is_empty() && self.line[0] != b':' {
            self.field();
        }
        if self.data.len() > self.limit {
            return Err(TooLong);
        }
        self.line.clear();
        self.data_is_complete = true;
        Ok(self.has_data.then(|| self.event()))
    }

    fn event(&self) -> Event<'_> {
        if self.is_error {
            Event::Error(&self.data)
        } else {
            Event::Data(&self.data)
        }
    }

    /// What the last event was made of.
    fn forget_what_was_taken(&mut self) {
        if self.line_is_complete {
            self.line.clear();
            self.line_is_complete = false;
        }
        if self.data_is_complete {
            self.data.clear();
            (self.has_data, self.is_error, self.data_is_complete) = (false, false, false);
        }
    }

    /// Complete the line from the input; false where the input ends before it does.
    fn read_line(&mut self) -> Result<bool, TooLong> {
        if let (true, Some(&next)) = (self.after_cr, self.input.first()) {
            if next == b'\n' {
                let _ = self.input.split_to(1);
            }
            self.after_cr = false;
        }
        let end = self.input.iter().position(|&b| b == b'\n' || b == b'\r');
        let part = self.input.split_to(end.unwrap_or(self.input.len()));
        if self.line.len() + part.len() > self.limit {
            return Err(TooLong);
        }
        self.line.extend_from_slice(&part);
        if end.is_none() {
            return Ok(false);
        }
        self.after_cr = self.input.split_to(1)[0] == b'\r';
        if std::mem::take(&mut self.first_line) && self.line.starts_with("\u{feff}".as_bytes()) {
            self.line.drain(..3);
        }
        self.line_is_complete = true;
        Ok(true)
    }

    /// Take in a line that is neither blank nor a comment.
    fn field(&mut self) {
        let colon = self.line.iter().position(|&b| b == b':');
        let (name, value) = self.line.split_at(colon.unwrap_or(self.line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => self.is_error = value == b"error",
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that a stream says when it comes in pieces of these sizes.
    fn read(text: &[u8], mut sizes: impl Iterator<Item = usize>) -> Result<Vec<String>, TooLong> {
        let (mut events, mut said) = (Events::new(64), Vec::new());
        let mut text = Bytes::copy_from_slice(text);
        while !text.is_empty() {
            let size = sizes.next().unwrap_or(1).clamp(1, text.len());
            events.push(text.split_to(size));
            while let Some(event) = events.next()? {
                said.push(show(&event));
            }
        }
        said.extend(events.rest()?.map(|event| show(&event)));
        Ok(said)
    }

    fn show(event: &Event<'_>) -> String {
        let (kind, bytes) = match event {
            Event::Data(bytes) => ("", *bytes),
            Event::Error(bytes) => ("error ", *bytes),
            Event::Comment(bytes) => ("comment", *bytes),
        };
        format!("{kind}{}", String::from_utf8_lossy(bytes))
    }

    #[test]
    fn every_way_of_writing_events_is_read() {
        for (text, said) in [
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("data:a\r\n\r\ndata:  b\r\n\r\n", vec!["a", " b"]),
            ("data: a\r\rdata: b\r\r", vec!["a", "b"]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            ("data: a\ndata: b\n\n", vec!["a\nb"]),
            ("data\n\n", vec![""]),
            (
                ": ping\n\ndata: a\n: pong\n\n",
                vec!["comment ping", "comment pong", "a"],
            ),
            ("id: 1\nretry: 3\nevent: x\ndata: a\n\n", vec!["a"]),
            ("event: error\ndata: a\n\ndata: b\n\n", vec!["error a", "b"]),
            ("event: error\n\ndata: b\n\n", vec!["b"]),
            // The last event's blank line, or even its line's end, is missing.
            ("data: a\n\ndata: [DONE]\n", vec!["a", "[DONE]"]),
            ("data: a\n\ndata: [DONE]", vec!["a", "[DONE]"]),
            ("\n\n\n", vec![]),
            ("{\"choices\":[]}", vec![]),
        ] {
            for size in [1, 2, 3, 5, 1000] {
                let read = read(text.as_bytes(), std::iter::repeat(size));
                assert_eq!(read.unwrap(), said, "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn an_endless_event_is_an_error_and_not_memory() {
        let long = "x".repeat(70);
        for text in [
            format!("data: {long}"),
            format!(": {long}"),
            "data: xxxxxxxxx\n".repeat(10),
        ] {
            for size in [1, 1000] {
                let read = read(text.as_bytes(), std::iter::repeat(size));
                assert_eq!(read, Err(TooLong), "{text}");
            }
        }
        assert_eq!(
            read("data: x\n\n".repeat(100).as_bytes(), std::iter::empty())
                .unwrap()
                .len(),
            100
        );
    }

    proptest! {
        #[test]
        fn where_bytes_are_split_changes_nothing(
            lines in prop::collection::vec(prop::sample::select(vec![
                "data: a", "data:b", "", "", ": c", "event: error", "id: 7", "data", "x",
            ]), 0..20),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 20),
            sizes in prop::collection::vec(1_usize..9, 0..60),
        ) {
            let text: String = lines.iter().zip(&ends).flat_map(|(line, end)| [*line, *end]).collect();
            let whole = read(text.as_bytes(), std::iter::repeat(10_000));
            prop_assert_eq!(read(text.as_bytes(), sizes.into_iter()), whole);
        }
    }

    #[test]
    fn the_last_line_of_a_stream_is_held_to_the_limit_too() {
        let line = format!("data:{}\n", "x".repeat(50));
        let text = format!("{line}{}", line.trim_end());
        assert_eq!(
            read(text.as_bytes(), [text.len()].into_iter()),
            Err(TooLong)
        );
    }
}
