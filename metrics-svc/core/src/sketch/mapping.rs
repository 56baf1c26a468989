//! Which bucket counts a value: DDSketch's mapping with the logarithm interpolated by a cubic between powers of two,
//! the `CubicallyInterpolatedMapping` of its authors (Masson, Rim, Lee 2019).
//!
//! The float's bits give exponent and significand, so there is no logarithm to compute; it takes 1 % more buckets than
//! the true logarithm would.

/// Greatest relative error of an observed value told by its rank: somewhat less than the 1 % that is promised, so that
/// rounding has room.
pub const RELATIVE_ACCURACY: f64 = 0.0099;

/// `ln((1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY))`, the width of the widest bucket.
const LN_GAMMA: f64 = 0.019_800_646_904_042_265;
/// Buckets for each doubling: the interpolated logarithm rises by at least 10/7 where the natural one rises by 1.
const SCALE: f64 = 0.7 / LN_GAMMA;
/// Coefficients of the cubic, of which the constant term is 0.
const CUBIC: [f64; 3] = [10.0 / 7.0, -3.0 / 5.0, 6.0 / 35.0];

const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const MANTISSA_MASK: u64 = (1 << MANTISSA_BITS) - 1;
const EXPONENT_BIAS: i32 = f64::MAX_EXP - 1;
/// Added to a small number, leaves the nearest integer in the low bits: cheaper than a conversion that saturates.
const ROUNDING: f64 = 1.5 * (1_u64 << MANTISSA_BITS) as f64;

/// Where a finite value is counted: its sign and the key of its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Negative(i32),
    /// Zero and what is as good as zero: the subnormal numbers.
    Zero,
    Positive(i32),
}

impl Place {
    #[inline]
    pub(crate) fn of(value: f64) -> Self {
        if value >= f64::MIN_POSITIVE {
            Self::Positive(key(value))
        } else if value <= -f64::MIN_POSITIVE {
            Self::Negative(key(-value))
        } else {
            Self::Zero
        }
    }

    /// The value that is at most [`RELATIVE_ACCURACY`] away from every normal number that is counted there.
    pub(super) fn value(self) -> f64 {
        match self {
            Self::Negative(key) => -midpoint(key),
            Self::Zero => 0.0,
            Self::Positive(key) => midpoint(key),
        }
    }
}

/// Bucket of a positive normal number.
#[inline]
fn key(magnitude: f64) -> i32 {
    const SCALED: [f64; 3] = [CUBIC[0] * SCALE, CUBIC[1] * SCALE, CUBIC[2] * SCALE];
    let bits = magnitude.to_bits();
    let exponent = (bits >> MANTISSA_BITS) as i32 - EXPONENT_BIAS;
    let beyond = f64::from_bits((bits & MANTISSA_MASK) | 1.0_f64.to_bits()) - 1.0;
    let within = ((SCALED[2] * beyond + SCALED[1]) * beyond + SCALED[0]) * beyond;
    (f64::from(exponent) * SCALE + within + ROUNDING).to_bits() as i32
}

/// The greatest value of a bucket, as a power of two and a factor in 1..2.
fn upper_bound(key: i32) -> (f64, f64) {
    let log2 = (f64::from(key) + 0.5) / SCALE;
    (log2.floor(), 1.0 + root(log2 - log2.floor()))
}

/// Where the cubic has a value in 0..1, by Cardano's formula.
fn root(value: f64) -> f64 {
    let [c, b, a] = CUBIC;
    let d0 = b * b - 3.0 * a * c;
    let d1 = 2.0 * b * b * b - 9.0 * a * b * c - 27.0 * a * a * value;
    let p = ((d1 - (d1 * d1 - 4.0 * d0 * d0 * d0).sqrt()) / 2.0).cbrt();
    -(b + p + d0 / p) / (3.0 * a)
}

/// The value with the same relative distance to both ends of the bucket: their harmonic mean.
fn midpoint(key: i32) -> f64 {
    let ((exponent, lower), (upper_exponent, upper)) = (upper_bound(key - 1), upper_bound(key));
    let ratio = lower / upper * (exponent - upper_exponent).exp2();
    // In this order the greatest bucket does not overflow before its midpoint does.
    lower / (0.5 + 0.5 * ratio) * exponent.exp2()
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
