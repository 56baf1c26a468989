//! What the model found: detections in source-image pixels.

use crate::mask::Mask;

/// Axis-parallel box in source-image pixels, origin at the top left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BoundingBox {
    /// Left edge.
    pub x_min: f32,
    /// Top edge.
    pub y_min: f32,
    /// Right edge.
    pub x_max: f32,
    /// Bottom edge.
    pub y_max: f32,
}

impl BoundingBox {
    /// Area in square pixels; 0 for an inverted box.
    #[must_use]
    pub fn area(&self) -> f32 {
        (self.x_max - self.x_min).max(0.0) * (self.y_max - self.y_min).max(0.0)
    }

    /// Intersection over union with another box, 0..=1; 0 when both are empty.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f32 {
        let overlap = Self {
            x_min: self.x_min.max(other.x_min),
            y_min: self.y_min.max(other.y_min),
            x_max: self.x_max.min(other.x_max),
            y_max: self.y_max.min(other.y_max),
        }
        .area();
        let union = self.area() + other.area() - overlap;
        if union > 0.0 { overlap / union } else { 0.0 }
    }
}

/// Identity of an object over the frames of one stream, from 1; never given to another object of that stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId(pub u64);

/// One object found in one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Index into the model's labels.
    pub class_id: usize,
    /// Score, 0..=1.
    pub confidence: f32,
    /// Where, in source-image pixels.
    pub bounding_box: BoundingBox,
    /// Which object of its stream it is, when it is tracked.
    pub track_id: Option<TrackId>,
    /// Which pixels are its, when that was asked for and the model tells.
    pub mask: Option<Mask>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f32, side: f32) -> BoundingBox {
        BoundingBox { x_min: x, y_min: 0.0, x_max: x + side, y_max: side }
    }

    #[test]
    fn iou_of_equal_disjoint_and_half_overlapping_boxes() {
        assert!((square(0.0, 2.0).iou(&square(0.0, 2.0)) - 1.0).abs() < 1e-6);
        assert!(square(0.0, 2.0).iou(&square(5.0, 2.0)).abs() < 1e-6);
        assert!((square(0.0, 2.0).iou(&square(1.0, 2.0)) - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn iou_of_empty_boxes_is_zero_not_nan() {
        assert!(BoundingBox::default().iou(&BoundingBox::default()).abs() < 1e-6);
    }
}
