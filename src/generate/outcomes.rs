//! What a model makes of a request.

use super::draw::Draw;
use super::laws::LogNormal;
use super::scenario::{Model, ModelResult};

/// One attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Attempt {
    pub(super) status: &'static str,
    pub(super) score: Option<f64>,
    pub(super) output_tokens: u32,
    pub(super) reasoning_tokens: u32,
    pub(super) ttft_ms: u32,
    pub(super) latency_ms: u32,
}

/// What all models face alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    /// Latent difficulty, standard normal within the class.
    pub(super) difficulty: f64,
    pub(super) token_difficulty: f64,
    pub(super) input_tokens: u32,
    pub(super) failed: bool,
}

/// Output tokens of attempts that fail: at most these, before the connection broke.
const MOST_FAILED_TOKENS: u32 = 40;

/// Standard deviation of the reasoning share.
const REASONING_SPREAD: f64 = 0.05;

impl Attempt {
    pub(super) fn draw(
        model: &Model,
        result: &ModelResult,
        situation: &Situation,
        draw: &mut Draw,
    ) -> Self {
        let wanted = wanted_tokens(result.output_tokens, situation, draw.normal());
        let right = draw.happens(result.success.at(situation.difficulty));
        let reasoning = result.reasoning * (1.0 + REASONING_SPREAD * draw.normal());
        let ttft_ms = whole(model.ttft_ms.at(draw.normal()));
        let speed = model.tokens_per_second.at(draw.normal());
        let broken_at = draw.between(0, MOST_FAILED_TOKENS);
        let room = model
            .context_tokens
            .0
            .saturating_sub(situation.input_tokens);
        let cap = model.max_output_tokens.0.min(room);
        let (status, score, output_tokens) = if situation.failed {
            ("error", None, broken_at)
        } else if wanted > f64::from(cap) {
            ("truncated", Some(0.0), cap)
        } else {
            ("ok", Some(f64::from(u8::from(right))), whole(wanted).max(1))
        };
        Self {
            status,
            score,
            output_tokens,
            reasoning_tokens: whole(f64::from(output_tokens) * reasoning.clamp(0.0, 1.0))
                .min(output_tokens),
            ttft_ms,
            latency_ms: whole(f64::from(ttft_ms) + 1000.0 * f64::from(output_tokens) / speed),
        }
    }
}

/// Tokens that the answer would have without a cap.
fn wanted_tokens(law: LogNormal, situation: &Situation, noise: f64) -> f64 {
    let share = situation.token_difficulty;
    law.at(share * situation.difficulty + (1.0 - share * share).sqrt() * noise)
}

/// Rounded, within what a count can hold.
pub(super) fn whole(x: f64) -> u32 {
    // A cast of a float saturates.
    x.round().min(f64::from(u32::MAX - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;

    /// Mean and its standard error.
    fn mean(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        (mean, (squares / (n * n)).sqrt())
    }

    /// The figures of the domain notes, by class and role: success and mean output tokens.
    const PUBLISHED: [(&str, &str, f64, f64); 11] = [
        ("proofs", "driver", 0.783, 27_000.0),
        ("proofs", "specialist", 0.845, 45_000.0),
        ("competition", "driver", 0.925, 19_000.0),
        ("competition", "specialist", 0.992, 27_000.0),
        ("algorithms", "driver", 0.833, 16_000.0),
        ("algorithms", "specialist", 0.887, 27_000.0),
        ("science", "driver", 0.824, 7_000.0),
        ("science", "specialist", 0.857, 16_000.0),
        ("frontier", "driver", 0.251, 21_000.0),
        ("frontier", "specialist", 0.306, 35_000.0),
        ("agent", "driver", 0.731, 600.0),
    ];

    #[test]
    fn attempts_reproduce_the_published_success_and_tokens_of_every_hard_class() {
        const ATTEMPTS: u32 = 20_000;
        let scenario = Scenario::builtin("engineering").unwrap().unwrap();
        for (class, role, success, tokens) in PUBLISHED {
            let class = scenario.classes.iter().find(|c| c.name == class).unwrap();
            let place = scenario.models.iter().position(|m| m.role == role).unwrap();
            let (model, result) = (&scenario.models[place], class.results[place].unwrap());
            let (mut scores, mut wanted) = (Vec::new(), Vec::new());
            for i in 0..ATTEMPTS {
                let mut draw = Draw::new(1, "test", i.into(), 0);
                let situation = Situation {
                    difficulty: draw.normal(),
                    token_difficulty: scenario.token_difficulty,
                    input_tokens: 300,
                    failed: false,
                };
                scores.extend(Attempt::draw(model, &result, &situation, &mut draw).score);
                wanted.push(wanted_tokens(
                    result.output_tokens,
                    &situation,
                    draw.normal(),
                ));
            }
            let (mean_score, error) = mean(&scores);
            assert!(
                (mean_score - success).abs() < 3.0 * error,
                "{} {role}: success {mean_score} +- {error}, published {success}",
                class.name
            );
            let (mean_tokens, _) = mean(&wanted);
            assert!(
                (mean_tokens / tokens - 1.0).abs() < 0.05,
                "{} {role}: {mean_tokens} tokens, published {tokens}",
                class.name
            );
        }
    }

    #[test]
    fn an_answer_beyond_the_cap_is_billed_to_the_cap_and_wrong_and_a_failure_has_no_score() {
        let model = Model {
            role: "driver".into(),
            model: "m".into(),
            endpoint: "m@p".into(),
            channels: Vec::new(),
            context_tokens: weighbridge_router::Tokens(1000),
            max_output_tokens: weighbridge_router::Tokens(800),
            ttft_ms: LogNormal::with_mean(500.0, 0.0),
            tokens_per_second: LogNormal::with_mean(20.0, 0.0),
        };
        let result = ModelResult {
            success: super::super::laws::Success {
                base: 100.0,
                fall: 0.0,
            },
            output_tokens: LogNormal::with_mean(900.0, 0.0),
            reasoning: 0.5,
        };
        let attempt = |input_tokens, failed| {
            let situation = Situation {
                difficulty: 0.0,
                token_difficulty: 0.0,
                input_tokens,
                failed,
            };
            Attempt::draw(&model, &result, &situation, &mut Draw::new(1, "t", 0, 0))
        };
        let cut = attempt(10, false);
        assert_eq!((cut.status, cut.score), ("truncated", Some(0.0)));
        assert_eq!((cut.output_tokens, cut.latency_ms), (800, 40_500));
        // The context leaves less than the output limit.
        assert_eq!(attempt(700, false).output_tokens, 300);
        let failed = attempt(10, true);
        assert_eq!((failed.status, failed.score), ("error", None));
        assert!(failed.output_tokens <= MOST_FAILED_TOKENS);
    }
}
