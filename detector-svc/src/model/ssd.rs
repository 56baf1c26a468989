//! Graphs that select boxes themselves and return them in four outputs: TensorFlow's object detection models (SSD,
//! EfficientDet, CenterNet, Faster R-CNN), and exports that end in TensorRT's `EfficientNMS`.

use super::{
    GraphInfo, ImageOutputs, OutputError, Query,
    decode::{Decode, numbered, scaled},
    family::Family,
    nms::Candidate,
    recognise::{Evidence, Input, Kind, Recognised, UNNAMED_CLASSES},
    yolo_head::usual_input,
};
use crate::{image::CHANNELS, preprocess::ResizeMode};

/// The family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssd {
    /// Names of the outputs: boxes `[batch, n, 4]`, classes `[batch, n]`, scores `[batch, n]`, and how many of the `n`
    /// there are, `[batch]` or `[batch, 1]`.
    outputs: [String; 4],
    convention: Convention,
}

/// What the numbers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Convention {
    /// Corners `y_min, x_min, y_max, x_max` in parts of the input, classes counted from 1.
    TensorFlow,
    /// Corners `x_min, y_min, x_max, y_max` in input pixels, classes counted from 0.
    EfficientNms,
}

/// How the outputs are called: boxes, classes, scores, number.
const NAMES: [(Convention, [&str; 4]); 2] = [
    (Convention::TensorFlow, ["detection_boxes", "detection_classes", "detection_scores", "num_detections"]),
    (Convention::EfficientNms, ["det_boxes", "det_classes", "det_scores", "num_dets"]),
];

impl Ssd {
    /// How graphs are held against it.
    pub(super) const KIND: Kind = Kind {
        name: "ssd",
        expected: "`detection_boxes` [batch, n, 4], `detection_classes`, `detection_scores` [batch, n] and \
                   `num_detections` [batch], or `det_boxes`, `det_classes`, `det_scores` and `num_dets`",
        recognise: Self::recognise,
    };

    fn recognise(evidence: &Evidence<'_>) -> Option<Recognised> {
        let (convention, outputs) = NAMES.iter().find_map(|(convention, names)| {
            let [boxes, classes, scores, count] = names.map(|name| output(evidence.graph, name));
            Some((*convention, [boxes?, classes?, scores?, count?]))
        })?;
        Some(Recognised {
            family: Family::Ssd(Self { outputs, convention }),
            classes: evidence.labels.is_none().then_some(UNNAMED_CLASSES),
            input: convention.input(),
        })
    }
}

/// The full name of an output; converters add the number that TensorFlow gives an operation's outputs.
fn output(graph: &GraphInfo, name: &str) -> Option<String> {
    let ports = graph.outputs.iter();
    ports.map(|port| &port.name).find(|full| full.strip_suffix(":0").unwrap_or(full) == name).cloned()
}

impl Convention {
    /// How the input is made: TensorFlow's graphs normalise it themselves.
    fn input(self) -> Input {
        match self {
            Self::TensorFlow => Input {
                mean: [0.0; CHANNELS],
                std: [1.0; CHANNELS],
                resize: ResizeMode::Stretch,
                ..Input::default()
            },
            Self::EfficientNms => usual_input(),
        }
    }

    /// Corners in input pixels.
    fn corners(self, corners: [f32; 4], input: (u32, u32)) -> [f32; 4] {
        match self {
            Self::TensorFlow => {
                let [y_min, x_min, y_max, x_max] = corners;
                scaled([x_min, y_min, x_max, y_max], input)
            }
            Self::EfficientNms => corners,
        }
    }

    /// Number of the first class.
    fn first_class(self) -> f32 {
        match self {
            Self::TensorFlow => 1.0,
            Self::EfficientNms => 0.0,
        }
    }
}

impl Decode for Ssd {
    fn kind(&self) -> &'static Kind {
        &Self::KIND
    }

    fn suppresses(&self) -> bool {
        false
    }

    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        let [boxes_name, classes_name, scores_name, count_name] = &self.outputs;
        let boxes = image.matrix(boxes_name, Some(4))?;
        let (classes, scores) = (image.vector(classes_name)?, image.vector(scores_name)?);
        for (name, values) in [(classes_name, classes), (scores_name, scores)] {
            if values.len() != boxes.rows {
                return Err(OutputError::Shape {
                    name: name.clone(),
                    shape: vec![values.len()],
                    expected: format!("a value for each of the {} boxes", boxes.rows),
                });
            }
        }
        // Below 0 it is 0, and beyond the last row there is nothing.
        let count = image.scalar(count_name)?.round() as usize;
        let rows = boxes.data.as_chunks::<4>().0.iter().zip(classes).zip(scores).take(count);
        for (row, ((corners, class), confidence)) in rows.enumerate() {
            if *confidence <= query.thresholds.confidence {
                continue;
            }
            let class = class - self.convention.first_class();
            if let Some(class_id) = numbered(classes_name, class, query)? {
                let corners = self.convention.corners(*corners, image.input);
                candidates.push(Candidate { class_id, confidence: *confidence, corners, row });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "ssd_tests.rs"]
mod tests;
