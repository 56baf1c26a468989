//! The values of an input tensor, in the type that the model takes.

use half::f16;

/// Type of the values of an image input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point.
    F16,
    /// Bytes as they are.
    U8,
}

impl Element {
    /// Bytes of one value.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::U8 => 1,
        }
    }
}

/// Values of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// 16-bit floating point.
    F16(Vec<f16>),
    /// Bytes.
    U8(Vec<u8>),
}

/// The values of one image within a tensor, to be written.
#[derive(Debug, PartialEq)]
pub enum SlotMut<'a> {
    /// 32-bit floating point.
    F32(&'a mut [f32]),
    /// 16-bit floating point.
    F16(&'a mut [f16]),
    /// Bytes.
    U8(&'a mut [u8]),
}

impl Tensor {
    /// A tensor of `len` zeros.
    #[must_use]
    pub fn zeros(element: Element, len: usize) -> Self {
        match element {
            Element::F32 => Self::F32(vec![0.0; len]),
            Element::F16 => Self::F16(vec![f16::ZERO; len]),
            Element::U8 => Self::U8(vec![0; len]),
        }
    }

    /// Whether it has so many values of this type.
    #[must_use]
    pub fn is(&self, element: Element, len: usize) -> bool {
        match (self, element) {
            (Self::F32(values), Element::F32) => values.len() == len,
            (Self::F16(values), Element::F16) => values.len() == len,
            (Self::U8(values), Element::U8) => values.len() == len,
            _ => false,
        }
    }

    /// Slot `index` of slots of `len` values each; `None` past the last.
    pub fn slot(&mut self, index: usize, len: usize) -> Option<SlotMut<'_>> {
        let range = index.checked_mul(len)?..index.checked_add(1)?.checked_mul(len)?;
        match self {
            Self::F32(values) => values.get_mut(range).map(SlotMut::F32),
            Self::F16(values) => values.get_mut(range).map(SlotMut::F16),
            Self::U8(values) => values.get_mut(range).map(SlotMut::U8),
        }
    }
}
