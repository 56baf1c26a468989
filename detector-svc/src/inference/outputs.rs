//! The tensors that a run returned, as families read them.

use std::sync::Arc;

use half::{f16, slice::HalfFloatSliceExt as _};
use ort::value::DynValue;

use crate::model::{Output, Outputs};

/// Output tensors of one run, independent of the session that made them.
#[derive(Debug)]
pub struct RunOutputs(Vec<(Arc<str>, Values)>);

/// Values of an output.
#[derive(Debug)]
enum Values {
    /// In single precision, as the runtime left them.
    Single(DynValue),
    /// Of another type, converted.
    Converted { shape: Vec<usize>, data: Vec<f32> },
}

impl RunOutputs {
    /// Takes outputs over; those of a type that cannot be read are left out.
    pub(super) fn new(outputs: impl Iterator<Item = (Arc<str>, DynValue)>) -> Self {
        Self(outputs.filter_map(|(name, value)| Some((name, Values::new(value)?))).collect())
    }

    /// The tensors to read.
    #[must_use]
    pub fn view(&self) -> Outputs<'_> {
        let outputs = self.0.iter().filter_map(|(name, values)| {
            let (shape, data) = match values {
                Values::Single(value) => {
                    let (shape, data) = value.try_extract_tensor::<f32>().ok()?;
                    (sides(shape), data)
                }
                Values::Converted { shape, data } => (shape.clone(), data.as_slice()),
            };
            Some(Output { name, shape, data })
        });
        Outputs(outputs.collect())
    }
}

impl Values {
    fn new(value: DynValue) -> Option<Self> {
        if value.try_extract_tensor::<f32>().is_ok() {
            return Some(Self::Single(value));
        }
        let (shape, data) = half(&value)
            .or_else(|| converted(&value, |value: i64| value as f32))
            .or_else(|| converted(&value, |value: i32| value as f32))
            .or_else(|| converted(&value, |value: f64| value as f32))
            .or_else(|| converted(&value, |value: u8| value.into()))
            .or_else(|| converted(&value, |value: bool| value.into()))?;
        Some(Self::Converted { shape, data })
    }
}

fn half(value: &DynValue) -> Option<(Vec<usize>, Vec<f32>)> {
    let (shape, data) = value.try_extract_tensor::<f16>().ok()?;
    Some((sides(shape), data.to_f32_vec()))
}

/// Class identifiers and counts are whole numbers far below those that single precision cannot tell apart.
fn converted<T: ort::value::PrimitiveTensorElementType + Copy + std::fmt::Debug>(
    value: &DynValue,
    convert: impl Fn(T) -> f32,
) -> Option<(Vec<usize>, Vec<f32>)> {
    let (shape, data) = value.try_extract_tensor::<T>().ok()?;
    Some((sides(shape), data.iter().copied().map(convert).collect()))
}

fn sides(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|side| usize::try_from(*side).unwrap_or(0)).collect()
}
