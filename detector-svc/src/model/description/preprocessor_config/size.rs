//! The forms in which image processors tell a size.

use serde::Deserialize;

/// A size.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Size {
    /// One number, in old files.
    Side(u32),
    /// Height and width, in old files.
    Sides([u32; 2]),
    /// By name.
    Named(Named),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    height: Option<u32>,
    width: Option<u32>,
    shortest_edge: Option<u32>,
    longest_edge: Option<u32>,
    max_height: Option<u32>,
    max_width: Option<u32>,
}

impl Size {
    /// Height and width, when they are told.
    pub(super) fn exact(self) -> Option<[u32; 2]> {
        match self {
            Self::Side(side) => Some([side, side]),
            Self::Sides(sides) => Some(sides),
            Self::Named(named) => Some([named.height?, named.width?]),
        }
    }

    /// Pixels of the shorter edge and the most of the longer one, when they are told; one number is the former when it
    /// `keeps` the aspect ratio.
    pub(super) fn edges(self, keeps: bool) -> Option<(u32, Option<u32>)> {
        match self {
            Self::Side(side) => keeps.then_some((side, None)),
            Self::Sides(_) => None,
            Self::Named(named) => Some((named.shortest_edge?, named.longest_edge)),
        }
    }

    /// The most that height and width may be, when that is told.
    pub(super) fn most(self) -> Option<[u32; 2]> {
        let Self::Named(named) = self else {
            return None;
        };
        let sides = named.max_height.zip(named.max_width).or(named.longest_edge.zip(named.longest_edge));
        sides.map(|(height, width)| [height, width])
    }
}
