//! A trace's fingerprint: the sum of its rows' SHA-256 hashes modulo 2^256, so that the order of
//! the rows does not matter and shards can be added up.

use std::fmt;

use sha2::{Digest, Sha256};

use super::columns::Trace;

/// The sum of row hashes, as a little-endian number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprint([u64; 4]);

impl Fingerprint {
    /// The fingerprint of the rows of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let mut sum = [0; 4];
        let mut carry = false;
        for (i, digit) in sum.iter_mut().enumerate() {
            let (first, over) = self.0[i].overflowing_add(other.0[i]);
            let (second, again) = first.overflowing_add(u64::from(carry));
            (*digit, carry) = (second, over || again);
        }
        Self(sum)
    }

    fn of_hash(hash: [u8; 32]) -> Self {
        Self(std::array::from_fn(|i| {
            u64::from_le_bytes(std::array::from_fn(|byte| hash[8 * i + byte]))
        }))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .rev()
            .try_for_each(|digit| write!(f, "{digit:016x}"))
    }
}

impl Trace {
    /// The fingerprint of its requests and outcomes. The header, and fields that this version does
    /// not know, are no part of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        (0..self.len()).fold(Fingerprint::default(), |sum, i| {
            sum.plus(self.row_fingerprint(i))
        })
    }

    fn row_fingerprint(&self, i: usize) -> Fingerprint {
        let mut row = RowHash(Sha256::new());
        let request = self.request(i);
        row.text(Some(self.id(i)));
        row.long(request.at.map(|at| at.millis()));
        for text in [
            request.prompt,
            request.task,
            request.tenant,
            request.session,
            request.channel,
            request.region,
        ] {
            row.text(text);
        }
        for list in [request.needs, request.prefix] {
            row.long(i64::try_from(list.len()).ok());
            list.iter().for_each(|item| row.text(Some(item)));
        }
        let tokens = [request.input_tokens, request.max_output_tokens]
            .map(|tokens| tokens.map(|tokens| tokens.0));
        for number in [
            request.turn,
            tokens[0],
            tokens[1],
            request.deadline_ms.map(|ms| ms.0),
        ] {
            row.long(number.map(i64::from));
        }
        for usd in [request.value_usd, request.wrong_usd, request.second_usd] {
            row.long(usd.map(|usd| usd.picos()));
        }
        row.long(
            request
                .embedding
                .and_then(|embedding| i64::try_from(embedding.len()).ok()),
        );
        request
            .embedding
            .unwrap_or_default()
            .iter()
            .for_each(|x| row.long(Some(i64::from(x.to_bits()))));
        let logged = self.logged(i);
        row.text(logged.map(|logged| logged.endpoint));
        row.text(logged.and_then(|logged| logged.policy));
        row.double(logged.and_then(|logged| logged.propensity));
        self.outcomes(i).for_each(|k| row.outcome(self, k));
        Fingerprint::of_hash(row.0.finalize().into())
    }
}

/// A hash over fields that each begin with a mark for known or unknown and, for texts, a length,
/// so that no two different rows give the same bytes.
struct RowHash(Sha256);

impl RowHash {
    fn text(&mut self, text: Option<&str>) {
        self.long(text.and_then(|text| i64::try_from(text.len()).ok()));
        self.0.update(text.unwrap_or_default());
    }

    fn long(&mut self, number: Option<i64>) {
        self.0.update([u8::from(number.is_some())]);
        self.0.update(number.unwrap_or_default().to_le_bytes());
    }

    fn double(&mut self, number: Option<f64>) {
        self.long(number.map(|number| number.to_bits().cast_signed()));
    }

    fn outcome(&mut self, trace: &Trace, k: usize) {
        let outcome = trace.outcome(k);
        self.text(Some(outcome.model));
        self.text(outcome.endpoint);
        self.text(outcome.status);
        self.double(outcome.score);
        self.long(Some(i64::from(outcome.sample)));
        let tokens = [
            outcome.input_tokens,
            outcome.cached_tokens,
            outcome.output_tokens,
            outcome.reasoning_tokens,
        ];
        tokens
            .into_iter()
            .for_each(|tokens| self.long(tokens.map(|tokens| i64::from(tokens.0))));
        [outcome.ttft_ms, outcome.latency_ms]
            .into_iter()
            .for_each(|ms| self.long(ms.map(|ms| i64::from(ms.0))));
        self.long(outcome.cost_usd.map(|usd| usd.picos()));
    }
}
