//! The sliders of a replay's page: their markup, and the sums from which the script works out net
//! values, which are those of the command line at the same settings.

use serde::Serialize;

use super::markup::{name, text};
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::{EndpointSums, PolicyFigures, ReplayReport};

/// What the script reads; described in `docs/report.md`.
#[derive(Debug, Serialize)]
struct Data<'a> {
    settings: Settings,
    stops: Stops,
    endpoints: &'a [String],
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

/// The part with the sliders, hidden until the script shows it; nothing where the sums are not there.
pub(super) fn sliders(report: &ReplayReport, command: &str) -> String {
    let Some(sums) = report.sums.as_ref().filter(|sums| sums.n > 0) else {
        return String::new();
    };
    let trade = report.trade;
    let settings = Settings {
        value: trade.map_or(0.0, |trade| trade.value_usd),
        wrong: trade.map_or(0.0, |trade| trade.wrong_usd),
        second: trade.map_or(0.0, |trade| trade.second_usd),
    };
    let stops = Stops {
        value: with(settings.value, steps(middle(settings.value), 3, &VALUES)),
        second: with(settings.second, steps(1e-3, 2, &SECONDS)),
        price: PRICES.to_vec(),
    };
    let shown = shown(report);
    let mut table = Grid::new(
        "what-if-table",
        "Policies at these settings",
        &["<policy", "net / 1,000", "right", "cost / 1,000"],
    );
    let mut policies = Vec::new();
    for (place, (at, policy)) in shown.iter().enumerate() {
        let cell = |figure: &str, cell: Cell| {
            cell.with(format!(r#" data-policy="{place}" data-figure="{figure}""#))
        };
        table.row(vec![
            Cell::name(&policy.name),
            cell(
                "net",
                Cell::number(policy.net_usd_per_request.x, words::usd_1000),
            ),
            cell("success", Cell::number(policy.success.x, words::percent)),
            cell(
                "cost",
                Cell::number(policy.cost_usd_per_request.x, words::usd_1000),
            ),
        ]);
        let held = &sums.policies[*at];
        policies.push(Policy {
            name: &policy.name,
            n: sums.n,
            unanswered: held.unanswered,
            success: policy.success.x,
            per_endpoint: &held.per_endpoint,
        });
    }
    let controls = controls(&settings, &stops, &sums.endpoints, sums.timed);
    let data = Data {
        settings,
        stops,
        endpoints: &sums.endpoints,
        rest: rest(command),
        policies,
    };
    // Numbers and names are always JSON.
    let json = serde_json::to_string(&data).unwrap_or_default();
    format!(
        r#"<section class="part" id="what-if" hidden><header><h2>What if</h2><p class="about">The policies as they are shipped, under another worth of an answer, of a second, or other prices. A policy that is decided anew may do better: the command says.</p></header><div class="sliders">{controls}</div>{}<p class="cmdline">The same from the command line:</p><pre class="cmd"><code id="what-if-command"></code></pre></section><script type="application/json" id="sliders">{}</script>"#,
        table.html(),
        super::markup::json_block(&json),
    )
}

/// Policies, and the best fixed choice where it is none of them, with their places in the sums.
fn shown(report: &ReplayReport) -> Vec<(usize, &PolicyFigures)> {
    let policies = report.policies.len();
    let floors = report
        .floors
        .iter()
        .enumerate()
        .map(|(place, it)| (policies + place, it));
    let fixed = floors.filter(|(_, it)| Some(&it.name) == report.decision.fixed.as_ref());
    report.policies.iter().enumerate().chain(fixed).collect()
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

fn controls(settings: &Settings, stops: &Stops, endpoints: &[String], timed: bool) -> String {
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
    let options = endpoints.iter().map(|id| {
        format!(
            r#"<option value="{0}">{1}</option>"#,
            text(id),
            name(id).replace("<bdi>", "").replace("</bdi>", "")
        )
    });
    format!(
        r#"{}{}{}<div><label for="s-endpoint">The factor is on prices of</label><select id="s-endpoint"><option value="">every endpoint</option>{}</select></div>"#,
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
        slider(
            "s-price",
            "Factor on prices",
            &stops.price,
            1.0,
            "×1".to_owned(),
            true
        ),
        options.collect::<String>(),
    )
}

/// Flags with a value that the sliders set, or that say where and how results are shown.
const LEFT_OUT: [&str; 8] = [
    "--value", "--wrong", "--second", "--html", "--output", "-o", "--format", "--by",
];

/// The same without a value.
const LEFT_OUT_ALONE: [&str; 6] = ["--redecide", "--plot", "-q", "--quiet", "-v", "--verbose"];

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
        if word == "replay" && !named {
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
