//! A model, the frame, and what was to be found in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use detector_svc::{
    detection::Detection,
    frame::{Encoding, FileFormat, Payload},
    image::{Decoder, FASTEST_ORDER, Image, Limits},
    inference::{Inputs, LoadedModel, ModelSource, RuntimeSettings},
    model::{ClassSet, ImageOutputs, MAX_MASKS, MasksWanted, ModelOptions, Query, Scratch, Thresholds},
    preprocess::{Fitter, Normaliser},
    spare::Spare,
};
use serde::Deserialize;

/// How far from the reference what is found may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    /// Of each side of a box, in pixels of the frame.
    pub(crate) pixels: f32,
    /// Of a score.
    pub(crate) score: f32,
    /// Least overlap of a mask with the reference's.
    pub(crate) mask_iou: f64,
}

/// A folder of `tests/golden/families`.
pub(crate) struct Golden {
    folder: PathBuf,
    /// What the reference found, and with which settings.
    pub(crate) expected: Expected,
}

/// `expected.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    pub(crate) threshold: f32,
    pub(crate) iou: f32,
    pub(crate) max_detections: usize,
    #[serde(default)]
    pub(crate) text_threshold: f32,
    /// What it was asked for, in words.
    #[serde(default)]
    pub(crate) vocabulary: Vec<String>,
    pub(crate) detections: Vec<Found>,
}

/// An object that the reference found.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    pub(crate) label: String,
    pub(crate) class_id: usize,
    pub(crate) confidence: f32,
    #[serde(rename = "box")]
    pub(crate) corners: [f32; 4],
    pub(crate) mask: Option<Rle>,
}

/// A mask in COCO's compressed run-length encoding.
#[derive(Debug, Deserialize)]
pub(crate) struct Rle {
    pub(crate) size: [usize; 2],
    pub(crate) counts: String,
}

impl Golden {
    pub(crate) fn read(name: &str) -> Self {
        let folder = families().join(name);
        let expected = fs::read(folder.join("expected.json")).unwrap();
        let mut expected: Expected = serde_json::from_slice(&expected).unwrap();
        // Grounding DINO calls an object by the words that it found of all queries.
        for found in &mut expected.detections {
            found.label = expected.vocabulary.get(found.class_id).unwrap_or(&found.label).clone();
        }
        Self { expected, folder }
    }

    /// File of a model.
    pub(crate) fn path(name: &str) -> PathBuf {
        families().join(name).join("model.onnx")
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Recognises the model from its file and what lies beside it.
    pub(crate) fn load(&self, options: &ModelOptions) -> LoadedModel {
        let source = ModelSource::File(self.folder.join("model.onnx"));
        LoadedModel::load(&source, options, &RuntimeSettings::default()).unwrap()
    }

    /// Asserts that the model is of the family and finds what the reference found, alone and in a batch.
    pub(crate) fn check(&self, family: &str, tolerance: Tolerance) {
        let labels = self.expected.vocabulary.clone();
        let mut loaded = self.load(&ModelOptions { max_batch: 2, labels, ..ModelOptions::default() });
        assert_eq!(loaded.model.family.name(), family);
        for images in 1..=loaded.model.batch.max {
            let found = self.detect(&mut loaded, images);
            self.compare(&loaded, &found, tolerance);
        }
    }

    /// What the model finds in the frame, as the last of a batch.
    pub(crate) fn detect(&self, loaded: &mut LoadedModel, images: usize) -> Vec<Detection> {
        self.detect_with(loaded, images, MasksWanted { above: 0.0, most: MAX_MASKS })
    }

    /// The same with masks for some of it.
    pub(crate) fn detect_with(
        &self,
        loaded: &mut LoadedModel,
        images: usize,
        masks: MasksWanted,
    ) -> Vec<Detection> {
        let LoadedModel { model, sessions } = loaded;
        let session = &mut sessions[0];
        let mut tensor = session.new_tensor();
        let normaliser = Normaliser::new(model.input.clone(), FASTEST_ORDER);
        let mut letterboxes = Vec::new();
        for index in 0..images {
            // All but the last are upside down, so that images cannot be mixed up unnoticed.
            let mut image = frame(index + 1 < images);
            let fitted = Fitter::new(&model.input, Spare::new(1)).fit(&mut image).unwrap();
            normaliser.write(&fitted, tensor.slot(index, normaliser.slot_len()).unwrap());
            letterboxes.push(*fitted.letterbox());
        }
        let vocabulary = &model.vocabulary;
        let inputs = Inputs { tensor: &tensor, letterboxes: &letterboxes, vocabulary };
        let outputs = session.run(&inputs).unwrap();
        let outputs = outputs.view();
        let (index, input) = (images - 1, model.input.size());
        let image = ImageOutputs { outputs: &outputs, index, letterbox: &letterboxes[index], input };
        let Expected { threshold, iou, text_threshold, max_detections, .. } = self.expected;
        let thresholds = Thresholds { confidence: threshold, iou, text: text_threshold, max_detections };
        let query = Query { thresholds, classes: &ClassSet::all(), vocabulary, masks: Some(masks) };
        let mut found = Vec::new();
        model.postprocess(&image, &query, &mut Scratch::default(), &mut found).unwrap();
        found
    }

    /// Asserts that each object of the reference was found, and no other.
    pub(crate) fn compare(&self, loaded: &LoadedModel, found: &[Detection], tolerance: Tolerance) {
        let labels = loaded.model.labels();
        let mut rest: Vec<&Detection> = found.iter().collect();
        for expected in &self.expected.detections {
            let same = rest.iter().position(|detection| {
                labels.name(detection.class_id) == expected.label && expected.is(detection, tolerance)
            });
            let Some(index) = same else {
                panic!("{expected:?} was not found; what else was: {rest:#?}");
            };
            let detection = rest.remove(index);
            if let Some(mask) = &expected.mask {
                let overlap = mask.iou(detection);
                assert!(overlap >= tolerance.mask_iou, "the mask of {expected:?} overlaps by {overlap}");
            }
        }
        assert!(rest.is_empty(), "found beside what was expected: {rest:#?}");
    }
}

impl Found {
    fn is(&self, detection: &Detection, tolerance: Tolerance) -> bool {
        let bounds = detection.bounding_box;
        let sides = [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max];
        (detection.confidence - self.confidence).abs() <= tolerance.score
            && sides
                .iter()
                .zip(self.corners)
                .all(|(side, expected)| (side - expected).abs() <= tolerance.pixels)
    }
}

impl Rle {
    /// Overlap with the mask of a detection; 1 when both are empty.
    pub(crate) fn iou(&self, detection: &Detection) -> f64 {
        let mask = detection.mask.as_ref().expect("a mask");
        assert_eq!([mask.height as usize, mask.width as usize], self.size);
        let region = mask.region;
        let inside = |x: usize, y: usize| {
            let (x, y) = (x.checked_sub(region.x as usize)?, y.checked_sub(region.y as usize)?);
            (x < region.width as usize).then_some(())?;
            mask.pixels.get(y * region.width as usize + x).copied()
        };
        let (mut both, mut either) = (0_u32, 0_u32);
        for (index, expected) in self.pixels().into_iter().enumerate() {
            // Column after column.
            let (x, y) = (index / self.size[0], index % self.size[0]);
            let found = inside(x, y).unwrap_or(false);
            both += u32::from(found && expected);
            either += u32::from(found || expected);
        }
        if either == 0 { 1.0 } else { f64::from(both) / f64::from(either) }
    }

    /// Whether each pixel is the object's, column after column: runs of pixels that are not and that are by turns, their
    /// lengths in groups of five bits, from the third on as the difference to the length two before.
    pub(crate) fn pixels(&self) -> Vec<bool> {
        let mut lengths: Vec<i64> = Vec::new();
        let mut characters = self.counts.bytes().map(|character| i64::from(character) - 48);
        while let Some(mut group) = characters.next() {
            let (mut value, mut shift) = (0, 0);
            loop {
                value |= (group & 0x1f) << shift;
                shift += 5;
                if group & 0x20 == 0 {
                    break;
                }
                group = characters.next().unwrap();
            }
            if group & 0x10 != 0 {
                value |= -1 << shift;
            }
            let before = if lengths.len() > 2 { lengths[lengths.len() - 2] } else { 0 };
            lengths.push(value + before);
        }
        let runs = lengths.into_iter().enumerate();
        runs.flat_map(|(run, length)| vec![run % 2 == 1; usize::try_from(length).unwrap()]).collect()
    }
}

fn families() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/families"))
}

/// The frame that the references looked at.
pub(crate) fn frame(upside_down: bool) -> Image {
    let bytes = Bytes::from(fs::read(families().join("frame.png")).unwrap());
    let payload = Payload { bytes, base64: false, encoding: Encoding::File(FileFormat::Png) };
    let limits = Limits { max_side: 10_000, max_pixels: 1_000_000 };
    let mut image = Image::default();
    Decoder::new().decode(&payload, FASTEST_ORDER, limits, &mut image).unwrap();
    if upside_down {
        let rows: Vec<&[u8]> = image.pixels.chunks(image.width as usize * 3).rev().collect();
        image.pixels = rows.concat();
    }
    image
}
