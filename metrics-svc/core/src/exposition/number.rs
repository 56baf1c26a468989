//! Numbers as Prometheus writes them.

use std::fmt::Write as _;

/// Whole numbers up to here are exact, and quicker to write as such.
const EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;

/// Writes an `f64` in the shortest form that reads back the same, with `+Inf`, `-Inf` and `NaN`.
pub(super) fn push(value: f64, out: &mut String) {
    let whole = value as i64;
    if whole as f64 == value && value.abs() <= EXACT {
        return out.push_str(itoa::Buffer::new().format(whole));
    }
    match value {
        _ if value.is_nan() => out.push_str("NaN"),
        f64::INFINITY => out.push_str("+Inf"),
        f64::NEG_INFINITY => out.push_str("-Inf"),
        _ => out.push_str(zmij::Buffer::new().format_finite(value)),
    }
}

/// Writes the end of a sample's line.
#[inline]
pub(super) fn push_line(value: f64, out: &mut String) {
    out.push(' ');
    push(value, out);
    out.push('\n');
}

/// The same as a text of its own.
pub(super) fn text(value: f64) -> String {
    let mut text = String::new();
    push(value, &mut text);
    text
}

/// The bound of a bucket or a quantile as OpenMetrics wants it, which is how Go does: never as an integer, with an
/// exponent of two digits from a million on.
pub(super) fn canonical(value: f64) -> String {
    let scientific = format!("{value:e}");
    let parts = scientific.split_once('e');
    let mut text = String::new();
    // A string takes everything.
    let _ = match parts.and_then(|(mantissa, exponent)| Some((mantissa, exponent.parse::<i32>().ok()?))) {
        Some((mantissa, exponent @ 6..)) => write!(text, "{mantissa}e+{exponent:02}"),
        Some((mantissa, exponent @ ..=-5)) => write!(text, "{mantissa}e-{:02}", -exponent),
        Some(_) if value.fract() == 0.0 => write!(text, "{value}.0"),
        Some(_) => write!(text, "{value}"),
        None => return self::text(value),
    };
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn special_and_plain_values() {
        for (value, expected) in [
            (1.0, "1"),
            (-3.0, "-3"),
            (0.025, "0.025"),
            (-0.5, "-0.5"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e300, "1e+300"),
            (1e-7, "1e-7"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(text(value), expected);
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
            assert_eq!(canonical(value), expected);
        }
    }

    proptest! {
        #[test]
        fn reads_back_the_same(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(text(value).parse::<f64>(), Ok(value));
            prop_assert_eq!(canonical(value).parse::<f64>(), Ok(value));
        }
    }
}
