//! Operators are found wherever nodes are, and nothing in what is no ONNX file.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, io::Cursor, path::Path};

use proptest::prelude::*;

use super::*;

/// A field that holds bytes.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A node with inputs, a name, its operator and an attribute.
fn node(operator: &str, attribute: &[u8]) -> Vec<u8> {
    [field(1, b"x"), field(2, b"y"), field(3, b"a name"), field(4, operator.as_bytes()), field(5, attribute)]
        .concat()
}

/// A model of a graph with weights before its nodes.
fn model(nodes: &[Vec<u8>]) -> Vec<u8> {
    let nodes = nodes.iter().map(|node| field(1, node));
    let graph = [field(5, &[0x0a; 100_000]), nodes.collect::<Vec<_>>().concat(), field(2, b"graph")].concat();
    [vec![0x08, 0x0a], field(2, b"exporter"), field(7, &graph)].concat()
}

fn found(bytes: &[u8]) -> Vec<String> {
    operators(Cursor::new(bytes)).into_iter().collect()
}

#[test]
fn the_nodes_of_a_graph_name_their_operators() {
    assert_eq!(found(&model(&[node("Conv", b""), node("Exp", b""), node("Conv", b"")])), ["Conv", "Exp"]);
    assert!(found(&model(&[])).is_empty());
}

#[test]
fn as_do_those_of_graphs_within_it_and_of_functions() {
    let graph = field(1, &node("Exp", b""));
    let one = [field(1, b"then_branch"), field(6, &graph)].concat();
    let several = field(11, &field(1, &node("Neg", b"")));
    let mut bytes = model(&[node("If", &one), node("Own", &several)]);
    bytes.extend(field(25, &[field(1, b"Own"), field(7, &node("Tanh", b""))].concat()));
    assert_eq!(found(&bytes), ["Exp", "If", "Neg", "Own", "Tanh"]);
}

#[test]
fn fields_of_every_wire_type_are_passed_over() {
    let numbers = [vec![0x79], vec![1; 8], vec![0x7d], vec![1; 4], vec![0x78, 0xff, 0x01]].concat();
    let bytes = [numbers.clone(), model(&[[node("Conv", b""), numbers].concat()])].concat();
    assert_eq!(found(&bytes), ["Conv"]);
    assert!(found(&[bytes, vec![0x7b]].concat()).is_empty(), "groups are not of this format");
}

#[test]
fn graphs_in_graphs_without_end_are_not_followed() {
    let mut graph = field(1, &node("Exp", b""));
    for _ in 0..200 {
        graph = field(1, &node("If", &field(6, &graph)));
    }
    assert!(found(&field(7, &graph)).is_empty());
}

#[test]
fn lengths_beyond_the_end_are_not_believed() {
    let bytes = model(&[node("Conv", b"")]);
    for end in (0..bytes.len()).rev().step_by(97) {
        assert!(found(&bytes[..end]).len() <= 1);
    }
    for length in [u64::MAX, u64::MAX - 3, 1 << 63, 1 << 40] {
        assert!(found(&[varint(7 << 3 | 2), varint(length), vec![0x0a; 20]].concat()).is_empty());
        assert!(found(&[varint(2 << 3 | 2), varint(length), vec![0x0a; 20]].concat()).is_empty());
    }
    assert!(found(&[0xff; 40]).is_empty());
}

#[test]
fn a_real_file_names_its_operators() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/families");
    let of = |family: &str| {
        let file = fs::File::open(golden.join(family).join("model.onnx")).unwrap();
        operators(io::BufReader::new(file))
    };
    assert!(of("yolox_decoded").contains("Exp") && !of("yolox_raw").contains("Exp"));
    assert!(of("yolox_raw").contains("Conv"));
}

proptest! {
    #[test]
    fn any_bytes_are_walked_and_names_are_among_them(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for name in found(&bytes) {
            prop_assert!(String::from_utf8_lossy(&bytes).contains(&name));
        }
    }
}
