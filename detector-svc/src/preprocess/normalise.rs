//! From interleaved bytes to normalised values.

use half::f16;

use super::{Fitted, InputSpec, Layout, SlotMut};
use crate::image::{CHANNELS, ColorOrder};

/// Turns fitted images into slots of a model's input tensor.
#[derive(Clone, Debug)]
pub struct Normaliser {
    spec: InputSpec,
    /// Which byte of a pixel each channel is made of.
    bytes: [usize; CHANNELS],
    tables: Tables,
}

/// Normalised value of every possible byte, and of padding, channel by channel: looked up faster than worked out.
#[derive(Clone, Debug)]
struct Table<T> {
    values: [[T; 256]; CHANNELS],
    padding: [T; CHANNELS],
}

#[derive(Clone, Debug)]
enum Tables {
    F32(Box<Table<f32>>),
    F16(Box<Table<f16>>),
    U8(Box<Table<u8>>),
}

impl Normaliser {
    /// Normalises as `spec` says, from images whose pixels are in `order`.
    #[must_use]
    pub fn new(spec: InputSpec, order: ColorOrder) -> Self {
        let bytes = if spec.color == order { [0, 1, 2] } else { [2, 1, 0] };
        let tables = match spec.element {
            super::Element::F32 => Tables::F32(Table::boxed(&spec, |value| value)),
            super::Element::F16 => Tables::F16(Table::boxed(&spec, f16::from_f32)),
            super::Element::U8 => Tables::U8(Table::boxed(&spec, |value| value.round() as u8)),
        };
        Self { spec, bytes, tables }
    }

    /// What it normalises for.
    #[must_use]
    pub fn spec(&self) -> &InputSpec {
        &self.spec
    }

    /// Values of one slot.
    #[must_use]
    pub fn slot_len(&self) -> usize {
        self.spec.len()
    }

    /// Writes an image into its slot, in the layout of the input, with padding beside it.
    ///
    /// # Panics
    /// When `slot` is not [`Normaliser::slot_len`] long or not of the input's element type.
    pub fn write(&self, image: &Fitted, slot: SlotMut<'_>) {
        match (&self.tables, slot) {
            (Tables::F32(table), SlotMut::F32(slot)) => self.fill(table, image, slot),
            (Tables::F16(table), SlotMut::F16(slot)) => self.fill(table, image, slot),
            (Tables::U8(table), SlotMut::U8(slot)) => self.fill(table, image, slot),
            _ => panic!("a slot of another type than the input, {:?}", self.spec.element),
        }
    }

    fn fill<T: Copy>(&self, table: &Table<T>, image: &Fitted, slot: &mut [T]) {
        assert_eq!(slot.len(), self.spec.len(), "slot of another size than the input");
        match self.spec.layout {
            Layout::Planar => {
                let plane_len = self.spec.width as usize * self.spec.height as usize;
                for (channel, plane) in slot.chunks_exact_mut(plane_len).enumerate() {
                    self.fill_plane(table, channel, image, plane);
                }
            }
            Layout::Interleaved => self.fill_pixels(table, image, slot),
        }
    }

    fn fill_plane<T: Copy>(&self, table: &Table<T>, channel: usize, image: &Fitted, plane: &mut [T]) {
        let (values, byte) = (&table.values[channel], self.bytes[channel]);
        let padding = table.padding[channel];
        let pixels = image.pixels();
        self.rows(
            image,
            plane,
            1,
            |part| part.fill(padding),
            |row, inside| {
                for (value, pixel) in inside.iter_mut().zip(pixels[row].chunks_exact(CHANNELS)) {
                    *value = values[usize::from(pixel[byte])];
                }
            },
        );
    }

    fn fill_pixels<T: Copy>(&self, table: &Table<T>, image: &Fitted, slot: &mut [T]) {
        let pad = |part: &mut [T]| {
            part.chunks_exact_mut(CHANNELS).for_each(|pixel| pixel.copy_from_slice(&table.padding));
        };
        let pixels = image.pixels();
        self.rows(image, slot, CHANNELS, pad, |row, inside| {
            let sources = pixels[row].chunks_exact(CHANNELS);
            for (target, source) in inside.chunks_exact_mut(CHANNELS).zip(sources) {
                for (channel, value) in target.iter_mut().enumerate() {
                    *value = table.values[channel][usize::from(source[self.bytes[channel]])];
                }
            }
        });
    }

    /// Walks over what of `target`, which has `step` values a pixel, is beside the image and what is in it, row by row
    /// with the range of the row's bytes in the image.
    fn rows<T>(
        &self,
        image: &Fitted,
        target: &mut [T],
        step: usize,
        pad: impl Fn(&mut [T]),
        write: impl Fn(std::ops::Range<usize>, &mut [T]),
    ) {
        let (width, height) = image.size();
        let (left, top) = image.letterbox().offset();
        let (row_length, width) = (self.spec.width as usize * step, width as usize);
        let (above, rest) = target.split_at_mut(top as usize * row_length);
        let (inside, below) = rest.split_at_mut(height as usize * row_length);
        pad(above);
        pad(below);
        for (number, row) in inside.chunks_exact_mut(row_length).enumerate() {
            let (before, rest) = row.split_at_mut(left as usize * step);
            let (inside, after) = rest.split_at_mut(width * step);
            pad(before);
            pad(after);
            let start = number * width * CHANNELS;
            write(start..start + width * CHANNELS, inside);
        }
    }
}

impl<T> Table<T> {
    fn boxed(spec: &InputSpec, from: impl Fn(f32) -> T) -> Box<Self> {
        let normal = |channel: usize, value: f32| from((value - spec.mean[channel]) / spec.std[channel]);
        Box::new(Self {
            values: std::array::from_fn(|c| std::array::from_fn(|value| normal(c, value as f32))),
            padding: std::array::from_fn(|c| normal(c, spec.padding[c])),
        })
    }
}
