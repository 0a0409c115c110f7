//! From the shapes of a scenario file to a [`Scenario`], or the first thing that is wrong.

use std::collections::BTreeMap;

use weighbridge_router::{Timestamp, Tokens};

use super::arrivals::{Arrivals, MOST_HOURS};
use super::draw::{MOST_TURNS, Weighted};
use super::error::ScenarioError;
use super::laws::{LogNormal, Success, Whole};
use super::scenario::{Class, Failures, Input, Model, ModelResult, Scenario, Turns};
use super::text::{Slots, Template, Texts, longest};
use super::wire::{
    ClassWire, FORMAT, InputWire, LawWire, ModelWire, ResultWire, ScenarioWire, TextWire, TurnsWire,
};

/// Rounding that the shares of a list may have when they are added up.
const SHARE_ROUNDING: f64 = 1e-9;

/// The most bytes that one template may grow to.
const MOST_BYTES: usize = 65_536;

/// The greatest mean of a law, and the greatest spread of its logarithm.
const MOST_MEAN: f64 = 1e9;
const MOST_SIGMA: f64 = 3.0;

/// A field, innermost name last, and what is wrong with it.
struct Fault(Vec<String>, String);

type Checked<T> = Result<T, Fault>;

fn fault<T>(field: &str, message: impl Into<String>) -> Checked<T> {
    Err(Fault(vec![field.into()], message.into()))
}

/// Adds the name of the table around a fault.
trait Within<T> {
    fn within(self, outer: &str) -> Checked<T>;
}

impl<T> Within<T> for Checked<T> {
    fn within(self, outer: &str) -> Self {
        self.map_err(|Fault(mut path, message)| {
            path.insert(0, outer.into());
            Fault(path, message)
        })
    }
}

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
        let wire: ScenarioWire = toml::from_str(text).map_err(|fault| {
            let line = line_at(text, fault.span().map_or(0, |span| span.start));
            let message = fault.message().replace('\n', " ");
            error(line, "scenario".into(), message)
        })?;
        let starts: Vec<usize> = wire.class.iter().map(|class| class.span().start).collect();
        check(wire).map_err(|Fault(path, message)| {
            error(line_of(text, &starts, &path), path.join("."), message)
        })
    }
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
    if wire.format != FORMAT {
        return fault(
            "format",
            format!(
                "`{}` is not read by this version; it must be `{FORMAT}`",
                wire.format
            ),
        );
    }
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
    let mut classes = Vec::new();
    let mut sum = 0.0;
    for (i, class) in wire.class.into_iter().enumerate() {
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
    Ok(Scenario {
        name: wire.name,
        requests_per_day: positive("requests_per_day", wire.requests_per_day, MOST_MEAN)?,
        arrivals,
        visible: share("visible", wire.visible)?,
        token_difficulty: context.token_difficulty,
        failures,
        tenants: weights("tenants", wire.tenants)?,
        models,
        classes: Weighted::in_proportion(classes),
        slots,
    })
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
fn slots(wire: &BTreeMap<String, Vec<String>>) -> Checked<(Slots, BTreeMap<&str, usize>)> {
    let names: BTreeMap<&str, usize> = wire
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

fn templates(
    field: &str,
    texts: &[String],
    names: &BTreeMap<&str, usize>,
) -> Checked<Vec<Template>> {
    texts
        .iter()
        .enumerate()
        .map(|(i, text)| {
            Template::parse(text, names).or_else(|message| fault(&format!("{field}[{i}]"), message))
        })
        .collect()
}

/// What classes refer to.
struct Context<'a> {
    models: &'a [Model],
    abilities: &'a [Vec<String>],
    slots: &'a Slots,
    names: &'a BTreeMap<&'a str, usize>,
    token_difficulty: f64,
}

impl Context<'_> {
    /// A class and its share.
    fn class(&self, mut wire: ClassWire) -> Checked<(Class, f64)> {
        if wire.name.is_empty() {
            return fault("name", "must not be empty");
        }
        let mut results = Vec::new();
        for (model, can) in self.models.iter().zip(self.abilities) {
            let given = wire.results.remove(&model.role);
            let missing: Vec<&String> = wire
                .needs
                .iter()
                .filter(|need| !can.contains(need))
                .collect();
            results.push(match (given, missing.first()) {
                (None, Some(_)) => None,
                (Some(result), None) => Some(
                    self.result(model, result)
                        .within(&model.role)
                        .within("results")?,
                ),
                (None, None) => {
                    let message = "is missing; the model can take the class, so say how it fares";
                    return fault(&model.role, message).within("results");
                }
                (Some(_), Some(need)) => {
                    let message =
                        format!("the class needs `{need}`, which the model cannot; leave it out");
                    return fault(&model.role, message).within("results");
                }
            });
        }
        if let Some(unknown) = wire.results.keys().next() {
            return fault(unknown, "there is no such role in [models]").within("results");
        }
        if results.iter().all(Option::is_none) {
            return fault("needs", "no model of the scenario has these abilities");
        }
        let class = Class {
            name: wire.name,
            tasks: weights("tasks", wire.tasks)?,
            channels: weights("channels", wire.channels)?,
            needs: wire.needs,
            turns: turns(&wire.turns).within("turns")?,
            input: self.input(&wire.input).within("input")?,
            texts: self.texts(&wire.text).within("text")?,
            results,
        };
        Ok((class, positive("share", wire.share, 1.0)?))
    }

    fn input(&self, wire: &InputWire) -> Checked<Input> {
        let smallest = self.models.iter().map(|model| model.context_tokens.0).min();
        if wire.max == 0 || smallest.is_some_and(|context| wire.max >= context) {
            let message = "must be at least 1 and leave room for an answer in every context";
            return fault("max", message);
        }
        if !(0.0..=MOST_MEAN).contains(&wire.added) {
            return fault("added", "must be a number of at least 0");
        }
        Ok(Input {
            first: LogNormal::with_mean(
                positive("mean", wire.mean, MOST_MEAN)?,
                sigma(wire.sigma)?,
            ),
            max: wire.max,
            added: wire.added,
            cached_first: share("cached_first", wire.cached_first)?,
            cached_later: share("cached_later", wire.cached_later)?,
        })
    }

    fn texts(&self, wire: &TextWire) -> Checked<Texts> {
        for (field, texts) in [
            ("openers", &wire.openers),
            ("easy", &wire.easy),
            ("hard", &wire.hard),
        ] {
            if texts.is_empty() {
                return fault(field, "needs at least one template");
            }
        }
        let parse = |field: &str, texts: &[String]| {
            let lengths: Vec<Option<usize>> = longest(self.slots)
                .unwrap_or_default()
                .into_iter()
                .map(Some)
                .collect();
            let templates = templates(field, texts, self.names)?;
            let too_long = |template: &Template| {
                template
                    .longest(&lengths)
                    .is_none_or(|bytes| bytes > MOST_BYTES)
            };
            match templates.iter().position(too_long) {
                None => Ok(templates),
                Some(i) => fault(
                    &format!("{field}[{i}]"),
                    format!("can grow beyond {MOST_BYTES} bytes"),
                ),
            }
        };
        Ok(Texts {
            openers: parse("openers", &wire.openers)?,
            follow_ups: parse("follow_ups", &wire.follow_ups)?,
            easy: parse("easy", &wire.easy)?,
            hard: parse("hard", &wire.hard)?,
        })
    }

    fn result(&self, model: &Model, wire: ResultWire) -> Checked<ModelResult> {
        let output_tokens = law("output_tokens", wire.output_tokens)?;
        let mean = share("success", wire.success)?;
        if !(0.0..=50.0).contains(&wire.fall) {
            return fault(
                "fall",
                "must be a number from 0 to 50: logits a standard deviation",
            );
        }
        let whole = Whole {
            tokens: output_tokens,
            correlation: self.token_difficulty,
            cap: f64::from(model.max_output_tokens.0),
        };
        let success = Success::with_mean(mean, wire.fall, &whole).or_else(|greatest| {
            let message = format!(
                "{mean} cannot be reached: answers cut at {} tokens leave at most {greatest:.3}",
                model.max_output_tokens.0
            );
            fault("success", message)
        })?;
        Ok(ModelResult {
            success,
            output_tokens,
            reasoning: share("reasoning", wire.reasoning)?,
        })
    }
}

fn turns(wire: &TurnsWire) -> Checked<Turns> {
    if wire.min == 0 || wire.min > MOST_TURNS {
        return fault("min", format!("must be from 1 to {MOST_TURNS}"));
    }
    if !(f64::from(wire.min)..=f64::from(MOST_TURNS) / 2.0).contains(&wire.mean) {
        let most = MOST_TURNS / 2;
        return fault("mean", format!("must be from `min` to {most}"));
    }
    Ok(Turns {
        min: wire.min,
        mean: wire.mean,
        pause_seconds: law("pause_seconds", wire.pause_seconds)?,
        repeat: share("repeat", wire.repeat)?,
    })
}

fn law(field: &str, wire: LawWire) -> Checked<LogNormal> {
    Ok(LogNormal::with_mean(
        positive("mean", wire.mean, MOST_MEAN).within(field)?,
        sigma(wire.sigma).within(field)?,
    ))
}

fn sigma(sigma: f64) -> Checked<f64> {
    if (0.0..=MOST_SIGMA).contains(&sigma) {
        Ok(sigma)
    } else {
        let message =
            format!("{sigma} must be from 0 to {MOST_SIGMA}: the spread of the logarithm");
        fault("sigma", message)
    }
}

fn positive(field: &str, x: f64, most: f64) -> Checked<f64> {
    if x > 0.0 && x <= most {
        Ok(x)
    } else {
        fault(field, format!("{x} must be above 0 and at most {most}"))
    }
}

fn share(field: &str, x: f64) -> Checked<f64> {
    if (0.0..=1.0).contains(&x) {
        Ok(x)
    } else {
        fault(field, format!("{x} must be from 0 to 1"))
    }
}

/// Names with their shares, which are at most 1 in all.
fn weights(field: &str, wire: BTreeMap<String, f64>) -> Checked<Weighted<String>> {
    for (name, x) in &wire {
        share(name, *x).within(field)?;
    }
    let sum: f64 = wire.values().sum();
    if sum > 1.0 + SHARE_ROUNDING {
        return fault(
            field,
            format!("the shares add up to {sum:.6}; they must not exceed 1"),
        );
    }
    if sum > 1.0 - SHARE_ROUNDING {
        return Ok(Weighted::in_proportion(wire));
    }
    Ok(Weighted::new(wire))
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

    #[test]
    fn faults_name_line_field_and_mend() {
        // What is replaced, by what, and what the error must begin with.
        let cases = [
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
                "37: scenario: invalid type: string",
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
                "53: class[1].results.driver: the class needs `vision`",
            ),
        ];
        for (old, new, expect) in cases {
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
                crate::generate::generate(&scenario, 20, 1);
            }
        }
    }
}
