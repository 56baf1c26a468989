//! FastSAM: every object of an image is found, and each box has the mask that overlaps it most.

use std::path::{Path, PathBuf};

use super::{
    super::{Inputs, LoadError, LoadedModel, ModelSource, RuntimeSettings, Session},
    SegmentError, Segmenter,
};
use crate::{
    detection::{BoundingBox, Detection},
    image::{FASTEST_ORDER, Image},
    mask::Mask,
    model::{
        ClassSet, ImageOutputs, MAX_MASKS, MasksWanted, Model, ModelOptions, Query, Scratch, Thresholds,
    },
    preprocess::{Fitter, Normaliser, Tensor},
    segment::{SegmenterError, choose},
    spare::Spare,
};

/// What counts as an object, as FastSAM has it for prompts.
const THRESHOLDS: Thresholds = Thresholds { confidence: 0.4, iou: 0.9, text: 0.0, max_detections: 300 };
/// Objects of whatever class.
static EVERY_CLASS: ClassSet = ClassSet::all();

/// A detector of objects of any class that makes masks.
pub(super) struct FastSam {
    model: Model,
    session: Session,
    fitter: Fitter,
    normaliser: Normaliser,
    tensor: Tensor,
    scratch: Scratch,
    found: Vec<Detection>,
}

impl FastSam {
    /// Loads the model, which runs it once.
    pub(super) fn load(path: &Path, file: PathBuf, runtime: &RuntimeSettings) -> Result<Self, LoadError> {
        let loaded = LoadedModel::load(&ModelSource::File(file), &ModelOptions::default(), runtime)?;
        let LoadedModel { model, sessions } = loaded;
        let session = sessions.into_iter().next().filter(|_| model.has_masks());
        let session = session.ok_or_else(|| LoadError::Segmenter {
            path: path.to_owned(),
            source: SegmenterError::NotASegmenter { family: model.family.name() },
        })?;
        Ok(Self {
            fitter: Fitter::new(&model.input, Spare::new(1)),
            normaliser: Normaliser::new(model.input.clone(), FASTEST_ORDER),
            tensor: session.new_tensor(),
            model,
            session,
            scratch: Scratch::default(),
            found: Vec::new(),
        })
    }

    /// Masks of every object of an image.
    fn objects(&mut self, image: &mut Image) -> Result<Vec<Mask>, SegmentError> {
        let fitted = self.fitter.fit(image)?;
        if let Some(slot) = self.tensor.slot(0, self.normaliser.slot_len()) {
            self.normaliser.write(&fitted, slot);
        }
        let letterbox = fitted.letterbox();
        let vocabulary = &self.model.vocabulary;
        let inputs =
            Inputs { tensor: &self.tensor, letterboxes: std::slice::from_ref(letterbox), vocabulary };
        let outputs = self.session.run(&inputs)?;
        let outputs = outputs.view();
        let image = ImageOutputs { outputs: &outputs, index: 0, letterbox, input: self.model.input.size() };
        let query = Query {
            thresholds: THRESHOLDS,
            classes: &EVERY_CLASS,
            vocabulary,
            masks: Some(MasksWanted { above: 0.0, most: MAX_MASKS }),
        };
        self.model.postprocess(&image, &query, &mut self.scratch, &mut self.found)?;
        Ok(self.found.drain(..).filter_map(|object| object.mask).collect())
    }
}

impl Segmenter for FastSam {
    fn name(&self) -> &'static str {
        "fastsam"
    }

    fn segment(
        &mut self,
        image: &mut Image,
        boxes: &[BoundingBox],
    ) -> Result<Vec<Option<Mask>>, SegmentError> {
        let masks = self.objects(image)?;
        let chosen = choose(boxes, &masks).into_iter();
        Ok(chosen.map(|index| masks.get(index?).cloned()).collect())
    }
}
