//! The published schema of the router file names every field that the router crate writes, and no
//! field that it does not.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use weighbridge::catalog::Catalog;
use weighbridge::policy::{Policy, Roles, compile};
use weighbridge_router::{
    Calibration, CalibrationModel, Choose, Endpoint, GroupFilter, Heads, LogLinear, Logistic,
    Millis, Parts, PriceRow, Rates, Router, Scaling, Shrink, Step, Success, Surface, Surface2, Tag,
    Tier, Timestamp, Tokens, Trade, Usd, Words, prompt_group, surface, surface2,
};

use crate::sample::{MIXED, every_kind};
use crate::support::root;

fn schema(name: &str) -> Value {
    let text = fs::read_to_string(root().join("docs").join(name)).expect("the schema is there");
    serde_json::from_str(&text).expect("the schema is JSON")
}

/// A schema that a value may have, and the definition that it belongs to.
type Named<'s> = (&'s str, &'s Value);

/// Walks a document and the schema side by side.
struct Walk<'s> {
    schema: &'s Value,
    /// Definition and field of everything that was met.
    met: BTreeSet<(&'s str, String)>,
}

impl<'s> Walk<'s> {
    /// References and alternatives resolved.
    fn resolve(&self, name: &'s str, schema: &'s Value) -> Vec<Named<'s>> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().expect("a name");
            let target = &self.schema["$defs"][name];
            assert!(target.is_object(), "{reference} is not there");
            return self.resolve(name, target);
        }
        let several = ["anyOf", "oneOf"]
            .into_iter()
            .find_map(|key| schema[key].as_array());
        match several {
            Some(several) => several
                .iter()
                .flat_map(|one| self.resolve(name, one))
                .collect(),
            None => vec![(name, schema)],
        }
    }

    fn check(&mut self, place: &str, schemas: &[Named<'s>], value: &Value) {
        match value {
            Value::Object(map) => {
                let fits: Vec<_> = schemas
                    .iter()
                    .filter(|(_, schema)| fits(schema, map))
                    .collect();
                assert!(!fits.is_empty(), "{place}: no object of the schema fits");
                for (key, inner) in map {
                    let mut within = Vec::new();
                    let mut open = false;
                    for (name, schema) in &fits {
                        let (named, other) =
                            (&schema["properties"][key], &schema["additionalProperties"]);
                        if !named.is_null() {
                            self.met.insert((name, key.clone()));
                            within.extend(self.resolve(name, named));
                        } else if other.is_object() {
                            within.extend(self.resolve(name, other));
                        }
                        open |= named.is_null() && other.is_null();
                    }
                    let place = format!("{place}.{key}");
                    assert!(open || !within.is_empty(), "{place} is not in the schema");
                    if !open {
                        self.check(&place, &within, inner);
                    }
                }
            }
            Value::Array(items) => {
                let within: Vec<_> = schemas
                    .iter()
                    .filter(|(_, schema)| schema["items"].is_object())
                    .flat_map(|(name, schema)| self.resolve(name, &schema["items"]))
                    .collect();
                for (i, item) in items.iter().enumerate() {
                    self.check(&format!("{place}[{i}]"), &within, item);
                }
            }
            _ => {}
        }
    }
}

/// Whether an object has what the schema requires and its fixed values.
fn fits(schema: &Value, map: &serde_json::Map<String, Value>) -> bool {
    let kind = &schema["type"];
    let is_object = kind == "object"
        || kind
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "object"));
    let required = schema["required"].as_array().into_iter().flatten();
    let mut properties = schema["properties"].as_object().into_iter().flatten();
    is_object
        && required
            .filter_map(Value::as_str)
            .all(|name| map.contains_key(name))
        && properties.all(|(name, inner)| {
            inner["const"].is_null() || map.get(name).is_none_or(|held| *held == inner["const"])
        })
}

#[test]
fn the_router_schema_names_the_fields_that_are_written() {
    let schema = schema("router.schema.json");
    let mut walk = Walk {
        schema: &schema,
        met: BTreeSet::new(),
    };
    let mut files: Vec<Vec<u8>> = POLICIES.iter().map(|choose| compiled(choose)).collect();
    let kinds = Router::try_new(every_kind(MIXED, 4, 3)).expect("the router is sound");
    for router in [learned(), kinds] {
        files.push(router.to_bytes().expect("the router can be written"));
    }
    for file in files {
        let document: Value = serde_json::from_slice(&file).expect("a router file is JSON");
        walk.check("file", &[("file", &schema)], &document);
    }

    let definitions = schema["$defs"].as_object().expect("definitions");
    let named = definitions
        .iter()
        .map(|(name, definition)| (name.as_str(), definition))
        .chain([("file", &schema)]);
    for (name, definition) in named {
        // Golden requests have only what bears on the router; these names are compared below.
        let fields = definition["properties"].as_object().into_iter().flatten();
        for (field, _) in fields.filter(|_| name != "request") {
            let met = walk.met.contains(&(name, field.clone()));
            assert!(met, "`{field}` of `{name}` is never written");
        }
    }
}

#[test]
fn the_router_schema_has_the_requests_and_quantities_of_the_code() {
    let (router, trace) = (schema("router.schema.json"), schema("trace.schema.json"));
    let request = |schema: &Value| -> BTreeSet<String> {
        let properties = schema["$defs"]["request"]["properties"].as_object();
        properties.expect("properties").keys().cloned().collect()
    };
    assert_eq!(request(&router), request(&trace));

    let quantities = router["$defs"]["quantity"]["enum"].as_array();
    let quantities = quantities.expect("a list").iter().map(|name| {
        let name = name.as_str().expect("a name");
        weighbridge_router::Quantity::by_name(name).expect("the code has it");
        name
    });
    let quantities: BTreeSet<&str> = quantities.collect();
    assert_eq!(quantities.len(), surface::COUNT + 6);
    assert!(surface::NAMES.iter().all(|name| quantities.contains(name)));
}

/// A choice of each kind that learns nothing, and every condition.
const POLICIES: [&str; 4] = [
    "kind = \"always\"\nto = \"m\"",
    "kind = \"random\"\nweights = { m = 0.25, n = 0.75 }",
    "kind = \"threshold\"\nfeature = \"options\"\nabove = 2\nto = \"m\"\nelse = \"n\"",
    r#"
kind = "rules"
else = "m"
[[choose.rule]]
to = "n"
[choose.rule.when]
any = [
    { not = { task = ["math"] } },
    { tenant = ["t"], channel = ["api"], region = ["eu"], needs = ["tools"] },
    { prompt_any = ["prove"], prompt_all = ["lemma"], turn = { min = 2, max = 9 } },
]
"#,
];

fn compiled(choose: &str) -> Vec<u8> {
    let catalog = "format = \"weighbridge.catalog/1\"\n".to_owned()
        + &["m", "n"]
            .map(|model| {
                format!(
                    "[[model]]\nid = \"{model}\"\n[[endpoint]]\nid = \"{model}@p\"\nmodel = \"{model}\"\n\
                     [[endpoint.price]]\nusd_per_mtok = {{ input = 1, cached = 0.5, output = 2 }}\nsource = \"test\"\n"
                )
            })
            .concat();
    let catalog = Catalog::parse("test", &catalog).expect("the catalog is well formed");
    let policy =
        format!("format = \"weighbridge.policy/1\"\nfallback = [\"m\"]\n[choose]\n{choose}\n");
    let policy = Policy::parse("test", &policy).expect("the policy is well formed");
    compile(&policy, &catalog, &Roles::default(), &[], None)
        .expect("its names are in the catalog")
        .to_bytes()
        .expect("the router can be written")
}

/// A router that has everything that a file can hold.
fn learned() -> Router {
    let steps = vec![
        Step::Surface(Surface(Scaling {
            mean: vec![1.0; surface::COUNT],
            scale: vec![0.5; surface::COUNT],
            weight: 0.1,
        })),
        Step::Surface2(Surface2(Scaling {
            mean: vec![1.0; surface2::COUNT],
            scale: vec![0.5; surface2::COUNT],
            weight: 0.1,
        })),
        Step::Words(Words {
            bits: 4,
            idf: vec![1.5; 16],
            weight: 1.0,
        }),
        Step::Tag(Tag {
            values: vec!["math".into()],
        }),
    ];
    let weights = vec![0.125; surface::COUNT + surface2::COUNT + 16 + 1];
    let heads = Heads {
        model: "m".into(),
        success: Success::Logistic(Logistic {
            bias: 0.5,
            weights: weights.clone(),
            platt: [1.0, 0.0],
        }),
        output_tokens: LogLinear {
            bias: 5.0,
            weights,
            smearing: 1.25,
        },
    };
    Router::try_new(Parts {
        endpoints: vec![endpoint(), Endpoint::recorded_only("known@trace")],
        choose: Some(Choose::Router(Trade {
            value: Usd::from_picos(1_000_000_000_000),
            ..Trade::default()
        })),
        fallback: vec!["known@trace".into()],
        steps,
        heads: vec![heads],
        shrink: Some(Shrink {
            factor: 0.85,
            centres: vec![0.5],
        }),
        roles: vec![("driver".into(), "m".into())],
        calibration: Calibration {
            requests_per_day: Some(1000.0),
            input_tokens: vec![10],
            models: vec![CalibrationModel {
                model: "m".into(),
                success: vec![0.5],
                log_output_tokens: vec![4.0],
            }],
        },
        training: Some(GroupFilter::of(&[prompt_group("Prove it.")])),
        provenance: r#"{"anything":{"at":["all"]}}"#.into(),
    })
    .expect("the router is sound")
}

fn endpoint() -> Endpoint {
    let rates = Rates {
        input: Usd::from_picos(280_000),
        cached: Usd::from_picos(28_000),
        output: Usd::from_picos(420_000),
    };
    let tier = Tier {
        above_input_tokens: Tokens(100_000),
        rates,
    };
    Endpoint {
        id: "m@p".into(),
        model: "m".into(),
        channels: vec!["api".into()],
        regions: vec!["eu".into()],
        can: vec!["tools".into()],
        context_tokens: Some(Tokens(131_072)),
        from: Timestamp::parse("2025-12-01").ok(),
        until: None,
        prices: vec![PriceRow {
            from: None,
            until: None,
            rates,
            tiers: vec![tier],
        }],
        ttft_ms: Some(Millis(2000)),
        tokens_per_second: Some(20.0),
        recorded_only: false,
    }
}
