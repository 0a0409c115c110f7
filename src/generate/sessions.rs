//! From a scenario to a trace: sessions are drawn until there are enough requests, put in order
//! of time and numbered.

use std::collections::BTreeMap;

use weighbridge_router::{Millis, RequestRef, Timestamp, Tokens};

use crate::trace::{Header, OutcomeRef, Row, Trace, TraceBuilder};

use super::draw::Draw;
use super::outcomes::{Attempt, Situation, whole};
use super::scenario::{Class, Scenario};

/// A trace of so many requests.
///
/// Every draw is keyed by the seed, its purpose and the session or turn, so equal arguments give
/// equal bytes on any machine. Each request has an outcome of every model that may take it: a
/// full-information trace. The class of a request stands outside its `request` object (field
/// `class` of the line), where no policy can see it.
#[must_use]
pub fn generate(scenario: &Scenario, requests: usize, seed: u64) -> Trace {
    let mut drafts = Vec::new();
    for session in 0.. {
        let missing = requests - drafts.len();
        if missing == 0 {
            break;
        }
        drafts.extend(SessionDraw::new(scenario, seed, session).turns(missing));
    }
    drafts.sort_by_key(|draft| (draft.at_ms, draft.session, draft.turn));
    let mut builder = TraceBuilder::new(header(scenario, requests, seed));
    for (i, draft) in drafts.iter().enumerate() {
        draft.push(scenario, format!("r{seed}-{:06}", i + 1), &mut builder);
    }
    let (trace, _) = builder.finish().expect("ids are numbers, each once");
    trace
}

fn header(scenario: &Scenario, requests: usize, seed: u64) -> Header {
    Header {
        source: Some("weighbridge generate".into()),
        licence: Some("MIT OR Apache-2.0".into()),
        synthetic: Some(format!(
            "nothing here was recorded: scenario {}, {requests} requests, seed {seed}, weighbridge \
             {}; prompts are templated, outcomes are simulated from published aggregate figures",
            scenario.name,
            env!("CARGO_PKG_VERSION")
        )),
        roles: scenario
            .models
            .iter()
            .map(|model| (model.role.clone(), model.model.clone()))
            .collect::<BTreeMap<_, _>>(),
        requests_per_day: Some(scenario.requests_per_day),
        ..Header::default()
    }
}

/// A request before it has its number.
struct Draft<'a> {
    at_ms: i64,
    session: u64,
    session_name: String,
    turn: u32,
    class: &'a Class,
    tenant: Option<&'a str>,
    channel: Option<&'a str>,
    task: Option<&'a str>,
    prompt: String,
    input_tokens: u32,
    cached_tokens: u32,
    attempts: Vec<Option<Attempt>>,
}

/// A session: what stays the same over its turns.
struct SessionDraw<'a> {
    scenario: &'a Scenario,
    seed: u64,
    session: u64,
    class: &'a Class,
    tenant: Option<&'a str>,
    channel: Option<&'a str>,
    task: Option<&'a str>,
    start_ms: i64,
    turns: u32,
}

/// What the turn before leaves to the next one.
struct Before {
    prompt: String,
    difficulty: f64,
    input_tokens: u32,
    answer_tokens: u32,
}

impl<'a> SessionDraw<'a> {
    fn new(scenario: &'a Scenario, seed: u64, session: u64) -> Self {
        let draw = |purpose| Draw::new(seed, purpose, session, 0);
        let class = scenario
            .classes
            .pick(&mut draw("class"))
            .expect("one of the classes is always picked");
        let tenant = scenario.tenants.pick(&mut draw("tenant"));
        let channel = class.channels.pick(&mut draw("channel"));
        let task = class.tasks.pick(&mut draw("task"));
        Self {
            scenario,
            seed,
            session,
            class,
            tenant: tenant.map(String::as_str),
            channel: channel.map(String::as_str),
            task: task.map(String::as_str),
            start_ms: scenario.arrivals.draw(&mut draw("start")),
            turns: draw("turns").turns(class.turns.min, class.turns.mean),
        }
    }

    fn draw(&self, purpose: &str, turn: u32) -> Draw {
        Draw::new(self.seed, purpose, self.session, turn)
    }

    /// Its turns, or the first `most` of them.
    fn turns(&self, most: usize) -> Vec<Draft<'a>> {
        let mut drafts: Vec<Draft<'a>> = Vec::new();
        let mut before = None;
        let mut at_ms = self.start_ms;
        for turn in (1..=self.turns).take(most) {
            let mut draft = self.turn(turn, &mut before);
            draft.at_ms = at_ms;
            let pause = self
                .class
                .turns
                .pause_seconds
                .at(self.draw("pause", turn).normal());
            // The user waits for the first model of the scenario that takes the class.
            let answered = draft.attempts.iter().flatten().next();
            let waited = answered.map_or(0, |attempt| attempt.latency_ms);
            at_ms += i64::from(waited) + i64::from(whole(1000.0 * pause));
            drafts.push(draft);
        }
        let mut times: Vec<i64> = drafts.iter().map(|draft| draft.at_ms).collect();
        self.scenario.arrivals.fit(&mut times);
        for (draft, at_ms) in drafts.iter_mut().zip(times) {
            draft.at_ms = at_ms;
        }
        drafts
    }

    fn turn(&self, turn: u32, before: &mut Option<Before>) -> Draft<'a> {
        let repeats = self.draw("repeat", turn).happens(self.class.turns.repeat);
        let (prompt, difficulty) = match before.as_ref().filter(|_| repeats) {
            Some(before) => (before.prompt.clone(), before.difficulty),
            None => self.question(turn),
        };
        let input_tokens = self.input_tokens(turn, prompt.len(), before.as_ref());
        let attempts = self.attempts(turn, difficulty, input_tokens);
        let answered = attempts.iter().flatten().next();
        *before = Some(Before {
            prompt: prompt.clone(),
            difficulty,
            input_tokens,
            answer_tokens: answered.map_or(0, |a| a.output_tokens - a.reasoning_tokens),
        });
        Draft {
            at_ms: self.start_ms,
            session: self.session,
            session_name: format!("s{}-{}", self.seed, self.session),
            turn,
            class: self.class,
            tenant: self.tenant,
            channel: self.channel,
            task: self.task,
            prompt,
            input_tokens,
            cached_tokens: self.cached_tokens(turn, input_tokens),
            attempts,
        }
    }

    /// A text, and how difficult it really is.
    fn question(&self, turn: u32) -> (String, f64) {
        let mut draw = self.draw("difficulty", turn);
        let (difficulty, noise) = (draw.normal(), draw.normal());
        let share = self.scenario.visible;
        let visible = share * difficulty + (1.0 - share * share).sqrt() * noise;
        let mut text = self.draw("text", turn);
        let prompt = self
            .class
            .texts
            .prompt(&self.scenario.slots, turn, visible, &mut text);
        (prompt, difficulty)
    }

    fn input_tokens(&self, turn: u32, prompt_bytes: usize, before: Option<&Before>) -> u32 {
        let input = &self.class.input;
        let mut draw = self.draw("input", turn);
        let prompt = Tokens::estimate(prompt_bytes).0;
        let tokens = match before {
            None => whole(input.first.at(draw.normal())),
            Some(before) => [
                before.answer_tokens,
                whole(draw.exponential(input.added)),
                prompt,
            ]
            .into_iter()
            .fold(before.input_tokens, u32::saturating_add),
        };
        tokens.min(input.max).max(prompt)
    }

    /// Tokens that come from the prefix cache, which keeps whole blocks.
    fn cached_tokens(&self, turn: u32, input_tokens: u32) -> u32 {
        let input = &self.class.input;
        let mean = if turn == 1 {
            input.cached_first
        } else {
            input.cached_later
        };
        let share = mean + CACHED_SPREAD * self.draw("cached", turn).normal();
        let cached = whole(f64::from(input_tokens) * share.clamp(0.0, 0.98));
        cached / CACHE_BLOCK * CACHE_BLOCK
    }

    fn attempts(&self, turn: u32, difficulty: f64, input_tokens: u32) -> Vec<Option<Attempt>> {
        let failures = self.scenario.failures;
        let all_fail = self
            .draw("failure", turn)
            .happens(failures.share * failures.common);
        // So that every model fails in `share` of all attempts.
        let alone =
            failures.share * (1.0 - failures.common) / (1.0 - failures.share * failures.common);
        let models = self.scenario.models.iter().zip(&self.class.results);
        models
            .map(|(model, result)| {
                let reached = |channel| model.channels.iter().any(|known| known == channel);
                let result = result.as_ref()?;
                if !model.channels.is_empty() && !self.channel.is_none_or(reached) {
                    return None;
                }
                let failed = |purpose: &str| self.draw(purpose, turn).happens(alone);
                let situation = Situation {
                    difficulty,
                    token_difficulty: self.scenario.token_difficulty,
                    input_tokens,
                    failed: all_fail || failed(&format!("failure of {}", model.role)),
                };
                let mut draw = self.draw(&format!("attempt of {}", model.role), turn);
                Some(Attempt::draw(model, result, &situation, &mut draw))
            })
            .collect()
    }
}

/// Standard deviation of the cached share.
const CACHED_SPREAD: f64 = 0.15;

/// DeepSeek's prefix cache keeps blocks of 64 tokens.
const CACHE_BLOCK: u32 = 64;

impl Draft<'_> {
    fn push(&self, scenario: &Scenario, id: String, builder: &mut TraceBuilder) {
        let outcomes: Vec<OutcomeRef<'_>> = scenario
            .models
            .iter()
            .zip(&self.attempts)
            .filter_map(|(model, attempt)| {
                let attempt = attempt.as_ref()?;
                Some(OutcomeRef {
                    model: &model.model,
                    endpoint: Some(&model.endpoint),
                    status: Some(attempt.status),
                    score: attempt.score,
                    input_tokens: Some(Tokens(self.input_tokens)),
                    cached_tokens: Some(Tokens(self.cached_tokens)),
                    output_tokens: Some(Tokens(attempt.output_tokens)),
                    reasoning_tokens: Some(Tokens(attempt.reasoning_tokens)),
                    ttft_ms: Some(Millis(attempt.ttft_ms)),
                    latency_ms: Some(Millis(attempt.latency_ms)),
                    ..OutcomeRef::default()
                })
            })
            .collect();
        let extra = serde_json::json!({ "line": { "class": self.class.name } }).to_string();
        let row = Row {
            id: &id,
            request: RequestRef {
                at: Some(Timestamp::from_millis(self.at_ms)),
                prompt: Some(&self.prompt),
                task: self.task,
                tenant: self.tenant,
                session: Some(&self.session_name),
                turn: Some(self.turn),
                channel: self.channel,
                needs: &self.class.needs,
                input_tokens: Some(Tokens(self.input_tokens)),
                ..RequestRef::default()
            },
            outcomes: &outcomes,
            logged: None,
            extra: Some(&extra),
        };
        builder
            .push(&row)
            .expect("scores are 0 or 1, and parts are not above their wholes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engineering() -> Scenario {
        Scenario::builtin("engineering").unwrap().unwrap()
    }

    fn class(trace: &Trace, i: usize) -> String {
        let extra: serde_json::Value =
            serde_json::from_str(trace.request_extra(i).unwrap()).unwrap();
        extra["line"]["class"].as_str().unwrap().into()
    }

    fn score(trace: &Trace, i: usize, model: &str) -> Option<f64> {
        let mut outcomes = trace.outcomes(i).map(|k| trace.outcome(k));
        outcomes.find(|outcome| outcome.model == model)?.score
    }

    #[test]
    fn equal_arguments_give_equal_bytes_and_another_seed_or_length_another_trace() {
        let scenario = engineering();
        let of = |requests, seed| generate(&scenario, requests, seed).fingerprint();
        assert_eq!(of(400, 1), of(400, 1));
        assert_ne!(of(400, 1), of(400, 2));
        assert_ne!(of(400, 1), of(401, 1));
        assert_eq!(generate(&scenario, 0, 1).len(), 0);
    }

    /// A seed must give the same trace in every release and on every machine, or else the bundled
    /// one could not be made again. Change this with the scenario alone.
    #[test]
    fn the_fingerprint_of_a_seed_is_pinned() {
        let trace = generate(&engineering(), 100, 1);
        assert_eq!(trace.fingerprint().to_string(), PINNED);
    }

    const PINNED: &str = "5e5e22e2f59e56c1529c53b1597127f4045383daf587a78cc963430c15d631ca";

    #[test]
    fn requests_are_numbered_in_order_of_time_inside_the_window_and_sessions_in_order_of_turns() {
        let trace = generate(&engineering(), 2000, 3);
        assert_eq!(trace.len(), 2000);
        let window = ["2025-12-01T00:00:00Z", "2025-12-15T15:59:00Z"]
            .map(|text| Timestamp::parse(text).unwrap());
        let mut turns: BTreeMap<&str, u32> = BTreeMap::new();
        for i in 0..trace.len() {
            let at = trace.at(i).unwrap();
            assert!(window[0] <= at && at < window[1]);
            assert!(i == 0 || trace.at(i - 1).unwrap() <= at);
            assert_eq!(trace.id(i), format!("r3-{:06}", i + 1));
            let request = trace.request(i);
            let turn = turns.entry(request.session.unwrap()).or_default();
            *turn += 1;
            assert_eq!(request.turn, Some(*turn));
        }
        assert_eq!(trace.header().roles["specialist"], "deepseek-v3.2-speciale");
        let synthetic = trace.header().synthetic.as_deref().unwrap();
        assert!(synthetic.contains("2000 requests, seed 3"), "{synthetic}");
    }

    #[test]
    fn each_model_answers_what_it_may_take_and_nothing_else() {
        let trace = generate(&engineering(), 3000, 1);
        for i in 0..trace.len() {
            let request = trace.request(i);
            let both = request.needs.is_empty() && request.channel == Some("api");
            let models: Vec<&str> = trace.outcomes(i).map(|k| trace.outcome(k).model).collect();
            let expect = ["deepseek-v3.2", "deepseek-v3.2-speciale"];
            assert_eq!(models, expect[..1 + usize::from(both)], "{}", trace.id(i));
            for outcome in trace.outcomes(i).map(|k| trace.outcome(k)) {
                let cut = outcome.status == Some("truncated");
                assert!(!cut || outcome.score == Some(0.0));
                assert_eq!(outcome.score.is_none(), outcome.status == Some("error"));
            }
        }
    }

    #[test]
    fn few_prompts_repeat_and_none_is_in_a_trace_of_another_seed() {
        let scenario = engineering();
        let normal = |text: &str| -> String {
            let lower = text.to_ascii_lowercase();
            let words = lower.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric());
            words
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let prompts = |requests, seed| -> std::collections::BTreeSet<String> {
            let trace = generate(&scenario, requests, seed);
            (0..requests)
                .map(|i| normal(trace.prompt(i).unwrap()))
                .collect()
        };
        let (small, large) = (prompts(3000, 1), prompts(60_000, 7));
        assert!((2960..3000).contains(&small.len()), "{}", small.len());
        assert_eq!(small.intersection(&large).count(), 0);
    }

    #[test]
    fn a_large_trace_has_the_shares_and_the_success_of_the_scenario() {
        let trace = generate(&engineering(), 60_000, 7);
        let published = [
            ("chat", 0.341, [0.94, 0.925]),
            ("contest", 0.022, [0.575, 0.808]),
            ("proofs", 0.028, [0.783, 0.845]),
            ("algorithms", 0.016, [0.833, 0.887]),
        ];
        let classes: Vec<String> = (0..trace.len()).map(|i| class(&trace, i)).collect();
        for (name, share, success) in published {
            let rows: Vec<usize> = (0..trace.len()).filter(|&i| classes[i] == name).collect();
            let n = rows.len() as f64;
            // Requests of a session are one draw of the class.
            let tolerance = 3.0 * (3.0_f64 * share / 60_000.0).sqrt();
            assert!(
                (n / 60_000.0 - share).abs() < tolerance,
                "{name}: {n} requests"
            );
            for (model, expect) in ["deepseek-v3.2", "deepseek-v3.2-speciale"]
                .iter()
                .zip(success)
            {
                let scores: Vec<f64> = rows
                    .iter()
                    .filter_map(|&i| score(&trace, i, model))
                    .collect();
                let mean = scores.iter().sum::<f64>() / scores.len() as f64;
                let error = (expect * (1.0 - expect) / scores.len() as f64).sqrt();
                assert!(
                    (mean - expect).abs() < 3.0 * error,
                    "{name}, {model}: {mean}"
                );
            }
        }
        let failed = (0..trace.len()).filter(|&i| score(&trace, i, "deepseek-v3.2").is_none());
        let failed = failed.count() as f64 / 60_000.0;
        assert!((failed - 0.02).abs() < 0.002, "{failed}");
    }
}
