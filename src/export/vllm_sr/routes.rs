//! A choice as a flat list of routes: the first whose formula holds takes the request.
//!
//! A rule that holds decides alone, so a route needs no more than its own conditions and those of the
//! choices around it: whatever stood before has taken its requests already. Each leaf becomes the
//! endpoints of its target and of the fallback chain, each with what makes it eligible.

use weighbridge_router::{Choose, Endpoint, Router, Timestamp};

use super::logic::Formula;
use super::signals::Signals;
use crate::export::endpoints::named;

/// Requests that meet a formula go to an endpoint; none: no endpoint may take them.
#[derive(Debug, PartialEq)]
pub(super) struct Route<'r> {
    /// The place of the choice in the policy.
    pub(super) place: String,
    pub(super) when: Formula,
    pub(super) to: Option<&'r Endpoint>,
}

/// What a choice comes to.
#[derive(Debug)]
pub(super) struct Routes<'r> {
    router: &'r Router,
    pub(super) list: Vec<Route<'r>>,
    pub(super) signals: Signals,
    /// Why it cannot be expressed.
    pub(super) reasons: Vec<String>,
    /// From when on the list decides as the policy does.
    pub(super) from: Option<Timestamp>,
}

impl<'r> Routes<'r> {
    pub(super) fn of(router: &'r Router) -> Self {
        let mut routes = Self {
            router,
            list: Vec::new(),
            signals: Signals::default(),
            reasons: Vec::new(),
            from: None,
        };
        if let Some(choose) = &router.parts().choose {
            routes.look_at_windows(choose);
            routes.follow(choose, &Formula::Always, "choose");
        }
        // Nothing comes behind a route that takes everything.
        let all = routes.list.iter().position(|it| it.when == Formula::Always);
        if let Some(last) = all {
            routes.list.truncate(last + 1);
        }
        routes
    }

    /// Whether a route leads to an endpoint.
    pub(super) fn lead_to(&self, endpoint: &Endpoint) -> bool {
        let mut to = self.list.iter().filter_map(|route| route.to);
        to.any(|held| held.id == endpoint.id)
    }

    /// No signal knows the time: the list holds from the last beginning of a named endpoint on, and
    /// none of them may end after it.
    fn look_at_windows(&mut self, choose: &Choose<String>) {
        let mut names: Vec<&String> = self.router.parts().fallback.iter().collect();
        let mut targets = Vec::new();
        choose.targets(&mut |name: &String| targets.push(name.clone()));
        names.extend(&targets);
        let mut ids: Vec<&str> = Vec::new();
        let mut spans = Vec::new();
        for endpoint in names.into_iter().flat_map(|name| named(self.router, name)) {
            if !ids.contains(&endpoint.id.as_str()) {
                ids.push(&endpoint.id);
                spans.push((endpoint, span(endpoint)));
            }
        }
        self.from = spans.iter().filter_map(|(_, (from, _))| *from).max();
        for (endpoint, (_, until)) in spans {
            if let Some(until) = until
                && self.from.is_none_or(|from| until > from)
            {
                self.reasons.push(format!(
                    "endpoint {}: it ends at {until}, and no signal knows the time; take it out of the policy or the catalog, or export after that",
                    endpoint.id
                ));
            }
        }
    }

    fn follow(&mut self, choose: &'r Choose<String>, guard: &Formula, place: &str) {
        match choose {
            Choose::Always(name) => self.leaf(name, guard, place),
            Choose::Threshold(threshold) => {
                let above = self.signals.above(
                    threshold.quantity,
                    threshold.above,
                    place,
                    &mut self.reasons,
                );
                let guarded = Formula::all([guard.clone(), above]);
                self.follow(&threshold.to, &guarded, &format!("{place}.to"));
                self.follow(&threshold.otherwise, guard, &format!("{place}.else"));
            }
            Choose::Rules { rules, otherwise } => {
                for (i, rule) in rules.iter().enumerate() {
                    let place = format!("{place}.rule[{i}]");
                    let when = format!("{place}.when");
                    let when = self.signals.formula(&rule.when, &when, &mut self.reasons);
                    let guarded = Formula::all([guard.clone(), when]);
                    self.follow(&rule.to, &guarded, &place);
                }
                self.follow(otherwise, guard, &format!("{place}.else"));
            }
            Choose::Random(_) => self.reasons.push(format!(
                "{place}: kind = \"random\": the semantic router does not promise to send shares of its traffic by weight"
            )),
            Choose::Router(_) => self.reasons.push(format!(
                "{place}: kind = \"router\": trained heads have no counterpart there (hashed words, predicted tokens, prices, what a request is worth)"
            )),
        }
    }

    fn leaf(&mut self, target: &'r str, guard: &Formula, place: &str) {
        if *guard == Formula::Never {
            return;
        }
        let chain = [target]
            .into_iter()
            .chain(self.router.parts().fallback.iter().map(String::as_str));
        let chain: Vec<&Endpoint> = chain.flat_map(|name| named(self.router, name)).collect();
        let mut tried: Vec<&Endpoint> = Vec::new();
        for endpoint in chain {
            let ended = span(endpoint).1.is_some_and(|end| self.from >= Some(end));
            if ended || tried.iter().any(|before| covers(before, endpoint)) {
                continue;
            }
            tried.push(endpoint);
            let eligible = self.eligible(endpoint);
            let sure = eligible == Formula::Always;
            self.push(
                Formula::all([guard.clone(), eligible]),
                Some(endpoint),
                place,
            );
            if sure {
                return;
            }
        }
        self.push(guard.clone(), None, place);
    }

    fn push(&mut self, when: Formula, to: Option<&'r Endpoint>, place: &str) {
        self.list.push(Route {
            place: place.to_owned(),
            when,
            to,
        });
    }

    /// What makes a request eligible for an endpoint, as far as the body of a request tells.
    fn eligible(&mut self, endpoint: &Endpoint) -> Formula {
        if endpoint.recorded_only {
            return Formula::Always;
        }
        let can = |ability: &str| endpoint.can.iter().any(|held| held == ability);
        let mut parts = Vec::new();
        if !can("tools") {
            parts.push(self.signals.tools().not());
        }
        if !can("vision") {
            parts.push(self.signals.images().not());
        }
        for (field, listed) in [
            ("channel", &endpoint.channels),
            ("region", &endpoint.regions),
        ] {
            if !listed.is_empty() {
                let unknown = self.signals.known(field).not();
                let inside = self.signals.member(field, listed);
                parts.push(Formula::any([unknown, inside]));
            }
        }
        parts.extend(
            endpoint
                .context_tokens
                .map(|tokens| self.signals.fits(tokens.0)),
        );
        Formula::all(parts)
    }
}

/// Whether whatever the other endpoint may take, as far as a request's body tells, this one may.
fn covers(endpoint: &Endpoint, other: &Endpoint) -> bool {
    if endpoint.recorded_only || endpoint.id == other.id {
        return true;
    }
    let can_what_it_can = |ability: &str| {
        let can = |it: &Endpoint| it.can.iter().any(|held| held == ability);
        can(endpoint) || !can(other)
    };
    let lists = |own: &[String], theirs: &[String]| {
        own.is_empty() || (!theirs.is_empty() && theirs.iter().all(|item| own.contains(item)))
    };
    !other.recorded_only
        && can_what_it_can("tools")
        && can_what_it_can("vision")
        && lists(&endpoint.channels, &other.channels)
        && lists(&endpoint.regions, &other.regions)
        && match (endpoint.context_tokens, other.context_tokens) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(theirs)) => own >= theirs,
        }
}

/// When an endpoint takes requests: its life, within the last run of price rows without a gap.
fn span(endpoint: &Endpoint) -> (Option<Timestamp>, Option<Timestamp>) {
    if endpoint.recorded_only {
        return (None, None);
    }
    let prices = &endpoint.prices;
    let gap = prices
        .windows(2)
        .rposition(|pair| pair[0].until != pair[1].from);
    let from = prices
        .get(gap.map_or(0, |gap| gap + 1))
        .and_then(|row| row.from);
    let last = prices.last().and_then(|row| row.until);
    let until = match (endpoint.until, last) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    (endpoint.from.max(from), until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_router::{Parts, Tokens};

    fn endpoint(id: &str, change: impl FnOnce(&mut Endpoint)) -> Endpoint {
        let mut endpoint = Endpoint {
            model: id.split('@').next().unwrap().to_owned(),
            recorded_only: false,
            ..Endpoint::recorded_only(id)
        };
        change(&mut endpoint);
        endpoint
    }

    fn router(endpoints: Vec<Endpoint>, choose: &str) -> Router {
        Router::try_new(Parts {
            fallback: vec![endpoints[0].id.clone()],
            endpoints,
            choose: Some(Choose::from_json(choose).unwrap()),
            ..Parts::default()
        })
        .unwrap()
    }

    fn at(text: &str) -> Option<Timestamp> {
        Some(Timestamp::parse(text).unwrap())
    }

    /// Each route's place, formula and endpoint.
    fn shown(routes: &Routes<'_>) -> Vec<String> {
        let routes = routes.list.iter();
        routes
            .map(|it| {
                let to = it.to.map_or("nobody", |endpoint| &endpoint.id);
                format!("{} {} {to}", it.place, it.when.yaml())
            })
            .collect()
    }

    const ALL: &str = "{operator: AND, conditions: []}";

    #[test]
    fn a_leaf_is_its_target_then_the_fallback_then_nobody() {
        let tools = |it: &mut Endpoint| it.can = vec!["tools".into(), "vision".into()];
        let both = vec![
            endpoint("driver@x", tools),
            endpoint("big@x", |it| it.can = vec!["vision".into()]),
        ];
        let held = router(both.clone(), r#"{"kind":"always","to":"big@x"}"#);
        let no_tools = "{operator: NOT, conditions: [{type: conversation, name: has_tools}]}";
        assert_eq!(
            shown(&Routes::of(&held)),
            [
                format!("choose {no_tools} big@x"),
                format!("choose {ALL} driver@x")
            ]
        );
        let mut short = both;
        short[0].context_tokens = Some(Tokens(100));
        let routes = router(short, r#"{"kind":"always","to":"driver@x"}"#);
        assert_eq!(
            shown(&Routes::of(&routes)),
            [
                "choose {type: context, name: fits_100} driver@x".to_owned(),
                format!("choose {ALL} nobody")
            ]
        );
    }

    #[test]
    fn nested_choices_keep_the_conditions_around_them_and_the_rest_follows() {
        let free = |it: &mut Endpoint| it.recorded_only = true;
        let held = router(
            vec![endpoint("a@x", free), endpoint("b@x", free)],
            r#"{"kind":"rules","rule":[
                {"when":{"task":["math"]},"to":{"kind":"threshold","feature":"prompt_bytes","above":9,"to":"b@x","else":"a@x"}},
                {"when":{"any":[]},"to":"b@x"}],"else":"b@x"}"#,
        );
        let routes = Routes::of(&held);
        let math = "{type: metadata, name: task}";
        let long = "{type: conversation, name: has_prompt}, {type: structure, name: prompt_bytes}";
        assert_eq!(
            shown(&routes),
            [
                format!("choose.rule[0].to {{operator: AND, conditions: [{math}, {long}]}} b@x"),
                format!("choose.rule[0].else {math} a@x"),
                format!("choose.else {ALL} b@x"),
            ]
        );
        assert!(routes.reasons.is_empty());
    }

    #[test]
    fn an_endpoint_that_ends_is_refused_unless_it_ends_before_the_last_begins() {
        let free = |it: &mut Endpoint| it.can = vec!["tools".into(), "vision".into()];
        let mut both = vec![
            endpoint("m@old", |it| {
                free(it);
                it.until = at("2025-12-15");
            }),
            endpoint("m@new", |it| {
                free(it);
                it.from = at("2026-01-01");
            }),
        ];
        let choose = r#"{"kind":"always","to":"m"}"#;
        let held = router(both.clone(), choose);
        let routes = Routes::of(&held);
        assert_eq!(shown(&routes), [format!("choose {ALL} m@new")]);
        assert_eq!((routes.from, routes.reasons.len()), (at("2026-01-01"), 0));
        both[1].from = at("2025-12-01");
        let held = router(both, choose);
        let reasons = Routes::of(&held).reasons;
        assert_eq!(reasons.len(), 1);
        assert!(reasons[0].starts_with("endpoint m@old: it ends at 2025-12-15"));
    }
}
