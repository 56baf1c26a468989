//! Numbers as Prometheus writes them.

use std::fmt;

/// Shows an `f64` in the shortest form that reads back the same, with `+Inf`, `-Inf` and `NaN`.
#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = *self;
        match value {
            _ if value.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            // `Display` never uses an exponent, which is unreadable for the very large and small.
            _ if value == 0.0 || (1e-5..1e16).contains(&value.abs()) => write!(f, "{value}"),
            _ => write!(f, "{value:e}"),
        }
    }
}

/// Shows the bound of a bucket or a quantile as OpenMetrics wants it, which is how Go does: never as an integer, with
/// an exponent of two digits from a million on.
#[derive(Clone, Copy)]
pub(super) struct Canonical(pub(super) f64);

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = *self;
        let scientific = format!("{value:e}");
        let parts = scientific.split_once('e');
        match parts.and_then(|(mantissa, exponent)| Some((mantissa, exponent.parse::<i32>().ok()?))) {
            Some((mantissa, exponent @ 6..)) => write!(f, "{mantissa}e+{exponent:02}"),
            Some((mantissa, exponent @ ..=-5)) => write!(f, "{mantissa}e-{:02}", -exponent),
            Some(_) if value.fract() == 0.0 => write!(f, "{value}.0"),
            _ => Number(value).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn special_and_plain_values() {
        for (value, expected) in [
            (1.0, "1"),
            (0.025, "0.025"),
            (-0.5, "-0.5"),
            (1e300, "1e300"),
            (1e-7, "1e-7"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(Number(value).to_string(), expected);
        }
    }

    #[test]
    fn canonical_values() {
        for (value, expected) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123_456.0, "123456.0"),
            (1e6, "1e+06"),
            (2.5e6, "2.5e+06"),
            (1e100, "1e+100"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(Canonical(value).to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn reads_back_the_same(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(Number(value).to_string().parse::<f64>(), Ok(value));
            prop_assert_eq!(Canonical(value).to_string().parse::<f64>(), Ok(value));
        }
    }
}
