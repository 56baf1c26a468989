//! Every bucket that a double can fall into.

use super::*;

/// Keys of the least and the greatest normal number.
fn keys() -> std::ops::RangeInclusive<i32> {
    key(f64::MIN_POSITIVE)..=key(f64::MAX)
}

#[test]
fn ln_gamma_is_what_it_says() {
    let exact = ((1.0 + RELATIVE_ACCURACY) / (1.0 - RELATIVE_ACCURACY)).ln();
    assert!((LN_GAMMA - exact).abs() < 1e-15);
}

#[test]
fn every_bucket_is_narrow_enough_and_holds_its_midpoint() {
    let ln = |(exponent, factor): (f64, f64)| exponent * 2_f64.ln() + factor.ln();
    for bucket in keys().skip(1).take_while(|bucket| *bucket < *keys().end()) {
        let width = ln(upper_bound(bucket)) - ln(upper_bound(bucket - 1));
        assert!(width <= LN_GAMMA * (1.0 + 1e-9), "bucket {bucket} is {width} wide");
        assert_eq!(key(midpoint(bucket)), bucket);
    }
}

#[test]
fn takes_one_percent_more_buckets_than_the_optimum() {
    let optimum = (f64::MAX.ln() - f64::MIN_POSITIVE.ln()) / LN_GAMMA;
    let taken = keys().count() as f64;
    assert!(taken < 1.0105 * optimum, "{taken} buckets instead of {optimum}");
}

#[test]
fn values_near_a_bound_are_within_the_accuracy_of_a_midpoint() {
    for bucket in keys().skip(1).take_while(|bucket| *bucket < *keys().end()) {
        let (exponent, factor) = upper_bound(bucket);
        let bound = factor * exponent.exp2();
        for value in [bound * (1.0 - 1e-12), bound, bound * (1.0 + 1e-12)] {
            // No value that was observed is infinite, so neither is one that is told.
            let error = (Place::of(value).value().min(f64::MAX) / value - 1.0).abs();
            assert!(error <= RELATIVE_ACCURACY * (1.0 + 1e-9), "{value} is off by {error}");
        }
    }
}

#[test]
fn subnormal_numbers_count_as_zero() {
    for zero in [0.0, -0.0, f64::MIN_POSITIVE / 2.0, -f64::MIN_POSITIVE / 2.0, 5e-324] {
        assert_eq!(Place::of(zero), Place::Zero);
    }
    let least = f64::MIN_POSITIVE;
    assert_eq!(Place::of(least), Place::Positive(key(least)));
    assert_eq!(Place::of(-least), Place::Negative(key(least)));
}
