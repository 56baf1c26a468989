//! Which YOLO family a graph is of, and that a graph that may be of several is not guessed at.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::{super::yolo_fixture::*, *};
use crate::model::GraphInfo;

fn family(graph: &GraphInfo) -> &'static str {
    recognise(graph).map_or("none", |model| model.family.name())
}

fn classes(graph: &GraphInfo) -> usize {
    recognise(graph).unwrap().labels().len()
}

const BOXES: Option<usize> = Some(CELLS);
const ANCHORS: Option<usize> = Some(3 * CELLS);

#[test]
fn the_number_of_boxes_tells_families_apart() {
    assert_eq!(family(&graph(Some(14), BOXES)), "yolo");
    assert_eq!(family(&graph(ANCHORS, Some(15))), "yolov5");
    assert_eq!(family(&graph(BOXES, Some(15))), "yolox");
    assert_eq!(family(&graph(Some(300), Some(6))), "yolo_end2end");
    assert_eq!((classes(&graph(Some(14), BOXES)), classes(&graph(ANCHORS, Some(15)))), (10, 10));
    assert_eq!(classes(&graph(BOXES, Some(15))), 10);
}

#[test]
fn rows_of_six_are_told_apart_by_their_number() {
    assert_eq!(family(&graph(ANCHORS, Some(6))), "yolov5");
    assert_eq!(family(&graph(BOXES, Some(6))), "yolox");
    assert_eq!(family(&with_names(graph(BOXES, Some(6)), 1)), "yolox");
    assert_eq!(family(&with_names(graph(BOXES, Some(6)), 2)), "yolo");
    assert_eq!(family(&with_names(graph(Some(300), Some(6)), 1)), "yolo_end2end");
}

#[test]
fn class_names_tell_what_open_dimensions_do_not() {
    assert_eq!(family(&with_names(graph(Some(9), None), 5)), "yolo");
    assert_eq!(family(&with_names(graph(None, Some(9)), 5)), "yolo");
    assert_eq!(family(&with_names(graph(None, Some(6)), 5)), "yolo_end2end");
    let mut anchors = with_names(graph(None, Some(10)), 5);
    assert_eq!(family(&anchors), "none", "as well YOLOX");
    anchors.metadata.insert("stride".to_owned(), "32".to_owned());
    assert_eq!(family(&anchors), "yolov5");
}

#[test]
fn an_exporter_may_say_that_boxes_are_selected() {
    let mut graph = graph(Some(300), None);
    graph.metadata.insert("end2end".to_owned(), "True".to_owned());
    assert_eq!(family(&graph), "yolo_end2end");
    graph.metadata = [("args".to_owned(), "{'batch': 1, 'nms': True}".to_owned())].into();
    assert_eq!(family(&graph), "yolo_end2end");
}

#[test]
fn prototypes_take_their_part_of_the_values() {
    let masked = |rows, columns| with_prototypes(graph(rows, columns), 32);
    assert_eq!((family(&masked(Some(116), BOXES)), classes(&masked(Some(116), BOXES))), ("yolo", 80));
    assert_eq!((family(&masked(ANCHORS, Some(117))), classes(&masked(ANCHORS, Some(117)))), ("yolov5", 80));
    assert_eq!(family(&masked(Some(300), Some(38))), "yolo_end2end");
    assert_eq!(family(&masked(Some(300), Some(6))), "none");
    assert_eq!(family(&masked(Some(20), BOXES)), "none", "no room for 32 coefficients");
}

#[test]
fn what_may_be_of_several_families_must_be_named() {
    for doubtful in [
        graph(None, None),
        graph(None, Some(85)),
        graph(BOXES, Some(84)),
        graph(None, Some(6)),
        with_names(graph(None, None), 80),
        with_names(graph(None, Some(6)), 1),
        with_names(graph(None, Some(6)), 2),
    ] {
        let message = recognise(&doubtful).unwrap_err().to_string();
        assert!(message.contains("`model.family`") && message.contains("`model.toml`"), "{message}");
        assert!(message.contains("`yolox`") && message.contains("`output0` float32"), "{message}");
    }
    assert_eq!(named("yolo", &graph(BOXES, Some(84))).unwrap().labels().len(), 80);
    assert_eq!(named("yolov5", &graph(None, Some(85))).unwrap().labels().len(), 80);
    assert_eq!(named("yolox", &with_names(graph(None, None), 7)).unwrap().labels().len(), 7);
    assert_eq!(named("yolo_end2end", &with_names(graph(None, Some(6)), 1)).unwrap().labels().len(), 1);
    assert!(named("yolo", &graph(None, None)).is_err(), "how many classes?");
}

#[test]
fn names_that_are_not_one_a_class_are_refused() {
    let message = recognise(&with_names(graph(Some(84), BOXES), 3)).unwrap_err().to_string();
    assert!(message.contains("80 classes") && message.contains("3 labels"), "{message}");
}

#[test]
fn other_graphs_are_not_taken_for_one() {
    assert_eq!(family(&graph(Some(257), Some(384))), "none", "tokens of a transformer");
    let mut queries = graph(Some(100), Some(134));
    queries.outputs.push(port("masks", &[None, Some(100), Some(96), Some(96)]));
    assert_eq!(family(&queries), "none");
    let mut two = graph(Some(84), BOXES);
    two.outputs.push(port("logits", &[None, Some(100), Some(91)]));
    assert_eq!(family(&two), "none");
    let mut maps = graph(ANCHORS, Some(15));
    maps.outputs.push(port("345", &[None, Some(3), Some(4), Some(4), Some(15)]));
    assert_eq!(family(&maps), "yolov5", "older exporters leave the maps beside");
}

#[test]
fn cells_are_counted_row_by_row_and_grid_by_grid() {
    let strides = grids(CELLS, (32, 32)).unwrap();
    assert_eq!(strides, [8, 16, 32]);
    let all: Vec<_> = (0..CELLS).map(|index| cell(strides, (32, 32), index).unwrap()).collect();
    assert_eq!((all[0], all[1], all[4]), ([0.0, 0.0, 8.0], [8.0, 0.0, 8.0], [0.0, 8.0, 8.0]));
    assert_eq!((all[15], all[16], all[20]), ([24.0, 24.0, 8.0], [0.0, 0.0, 16.0], [0.0, 0.0, 32.0]));
    assert_eq!(cell(strides, (32, 32), CELLS), None);
    assert_eq!(grids(8400, (640, 640)), Some(&[8, 16, 32][..]));
    assert_eq!(grids(34000, (1280, 1280)), Some(&[8, 16, 32, 64][..]));
    assert_eq!(grids(8401, (640, 640)), None);
}
