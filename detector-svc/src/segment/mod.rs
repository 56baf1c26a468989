//! Masks for boxes that a detector found, made by a second model: SAM 2, which is prompted with the boxes, or FastSAM,
//! which finds every object of an image and leaves the choice to us. How prompts are made and what outputs mean; the
//! sessions are in [`inference`](crate::inference).

mod choice;
mod error;
mod extent;
mod prompts;
mod sam;
mod settings;

pub use self::{
    choice::choose,
    error::SegmenterError,
    prompts::{PromptForm, PromptValues, Prompts},
    sam::{DecoderInput, MASKS, SCORES, decoder_inputs, masks},
    settings::{SegmenterFamily, SegmenterSettings},
};
