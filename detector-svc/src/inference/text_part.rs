//! The part of a graph that reads text: run once for what is asked, not once a frame.

use std::{collections::VecDeque, sync::Arc};

use ort::{session::Session, value::DynValue};
use parking_lot::Mutex;

use super::{
    InferenceError,
    side_input::{self, Given, TypedSideInput},
};
use crate::model::{Prompt, SideInput, SideInputKind};

/// Texts that are kept, each for one number of images.
const KEPT: usize = 32;

/// What the rest of the graph takes from the part that reads text: names and values.
pub(super) type Encoded = Arc<Vec<(Arc<str>, DynValue)>>;

/// Reads text; clones share what was read.
#[derive(Clone, Debug)]
pub(super) struct TextPart(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    session: Session,
    inputs: Vec<TypedSideInput>,
    outputs: Vec<Arc<str>>,
    /// The one used last at the front.
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    prompt: Prompt,
    images: usize,
    encoded: Encoded,
}

impl TextPart {
    /// The part as a graph of its own, whose inputs are known by their names.
    pub(super) fn new(session: Session) -> Self {
        let inputs = session.inputs().iter().filter_map(|outlet| {
            let kind = SideInputKind::of(outlet.name())?;
            let element = outlet.dtype().tensor_type()?;
            let (name, dimensions) = (outlet.name().to_owned(), Vec::new());
            let side = SideInput { name, kind, element: element.to_string(), dimensions };
            Some((side, element))
        });
        let inputs = inputs.collect();
        let outputs = session.outputs().iter().map(|outlet| Arc::from(outlet.name())).collect();
        Self(Arc::new(Mutex::new(Inner { session, inputs, outputs, kept: VecDeque::new() })))
    }

    /// What the rest of the graph is given for a run of so many images that are searched for the same.
    ///
    /// Such a part often knows how many images there are by the rows of its text, so each number is read by itself.
    pub(super) fn read(&self, prompt: &Prompt, images: usize) -> Result<Encoded, InferenceError> {
        let mut inner = self.0.lock();
        let known = inner.kept.iter().position(|kept| kept.images == images && kept.prompt == *prompt);
        let kept = match known.and_then(|index| inner.kept.remove(index)) {
            Some(kept) => kept,
            None => Kept { prompt: prompt.clone(), images, encoded: inner.run(prompt, images)? },
        };
        let encoded = Arc::clone(&kept.encoded);
        inner.kept.push_front(kept);
        inner.kept.truncate(KEPT);
        Ok(encoded)
    }
}

impl Inner {
    fn run(&mut self, prompt: &Prompt, images: usize) -> Result<Encoded, InferenceError> {
        let given = Given { images, letterboxes: &[], input: (0, 0), prompt: Some(prompt) };
        let values = self
            .inputs
            .iter()
            .map(|(side, element)| Ok((side.name.as_str(), side_input::value(side, *element, &given)?)));
        let values = values.collect::<Result<Vec<_>, InferenceError>>()?;
        let mut outputs = self.session.run(values)?;
        let taken = self.outputs.iter().filter_map(|name| Some((Arc::clone(name), outputs.remove(name)?)));
        Ok(Arc::new(taken.collect()))
    }
}
