//! What the server says on its way: one line an event on standard error, as JSON or as text.
//!
//! A thread of its own writes; what finds its queue full is counted, so that no request waits for a
//! terminal. An event has no field for a prompt, an answer, a header or a key.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use weighbridge_router::{Timestamp, printable};

use super::assign::Assigned;
use super::clock;
use super::record::Attempt;

/// Lines that wait to be written.
const QUEUE_LINES: usize = 4096;

/// How long the end of the server waits for them.
const FLUSH: Duration = Duration::from_secs(1);

/// How events are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for a person.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
    /// Not at all.
    Off,
}

/// What is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// How events are written.
    pub format: LogFormat,
    /// Whether each decision and each call of an upstream is an event.
    pub requests: bool,
    /// Whether only faults are said.
    pub quiet: bool,
}

/// How grave an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Info,
    Warn,
    Error,
}

/// One thing to know about an event. Names are OpenTelemetry's where it has one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(f64),
    Whole(u64),
}

type Field<'a> = (&'static str, Value<'a>);

/// Where events go.
#[derive(Clone)]
pub(super) struct Log(Option<Arc<Inner>>);

struct Inner {
    options: LogOptions,
    queue: SyncSender<Line>,
    dropped: AtomicU64,
}

enum Line {
    Text(String),
    /// Answer when all before it is out.
    Flush(SyncSender<()>),
}

impl Log {
    /// Nowhere.
    #[cfg(test)]
    pub(super) fn off() -> Self {
        Self(None)
    }

    /// To standard error.
    pub(super) fn start(options: LogOptions) -> Self {
        Self::to(options, io::stderr())
    }

    pub(super) fn to(options: LogOptions, out: impl Write + Send + 'static) -> Self {
        if options.format == LogFormat::Off {
            return Self(None);
        }
        let (queue, lines) = sync_channel(QUEUE_LINES);
        let writer = thread::Builder::new().name("log".into());
        if writer.spawn(move || write_all(&lines, out)).is_err() {
            return Self(None);
        }
        Self(Some(Arc::new(Inner {
            options,
            queue,
            dropped: AtomicU64::new(0),
        })))
    }

    /// Something that an operator may want to know.
    pub(super) fn info(&self, event: &'static str, message: &str, fields: &[Field<'_>]) {
        self.event(Severity::Info, event, message, fields);
    }

    /// Something that an operator should look at; the server goes on.
    pub(super) fn warn(&self, event: &'static str, message: &str, fields: &[Field<'_>]) {
        self.event(Severity::Warn, event, message, fields);
    }

    /// Something is broken; the server goes on with what it has.
    pub(super) fn error(&self, event: &'static str, message: &str, fields: &[Field<'_>]) {
        self.event(Severity::Error, event, message, fields);
    }

    /// A decision, where requests are logged.
    pub(super) fn decided(&self, id: &str, assigned: &Assigned) {
        if !self.has_requests() {
            return;
        }
        let endpoint = assigned.endpoint();
        let mut fields = vec![("weighbridge.request.id", Value::Text(id))];
        if let Some(endpoint) = endpoint {
            fields.extend(of_endpoint(&endpoint.model, &endpoint.id));
        }
        let propensity = f64::from(assigned.propensity.0) / 1e6;
        fields.push(("weighbridge.policy", Value::Text(&assigned.by().name)));
        fields.push(("weighbridge.propensity", Value::Number(propensity)));
        let message = match endpoint {
            Some(endpoint) => format!("{id} goes to {}", endpoint.id),
            None => format!("{id} is unanswered"),
        };
        self.info("weighbridge.decision", &message, &fields);
    }

    /// A call of an upstream, where requests are logged.
    pub(super) fn attempted(&self, id: &str, attempt: &Attempt) {
        if !self.has_requests() {
            return;
        }
        let mut fields = vec![
            ("gen_ai.operation.name", Value::Text("chat")),
            ("weighbridge.request.id", Value::Text(id)),
        ];
        fields.extend(of_endpoint(&attempt.model, &attempt.endpoint));
        for (name, tokens) in [
            ("gen_ai.usage.input_tokens", attempt.input_tokens),
            (
                "gen_ai.usage.cache_read.input_tokens",
                attempt.cached_tokens,
            ),
            ("gen_ai.usage.output_tokens", attempt.output_tokens),
            (
                "gen_ai.usage.reasoning.output_tokens",
                attempt.reasoning_tokens,
            ),
        ] {
            fields.extend(tokens.map(|tokens| (name, Value::Whole(tokens.into()))));
        }
        for (name, ms) in [
            ("gen_ai.response.time_to_first_chunk", attempt.ttft_ms),
            ("gen_ai.client.operation.duration", attempt.latency_ms),
        ] {
            fields.extend(ms.map(|ms| (name, Value::Number(f64::from(ms) / 1e3))));
        }
        if !matches!(attempt.status, "ok" | "truncated") {
            fields.push(("error.type", Value::Text(attempt.status)));
        }
        let message = format!("{id} at {}: {}", attempt.endpoint, attempt.status);
        self.info("weighbridge.attempt", &message, &fields);
    }

    fn has_requests(&self) -> bool {
        self.0.as_ref().is_some_and(|log| log.options.requests)
    }

    fn event(&self, severity: Severity, event: &'static str, message: &str, fields: &[Field<'_>]) {
        let Some(log) = &self.0 else { return };
        if log.options.quiet && severity < Severity::Error {
            return;
        }
        let line = match log.options.format {
            LogFormat::Json => {
                let event = Event {
                    at: clock::now(),
                    severity,
                    event,
                    message,
                    fields,
                };
                serde_json::to_string(&event).expect("texts and finite numbers are always JSON")
            }
            LogFormat::Text | LogFormat::Off => {
                let mark = match severity {
                    Severity::Info => "",
                    Severity::Warn => "warning: ",
                    Severity::Error => "error: ",
                };
                format!("{mark}{}", printable(message))
            }
        };
        if log.queue.try_send(Line::Text(line)).is_err() {
            log.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that found no room.
    pub(super) fn dropped(&self) -> u64 {
        let log = self.0.as_ref();
        log.map_or(0, |log| log.dropped.load(Ordering::Relaxed))
    }

    /// Wait until what was said is out, for a moment at most.
    pub(super) fn flush(&self) {
        let Some(log) = &self.0 else { return };
        let (done, out) = sync_channel(1);
        if log.queue.try_send(Line::Flush(done)).is_ok() {
            let _ = out.recv_timeout(FLUSH);
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.0.as_ref().map(|log| log.options);
        f.debug_tuple("Log").field(&options).finish()
    }
}

/// An endpoint is called `model@provider`, unless somebody called it otherwise.
fn of_endpoint<'a>(model: &'a str, id: &'a str) -> impl Iterator<Item = Field<'a>> {
    let provider = id.rsplit_once('@').map(|(_, provider)| provider);
    [
        Some(("gen_ai.request.model", Value::Text(model))),
        provider.map(|provider| ("gen_ai.provider.name", Value::Text(provider))),
        Some(("weighbridge.endpoint", Value::Text(id))),
    ]
    .into_iter()
    .flatten()
}

/// An event as JSON.
struct Event<'a> {
    at: Timestamp,
    severity: Severity,
    event: &'static str,
    message: &'a str,
    fields: &'a [Field<'a>],
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let severity = match self.severity {
            Severity::Info => "INFO",
            Severity::Warn => "WARN",
            Severity::Error => "ERROR",
        };
        let mut map = serializer.serialize_map(Some(self.fields.len() + 4))?;
        map.serialize_entry("timestamp", &self.at.to_string())?;
        map.serialize_entry("severity", severity)?;
        map.serialize_entry("event", self.event)?;
        map.serialize_entry("message", self.message)?;
        for (name, value) in self.fields {
            match value {
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::Number(number) => map.serialize_entry(name, number)?,
                Value::Whole(number) => map.serialize_entry(name, number)?,
            }
        }
        map.end()
    }
}

/// Write what comes, together what has gathered.
fn write_all(lines: &Receiver<Line>, mut out: impl Write) {
    let mut gathered = String::new();
    while let Ok(first) = lines.recv() {
        let mut waiting = Vec::new();
        for line in std::iter::once(first).chain(lines.try_iter().take(QUEUE_LINES)) {
            match line {
                Line::Text(line) => {
                    gathered.push_str(&line);
                    gathered.push('\n');
                }
                Line::Flush(done) => waiting.push(done),
            }
        }
        // There is nobody to tell that standard error is gone.
        let _ = out
            .write_all(gathered.as_bytes())
            .and_then(|()| out.flush());
        gathered.clear();
        for done in waiting {
            let _ = done.try_send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(options: LogOptions, say: impl FnOnce(&Log)) -> String {
        let page = Page::default();
        let log = Log::to(options, page.clone());
        say(&log);
        log.flush();
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_attempt_has_the_names_of_opentelemetry() {
        let options = LogOptions {
            format: LogFormat::Json,
            requests: true,
            quiet: false,
        };
        let attempt = Attempt {
            model: "m".into(),
            endpoint: "m@p".into(),
            status: "timeout",
            input_tokens: Some(7),
            ttft_ms: Some(250),
            ..Attempt::default()
        };
        let line = written(options, |log| log.attempted("r-1", &attempt));
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        for (name, value) in [
            ("severity", "INFO".into()),
            ("event", "weighbridge.attempt".into()),
            ("gen_ai.operation.name", "chat".into()),
            ("gen_ai.request.model", "m".into()),
            ("gen_ai.provider.name", "p".into()),
            ("gen_ai.usage.input_tokens", 7.into()),
            ("gen_ai.response.time_to_first_chunk", 0.25.into()),
            ("error.type", "timeout".into()),
        ] {
            let value: serde_json::Value = value;
            assert_eq!(event[name], value, "{name}");
        }
        assert_eq!(event.get("gen_ai.usage.output_tokens"), None);
        let quiet = LogOptions {
            requests: false,
            ..options
        };
        assert_eq!(written(quiet, |log| log.attempted("r-1", &attempt)), "");
    }

    #[test]
    fn a_text_is_one_line_and_a_quiet_log_tells_faults_alone() {
        let all = written(LogOptions::default(), |log| {
            log.info("a", "up", &[]);
            log.warn("b", "odd\nline\u{1b}[2J", &[]);
            log.error("c", "down", &[]);
        });
        assert_eq!(all, "up\nwarning: odd\\nline\\u{1b}[2J\nerror: down\n");
        let quiet = LogOptions {
            quiet: true,
            ..LogOptions::default()
        };
        let faults = written(quiet, |log| {
            log.info("a", "up", &[]);
            log.error("c", "down", &[]);
        });
        assert_eq!(faults, "error: down\n");
    }
}
