//! Boxes as the tracker measures them.

use crate::detection::BoundingBox;

/// Edges of a box in source-image pixels; double precision, so that no area of finite `f32` edges overflows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Corners {
    pub(super) x_min: f64,
    pub(super) y_min: f64,
    pub(super) x_max: f64,
    pub(super) y_max: f64,
}

impl Corners {
    /// Edges of a box, if they are finite and enclose an area.
    pub(super) fn new(of: &BoundingBox) -> Option<Self> {
        let finite = [of.x_min, of.y_min, of.x_max, of.y_max].iter().all(|edge| edge.is_finite());
        (finite && of.x_min < of.x_max && of.y_min < of.y_max).then(|| Self {
            x_min: of.x_min.into(),
            y_min: of.y_min.into(),
            x_max: of.x_max.into(),
            y_max: of.y_max.into(),
        })
    }

    /// Edges of a box of centre x, centre y, aspect (width / height) and height.
    pub(super) fn from_shape([x, y, aspect, height]: [f64; 4]) -> Self {
        let (half_width, half_height) = (aspect * height / 2.0, height / 2.0);
        Self { x_min: x - half_width, y_min: y - half_height, x_max: x + half_width, y_max: y + half_height }
    }

    /// Centre x, centre y, aspect (width / height) and height.
    pub(super) fn shape(&self) -> [f64; 4] {
        let (width, height) = (self.x_max - self.x_min, self.y_max - self.y_min);
        [self.x_min + width / 2.0, self.y_min + height / 2.0, width / height, height]
    }

    /// Intersection over union with another box, 0..=1; 0 for an inverted box.
    pub(super) fn iou(&self, other: &Self) -> f64 {
        let width = self.x_max.min(other.x_max) - self.x_min.max(other.x_min);
        if width <= 0.0 {
            return 0.0;
        }
        let height = self.y_max.min(other.y_max) - self.y_min.max(other.y_min);
        if height <= 0.0 {
            return 0.0;
        }
        let overlap = width * height;
        overlap / (self.area() + other.area() - overlap)
    }

    /// The box in single precision, an edge of which is not moved below 0 where it was at 0 or above in `original`;
    /// nothing when it is not finite or encloses no area.
    pub(super) fn to_bounding_box(self, original: &BoundingBox) -> Option<BoundingBox> {
        let edge = |value: f64, original: f32| {
            let value = value as f32;
            if original < 0.0 { value } else { value.max(0.0) }
        };
        let smoothed = BoundingBox {
            x_min: edge(self.x_min, original.x_min),
            y_min: edge(self.y_min, original.y_min),
            x_max: edge(self.x_max, original.x_max),
            y_max: edge(self.y_max, original.y_max),
        };
        Self::new(&smoothed).map(|_| smoothed)
    }

    fn area(&self) -> f64 {
        (self.x_max - self.x_min) * (self.y_max - self.y_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounding_box(x_min: f32, y_min: f32, x_max: f32, y_max: f32) -> BoundingBox {
        BoundingBox { x_min, y_min, x_max, y_max }
    }

    fn corners(x_min: f64, y_min: f64, x_max: f64, y_max: f64) -> Corners {
        Corners { x_min, y_min, x_max, y_max }
    }

    #[test]
    fn only_finite_boxes_with_an_area_are_boxes() {
        assert!(Corners::new(&bounding_box(1.0, 2.0, 3.0, 4.0)).is_some());
        assert!(Corners::new(&bounding_box(f32::MIN, f32::MIN, f32::MAX, f32::MAX)).is_some());
        for none in [
            bounding_box(1.0, 2.0, 1.0, 4.0),
            bounding_box(3.0, 2.0, 1.0, 4.0),
            bounding_box(1.0, 2.0, 3.0, 2.0),
            bounding_box(f32::NAN, 2.0, 3.0, 4.0),
            bounding_box(1.0, 2.0, f32::INFINITY, 4.0),
        ] {
            assert_eq!(Corners::new(&none), None, "{none:?}");
        }
    }

    #[test]
    fn overlap_is_that_of_boxes() {
        let one = corners(0.0, 0.0, 2.0, 2.0);
        assert!((one.iou(&one) - 1.0).abs() < 1e-12);
        assert!((one.iou(&corners(1.0, 0.0, 3.0, 2.0)) - 1.0 / 3.0).abs() < 1e-12);
        for apart in [corners(2.0, 0.0, 4.0, 2.0), corners(5.0, 5.0, 6.0, 6.0), corners(2.0, 2.0, 0.0, 0.0)] {
            assert!(one.iou(&apart).abs() < 1e-12, "{apart:?}");
        }
    }

    #[test]
    fn a_shape_is_the_box_again() {
        let one = corners(10.0, 20.0, 40.0, 120.0);
        assert_eq!(one.shape(), [25.0, 70.0, 0.3, 100.0]);
        assert_eq!(Corners::from_shape(one.shape()), one);
    }

    #[test]
    fn a_smoothed_box_stays_in_the_image_and_finite() {
        let inside = bounding_box(0.0, 5.0, 10.0, 15.0);
        let smoothed = corners(-1.0, 4.0, 9.0, 14.0);
        assert_eq!(smoothed.to_bounding_box(&inside), Some(bounding_box(0.0, 4.0, 9.0, 14.0)));
        let outside = bounding_box(-2.0, 5.0, 10.0, 15.0);
        assert_eq!(smoothed.to_bounding_box(&outside), Some(bounding_box(-1.0, 4.0, 9.0, 14.0)));
        assert_eq!(corners(0.0, 0.0, 1e300, 1.0).to_bounding_box(&inside), None);
        assert_eq!(corners(-9.0, 0.0, -1.0, 1.0).to_bounding_box(&inside), None);
    }
}
