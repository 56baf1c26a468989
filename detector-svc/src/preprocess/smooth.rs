//! Resizing as SciPy's `gaussian_filter` and `zoom` do it together, which scikit-image's `resize` and the image processor
//! of OWLv2 are made of: an image that becomes smaller is smoothed, then each pixel is taken between its four neighbours.
//! Both are linear and apart for rows and columns, so one set of weights along each axis does both.

use super::fit::Canvas;
use crate::image::{CHANNELS, Image};

/// Standard deviations after which the bell curve is cut off.
const REACH: f64 = 4.0;

/// Resizes images on a canvas; keeps the weights from image to image.
#[derive(Debug, Default)]
pub(super) struct Smoother {
    /// Of columns and rows, with what they were made for.
    axes: Option<([Scaling; 2], [Axis; 2])>,
    /// Sums of the rows that become one.
    line: Vec<f32>,
}

/// How one axis is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scaling {
    /// Pixels of the image.
    image: usize,
    /// Pixels of the image and the padding after it.
    canvas: usize,
    /// Pixels that the canvas becomes.
    target: usize,
}

/// What the pixels along one axis are made of.
#[derive(Debug)]
struct Axis {
    pixels: Vec<Taps>,
    weights: Vec<f32>,
}

/// What one pixel is made of.
#[derive(Debug)]
struct Taps {
    /// First pixel of the image.
    first: usize,
    /// Where the weights of that and those after it are.
    weights: std::ops::Range<usize>,
    /// Weight of the padding.
    padding: f32,
}

impl Smoother {
    /// Resizes what is on the canvas to `width` and `height`, into interleaved `pixels`.
    pub(super) fn resize(
        &mut self,
        image: &Image,
        canvas: Canvas,
        (width, height): (u32, u32),
        pixels: &mut Vec<u8>,
    ) {
        let scaling = |image: u32, canvas: u32, target: u32| Scaling {
            image: image as usize,
            canvas: canvas as usize,
            target: target as usize,
        };
        let wanted =
            [scaling(image.width, canvas.width, width), scaling(image.height, canvas.height, height)];
        let [columns, rows] = match self.axes.take() {
            Some((made_for, axes)) if made_for == wanted => axes,
            _ => wanted.map(Axis::new),
        };
        pixels.resize(width as usize * height as usize * CHANNELS, 0);
        for (taps, target) in rows.pixels.iter().zip(pixels.chunks_exact_mut(width as usize * CHANNELS)) {
            self.add_rows(image, canvas.padding, taps, &rows.weights);
            self.fill(canvas.padding, &columns, target);
        }
        self.axes = Some((wanted, [columns, rows]));
    }

    /// Sums the rows of the image that become one.
    fn add_rows(&mut self, image: &Image, padding: [f32; CHANNELS], taps: &Taps, weights: &[f32]) {
        let row_len = image.width as usize * CHANNELS;
        self.line.clear();
        self.line.extend(padding.map(|value| value * taps.padding).iter().cycle().take(row_len));
        let rows = image.pixels.chunks_exact(row_len).skip(taps.first);
        for (row, weight) in rows.zip(&weights[taps.weights.clone()]) {
            for (sum, value) in self.line.iter_mut().zip(row) {
                *sum += f32::from(*value) * weight;
            }
        }
    }

    /// Makes a row of the target of the sums.
    fn fill(&self, padding: [f32; CHANNELS], columns: &Axis, target: &mut [u8]) {
        let (line, _) = self.line.as_chunks::<CHANNELS>();
        for (pixel, taps) in target.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(&columns.pixels) {
            let mut sums = padding.map(|value| value * taps.padding);
            for (values, weight) in line[taps.first..].iter().zip(&columns.weights[taps.weights.clone()]) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value * weight;
                }
            }
            *pixel = sums.map(|sum| sum.round() as u8);
        }
    }
}

impl Axis {
    fn new(scaling: Scaling) -> Self {
        let Scaling { image, canvas, target } = scaling;
        let factor = canvas as f64 / target as f64;
        let bell = Bell::new((factor - 1.0).max(0.0) / 2.0);
        let mut axis = Self { pixels: Vec::with_capacity(target), weights: Vec::new() };
        let mut of_canvas = vec![0.0; canvas];
        for pixel in 0..target {
            let centre = (pixel as f64 + 0.5) * factor - 0.5;
            let (low, between) = (centre.floor() as i64, centre - centre.floor());
            let near = -bell.radius..=bell.radius + 1;
            let places = near.clone().map(|n| mirrored(low + n, canvas));
            for (place, n) in places.clone().zip(near) {
                of_canvas[place] += (1.0 - between) * bell.at(n) + between * bell.at(n - 1);
            }
            let (first, last) = (places.clone().min().unwrap_or(0), places.max().unwrap_or(0));
            axis.add(&mut of_canvas[first..=last], first, image);
        }
        axis
    }

    /// Adds a pixel that is made of those from `first` on with these weights, and leaves zeros behind.
    fn add(&mut self, weights: &mut [f64], first: usize, image: usize) {
        let (of_image, of_padding) = weights.split_at(image.saturating_sub(first).min(weights.len()));
        let start = self.weights.len();
        self.weights.extend(of_image.iter().map(|weight| *weight as f32));
        let padding = of_padding.iter().sum::<f64>() as f32;
        self.pixels.push(Taps { first: first.min(image), weights: start..self.weights.len(), padding });
        weights.fill(0.0);
    }
}

/// A bell curve at whole distances, with a sum of 1.
struct Bell {
    radius: i64,
    values: Vec<f64>,
}

impl Bell {
    fn new(deviation: f64) -> Self {
        let radius = (REACH * deviation + 0.5) as i64;
        let value = |n: i64| if n == 0 { 1.0 } else { (-0.5 * (n as f64 / deviation).powi(2)).exp() };
        let sum: f64 = (-radius..=radius).map(value).sum();
        Self { radius, values: (0..=radius).map(|n| value(n) / sum).collect() }
    }

    fn at(&self, n: i64) -> f64 {
        self.values.get(n.unsigned_abs() as usize).copied().unwrap_or(0.0)
    }
}

/// The pixel in place of one beyond the edge: the canvas goes on as its mirror image about the pixel at the edge.
fn mirrored(place: i64, canvas: usize) -> usize {
    let last = canvas as i64 - 1;
    let within = place.rem_euclid((2 * last).max(1));
    within.min(2 * last - within).max(0) as usize
}

#[cfg(test)]
#[path = "smooth_tests.rs"]
mod tests;
