//! What depends on text alone is apart.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::inference::onnx::fixture::{file, node};

fn is_text(name: &str) -> bool {
    name == "input_ids"
}

/// Names that the parts' nodes make, and those of the constants and inputs.
fn shown(file: &[u8]) -> (String, String, String, String) {
    let file = OnnxFile::read(file).unwrap();
    let list = |names: Vec<&str>| names.join(" ");
    let names = |named: &[super::super::file::Named<'_>]| {
        named.iter().map(|named| named.name.to_owned()).collect::<Vec<_>>().join(" ")
    };
    (
        list(file.nodes.iter().flat_map(|node| node.outputs.clone()).collect()),
        names(&file.initializers),
        names(&file.inputs),
        names(&file.outputs),
    )
}

fn owned(parts: [&str; 4]) -> (String, String, String, String) {
    let [nodes, constants, inputs, outputs] = parts.map(str::to_owned);
    (nodes, constants, inputs, outputs)
}

#[test]
fn each_part_has_what_it_needs() {
    let nodes = [
        node("Gather", &["table", "input_ids"], &[], &["embedded"]),
        node("Shape", &["input_ids"], &[], &["rows"]),
        node("Constant", &[], &[], &["one"]),
        node("Add", &["embedded", "one"], &[], &["text"]),
        node("Conv", &["pixel_values", "table", ""], &[], &["image"]),
        node("Mul", &["image", "one"], &[], &["scaled"]),
        node("Reshape", &["scaled", "rows"], &[], &["shaped"]),
        node("MatMul", &["shaped", "text"], &[], &["logits"]),
        node("Relu", &["embedded"], &[], &["unused"]),
    ];
    let file = file(&nodes, &["table", "nothing"], &["input_ids", "pixel_values"], &["logits", "text"]);
    let split = Split::new(&file, is_text).unwrap().unwrap();
    assert_eq!(split.boundary().collect::<Vec<_>>(), ["rows", "text"]);
    assert_eq!(shown(&split.text()), owned(["embedded rows one text", "table", "input_ids", "rows text"]));
    let boundary = |name: &str, rank| Boundary { name: name.to_owned(), element: 7, rank };
    let image = split.image(&[boundary("rows", Some(1)), boundary("text", None)]);
    let expected = ["one image scaled shaped logits", "table", "pixel_values rows text", "logits"];
    assert_eq!(shown(&image), owned(expected));
}

#[test]
fn what_graphs_within_nodes_take_counts() {
    let nodes =
        [node("Neg", &["input_ids"], &[], &["text"]), node("If", &["pixel_values"], &["text"], &["logits"])];
    let file = file(&nodes, &[], &["input_ids", "pixel_values"], &["logits"]);
    let split = Split::new(&file, is_text).unwrap().unwrap();
    assert_eq!(split.boundary().collect::<Vec<_>>(), ["text"]);
}

#[test]
fn a_graph_that_does_nothing_with_text_alone_is_not_split() {
    let nodes = [node("Add", &["input_ids", "pixel_values"], &[], &["logits"])];
    assert!(
        Split::new(&file(&nodes, &[], &["input_ids", "pixel_values"], &["logits"]), is_text)
            .unwrap()
            .is_none()
    );
    let nodes = [node("Neg", &["pixel_values"], &[], &["logits"])];
    assert!(Split::new(&file(&nodes, &[], &["pixel_values"], &["logits"]), is_text).unwrap().is_none());
}

#[test]
fn a_constant_that_is_an_input_too_is_no_text() {
    let nodes = [
        node("Neg", &["input_ids"], &[], &["text"]),
        node("Add", &["text", "pixel_values"], &[], &["logits"]),
    ];
    let file = file(&nodes, &["input_ids"], &["input_ids", "pixel_values"], &["logits"]);
    assert!(Split::new(&file, is_text).unwrap().is_none());
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    let nodes = [node("Neg", &["input_ids"], &["x"], &["text"])];
    let file = file(&nodes, &[], &["input_ids"], &["text"]);
    for len in 1..file.len() {
        // What is left may by chance be a message, but none with the graph.
        assert!(!matches!(Split::new(&file[..len], is_text), Ok(Some(_))), "{len}");
    }
    assert!(Split::new(&[], is_text).unwrap_err().to_string().contains("it has no graph"));
}

proptest! {
    #[test]
    fn a_file_with_broken_bytes_is_refused_or_splits_into_files(
        broken in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let nodes = [
            node("Gather", &["table", "input_ids"], &[], &["text"]),
            node("If", &["pixel_values"], &["text", "table"], &["logits"]),
        ];
        let mut file = file(&nodes, &["table"], &["input_ids", "pixel_values"], &["logits"]);
        for (place, byte) in broken {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Ok(Some(split)) = Split::new(&file, is_text) {
            let boundary = split.boundary().map(|name| Boundary { name: name.to_owned(), element: 1, rank: Some(2) });
            let image = split.image(&boundary.collect::<Vec<_>>());
            prop_assert!(Split::new(&split.text(), is_text).is_ok() && Split::new(&image, is_text).is_ok());
        }
    }
}
