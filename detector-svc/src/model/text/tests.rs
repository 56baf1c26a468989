//! Queries become the tokens that the models' own libraries make of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::model::Port;

fn golden(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden")).join(path)
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&fs::read(golden(path)).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}

fn graph(tokens: &[Option<usize>]) -> GraphInfo {
    let port =
        Port { name: "input_ids".to_owned(), element: "int64".to_owned(), dimensions: tokens.to_vec() };
    GraphInfo { inputs: vec![port], ..GraphInfo::default() }
}

fn queries(layout: QueryLayout, family: Option<&str>) -> Queries {
    let tokenizer =
        family.map(|family| fs::read(golden(&format!("families/{family}/tokenizer.json"))).unwrap());
    Queries::new(layout, &graph(&[None, None]), None, None, tokenizer.as_deref()).unwrap()
}

fn labels(labels: &[&str]) -> Vec<String> {
    labels.iter().map(ToString::to_string).collect()
}

fn words(expected: &Value) -> Vec<String> {
    expected["vocabulary"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| label.as_str().unwrap().to_owned())
        .collect()
}

/// The tokens of a text by themselves.
fn tokens(queries: &Queries, text: &str) -> Vec<i64> {
    queries.encode(text, text).unwrap().get_ids().iter().map(|id| i64::from(*id)).collect()
}

#[test]
fn each_query_of_owl_has_a_row_as_its_processor_makes_it() {
    for family in ["owlv2", "owlvit"] {
        let expected = json(&format!("families/{family}/expected.json"));
        let queries = queries(QueryLayout::Rows, Some(family));
        let prompt = queries.vocabulary(&words(&expected)).unwrap().prompt.unwrap();
        let rows = |name: &str| expected[name].as_array().unwrap().iter().flat_map(ids).collect::<Vec<_>>();
        assert_eq!((prompt.rows, prompt.columns), (4, 16));
        assert_eq!((prompt.ids, prompt.attention), (rows("input_ids"), rows("attention_mask")));
        assert!(prompt.spans.is_empty());
        for (text, expected) in expected["tokens"].as_object().unwrap() {
            assert_eq!(tokens(&queries, text), ids(expected), "{text:?}");
        }
    }
}

#[test]
fn all_queries_of_grounding_dino_are_one_text_as_its_processor_makes_it() {
    let expected = json("families/grounding_dino/expected.json");
    let queries = queries(QueryLayout::OneText, Some("grounding_dino"));
    let labels = words(&expected);
    assert_eq!(phrases::joined(&labels).0, expected["prompt"].as_str().unwrap());
    let prompt = queries.vocabulary(&labels).unwrap().prompt.unwrap();
    assert_eq!((prompt.rows, prompt.columns), (1, 14));
    assert_eq!((prompt.ids, prompt.attention), (ids(&expected["input_ids"]), vec![1; 14]));
    // [CLS] a person . car . street la ##mp . back ##pack . [SEP]
    assert_eq!(prompt.spans, [1..3, 4..5, 6..9, 10..12]);
    for (text, expected) in expected["tokens"].as_object().unwrap() {
        assert_eq!(tokens(&queries, text), ids(expected), "{text:?}");
    }
}

#[test]
fn the_built_in_tokenizer_is_that_of_clip() {
    let expected: BTreeMap<String, Vec<i64>> =
        serde_json::from_slice(&fs::read(golden("clip-tokens.json")).unwrap()).unwrap();
    let queries = queries(QueryLayout::Rows, None);
    assert!(expected.len() > 20);
    for (text, expected) in expected {
        assert_eq!(tokens(&queries, &text), expected, "{text:?}");
    }
    // The names of COCO's classes are queries that fit.
    assert_eq!(queries.vocabulary(&Queries::usual()).unwrap().prompt.unwrap().rows, 80);
}

#[test]
fn labels_that_cannot_be_asked_are_refused_with_what_is_wrong() {
    let clip = queries(QueryLayout::Rows, Some("owlv2"));
    let bert = queries(QueryLayout::OneText, Some("grounding_dino"));
    let many: Vec<String> = (0..1001).map(|number| number.to_string()).collect();
    let long = "word ".repeat(400);
    for (queries, labels, says) in [
        (&clip, vec![], "no label is given, 1 to 1000"),
        (&clip, many.clone(), "1001 labels are given, 1 to 1000"),
        (&clip, labels(&["car", " \t"]), "label 2 is empty"),
        (&clip, labels(&["car", "dog", "car"]), "\"car\" is given twice"),
        (
            &clip,
            labels(&["a car, a bag, a street, a photo, a person, a dog"]),
            "over-long query \"a car, a bag, a street, a photo, a person, a dog\": 1",
        ),
        (&clip, labels(&[&long]), "2000 bytes, at most 1024"),
        (&bert, labels(&["no. 5 bus"]), "\"no. 5 bus\" has a full stop"),
        (&bert, labels(&["car", "\u{200b}"]), "has nothing that the model's tokenizer knows"),
        (&bert, many[..150].to_vec(), "the 150 labels together are"),
    ] {
        let message = queries.vocabulary(&labels).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
    assert!(clip.vocabulary(&many[..1000]).is_ok());
}

#[test]
fn a_graph_that_takes_so_many_queries_of_so_many_tokens_gets_them() {
    let file = fs::read(golden("families/owlv2/tokenizer.json")).unwrap();
    let new = |rows, columns, images| {
        Queries::new(QueryLayout::Rows, &graph(&[rows, columns]), images, Some(16), Some(&file)).unwrap()
    };
    let prompt =
        new(Some(4), Some(20), Some(2)).vocabulary(&labels(&["car", "dog"])).unwrap().prompt.unwrap();
    assert_eq!((prompt.rows, prompt.columns, prompt.ids.len()), (2, 20, 40));
    let message = new(Some(4), None, Some(2)).vocabulary(&labels(&["car"])).unwrap_err().to_string();
    assert!(message.contains("1 labels are given, the model was exported for exactly 2"), "{message}");
}

#[test]
fn a_tokenizer_that_is_none_is_refused() {
    let new = |layout, file: Option<&[u8]>| Queries::new(layout, &graph(&[None, None]), None, None, file);
    let message = new(QueryLayout::OneText, None).unwrap_err().to_string();
    assert!(message.contains("put the `tokenizer.json`"), "{message}");
    let message = new(QueryLayout::Rows, Some(b"{}")).unwrap_err().to_string();
    assert!(message.starts_with("tokenizer.json: "), "{message}");
}

proptest! {
    #[test]
    fn every_phrase_has_its_own_tokens(words in prop::collection::hash_set("[a-zé]{1,6}( [a-z]{1,4})?", 1..8)) {
        let queries = queries(QueryLayout::OneText, Some("grounding_dino"));
        let labels: Vec<String> = words.into_iter().collect();
        let prompt = queries.vocabulary(&labels).unwrap().prompt.unwrap();
        prop_assert_eq!(prompt.spans.len(), labels.len());
        for (label, span) in labels.iter().zip(&prompt.spans) {
            let alone = tokens(&queries, label);
            prop_assert_eq!(&prompt.ids[span.clone()], &alone[1..alone.len() - 1], "{}", label);
        }
    }
}
