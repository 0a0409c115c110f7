//! The router file: round trips, and every way in which a file can be wrong.

use std::fmt::Write as _;

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use weighbridge_router::{
    Choose, EndpointExplanation, ErrorKind, Parts, Request, Router, Scaling, Step, Success,
    Surface2, Usd, surface2,
};

use crate::sample::{LEARNED, MIXED, parts};

pub(crate) fn bytes_of(parts: Parts) -> Vec<u8> {
    Router::try_new(parts).unwrap().to_bytes().unwrap()
}

fn small() -> Vec<u8> {
    bytes_of(parts(MIXED, 4, 1))
}

/// The file with another body, its frame made to fit.
pub(crate) fn framed(body: &str) -> Vec<u8> {
    let hash = Sha256::digest(body.as_bytes())
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
    let bytes = body.len();
    format!(
        "{{\"format\":\"weighbridge.router/1\",\"bytes\":{bytes},\"sha256\":\"{hash}\",\"body\":\n{body}}}\n"
    )
    .into_bytes()
}

pub(crate) fn body_of(file: &[u8]) -> String {
    let start = file.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    String::from_utf8(file[start..file.len() - 2].to_vec()).unwrap()
}

#[test]
fn the_whole_file_is_json_and_its_first_line_is_as_specified() {
    let file = small();
    let value: serde_json::Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(value["format"], "weighbridge.router/1");
    assert_eq!(value["body"]["endpoints"][0]["id"], "plain@maker");
    assert_eq!(value["body"]["golden"].as_array().unwrap().len(), 32);
    assert_eq!(
        value["body"]["endpoints"][2]["prices"][0]["tiers"][0]["usd_per_mtok"]["output"],
        2.400_001
    );
    assert_eq!(framed(&body_of(&file)), file);
}

#[test]
fn both_versions_of_surface_features_survive_a_round_trip() {
    let mut parts = parts(LEARNED, 4, 3);
    parts.steps.push(Step::Surface2(Surface2(Scaling {
        mean: vec![0.25; surface2::COUNT],
        scale: vec![0.5; surface2::COUNT],
        weight: 0.125,
    })));
    for heads in &mut parts.heads {
        let Success::Logistic(success) = &mut heads.success else {
            panic!("the sample has linear heads");
        };
        for weights in [&mut success.weights, &mut heads.output_tokens.weights] {
            weights.extend((0..surface2::COUNT).map(|i| (i % 7) as f32 / 16.0 - 0.2));
        }
    }
    let file = bytes_of(parts);
    let router = Router::from_bytes(&file).unwrap();
    assert_eq!(router.to_bytes().unwrap(), file);
    assert!(body_of(&file).contains("\"step\":\"surface/2\""));
    let last = router.recipe().columns() - 1;
    let name = router.recipe().column_name(u32::try_from(last).unwrap());
    assert_eq!(name.as_deref(), Some("idea_share"));
}

#[test]
fn golden_requests_reach_every_part_of_the_choice() {
    let text = body_of(&small());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let goldens = value["golden"].as_array().unwrap();
    for id in ["plain@maker", "strong@maker", "strong@reseller"] {
        let reached = goldens
            .iter()
            .any(|golden| golden["choice"].get(id).is_some());
        assert!(reached, "{id}");
    }
    let some = |test: &dyn Fn(&serde_json::Value) -> bool| goldens.iter().any(test);
    assert!(some(&|golden| golden["unanswered_ppm"] == 1_000_000));
    assert!(some(&|golden| golden["predictions"]
        .as_array()
        .unwrap()
        .is_empty()));
    assert!(some(&|golden| golden["request"]
        .get("deadline_ms")
        .is_some()));
    assert!(some(&|golden| golden["request"]["needs"][0] == "tools"));
}

#[test]
fn golden_choices_of_a_model_are_clear() {
    let file = bytes_of(parts(LEARNED, 6, 2));
    let router = Router::from_bytes(&file).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let mut seen = 0;
    for golden in value["body"]["golden"].as_array().unwrap() {
        let request = Request::from_json(&golden["request"].to_string()).unwrap();
        let explained = router.explain(&request.as_ref());
        let best_of = |model: &str| {
            let of_model =
                |one: &&EndpointExplanation| router.endpoint(one.endpoint).model == model;
            let nets = explained.endpoints.iter().filter(of_model);
            nets.filter_map(|one| one.net_usd).reduce(f64::max)
        };
        if let (Some(plain), Some(strong)) = (best_of("plain"), best_of("strong")) {
            assert!((plain - strong).abs() > 1e-6);
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_router_survives_its_file(
        seed in any::<u64>(), bits in 4u8..9, micros in 0i64..100_000_000, learned in any::<bool>(),
        speed in prop::option::of(0.001..1e6_f64), bias in -1e6..1e6_f64, rate in 0i64..1_000_000_000,
    ) {
        let mut parts = parts(if learned { LEARNED } else { MIXED }, bits, seed);
        parts.endpoints[0].tokens_per_second = speed;
        parts.endpoints[0].prices[0].rates.output = Usd::from_picos(rate);
        if let Success::Logistic(head) = &mut parts.heads[0].success {
            head.bias = bias;
        }
        if let Some(choose) = &mut parts.choose {
            choose.trades(&mut |trade| trade.value = Usd::from_picos(micros * 1_000_000));
        }
        let bytes = Router::try_new(parts.clone()).unwrap().to_bytes().unwrap();
        let router = Router::from_bytes(&bytes).unwrap();
        prop_assert_eq!(router.parts(), &parts);
        prop_assert_eq!(router.to_bytes().unwrap(), bytes);
    }
}

#[test]
fn a_router_without_heads_survives_its_file() {
    let plain = Parts {
        endpoints: crate::sample::endpoints(),
        choose: Some(Choose::from_json(r#"{"kind":"always","to":"seen"}"#).unwrap()),
        ..Parts::default()
    };
    let router = Router::from_bytes(&bytes_of(plain.clone())).unwrap();
    assert_eq!(router.parts(), &plain);
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let file = small();
    let cuts = (0..file.len())
        .step_by(97)
        .chain(file.len() - 3..file.len());
    for len in cuts.chain(0..150) {
        let error = Router::from_bytes(&file[..len]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Frame, "{len}: {error}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let file = small();
    for at in (0..130).chain((130..file.len()).step_by(31)) {
        let mut damaged = file.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(Router::from_bytes(&damaged).is_err(), "byte {at}");
    }
}

/// The same body with one text replaced, the frame made to fit.
pub(crate) fn changed(body: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(body.contains(from), "{from} is not in the body");
    framed(&body.replacen(from, to, 1))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_wrong_frame_is_called_by_its_name() {
    let file = small();
    let text = String::from_utf8(file.clone()).unwrap();
    let line = text.lines().next().unwrap();
    let size = line
        .split("\"bytes\":")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    let with = |from: &str, to: &str| text.replacen(from, to, 1).into_bytes();
    let gigabyte = with(size, "1073741824");
    for (bytes, kind, says) in [
        (Vec::new(), ErrorKind::Frame, "not a router file"),
        (
            b"\x00\xff\n".to_vec(),
            ErrorKind::Frame,
            "not a router file",
        ),
        (
            with("router/1", "router/2"),
            ErrorKind::Version,
            "`weighbridge.router/2` was written by a newer version; upgrade weighbridge",
        ),
        (
            with("router/1", "trace/1"),
            ErrorKind::Frame,
            "this is `weighbridge.trace/1`, not `weighbridge.router/1`",
        ),
        (
            gigabyte,
            ErrorKind::Frame,
            "declares 1073741824 bytes, more than the limit of 67108864",
        ),
        (
            with(size, "99999999999999999999999"),
            ErrorKind::Frame,
            "more than the limit",
        ),
        (
            with(size, "067"),
            ErrorKind::Frame,
            "the first line must go on with",
        ),
        (
            with(size, ""),
            ErrorKind::Frame,
            "the first line must go on with",
        ),
        (
            with(size, "12"),
            ErrorKind::Frame,
            "bytes follow the end of the file",
        ),
        (
            [&file[..], b"\n"].concat(),
            ErrorKind::Frame,
            "bytes follow the end of the file",
        ),
        (
            with("\"body\":\n", "\"body\":\r\n"),
            ErrorKind::Frame,
            "CR LF",
        ),
        (
            with("plain@maker", "plain@faker"),
            ErrorKind::Frame,
            "the checksum does not match",
        ),
    ] {
        let error = Router::from_bytes(&bytes).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}\n{says}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_wrong_field_is_named_with_its_place() {
    use ErrorKind::{Golden, Value, Version};
    let body = body_of(&small());
    let weights = {
        let start = body.find("\"weights\":\"").unwrap() + 11;
        &body[start..start + 16]
    };
    let nan = "AADAfw".to_owned() + &weights[6..];
    let line = body
        .lines()
        .find(|line| line.contains("\"predicts\":\"output_tokens\""))
        .unwrap();
    for (from, to, kind, says) in [
        (
            "\"can\":",
            "\"cam\":",
            Version,
            "endpoints[0].cam: unknown field",
        ),
        (
            "\"endpoints\":",
            "\"extra\":1,\"endpoints\":",
            Version,
            "extra: unknown field",
        ),
        (
            "surface/1",
            "surface/9",
            Version,
            "features[0].step: `surface/9` is not known here: written by a newer version; upgrade weighbridge",
        ),
        (
            "words/1",
            "embed/1",
            Version,
            "features[1].step: `embed/1` is not known here",
        ),
        (
            "[1,2],\"bits\"",
            "[1,3],\"bits\"",
            Value,
            "features[1].ngrams: must be [1,2], not [1,3]",
        ),
        ("\"bits\":4", "\"bits\":5", Value, "features[1]"),
        (
            "logistic/1",
            "logistic/2",
            Version,
            "heads[0].kind: `logistic/2` is not known here",
        ),
        (
            "\"predicts\":\"success\"",
            "\"predicts\":\"seconds\"",
            Version,
            "heads[0].predicts: `seconds` is not known here",
        ),
        (
            &format!("{line}\n"),
            "",
            Value,
            "heads: `plain` has no head for `output_tokens`; heads come in pairs",
        ),
        (
            weights,
            &nan,
            Value,
            "heads[0].weights: number 0 of 59 is not finite",
        ),
        (weights, "!", Value, "heads[0].weights: not base64"),
        (
            "\"platt\":[",
            "\"platt\":[1,",
            Value,
            "heads[0].platt: must be 2 numbers, not 3",
        ),
        (
            "\"input\":0.28",
            "\"input\":0.2800001",
            Value,
            "endpoints[0].prices[0].usd_per_mtok.input: 0.2800001 USD per million tokens is finer",
        ),
        (
            "\"input\":0.28",
            "\"input\":-1",
            Value,
            "usd_per_mtok.input: -1.0 is not a price",
        ),
        (
            "\"context_tokens\":131072",
            "\"context_tokens\":1.5",
            Value,
            "endpoints[0].context_tokens: must be a whole number",
        ),
        (
            "\"id\":\"plain@maker\"",
            "\"id\":\"plain@maker\",\"id\":\"x\"",
            Value,
            "the field `id` stands twice",
        ),
        (
            "\"id\":\"plain@maker\"",
            "\"id\":\"strong@maker\"",
            Value,
            "endpoints[1]: the endpoint `strong@maker` stands twice",
        ),
        (
            "\"fallback\":[\"plain\"",
            "\"fallback\":[\"plane\"",
            Value,
            "fallback[0]: `plane` is neither an endpoint nor a model",
        ),
        (
            "\"kind\":\"rules\"",
            "\"kind\":\"cascade\"",
            Version,
            "choose.kind: the kind `cascade` is reserved",
        ),
        (
            "\"value_usd\":0.05",
            "\"value_usd\":1e400",
            Value,
            "not valid JSON",
        ),
        (
            "\"value_usd\":0.05",
            "\"value_usd\":NaN",
            Value,
            "not valid JSON",
        ),
        (
            "\"golden\":[",
            "\"golden\":[],\"provenance\":{},\"x\":[",
            Value,
            "stands twice",
        ),
        (
            "\"turn\":3",
            "\"turn\":3,\"mood\":1",
            Version,
            "request.mood: unknown field",
        ),
        (
            "\"unanswered_ppm\":0",
            "\"unanswered_ppm\":1",
            Golden,
            "golden[0]: this request is decided otherwise",
        ),
        (
            "\"smearing\":1.3",
            "\"smearing\":1.30001",
            Golden,
            "golden[0]: other predictions",
        ),
    ] {
        let error = Router::from_bytes(&changed(&body, from, to)).unwrap_err();
        assert!(error.to_string().contains(says), "{error}\n{says}");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!error.to_string().contains('\n'));
    }
    let deep = format!(
        "\"provenance\":{{\"x\":{}{},",
        "[".repeat(200),
        "]".repeat(200)
    );
    let error = Router::from_bytes(&changed(&body, "\"provenance\":{", &deep)).unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}

#[test]
fn unknown_provenance_is_kept() {
    let body = body_of(&small());
    let file = changed(
        &body,
        "\"provenance\":{",
        "\"provenance\":{\"a_new_thing\":[1],",
    );
    let router = Router::from_bytes(&file).unwrap();
    assert!(router.parts().provenance.contains("a_new_thing"));
    assert!(body_of(&router.to_bytes().unwrap()).contains("a_new_thing"));
}

#[test]
fn a_file_is_loaded_by_its_path_and_a_missing_one_is_an_error() {
    let path = std::env::temp_dir().join(format!("weighbridge-{}.router.json", std::process::id()));
    let file = small();
    std::fs::write(&path, &file).unwrap();
    let loaded = Router::load(&path).map(|router| router.to_bytes().unwrap() == file);
    std::fs::write(&path, [&file[..], b"more"].concat()).unwrap();
    let longer = Router::load(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert!(loaded.unwrap());
    assert!(longer.to_string().contains("bytes follow"), "{longer}");
    assert_eq!(Router::load(&path).unwrap_err().kind(), ErrorKind::Io);
}
