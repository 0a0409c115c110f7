//! The sliders of the pages of a replay and of a what-if: their markup, and the sums from which the script works out net
//! values, which are those of the command line at the same settings.

use serde::Serialize;

use super::markup::text;
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::{EndpointSums, PolicyFigures, ReplayReport, ReplaySums, TradeSummary};
use crate::whatif::{Amount, WhatIf};

/// What the sliders move.
struct Moved<'a> {
    sums: &'a ReplaySums,
    trade: Option<TradeSummary>,
    policies: Vec<Shown<'a>>,
    anew: Option<Anew>,
}

/// A policy before anything is moved.
struct Shown<'a> {
    name: &'a str,
    /// Its place in the sums.
    at: usize,
    net: Option<f64>,
    success: Option<f64>,
    cost: Option<f64>,
}

/// What policies come to that are decided anew, at the worths of a right answer that a sweep went
/// through.
#[derive(Debug, Serialize)]
struct Anew {
    values: Vec<f64>,
    /// By value, then policy: USD a request.
    net: Vec<Vec<Option<f64>>>,
}

/// What the script reads; described in `docs/report.md`.
#[derive(Debug, Serialize)]
struct Data<'a> {
    settings: Settings,
    stops: Stops,
    endpoints: &'a [String],
    /// Whether any policy pays the endpoint by a price, and not by recorded bills alone.
    priced: &'a [bool],
    #[serde(skip_serializing_if = "Option::is_none")]
    anew: Option<Anew>,
    /// Flags and files of the command, what the sliders set and where results go left out.
    rest: String,
    policies: Vec<Policy<'a>>,
}

#[derive(Debug, Serialize)]
struct Settings {
    value: f64,
    wrong: f64,
    second: f64,
}

/// The settings that a slider can stand at, so that each can be typed as it is.
#[derive(Debug, Serialize)]
struct Stops {
    value: Vec<f64>,
    second: Vec<f64>,
    price: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Policy<'a> {
    name: &'a str,
    /// Requests, those that nobody answers included.
    n: u64,
    unanswered: f64,
    success: Option<f64>,
    per_endpoint: &'a [EndpointSums],
}

const VALUES: [f64; 6] = [1.0, 1.5, 2.0, 3.0, 5.0, 7.0];
const SECONDS: [f64; 3] = [1.0, 2.0, 5.0];
const PRICES: [f64; 17] = [
    0.1, 0.2, 0.25, 0.33, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0,
];

/// Those of a replay: its policies, and the best fixed choice where it is none of them; nothing where
/// the sums are not there.
pub(super) fn of_replay(report: &ReplayReport, command: &str) -> String {
    let Some(sums) = &report.sums else {
        return String::new();
    };
    let policies = report.policies.len();
    let floors = report
        .floors
        .iter()
        .enumerate()
        .map(|(place, it)| (policies + place, it));
    let fixed = floors.filter(|(_, it)| Some(&it.name) == report.decision.fixed.as_ref());
    let shown = |(at, it): (usize, &'_ PolicyFigures)| -> Shown<'_> {
        Shown {
            name: &sums.policies[at].name,
            at,
            net: it.net_usd_per_request.x,
            success: it.success.x,
            cost: it.cost_usd_per_request.x,
        }
    };
    let policies = report.policies.iter().enumerate().chain(fixed).map(shown);
    let moved = Moved {
        sums,
        trade: report.trade,
        policies: policies.collect(),
        anew: None,
    };
    moved.html(command)
}

/// Those of a what-if: the shipped files as things are, and at the points of a sweep through the worth
/// of a right answer what they come to decided anew.
pub(super) fn of_whatif(result: &WhatIf, sums: &ReplaySums, command: &str) -> String {
    let anew = anew(result);
    let middle = anew
        .as_ref()
        .and_then(|it| it.values.get(it.values.len() / 2));
    let swept = || {
        Some(TradeSummary {
            value_usd: *middle?,
            wrong_usd: 0.0,
            second_usd: 0.0,
        })
    };
    let policies = result.base.frozen.policies.iter().enumerate();
    let policies = policies.map(|(at, it)| Shown {
        name: &it.name,
        at,
        net: it.net_usd_per_request.x,
        success: it.success.x,
        cost: it.cost_usd_per_request.x,
    });
    let moved = Moved {
        sums,
        trade: result.trade.or_else(swept),
        policies: policies.collect(),
        anew,
    };
    moved.html(command)
}

/// The points of a sweep through nothing but the worth of a right answer.
fn anew(result: &WhatIf) -> Option<Anew> {
    let [axis] = &result.axes[..] else {
        return None;
    };
    let alone = result.points.iter().all(|it| it.settings.len() == 1);
    if axis.name != "value" || axis.op != "=" || !alone {
        return None;
    }
    let number = |value: &Amount| match value {
        Amount::Number(x) => Some(*x),
        Amount::Time(_) | Amount::Never => None,
    };
    let nets = result.points.iter().map(|point| {
        let policies = point.redecided.policies.iter();
        policies.map(|it| it.net_usd_per_request.x).collect()
    });
    Some(Anew {
        values: axis.values.iter().map(number).collect::<Option<_>>()?,
        net: nets.collect(),
    })
}

impl Moved<'_> {
    /// The part with the sliders, hidden until the script shows it; nothing where no request counts.
    fn html(self, command: &str) -> String {
        let sums = self.sums;
        if sums.n == 0 {
            return String::new();
        }
        let trade = self.trade;
        let settings = Settings {
            value: trade.map_or(0.0, |trade| trade.value_usd),
            wrong: trade.map_or(0.0, |trade| trade.wrong_usd),
            second: trade.map_or(0.0, |trade| trade.second_usd),
        };
        let mut values = with(settings.value, steps(middle(settings.value), 3, &VALUES));
        for x in self.anew.iter().flat_map(|it| &it.values) {
            values = with(*x, values);
        }
        let stops = Stops {
            value: values,
            second: with(settings.second, steps(1e-3, 2, &SECONDS)),
            price: PRICES.to_vec(),
        };
        let priced = self.priced();
        let table = self.table();
        let policies = self.policies.iter().map(|shown| Policy {
            name: shown.name,
            n: sums.n,
            unanswered: sums.policies[shown.at].unanswered,
            success: shown.success,
            per_endpoint: &sums.policies[shown.at].per_endpoint,
        });
        let controls = controls(&settings, &stops, sums, &priced);
        let remark = if self.anew.is_some() {
            "Decided anew is known at the points of the sweep, which the slider stops at as well; a dash elsewhere."
        } else {
            "A policy that is decided anew may do better: the command says."
        };
        let data = Data {
            policies: policies.collect(),
            settings,
            stops,
            endpoints: &sums.endpoints,
            priced: &priced,
            rest: rest(command),
            anew: self.anew,
        };
        // Numbers and names are always JSON.
        let json = serde_json::to_string(&data).unwrap_or_default();
        format!(
            r#"<section class="part" id="what-if" hidden><header><h2>What if</h2><p class="about">The policies as they are shipped, under another worth of an answer, of a second, or other prices. {remark}</p></header><div class="sliders">{controls}</div>{}<p class="cmdline">The same from the command line:</p><pre class="cmd"><code id="what-if-command"></code></pre></section><script type="application/json" id="sliders">{}</script>"#,
            table.html(),
            super::markup::json_block(&json),
        )
    }

    /// By endpoint, whether any of it is paid by a price.
    fn priced(&self) -> Vec<bool> {
        let of = |endpoint: usize| {
            self.policies.iter().any(|shown| {
                let held = &self.sums.policies[shown.at].per_endpoint[endpoint];
                held.cost_usd > held.billed_usd
            })
        };
        (0..self.sums.endpoints.len()).map(of).collect()
    }

    fn table(&self) -> Grid {
        let mut titles = vec!["<policy", "net / 1,000", "right", "cost / 1,000"];
        if self.anew.is_some() {
            titles.insert(2, "net, decided anew");
        }
        let mut table = Grid::new("what-if-table", "Policies at these settings", &titles);
        for (place, shown) in self.policies.iter().enumerate() {
            let cell = |figure: &str, cell: Cell| {
                cell.with(format!(r#" data-policy="{place}" data-figure="{figure}""#))
            };
            let mut row = vec![
                Cell::name(shown.name),
                cell("net", Cell::number(shown.net, words::usd_1000)),
                cell("success", Cell::number(shown.success, words::percent)),
                cell("cost", Cell::number(shown.cost, words::usd_1000)),
            ];
            if self.anew.is_some() {
                row.insert(2, cell("anew", Cell::number(None, words::usd_1000)));
            }
            table.row(row);
        }
        table
    }
}

fn middle(value: f64) -> f64 {
    if value > 0.0 { value } else { 1.0 }
}

/// Zero, and round numbers some decades around one.
fn steps(middle: f64, decades: i32, digits: &[f64]) -> Vec<f64> {
    let power = middle.log10().floor() as i32;
    let numbers = (power - decades..=power + decades).flat_map(|exponent| {
        digits
            .iter()
            .map(move |digit| format!("{digit}e{exponent}"))
    });
    let numbers = numbers.filter_map(|text| text.parse().ok());
    std::iter::once(0.0).chain(numbers).collect()
}

/// The same with a number of its own in order.
fn with(own: f64, mut numbers: Vec<f64>) -> Vec<f64> {
    if !numbers.contains(&own) {
        let at = numbers.partition_point(|x| *x < own);
        numbers.insert(at, own);
    }
    numbers
}

fn controls(settings: &Settings, stops: &Stops, sums: &ReplaySums, priced: &[bool]) -> String {
    let timed = sums.timed;
    let slider = |id: &str, label: &str, stops: &[f64], at: f64, shown: String, on: bool| {
        let place = stops.iter().position(|x| *x == at).unwrap_or(0);
        let (last, disabled) = (stops.len() - 1, if on { "" } else { " disabled" });
        format!(
            r#"<div><label for="{id}">{label}</label><input type="range" id="{id}" min="0" max="{last}" step="1" value="{place}"{disabled}><output for="{id}">{}</output></div>"#,
            text(&shown)
        )
    };
    let second = if timed {
        "Worth of a second"
    } else {
        "Worth of a second (some latencies are not known)"
    };
    let any = priced.contains(&true);
    let price = if any {
        "Factor on prices"
    } else {
        "Factor on prices (only bills were recorded)"
    };
    let endpoints = sums.endpoints.iter().zip(priced);
    let options = endpoints
        .filter(|(_, priced)| **priced)
        .map(|(id, _)| format!(r#"<option value="{0}">{0}</option>"#, text(id)));
    format!(
        r#"{}{}{}<div><label for="s-endpoint">The factor is on prices of</label><select id="s-endpoint"{}><option value="">every endpoint</option>{}</select></div>"#,
        slider(
            "s-value",
            "Worth of a right answer",
            &stops.value,
            settings.value,
            words::usd(settings.value),
            true
        ),
        slider(
            "s-second",
            second,
            &stops.second,
            settings.second,
            words::usd(settings.second),
            timed
        ),
        slider("s-price", price, &stops.price, 1.0, "×1".to_owned(), any),
        if any { "" } else { " disabled" },
        options.collect::<String>(),
    )
}

/// Flags with a value that the sliders set, or that say where and how results are shown.
const LEFT_OUT: [&str; 15] = [
    "--value",
    "--wrong",
    "--second",
    "--html",
    "--output",
    "-o",
    "--format",
    "--by",
    "--set",
    "--scenario",
    "--solve",
    "--for",
    "--fixed-usd-per-month",
    "--engineering-usd-per-month",
    "--against",
];

/// The same without a value.
const LEFT_OUT_ALONE: [&str; 7] = [
    "--redecide",
    "--plot",
    "--tornado",
    "-q",
    "--quiet",
    "-v",
    "--verbose",
];

/// The words of a command behind its two names, without those flags.
fn rest(command: &str) -> String {
    let mut words = split(command).into_iter().skip(1);
    let mut kept = Vec::new();
    let mut named = false;
    while let Some(word) = words.next() {
        let flag = word.split('=').next().unwrap_or_default();
        if LEFT_OUT_ALONE.contains(&flag) {
            continue;
        }
        if ["replay", "whatif"].contains(&word) && !named {
            named = true;
        } else if !LEFT_OUT.contains(&flag) {
            kept.push(word);
        } else if !word.contains('=') {
            // Its value.
            words.next();
        }
    }
    kept.join(" ")
}

/// The words of a command as they stand, quotes and all: a space within quotes parts nothing.
fn split(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut within) = (0, false);
    for (i, c) in command.char_indices() {
        match c {
            '\'' => within = !within,
            ' ' if !within => {
                words.push(&command[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    words.push(&command[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_command_has_neither_what_sliders_set_nor_outputs() {
        let command = "weighbridge replay 'my trace.jsonl' -p a.toml b.toml --value 2 --second=0.1 --by task --html out.html --plot -q --seed 3";
        assert_eq!(rest(command), "'my trace.jsonl' -p a.toml b.toml --seed 3");
        assert_eq!(rest("weighbridge -q replay t --value 1"), "t");
        let command = "weighbridge whatif t -p a.toml --set value=1..9:log5 --solve 'net(a)=0' --for value --tornado";
        assert_eq!(rest(command), "t -p a.toml");
    }

    #[test]
    fn a_slider_stands_at_round_numbers_and_at_the_setting() {
        let stops = with(2.5, steps(2.5, 1, &SECONDS));
        assert_eq!(
            stops,
            [0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 50.0]
        );
        assert_eq!(with(0.0, steps(1.0, 0, &SECONDS)), [0.0, 1.0, 2.0, 5.0]);
    }
}
