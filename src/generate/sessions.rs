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
    let mut drafts = Vec::with_capacity(requests);
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
