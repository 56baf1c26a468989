//! The sketch against exact quantiles, and against another implementation.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use sketches_ddsketch::{Config, DDSketch};

use super::{
    mapping::Place,
    samples::{SHAPES, Shape, exact},
    store::MAX_BUCKETS,
    *,
};

const QUANTILES: [f64; 7] = [0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 1.0];

fn sketch_of(values: &[f64]) -> Sketch {
    let mut sketch = Sketch::default();
    values.iter().for_each(|value| sketch.observe(*value));
    sketch
}

fn assert_accurate(values: &[f64], quantiles: &[f64]) {
    let sketch = sketch_of(values);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    for quantile in quantiles {
        let (exact, allowed) = exact(&sorted, *quantile);
        let estimate = sketch.quantile(*quantile).unwrap();
        assert!((estimate - exact).abs() <= allowed, "quantile {quantile}: {estimate} instead of {exact}");
    }
}

/// Values of both signs and every magnitude, zero among them.
fn any_magnitude() -> impl Strategy<Value = f64> {
    let signed = (-300.0..300.0_f64, prop::bool::ANY);
    prop_oneof![
        8 => signed.prop_map(|(exponent, negative)| 10_f64.powf(exponent) * if negative { -1.0 } else { 1.0 }),
        1 => Just(0.0),
    ]
}

/// Values that have no bucket of their own beside the others, counted one by one.
fn too_small(values: &[f64]) -> u64 {
    let places = || values.iter().map(|value| Place::of(*value));
    let positive = |place| if let Place::Positive(key) = place { Some(key) } else { None };
    let negative = |place| if let Place::Negative(key) = place { Some(key) } else { None };
    let too_small = |keys: Vec<i32>| {
        let greatest = keys.iter().max().copied().unwrap_or(0);
        keys.iter().filter(|key| **key <= greatest - MAX_BUCKETS as i32).count() as u64
    };
    too_small(places().filter_map(positive).collect()) + too_small(places().filter_map(negative).collect())
}

#[test]
fn few_values_have_quantiles_between_them() {
    let near = |quantile: f64, expected: f64| {
        let estimate = sketch_of(&[1.0, 2.0, 4.0]).quantile(quantile).unwrap();
        assert!((estimate / expected - 1.0).abs() <= 0.01, "{estimate} instead of {expected}");
    };
    near(0.5, 2.0);
    near(0.9, 3.6);
    near(0.99, 3.96);
}

#[test]
fn empty_has_no_quantile() {
    assert_eq!(Sketch::default().quantile(0.5), None);
    assert_eq!(sketch_of(&[1.0]).quantile(1.5), None);
    assert_eq!(sketch_of(&[1.0]).quantile(f64::NAN), None);
    assert_eq!(sketch_of(&[f64::NAN, f64::INFINITY]).count(), 0);
}

#[test]
fn extreme_values_are_told_like_any_other() {
    assert_accurate(&[f64::MAX; 3], &QUANTILES);
    assert_accurate(&[1.7e308, 1.75e308, f64::MAX], &QUANTILES);
    assert_accurate(&[f64::MIN, f64::MIN, -1e308], &QUANTILES);
    assert_accurate(&[f64::MIN_POSITIVE; 3], &QUANTILES);
    assert_accurate(&[-f64::MIN_POSITIVE, 0.0, -0.0, f64::MIN_POSITIVE], &QUANTILES);
    assert_eq!(sketch_of(&[f64::MAX; 3]).sum(), f64::MAX);
}

#[test]
fn a_subnormal_value_is_as_good_as_zero() {
    let sketch = sketch_of(&[-1.0, 5e-324, 1e-310, 1.0, 2.0]);
    assert_eq!(sketch.quantile(0.25), Some(0.0));
    assert_eq!(sketch.count(), 5);
    assert_eq!(sketch.collapsed(), 0);
    assert_eq!(sketch_of(&[5e-324; 3]).quantile(0.5), Some(5e-324));
}

#[test]
fn only_what_is_nearest_to_zero_collapses() {
    let values: Vec<_> = (-300..300).map(|exponent| 10_f64.powi(exponent)).collect();
    let sketch = sketch_of(&values);
    assert_eq!(sketch.count(), 600);
    assert_eq!(sketch.collapsed(), too_small(&values));
    assert!((560..570).contains(&sketch.collapsed()), "{} collapsed", sketch.collapsed());
    // The 34 greatest are told as ever; the others count as greater than they are.
    assert_accurate(&values, &[0.0, 0.95, 0.97, 0.99, 1.0]);
    assert!(sketch.quantile(0.5).unwrap() > values[300]);
    let mirrored: Vec<_> = values.iter().map(|value| -value).collect();
    assert_accurate(&mirrored, &[0.0, 0.01, 0.03, 0.05, 1.0]);
    assert_eq!(sketch_of(&mirrored).collapsed(), sketch.collapsed());
}

#[test]
fn agrees_with_another_implementation() {
    for (shape, seed) in SHAPES.into_iter().zip(7..) {
        let values = shape.values(seed, 10_001);
        let ours = sketch_of(&values);
        let mut theirs = DDSketch::new(Config::new(0.01, 4096, 1e-9));
        values.iter().for_each(|value| theirs.add(*value));
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        // Of so many values each of these is one; theirs does not go between two.
        for quantile in [0.5, 0.9, 0.99] {
            let (ours, theirs) =
                (ours.quantile(quantile).unwrap(), theirs.quantile(quantile).unwrap().unwrap());
            let exact = exact(&sorted, quantile).0;
            assert!((ours / exact - 1.0).abs() <= 0.01, "{shape:?}: {ours} instead of {exact}");
            assert!((theirs / exact - 1.0).abs() <= 0.01 + 1e-12, "{shape:?}: {theirs} instead of {exact}");
            assert!((ours / theirs - 1.0).abs() <= 0.02, "{shape:?}: {ours}, the other {theirs}");
        }
    }
}

proptest! {
    #[test]
    fn named_distributions_are_within_the_accuracy(
        shape in Shape::any(), seed: u64, count in 1..3000_usize, quantile in 0.0..=1.0_f64,
    ) {
        let values = shape.values(seed, count);
        assert_accurate(&values, &[0.5, 0.9, 0.99, quantile]);
        prop_assert_eq!(sketch_of(&values).collapsed(), 0);
    }

    #[test]
    fn any_values_are_within_the_accuracy(
        values in prop::collection::vec(-1e12..1e12_f64, 1..300), quantile in 0.0..=1.0_f64,
    ) {
        assert_accurate(&values, &QUANTILES);
        assert_accurate(&values, &[quantile]);
    }

    #[test]
    fn thirty_decades_are_within_the_accuracy(exponents in prop::collection::vec(-15.0..15.0_f64, 1..300)) {
        let values: Vec<_> = exponents.into_iter().map(|exponent| 10_f64.powf(exponent)).collect();
        assert_accurate(&values, &QUANTILES);
    }

    #[test]
    fn what_collapses_is_counted(values in prop::collection::vec(any_magnitude(), 0..100)) {
        let sketch = sketch_of(&values);
        prop_assert_eq!(sketch.collapsed(), too_small(&values));
        prop_assert_eq!(sketch.count(), values.len() as u64);
        prop_assert!(sketch.buckets.bytes() <= 2 * MAX_BUCKETS * size_of::<u64>());
    }

    #[test]
    fn merging_equals_observing_all(
        a in prop::collection::vec(any_magnitude(), 0..100),
        b in prop::collection::vec(any_magnitude(), 0..100),
    ) {
        let mut merged = sketch_of(&a);
        merged.merge(&sketch_of(&b));
        let whole = sketch_of(&[a, b].concat());
        prop_assert_eq!(Packed::new(&merged.buckets), Packed::new(&whole.buckets));
        prop_assert_eq!((merged.count(), merged.min(), merged.max()), (whole.count(), whole.min(), whole.max()));
    }

    #[test]
    fn survives_being_saved(values in prop::collection::vec(any_magnitude(), 0..100)) {
        let sketch = sketch_of(&values);
        let saved = postcard::to_stdvec(&sketch).unwrap();
        let restored: Sketch = postcard::from_bytes(&saved).unwrap();
        for quantile in QUANTILES {
            prop_assert_eq!(restored.quantile(quantile), sketch.quantile(quantile));
        }
        prop_assert_eq!((restored.count(), restored.sum()), (sketch.count(), sketch.sum()));
        prop_assert_eq!(restored.collapsed(), sketch.collapsed());
        prop_assert_eq!(postcard::to_stdvec(&restored).unwrap(), saved);
    }

    #[test]
    fn damage_is_found_or_harmless(
        values in prop::collection::vec(any_magnitude(), 0..30),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut saved = postcard::to_stdvec(&sketch_of(&values)).unwrap();
        for (at, byte) in damage {
            let at = at.index(saved.len());
            saved[at] = byte;
        }
        if let Ok(mut sketch) = postcard::from_bytes::<Sketch>(&saved) {
            sketch.merge(&sketch.clone());
            sketch.observe(1.0);
            prop_assert!(sketch.quantile(0.5).unwrap().is_finite());
        }
    }
}
