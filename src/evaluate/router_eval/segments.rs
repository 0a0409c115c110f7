//! Which groups of requests deserve the specialist: what it costs and gains on each, and from which
//! value of a right answer on it pays.
//!
//! Owns the figures by group. Groups are judged one by one on the outcomes themselves; what the
//! router does with each of them stands beside.

use std::collections::BTreeMap;

use serde::Serialize;
use weighbridge_router::Trade;

use super::frame::Frame;
use super::ground::Ground;
use super::segment_sums::{
    DRIVER, GAIN, Group, INFORMATIVE, REQUESTS, SPECIALIST, TERMS, TIMED, WAITING, sum_of, waiting,
};
use crate::evaluate::figure::Figure;
use crate::evaluate::resample::with_interval;
use crate::replay::{SegmentKey, Segments, decide};
use crate::stats::{Replicates, percentile_interval};

/// What sending one group of requests to the specialist instead of the driver comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentReturn {
    /// By what requests are grouped.
    pub by: &'static str,
    /// The group; `other` has all with fewer than 30 informative requests.
    pub segment: String,
    /// The cheap endpoint.
    pub driver: String,
    /// The dear endpoint.
    pub specialist: String,
    /// Requests of the group.
    pub requests: u64,
    /// Those of them that both endpoints may answer, with success and cost of both known: all figures but
    /// `share_of_requests` and `sent` rest on these.
    pub informative: u64,
    /// The group's share of all requests.
    pub share_of_requests: Figure,
    /// Its share of the bill, were it alone sent to the specialist.
    pub share_of_bill: Figure,
    /// Success of the specialist less that of the driver.
    pub gain: Figure,
    /// Cost of the specialist less that of the driver, USD a request, waiting at its price included.
    pub extra_usd_per_request: Figure,
    /// The value of a right answer above which the specialist pays: extra cost over gain. Null, with
    /// why, where there is no gain; 0 or below where it pays at any value. An interval without an
    /// upper end has the lower one in `why`.
    pub break_even_usd: Figure,
    /// Seconds of waiting that the specialist adds to a request.
    pub added_seconds: Figure,
    /// Whether the specialist pays there at the file's trade.
    pub pays: Pays,
    /// Endpoint and the share of the group that the router sends there at the file's trade.
    pub sent: BTreeMap<String, f64>,
}

/// Whether something pays at a trade, by the 95% interval of its net value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pays {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The requests at hand cannot tell.
    CannotTell,
}

impl Pays {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Yes => "pays",
            Self::No => "does not pay",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// The groups of one grouping that clearly deserve the specialist at the file's trade, together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentSummary {
    /// By what requests are grouped.
    pub by: &'static str,
    /// The groups on which the specialist pays with its whole interval.
    pub segments: Vec<String>,
    /// Their share of all requests.
    pub share_of_requests: Figure,
    /// Their share of the bill, were they alone sent to the specialist.
    pub share_of_bill: Figure,
    /// The value of a right answer above which the specialist pays on them.
    pub break_even_usd: Figure,
    /// Seconds of waiting that it adds to a request of theirs.
    pub added_seconds: Figure,
    /// The answer in one sentence.
    pub sentence: String,
}

/// Groups with fewer informative requests are put together.
const SMALL: u64 = 30;
const OTHER: &str = "other";

/// What the specialist of a pair would return on each group, best first; and what deserves it.
pub(super) fn measure(
    frame: &Frame<'_>,
    ground: &Ground<'_>,
    pair: Option<[u16; 2]>,
) -> (Vec<SegmentReturn>, Vec<SegmentSummary>) {
    let Some(pair) = pair else {
        return (Vec::new(), Vec::new());
    };
    let sent = sent(frame, ground);
    let mut returns = Vec::new();
    let mut summaries = Vec::new();
    for &by in &frame.options.by {
        let family = Family::new(frame, ground, pair, by);
        // One group says nothing that the whole does not.
        if family.groups.len() < 2 {
            continue;
        }
        returns.extend(family.returns(&sent));
        summaries.extend(family.summary());
    }
    (returns, summaries)
}

/// What the routers choose for each measured row at their own trade, by endpoint in ppm.
fn sent(frame: &Frame<'_>, ground: &Ground<'_>) -> Vec<Vec<(u16, u32)>> {
    let mut sent = vec![Vec::new(); ground.rows.len()];
    for fold in frame.folds {
        let threads = frame.options.threads;
        let decisions = decide(frame.stage, "", fold.router, &fold.rows, threads);
        for (place, row) in fold.rows.iter().enumerate() {
            let masses = decisions.get(place).masses.iter();
            let i = ground.rows.partition_point(|held| held < row);
            sent[i] = masses
                .map(|&(endpoint, share)| (endpoint, share.0))
                .collect();
        }
    }
    sent
}

/// The groups of one grouping.
struct Family<'a> {
    frame: &'a Frame<'a>,
    ground: &'a Ground<'a>,
    pair: [u16; 2],
    by: SegmentKey,
    groups: Vec<Group>,
    /// Over all groups.
    whole: Vec<[f64; TERMS]>,
}

impl<'a> Family<'a> {
    fn new(frame: &'a Frame<'a>, ground: &'a Ground<'a>, pair: [u16; 2], by: SegmentKey) -> Self {
        let segments = Segments::by(frame.stage.trace(), by);
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, &row) in ground.rows.iter().enumerate() {
            members.entry(segments.of(row)).or_default().push(i);
        }
        let mut family = Self {
            frame,
            ground,
            pair,
            by,
            groups: Vec::new(),
            whole: Vec::new(),
        };
        let terms = (0..ground.rows.len()).map(|i| family.terms(i));
        let terms: Vec<[i64; TERMS]> = terms.collect();
        let mut other = Vec::new();
        for (segment, members) in members {
            let informative: i64 = members.iter().map(|&i| terms[i][INFORMATIVE]).sum();
            if informative.unsigned_abs() < SMALL {
                other.extend(members);
            } else {
                let name = segments.labels()[segment].clone();
                family.groups.push(family.group(name, members, &terms));
            }
        }
        if !other.is_empty() {
            other.sort_unstable();
            family
                .groups
                .push(family.group(OTHER.to_owned(), other, &terms));
        }
        family.whole = sum_of(family.groups.iter().collect());
        family
    }

    /// What one request adds to the sums of its group.
    fn terms(&self, i: usize) -> [i64; TERMS] {
        let (charged, row) = (self.frame.charged, self.ground.rows[i]);
        let mut terms = [0; TERMS];
        terms[REQUESTS] = 1;
        // Who may not answer a request deserves it in vain.
        if !self
            .pair
            .iter()
            .all(|&endpoint| self.ground.eligible(endpoint, i))
        {
            return terms;
        }
        let scores = self.pair.map(|endpoint| charged.score(endpoint, row));
        let costs = self.pair.map(|endpoint| charged.cost(endpoint, row));
        let waits = self.pair.map(|endpoint| charged.latency_ms(endpoint, row));
        if let ([Some(s0), Some(s1)], [Some(c0), Some(c1)]) = (scores, costs) {
            terms[INFORMATIVE] = 1;
            terms[GAIN] = i64::from(s1) - i64::from(s0);
            (terms[DRIVER], terms[SPECIALIST]) = (c0.picos(), c1.picos());
            if let [Some(l0), Some(l1)] = waits {
                terms[TIMED] = 1;
                terms[WAITING] = i64::from(l1) - i64::from(l0);
            }
        }
        terms
    }

    fn group(&self, name: String, members: Vec<usize>, terms: &[[i64; TERMS]]) -> Group {
        let rows = members.iter().map(|&i| self.ground.rows[i]);
        let units: Vec<u64> = rows.map(|row| self.frame.unit(row)).collect();
        let columns: [Vec<i64>; TERMS] =
            std::array::from_fn(|term| members.iter().map(|&i| terms[i][term]).collect());
        let mut replicates = Replicates::new(TERMS, self.frame.options.replicates);
        let slices: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
        replicates.add_block(&units, &slices);
        Group {
            name,
            members,
            sums: columns.map(|column| column.iter().map(|&x| i128::from(x)).sum()),
            replicates,
        }
    }

    /// The price of a second in the extra cost; where waiting has a price, requests whose waiting is
    /// not known count as the mean of the others.
    fn extra(&self, sums: &[f64; TERMS]) -> Option<f64> {
        let cost = (sums[SPECIALIST] - sums[DRIVER]) / 1e12;
        match self.ground.trade.second.to_f64() {
            0.0 => Some(cost),
            second => Some(cost + second * waiting(sums)? * sums[INFORMATIVE]),
        }
    }

    fn break_even(&self, sums: &[f64; TERMS]) -> Option<f64> {
        let gain = sums[GAIN] / 1e6;
        (gain > 0.0)
            .then(|| self.extra(sums))
            .flatten()
            .map(|extra| extra / gain)
    }

    /// Net value of the specialist over the driver, over all requests of the sums.
    fn net(&self, sums: &[f64; TERMS]) -> Option<f64> {
        let Trade { value, wrong, .. } = self.ground.trade;
        let stake = value.to_f64() + wrong.to_f64();
        Some(stake * sums[GAIN] / 1e6 - self.extra(sums)?)
    }

    /// A figure of some sums, with its interval.
    fn figure(
        &self,
        all: &[[f64; TERMS]],
        unit: &'static str,
        why: &str,
        read: impl Fn(&[f64; TERMS], &[f64; TERMS]) -> Option<f64>,
    ) -> Figure {
        let values: Vec<Option<f64>> = all
            .iter()
            .zip(&self.whole)
            .map(|(sums, whole)| read(sums, whole).filter(|x| x.is_finite()))
            .collect();
        let informative = all[0][INFORMATIVE] as u64;
        match values[0] {
            None => Figure::unknown(unit, why),
            Some(x) => {
                let figure = Figure::known(x, unit, informative);
                with_interval(figure.on(self.evidence(all)), &values[1..])
            }
        }
    }

    fn evidence(&self, all: &[[f64; TERMS]]) -> String {
        let [requests, informative] = [REQUESTS, INFORMATIVE].map(|term| all[0][term]);
        if requests == informative {
            "full".to_owned()
        } else {
            format!("{informative} of {requests} requests")
        }
    }

    /// Extra cost over gain. Its resamples without a gain count as never paying, so the interval may
    /// have no upper end.
    fn break_even_figure(&self, all: &[[f64; TERMS]]) -> Figure {
        let unit = "USD";
        let Some(x) = self.break_even(&all[0]) else {
            let why = match (all[0][INFORMATIVE] > 0.0, all[0][GAIN] > 0.0) {
                (false, _) => NOT_INFORMATIVE,
                (true, false) => "never: the specialist is not right more often there",
                (true, true) => NO_WAITING,
            };
            return Figure::unknown(unit, why);
        };
        let figure = Figure::known(x, unit, all[0][INFORMATIVE] as u64).on(self.evidence(all));
        let resamples = all[1..].iter();
        let mut values: Vec<f64> = resamples
            .map(|sums| self.break_even(sums).unwrap_or(f64::INFINITY))
            .collect();
        match percentile_interval(&mut values, 0.95) {
            Some((low, high)) if high.is_finite() => Figure {
                ci95: Some([low, high]),
                ..figure
            },
            Some((low, _)) if low.is_finite() => {
                figure.because(format!("95%: from {low:.3e} USD up, perhaps never"))
            }
            Some(_) => figure.because("95%: perhaps never"),
            None => figure,
        }
    }

    fn returns(&self, sent: &[Vec<(u16, u32)>]) -> Vec<SegmentReturn> {
        let mut returns: Vec<SegmentReturn> = self
            .groups
            .iter()
            .map(|group| self.of(group, sent))
            .collect();
        let key = |held: &SegmentReturn| {
            let never = held.break_even_usd.x.unwrap_or(f64::INFINITY);
            (never, -held.gain.x.unwrap_or(f64::NEG_INFINITY))
        };
        returns.sort_by(|a, b| {
            let ((a, a_gain), (b, b_gain)) = (key(a), key(b));
            a.total_cmp(&b).then(a_gain.total_cmp(&b_gain))
        });
        returns
    }

    fn of(&self, group: &Group, sent: &[Vec<(u16, u32)>]) -> SegmentReturn {
        let all = group.all_sums();
        let name = |endpoint: u16| self.ground.name(endpoint).to_owned();
        let mut masses: BTreeMap<u16, u64> = BTreeMap::new();
        for &(endpoint, share) in group.members.iter().flat_map(|&i| &sent[i]) {
            *masses.entry(endpoint).or_default() += u64::from(share);
        }
        let whole = group.members.len() as f64 * 1e6;
        let shares = masses.into_iter();
        let shares = shares.map(|(endpoint, mass)| (name(endpoint), mass as f64 / whole));
        let of_one = |term: usize, scale: f64| {
            move |sums: &[f64; TERMS], _: &[f64; TERMS]| {
                Some(sums[term] / scale / sums[INFORMATIVE])
            }
        };
        SegmentReturn {
            by: self.by.name(),
            segment: group.name.clone(),
            driver: name(self.pair[0]),
            specialist: name(self.pair[1]),
            requests: group.members.len() as u64,
            informative: all[0][INFORMATIVE] as u64,
            share_of_requests: self.share_of_requests(&all),
            share_of_bill: self.share_of_bill(&all),
            gain: self.figure(&all, "share", NOT_INFORMATIVE, of_one(GAIN, 1e6)),
            extra_usd_per_request: self.figure(&all, "USD", NOT_INFORMATIVE, |sums, _| {
                Some(self.extra(sums)? / sums[INFORMATIVE])
            }),
            break_even_usd: self.break_even_figure(&all),
            added_seconds: self.figure(&all, "s", NO_WAITING, |sums, _| waiting(sums)),
            pays: self.pays(&all),
            sent: shares.collect(),
        }
    }

    fn share_of_requests(&self, all: &[[f64; TERMS]]) -> Figure {
        let share =
            |sums: &[f64; TERMS], whole: &[f64; TERMS]| Some(sums[REQUESTS] / whole[REQUESTS]);
        let figure = self.figure(all, "share", NOT_INFORMATIVE, share);
        Figure {
            n: all[0][REQUESTS] as u64,
            evidence: "full".to_owned(),
            ..figure
        }
    }

    fn share_of_bill(&self, all: &[[f64; TERMS]]) -> Figure {
        self.figure(all, "share", NOT_INFORMATIVE, |sums, whole| {
            Some(sums[SPECIALIST] / (sums[SPECIALIST] + whole[DRIVER] - sums[DRIVER]))
        })
    }

    fn pays(&self, all: &[[f64; TERMS]]) -> Pays {
        let values: Option<Vec<f64>> = all[1..].iter().map(|sums| self.net(sums)).collect();
        let interval = values.and_then(|mut values| percentile_interval(&mut values, 0.95));
        match interval {
            Some((low, _)) if low > 0.0 => Pays::Yes,
            Some((_, high)) if high < 0.0 => Pays::No,
            _ => Pays::CannotTell,
        }
    }

    /// What clearly deserves the specialist; `None` where no answer is worth anything.
    fn summary(&self) -> Option<SegmentSummary> {
        let stake = self.ground.trade.value.to_f64() + self.ground.trade.wrong.to_f64();
        if stake <= 0.0 {
            return None;
        }
        let clear = |group: &&Group| self.pays(&group.all_sums()) == Pays::Yes;
        let chosen: Vec<&Group> = self.groups.iter().filter(clear).collect();
        let names: Vec<String> = chosen.iter().map(|group| group.name.clone()).collect();
        let all = sum_of(chosen);
        let mut summary = SegmentSummary {
            by: self.by.name(),
            share_of_requests: self.share_of_requests(&all),
            share_of_bill: self.share_of_bill(&all),
            break_even_usd: self.break_even_figure(&all),
            added_seconds: self.figure(&all, "s", NO_WAITING, |sums, _| waiting(sums)),
            segments: names,
            sentence: String::new(),
        };
        summary.sentence = sentence(&summary, stake, self.groups.len(), self.nearest());
        Some(summary)
    }

    /// The group with the lowest break-even value, and that value.
    fn nearest(&self) -> Option<(&str, f64)> {
        let even = |group: &'_ Group| self.break_even(&group.all_sums()[0]);
        let groups = self.groups.iter();
        let known = groups.filter_map(|group| Some((group.name.as_str(), even(group)?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

const NOT_INFORMATIVE: &str =
    "both endpoints may answer, with success and cost known, on no request of it";
const NO_WAITING: &str = "the waiting of both endpoints is known on no request of it";

/// For example: by task, 5.8% of requests (code, math) deserve the specialist, ...
fn sentence(
    summary: &SegmentSummary,
    stake: f64,
    groups: usize,
    nearest: Option<(&str, f64)>,
) -> String {
    let by = summary.by;
    let percent = |figure: &Figure| format!("{:.1}%", 100.0 * figure.x.unwrap_or(0.0));
    let names = &summary.segments;
    if names.is_empty() {
        let nearest = nearest.map_or_else(
            || "nowhere is it right more often".to_owned(),
            |(name, even)| format!("the nearest is {name}, which {}", pays_from(even)),
        );
        return format!(
            "By {by}, no group clearly pays for the specialist at ${stake:.2} an answer; {nearest}."
        );
    }
    let shown = if names.len() == groups {
        "all groups".to_owned()
    } else if names.len() > 5 {
        format!("{}, and {} more", names[..5].join(", "), names.len() - 5)
    } else {
        names.join(", ")
    };
    let even = pays_from(summary.break_even_usd.x.unwrap_or(0.0));
    let waiting = summary.added_seconds.x.map_or_else(String::new, |seconds| {
        let (sign, minutes) = (
            if seconds < 0.0 { "less" } else { "more" },
            seconds.abs() / 60.0,
        );
        format!("; {minutes:.1} minutes {sign} waiting a request")
    });
    format!(
        "By {by}, {} of requests ({shown}) deserve the specialist at ${stake:.2} an answer: {} of the cost; {even}{waiting}.",
        percent(&summary.share_of_requests),
        percent(&summary.share_of_bill),
    )
}

fn pays_from(even: f64) -> String {
    if even > 0.0 {
        format!("pays above ${} an answer", two_digits(even))
    } else {
        "pays at any value of an answer".to_owned()
    }
}

/// A positive amount with two significant digits, at least cents.
fn two_digits(usd: f64) -> String {
    let places = (1.0 - libm::log10(usd).floor()).clamp(2.0, 9.0) as usize;
    format!("{usd:.places$}")
}
