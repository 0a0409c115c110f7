use super::*;
use weighbridge_router::{Choose, Endpoint, Parts, Rates, Router, Usd};
use weighbridge_router::{PriceRow, Timestamp};

fn endpoint(id: &str, output: i64, from: Option<&str>) -> Endpoint {
    let row = PriceRow {
        from: from.map(|text| Timestamp::parse(text).unwrap()),
        until: None,
        rates: Rates {
            input: Usd::from_picos(280_000),
            cached: Usd::from_picos(28_000),
            output: Usd::from_picos(output),
        },
        tiers: Vec::new(),
    };
    Endpoint {
        recorded_only: false,
        prices: vec![row],
        ..Endpoint::recorded_only(id)
    }
}

fn router(endpoints: Vec<Endpoint>, choose: &str) -> Router {
    Router::try_new(Parts {
        endpoints,
        choose: Some(Choose::from_json(choose).unwrap()),
        ..Parts::default()
    })
    .unwrap()
}

const FIRST: &str = r#"{"kind":"always","to":"a"}"#;

#[test]
fn a_price_row_that_begins_at_another_date_is_another_row() {
    let of = |from| router(vec![endpoint("a", 420_000, Some(from))], FIRST);
    let found = diff(&of("2025-12-01"), &of("2026-01-01")).unwrap();
    assert!(!found.same_decisions);
    assert_eq!(found.changes.len(), 6, "three prices end, three begin");
    let fields: Vec<&str> = found.changes.iter().map(|it| &*it.field).collect();
    assert_eq!(fields[2], "output, from 2025-12-01");
    assert_eq!(fields[5], "output, from 2026-01-01");
    assert!(found.changes[2].b.is_null() && found.changes[5].a.is_null());
}

#[test]
fn the_order_of_endpoints_bears_on_ties_and_is_told() {
    let all = |ids: [&str; 2]| {
        let endpoints = ids.map(|id| endpoint(id, 420_000, None));
        router(endpoints.to_vec(), FIRST)
    };
    let found = diff(&all(["a", "b"]), &all(["b", "a"])).unwrap();
    assert!(!found.same_decisions);
    assert_eq!(found.changes.len(), 1);
    assert_eq!(found.changes[0].field, "order");
}

#[test]
fn a_nested_branch_is_found_and_the_rest_is_not_told() {
    let rules = |to: &str| {
        let text = format!(
            r#"{{"kind":"rules","rule":[{{"when":{{"task":["math"]}},"to":{{"kind":"random","weights":{{"a":0.5,"b":0.5}}}}}}],"else":{{"kind":"threshold","feature":"prompt_bytes","above":9,"to":"a","else":"{to}"}}}}"#
        );
        let endpoints = ["a", "b"].map(|id| endpoint(id, 420_000, None));
        router(endpoints.to_vec(), &text)
    };
    let found = diff(&rules("a"), &rules("b")).unwrap();
    assert_eq!(found.changes.len(), 1, "{:?}", found.changes);
    let change = &found.changes[0];
    assert_eq!((change.part, &*change.of), (Part::Choose, "else.else"));
    assert_eq!((&change.a, &change.b), (&json!("a"), &json!("b")));
}

#[test]
fn what_only_people_read_bears_on_no_decision() {
    let with = |driver: &str| {
        Router::try_new(Parts {
            roles: vec![("driver".into(), driver.into())],
            ..router(vec![endpoint("a", 1, None), endpoint("b", 1, None)], FIRST)
                .parts()
                .clone()
        })
        .unwrap()
    };
    let found = diff(&with("a"), &with("b")).unwrap();
    assert!(found.same_decisions);
    assert_eq!(found.changes.len(), 1);
    assert_eq!(
        (found.changes[0].part, &*found.changes[0].field),
        (Part::Role, "driver")
    );
}

#[test]
fn packed_numbers_are_counted_and_not_shown() {
    use base64::Engine;
    let packed_of = |of: f32| {
        let bytes: Vec<u8> = (0..20_u8)
            .flat_map(|i| if i == 3 { of } else { f32::from(i) }.to_le_bytes())
            .collect();
        json!(base64::engine::general_purpose::STANDARD.encode(bytes))
    };
    let (a, b) = text::packed(&packed_of(3.0), &packed_of(3.5));
    assert_eq!(a, "20 numbers");
    assert_eq!(b, "20 numbers, 1 differ, by 0.500 at most");
}
