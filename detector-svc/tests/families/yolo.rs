//! The layouts of YOLO and SSD exports.

use detector_svc::model::{MasksWanted, ModelOptions};

use crate::{
    EXACT,
    golden::{Golden, Tolerance},
};

/// What half precision of the graph's own arithmetic leaves.
const HALF: Tolerance = Tolerance { pixels: 3.0, score: 6e-3, mask_iou: 0.95 };

#[test]
fn boxes_in_columns() {
    Golden::read("yolo").check("yolo", EXACT);
}

#[test]
fn boxes_in_columns_of_one_image_a_run() {
    Golden::read("yolo_fixed").check("yolo", EXACT);
}

#[test]
fn boxes_in_columns_in_half_precision() {
    Golden::read("yolo_f16").check("yolo", HALF);
}

#[test]
fn boxes_in_columns_with_masks() {
    Golden::read("yolo_seg").check("yolo", EXACT);
}

#[test]
fn masks_are_made_for_as_many_and_as_sure_as_are_wanted() {
    let golden = Golden::read("yolo_seg");
    let mut loaded = golden.load(&ModelOptions::default());
    let confidences: Vec<f32> = golden.expected.detections.iter().map(|found| found.confidence).collect();
    let between = (confidences[4] + confidences[5]) / 2.0;
    for (above, most, expected) in [(0.0, 3, 3), (between, 100, 5)] {
        let found = golden.detect_with(&mut loaded, 1, MasksWanted { above, most });
        assert_eq!(found.len(), confidences.len());
        assert!(found.iter().enumerate().all(|(index, found)| found.mask.is_some() == (index < expected)));
    }
}

#[test]
fn boxes_of_anything_with_masks() {
    Golden::read("fastsam").check("yolo", EXACT);
}

#[test]
fn three_boxes_a_cell_with_objectness() {
    Golden::read("yolov5").check("yolov5", EXACT);
}

#[test]
fn one_box_a_cell_decoded_in_the_graph() {
    Golden::read("yolox_decoded").check("yolox", EXACT);
}

#[test]
fn one_box_a_cell_left_to_decode() {
    Golden::read("yolox_raw").check("yolox", EXACT);
}

#[test]
fn selected_boxes() {
    Golden::read("yolo_end2end").check("yolo_end2end", EXACT);
}

#[test]
fn selected_boxes_with_masks() {
    Golden::read("yolo_end2end_seg").check("yolo_end2end", EXACT);
}

#[test]
fn selected_boxes_in_the_four_outputs_of_tensorflow() {
    Golden::read("ssd_tf").check("ssd", EXACT);
}

#[test]
fn selected_boxes_in_the_four_outputs_of_efficient_nms() {
    Golden::read("efficient_nms").check("ssd", EXACT);
}
