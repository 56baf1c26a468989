//! Sizes by the lengths of an image's edges.

use serde::{Deserialize, Serialize};

/// How large an image becomes by the lengths of its edges, its aspect ratio kept: as the image processors of
/// `transformers` work it out, to the pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edges {
    /// Pixels of the shorter edge, unless the longer one had more than `longest` then.
    pub shortest: u32,
    /// Most pixels of the longer edge.
    pub longest: u32,
    /// Each edge is rounded to a multiple of this, at the cost of the aspect ratio.
    #[serde(default = "one")]
    pub multiple: u32,
    /// Which multiple.
    #[serde(default)]
    pub rounding: Rounding,
}

/// To which multiple of a number another is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// The next lower one.
    #[default]
    Down,
    /// The next higher one.
    Up,
}

impl Edges {
    /// Width and height of an image of `source` (width, height) pixels.
    #[must_use]
    pub fn size(&self, source: (u32, u32)) -> (u32, u32) {
        let (short, long) = (f64::from(source.0.min(source.1)), f64::from(source.0.max(source.1)));
        let (mut exact, longest) = (f64::from(self.shortest), f64::from(self.longest));
        let mut shorter = exact;
        if long / short * exact > longest {
            exact = longest * short / long;
            shorter = exact.round_ties_even();
        }
        let longer = if source.0.min(source.1) == shorter as u32 { long } else { exact * long / short };
        let (shorter, longer) = (self.rounded(shorter as u32), self.rounded(longer as u32));
        if source.0 < source.1 { (shorter, longer) } else { (longer, shorter) }
    }

    /// The multiple that a side of so many pixels is rounded to; never 0.
    #[must_use]
    pub fn rounded(&self, side: u32) -> u32 {
        self.rounding.to(self.multiple, side)
    }
}

impl Rounding {
    /// The multiple of a number that a side of so many pixels is rounded to; never 0.
    #[must_use]
    pub fn to(self, multiple: u32, side: u32) -> u32 {
        let multiple = multiple.max(1);
        let times = match self {
            Self::Down => side / multiple,
            Self::Up => side.div_ceil(multiple),
        };
        times.max(1).saturating_mul(multiple)
    }
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(shortest: u32, longest: u32) -> Edges {
        Edges { shortest, longest, multiple: 1, rounding: Rounding::Down }
    }

    /// What `get_size_with_aspect_ratio` of `transformers` gives for the same sides.
    #[test]
    fn sizes_are_those_of_the_library() {
        assert_eq!(edges(800, 1333).size((640, 480)), (1066, 800));
        assert_eq!(edges(800, 1333).size((1920, 1080)), (1333, 750));
        assert_eq!(edges(800, 1333).size((1080, 1920)), (750, 1333));
        assert_eq!(edges(120, 150).size((768, 576)), (150, 112));
        assert_eq!(edges(480, 640).size((640, 480)), (640, 480));
        assert_eq!(edges(800, 1333).size((500, 500)), (800, 800));
    }

    #[test]
    fn sides_become_multiples() {
        let yolos = Edges { multiple: 16, ..edges(128, 160) };
        assert_eq!(yolos.size((768, 576)), (160, 112));
        let mask_former = Edges { multiple: 32, rounding: Rounding::Up, ..edges(90, 200) };
        assert_eq!(mask_former.size((768, 576)), (128, 96));
    }

    #[test]
    fn no_side_is_empty() {
        let coarse = Edges { multiple: 16, ..edges(8, 1333) };
        assert_eq!(coarse.size((4000, 1)), (1328, 16));
        assert_eq!(edges(0, 0).size((7, 3)), (1, 1));
        assert_eq!(Edges { multiple: 0, ..edges(10, 20) }.size((7, 7)), (10, 10));
    }
}
