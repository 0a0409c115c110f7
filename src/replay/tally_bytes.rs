//! A tally as bytes, for parts of the requests that are counted elsewhere.
//!
//! Every number that a tally is made of, one after the other, as a signed number in groups of
//! seven bits: small ones, which most are, take a byte. Equal tallies give equal bytes. What a
//! tally is about is not among them: whoever stores the bytes keeps that, and a checksum.

use super::cell::{Cell, PolicyCell};
use super::tally::{Tally, TallySpec};

/// Sees, or replaces, one number; `false` where there is none.
type Each<'a> = dyn FnMut(&mut i128) -> bool + 'a;

impl Tally {
    /// Its sums as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.clone().numbers(&mut |number| {
            write(*number, &mut bytes);
            true
        });
        bytes
    }

    /// The tally of this specification that gave these bytes; `None` where none can have.
    #[must_use]
    pub fn from_bytes(spec: TallySpec, bytes: &[u8]) -> Option<Self> {
        let mut tally = Self::new(spec);
        let mut rest = bytes;
        let whole = tally.numbers(&mut |number| match read(&mut rest) {
            Some(found) => {
                *number = found;
                true
            }
            None => false,
        });
        (whole && rest.is_empty()).then_some(tally)
    }

    fn numbers(&mut self, each: &mut Each<'_>) -> bool {
        self.total.numbers(each)
            && self
                .segments
                .iter_mut()
                .flatten()
                .all(|cell| cell.numbers(each))
    }
}

impl Cell {
    fn numbers(&mut self, each: &mut Each<'_>) -> bool {
        let support = &mut self.support;
        let counts = [
            &mut self.requests,
            &mut support.success,
            &mut support.cost,
            &mut support.net,
        ];
        counts.into_iter().all(|count| count_of(count, each))
            && self.policies.iter_mut().all(|cell| cell.numbers(each))
            && self.cost_products.iter_mut().all(&mut *each)
            && self.replicates.numbers(each)
    }
}

impl PolicyCell {
    fn numbers(&mut self, each: &mut Each<'_>) -> bool {
        let masses = [
            &mut self.unanswered,
            &mut self.fell_back,
            &mut self.unobserved,
            &mut self.uncosted,
        ];
        let mut masses = masses
            .into_iter()
            .chain(&mut self.share)
            .chain(&mut self.facts);
        let sums = [
            &mut self.own_success,
            &mut self.success,
            &mut self.cost,
            &mut self.net,
        ];
        masses.all(|mass| count_of(mass, each))
            && sums.into_iter().all(&mut *each)
            && self.latency.numbers(each)
            && self.cost_spread.numbers(each)
    }
}

fn count_of(count: &mut u64, each: &mut Each<'_>) -> bool {
    let mut wide = i128::from(*count);
    let read = each(&mut wide);
    u64::try_from(wide).is_ok_and(|narrow| {
        *count = narrow;
        read
    })
}

/// The sign goes to the lowest bit, so that small negative numbers are short too.
fn write(number: i128, bytes: &mut Vec<u8>) {
    let mut left = (number << 1 ^ number >> 127) as u128;
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

fn read(rest: &mut &[u8]) -> Option<i128> {
    let mut found = 0u128;
    for shift in (0..u128::BITS).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u128::from(byte & 0x7f);
        // What would be cut off, and what could be said shorter, was not written here.
        if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
            return None;
        }
        found |= bits << shift;
        if byte < 0x80 {
            return Some((found >> 1) as i128 ^ -((found & 1) as i128));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_come_back() {
        let edges = [
            0,
            1,
            -1,
            63,
            -64,
            64,
            i128::from(i64::MIN),
            i128::MAX,
            i128::MIN,
        ];
        let mut bytes = Vec::new();
        edges.iter().for_each(|&edge| write(edge, &mut bytes));
        let mut rest = bytes.as_slice();
        let found: Vec<i128> = std::iter::from_fn(|| read(&mut rest)).collect();
        assert_eq!(found, edges);
        assert_eq!(
            read(&mut [0x80, 0].as_slice()),
            None,
            "longer than it must be"
        );
        assert_eq!(read(&mut [0xff; 19].as_slice()), None, "more than 128 bits");
    }

    #[test]
    fn bytes_that_no_tally_gave_are_refused() {
        let spec = TallySpec {
            policies: vec!["a".into(), "b".into()],
            endpoints: vec!["x".into()],
            segments: vec![vec!["s".into()]],
            replicates: 3,
            ..TallySpec::default()
        };
        let tally = Tally::new(spec.clone());
        let bytes = tally.to_bytes();
        assert_eq!(Tally::from_bytes(spec.clone(), &bytes), Some(tally));
        for wrong in [&bytes[1..], &[&bytes[..], &[0]].concat(), &[]] {
            assert_eq!(Tally::from_bytes(spec.clone(), wrong), None);
        }
        let mut negative = bytes;
        negative[0] = 1;
        assert_eq!(
            Tally::from_bytes(spec, &negative),
            None,
            "minus one request"
        );
    }
}
