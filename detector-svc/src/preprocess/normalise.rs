//! From interleaved bytes to normalised planes.

use super::{Fitted, InputSpec};
use crate::image::{CHANNELS, ColorOrder};

/// Turns fitted images into slots of a model's input tensor.
#[derive(Clone, Debug)]
pub struct Normaliser {
    spec: InputSpec,
    /// Normalised value of every possible byte, channel by channel: looked up faster than worked out.
    values: [[f32; 256]; CHANNELS],
    /// Which byte of a pixel each plane is made of.
    bytes: [usize; CHANNELS],
}

impl Normaliser {
    /// Normalises as `spec` says, from images whose pixels are in `order`.
    #[must_use]
    pub fn new(spec: InputSpec, order: ColorOrder) -> Self {
        let values =
            std::array::from_fn(|c| std::array::from_fn(|value| (value as f32 - spec.mean[c]) / spec.std[c]));
        let bytes = if spec.color == order { [0, 1, 2] } else { [2, 1, 0] };
        Self { spec, values, bytes }
    }

    /// Values of one slot.
    #[must_use]
    pub fn slot_len(&self) -> usize {
        self.spec.len()
    }

    /// Writes an image into its slot, planar `[3, height, width]`, with padding beside it.
    ///
    /// # Panics
    /// When `slot` is not [`Normaliser::slot_len`] long.
    pub fn write(&self, image: &Fitted, slot: &mut [f32]) {
        assert_eq!(slot.len(), self.spec.len(), "slot of another size than the input");
        let plane_len = self.spec.width as usize * self.spec.height as usize;
        for (channel, plane) in slot.chunks_exact_mut(plane_len).enumerate() {
            self.write_plane(channel, image, plane);
        }
    }

    fn write_plane(&self, channel: usize, image: &Fitted, plane: &mut [f32]) {
        let (values, byte) = (&self.values[channel], self.bytes[channel]);
        let padding = values[usize::from(self.spec.padding)];
        let (width, height) = image.letterbox().scaled_size();
        let (left, top) = image.letterbox().offset();
        let (row_length, width) = (self.spec.width as usize, width as usize);
        let (above, rest) = plane.split_at_mut(top as usize * row_length);
        let (inside, below) = rest.split_at_mut(height as usize * row_length);
        above.fill(padding);
        below.fill(padding);
        let sources = image.pixels().chunks_exact(width * CHANNELS);
        for (row, source) in inside.chunks_exact_mut(row_length).zip(sources) {
            let (before, rest) = row.split_at_mut(left as usize);
            let (inside, after) = rest.split_at_mut(width);
            before.fill(padding);
            after.fill(padding);
            for (value, pixel) in inside.iter_mut().zip(source.chunks_exact(CHANNELS)) {
                *value = values[usize::from(pixel[byte])];
            }
        }
    }
}
