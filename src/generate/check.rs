//! From the shapes of a scenario file to a [`Scenario`], or the first thing that is wrong.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use weighbridge_router::{Timestamp, Tokens};

use super::arrivals::{Arrivals, MOST_HOURS};
use super::check_class::{Context, MOST_BYTES, templates};
use super::draw::Weighted;
use super::error::ScenarioError;
use super::fault::{
    Checked, Fault, MOST_MEAN, SHARE_ROUNDING, Within, fault, law, positive, share, weights,
};
use super::scenario::{Class, Failures, Model, Scenario};
use super::text::{SlotNames, Slots, longest};
use super::wire::{ClassWire, FORMAT, FormatWire, ModelWire, ScenarioWire};

/// More than the longest session lasts.
const CENTURY_MS: i64 = 36_525 * 86_400_000;

impl Scenario {
    /// Read a scenario file; `name` is what errors call it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line, field and mend.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let error = |line, field: String, message| ScenarioError {
            file: name.into(),
            line,
            field,
            message,
        };
        // The format is looked at first: all else may mean something else in another one.
        let format: FormatWire =
            read(text).map_err(|(line, message)| error(line, "scenario".into(), message))?;
        if format.format != FORMAT {
            let line = line_of(text, &[], &["format".into()]);
            let message = format!(
                "`{}` is not read by this version; it must be `{FORMAT}`",
                format.format
            );
            return Err(error(line, "format".into(), message));
        }
        let wire: ScenarioWire =
            read(text).map_err(|(line, message)| error(line, "scenario".into(), message))?;
        let starts: Vec<usize> = wire.class.iter().map(|class| class.span().start).collect();
        check(wire).map_err(|Fault(path, message)| {
            error(line_of(text, &starts, &path), path.join("."), message)
        })
    }
}

/// A TOML text, or the line and what is wrong there.
fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, (usize, String)> {
    toml::from_str(text).map_err(|fault| {
        let line = line_at(text, fault.span().map_or(0, |span| span.start));
        (line, fault.message().replace('\n', " "))
    })
}

fn line_at(text: &str, byte: usize) -> usize {
    1 + text
        .bytes()
        .take(byte)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// The line of a field: that of its name below the header of its table, or what comes nearest.
fn line_of(text: &str, class_starts: &[usize], path: &[String]) -> usize {
    let class = path.first().and_then(|first| {
        let number = first.strip_prefix("class[")?.strip_suffix(']')?;
        class_starts.get(number.parse::<usize>().ok()?)
    });
    let mut at = class.copied().unwrap_or(0);
    for name in path.iter().skip(usize::from(class.is_some())) {
        let key = name.split('[').next().unwrap_or(name);
        let names_it = |line: &str| {
            let line = line.trim_start_matches(['[', ' ']);
            let head = line.split(['=', ']', '#']).next().unwrap_or(line);
            head.split('.')
                .any(|part| part.trim().trim_matches('"') == key)
        };
        let mut start = at;
        for line in text.get(at..).unwrap_or_default().split_inclusive('\n') {
            if names_it(line) {
                at = start;
                break;
            }
            start += line.len();
        }
    }
    line_at(text, at)
}

fn check(wire: ScenarioWire) -> Checked<Scenario> {
    let arrivals = arrivals(&wire)?;
    let failures = Failures {
        share: share("share", wire.failures.share).within("failures")?,
        common: share("common", wire.failures.common).within("failures")?,
    };
    if wire.models.is_empty() {
        return fault("models", "a scenario needs at least one [models.ROLE]");
    }
    let abilities: Vec<Vec<String>> = wire
        .models
        .values()
        .map(|model| model.can.clone())
        .collect();
    let mut models = Vec::new();
    for (role, model) in wire.models {
        models.push(self::model(&role, model).within(&format!("models.{role}"))?);
    }
    let (slots, names) = slots(&wire.slots).within("slots")?;
    let context = Context {
        models: &models,
        abilities: &abilities,
        slots: &slots,
        names: &names,
        token_difficulty: share("token_difficulty", wire.token_difficulty)?,
    };
    let classes = classes(&context, wire.class)?;
    Ok(Scenario {
        name: wire.name,
        requests_per_day: positive("requests_per_day", wire.requests_per_day, MOST_MEAN)?,
        arrivals,
        visible: share("visible", wire.visible)?,
        token_difficulty: context.token_difficulty,
        failures,
        tenants: weights("tenants", wire.tenants)?,
        models,
        classes,
        slots,
    })
}

/// The classes, weighted by sessions.
fn classes(context: &Context<'_>, wires: Vec<Spanned<ClassWire>>) -> Checked<Weighted<Class>> {
    let mut classes = Vec::new();
    let mut sum = 0.0;
    for (i, class) in wires.into_iter().enumerate() {
        let (class, weight) = context
            .class(class.into_inner())
            .within(&format!("class[{i}]"))?;
        if classes
            .iter()
            .any(|(known, _): &(Class, f64)| known.name == class.name)
        {
            let message = format!(
                "`{}` stands twice; names of classes must differ",
                class.name
            );
            return fault("name", message).within(&format!("class[{i}]"));
        }
        sum += weight;
        let turns = class.turns.mean;
        classes.push((class, weight / turns));
    }
    if (sum - 1.0).abs() > SHARE_ROUNDING {
        let message =
            format!("the shares of all classes add up to {sum:.6}; they must add up to 1");
        return fault("class", message);
    }
    Ok(Weighted::in_proportion(classes))
}

fn arrivals(wire: &ScenarioWire) -> Checked<Arrivals> {
    let time = |field: &str, text: &str| {
        Timestamp::parse(text).or_else(|error| fault(field, error.to_string()))
    };
    let (from, until) = (time("from", &wire.from)?, time("until", &wire.until)?);
    if until <= from {
        return fault("until", "must be later than `from`");
    }
    if until.millis() - from.millis() > MOST_HOURS * 3_600_000 {
        return fault(
            "until",
            "is more than three years after `from`; take a shorter window",
        );
    }
    // So that the last turn of the longest session has a year of four digits too.
    if Timestamp::MAX.millis() - until.millis() < CENTURY_MS {
        return fault("until", "must be before the year 9900");
    }
    if wire.hours.len() != 24 {
        let message = format!(
            "has {} weights; it needs one for each of 24 hours",
            wire.hours.len()
        );
        return fault("hours", message);
    }
    let weight = |w: &f64| w.is_finite() && (0.0..=MOST_MEAN).contains(w);
    if let Some(hour) = wire.hours.iter().position(|w| !weight(w)) {
        let message = format!(
            "{} must be a number from 0 to {MOST_MEAN}",
            wire.hours[hour]
        );
        return fault(&format!("hours[{hour}]"), message);
    }
    if !weight(&wire.weekend) {
        return fault(
            "weekend",
            "must be a number of at least 0: a factor for Saturday and Sunday",
        );
    }
    let arrivals = Arrivals::new(from, until, &wire.hours, wire.weekend);
    if arrivals.weight() <= 0.0 {
        return fault(
            "hours",
            "no hour between `from` and `until` has a weight above 0",
        );
    }
    Ok(arrivals)
}

fn model(role: &str, wire: ModelWire) -> Checked<Model> {
    for (field, text) in [("model", &wire.model), ("endpoint", &wire.endpoint)] {
        if text.is_empty() {
            return fault(field, "must not be empty");
        }
    }
    for (field, tokens) in [
        ("context_tokens", wire.context_tokens),
        ("max_output_tokens", wire.max_output_tokens),
    ] {
        if tokens == 0 {
            return fault(field, "must be at least 1");
        }
    }
    Ok(Model {
        role: role.into(),
        model: wire.model,
        endpoint: wire.endpoint,
        channels: wire.channels,
        context_tokens: Tokens(wire.context_tokens),
        max_output_tokens: Tokens(wire.max_output_tokens),
        ttft_ms: law("ttft_ms", wire.ttft_ms)?,
        tokens_per_second: law("tokens_per_second", wire.tokens_per_second)?,
    })
}

/// The slots, and the number of each name.
fn slots(wire: &BTreeMap<String, Vec<String>>) -> Checked<(Slots, SlotNames<'_>)> {
    let names: SlotNames<'_> = wire
        .keys()
        .enumerate()
        .map(|(number, name)| (name.as_str(), number))
        .collect();
    let mut slots = Vec::new();
    for (name, entries) in wire {
        if entries.is_empty() {
            return fault(name, "needs at least one entry");
        }
        slots.push(templates(name, entries, &names)?);
    }
    match longest(&slots) {
        Ok(lengths) => match lengths.iter().position(|bytes| *bytes > MOST_BYTES) {
            None => Ok((slots, names)),
            Some(slot) => fault(
                wire.keys().nth(slot).map_or("", String::as_str),
                format!("its entries can grow beyond {MOST_BYTES} bytes; nest them less"),
            ),
        },
        Err(slot) => fault(
            wire.keys().nth(slot).map_or("", String::as_str),
            "its entries lead back to itself; break the circle",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = r#"
format = "weighbridge.scenario/1"
name = "tiny"
from = "2025-12-01"
until = "2025-12-03"
requests_per_day = 100
hours = [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]
weekend = 0.5
visible = 0.6
token_difficulty = 0.5
[failures]
share = 0.02
common = 0.5
[tenants]
acme = 1.0
[models.driver]
model = "m"
endpoint = "m@p"
can = ["tools"]
context_tokens = 1000
max_output_tokens = 500
ttft_ms = { mean = 500, sigma = 0.1 }
tokens_per_second = { mean = 20, sigma = 0.1 }
[models.specialist]
model = "n"
endpoint = "n@p"
context_tokens = 1000
max_output_tokens = 500
ttft_ms = { mean = 500, sigma = 0.1 }
tokens_per_second = { mean = 20, sigma = 0.1 }
[slots]
word = ["a {other}", "b"]
other = ["c"]
[[class]]
name = "chat"
share = 0.75
tasks = { chat = 0.5 }
turns = { min = 1, mean = 2, pause_seconds = { mean = 60, sigma = 1 } }
input = { mean = 100, sigma = 0.5, max = 800, cached_first = 0.4, cached_later = 0.6 }
text = { openers = ["Say {word} {1..9}."], easy = ["Now."], hard = ["Prove it."] }
[class.results]
driver = { success = 0.9, fall = 2, output_tokens = { mean = 50, sigma = 0.5 }, reasoning = 0 }
specialist = { success = 0.8, fall = 2, output_tokens = { mean = 100, sigma = 0.5 }, reasoning = 0.5 }
[[class]]
name = "agent"
share = 0.25
needs = ["tools"]
turns = { min = 1, mean = 2, pause_seconds = { mean = 60, sigma = 1 } }
input = { mean = 100, sigma = 0.5, max = 800, cached_first = 0.4, cached_later = 0.6 }
text = { openers = ["Do {word}."], easy = ["Now."], hard = ["All."] }
[class.results]
driver = { success = 0.7, fall = 2, output_tokens = { mean = 50, sigma = 0.5 }, reasoning = 0 }
"#;

    #[test]
    fn a_valid_scenario_is_read_and_generates() {
        let scenario = Scenario::parse("tiny.toml", VALID).unwrap();
        assert_eq!(crate::generate::generate(&scenario, 50, 1).len(), 50);
    }

    // What is replaced, by what, and what the error must begin with.
    const FAULTS: &[(&str, &str, &str)] = &[
        (
            "scenario/1",
            "scenario/9",
            "2: format: `weighbridge.scenario/9` is not read",
        ),
        (
            "weekend",
            "weekends",
            "8: scenario: unknown field `weekends`, expected",
        ),
        (
            "mean = 2, pause",
            "mean = \"x\", pause",
            "38: scenario: invalid type: string",
        ),
        (
            "2025-12-03",
            "2025-11-03",
            "5: until: must be later than `from`",
        ),
        (
            "2025-12-03",
            "9999-11-03",
            "5: until: is more than three years",
        ),
        ("2025-12-03", "soon", "5: until: `soon` is not a time"),
        ("hours = [1,", "hours = [", "7: hours: has 23 weights"),
        ("hours = [1,", "hours = [nan,", "7: hours[0]: NaN must be"),
        (
            "weekend = 0.5",
            "weekend = -1",
            "8: weekend: must be a number of at least 0",
        ),
        (
            "visible = 0.6",
            "visible = 1.6",
            "9: visible: 1.6 must be from 0 to 1",
        ),
        (
            "common = 0.5",
            "common = nan",
            "13: failures.common: NaN must be from 0 to 1",
        ),
        (
            "acme = 1.0",
            "acme = 1.0\nb = 0.2",
            "14: tenants: the shares add up to 1.2",
        ),
        (
            "500, sigma = 0.1",
            "0, sigma = 0.1",
            "22: models.driver.ttft_ms.mean: 0 must be above 0",
        ),
        (
            "\"b\"]",
            "\"{word}\"]",
            "32: slots.word: its entries lead back to itself",
        ),
        ("\"c\"]", "\"{\"]", "33: slots.other[0]: `{` stands alone"),
        (
            "share = 0.75",
            "share = 0.7",
            "34: class: the shares of all classes add up to 0.95",
        ),
        (
            "share = 0.75",
            "share = -0.75",
            "36: class[0].share: -0.75 must be above 0",
        ),
        (
            "\"agent\"",
            "\"chat\"",
            "45: class[1].name: `chat` stands twice",
        ),
        (
            "mean = 2, pause",
            "mean = 0.5, pause",
            "38: class[0].turns.mean: must be from `min`",
        ),
        (
            "max = 800",
            "max = 1000",
            "39: class[0].input.max: must be at least 1 and leave",
        ),
        (
            "{1..9}",
            "{9..1}",
            "40: class[0].text.openers[0]: `{9..1}` is no range",
        ),
        (
            "Say {word}",
            "Say {words}",
            "40: class[0].text.openers[0]: there is no slot `words`",
        ),
        (
            "[\"Prove it.\"]",
            "[]",
            "40: class[0].text.hard: needs at least one template",
        ),
        (
            "success = 0.9,",
            "success = 1.9,",
            "42: class[0].results.driver.success: 1.9 must be",
        ),
        (
            "specialist = { success",
            "expert = { success",
            "41: class[0].results.specialist: is missing",
        ),
        (
            "mean = 100, sigma = 0.5 }, r",
            "mean = 900, sigma = 0.5 }, r",
            "43: class[0].results.specialist.success: 0.8 cannot be reached",
        ),
        (
            "needs = [\"tools\"]",
            "needs = [\"vision\"]",
            "52: class[1].results.driver: the class needs `vision`",
        ),
    ];

    #[test]
    fn faults_name_line_field_and_mend() {
        for (old, new, expect) in FAULTS {
            assert!(VALID.contains(old), "{old}");
            let text = VALID.replacen(old, new, 1);
            let error = Scenario::parse("tiny.toml", &text).unwrap_err().to_string();
            let expect = format!("tiny.toml:{expect}");
            assert!(
                error.starts_with(&expect),
                "{new}\n  is {error}\n  not {expect}"
            );
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn no_cut_or_changed_text_panics() {
        for end in (0..VALID.len()).step_by(7) {
            let _ = Scenario::parse("cut", &VALID[..end]);
            let changed = VALID.replacen(&VALID[end..=end], "9", 3);
            if let Ok(scenario) = Scenario::parse("changed", &changed) {
                let _ = crate::generate::generate(&scenario, 20, 1);
            }
        }
    }
}
