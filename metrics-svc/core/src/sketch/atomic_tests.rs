//! Many writers, and the same values in a sketch of one.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use proptest::prelude::*;

use super::*;
use crate::sketch::{Packed, samples::Shape};

fn sketch_of(values: &[f64]) -> Sketch {
    let mut sketch = Sketch::default();
    values.iter().for_each(|value| sketch.observe(*value));
    sketch
}

fn assert_equal(read: &Sketch, expected: &Sketch) {
    assert_eq!(Packed::new(&read.buckets), Packed::new(&expected.buckets));
    assert_eq!((read.count(), read.min(), read.max()), (expected.count(), expected.min(), expected.max()));
    let rounding = 1e-9 * expected.sum().abs();
    assert!((read.sum() - expected.sum()).abs() <= rounding, "{} instead of {}", read.sum(), expected.sum());
}

#[test]
fn nothing_is_lost_among_many_writers() {
    let sketch = AtomicSketch::default();
    let values: Vec<_> = (0..4).map(|seed| Shape::Pareto.values(seed, 20_000)).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(SeqCst) {
                let read = sketch.read();
                assert!(read.count() >= seen && (read.count() == 0 || read.quantile(0.5) >= read.min()));
                seen = read.count();
            }
        });
        let writers: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(writer, values)| {
                let sketch = &sketch;
                scope.spawn(move || {
                    if writer % 2 == 0 {
                        values.iter().for_each(|value| sketch.observe(*value));
                    } else {
                        values.chunks(100).for_each(|burst| sketch.observe_all(burst.iter().copied()));
                    }
                })
            })
            .collect();
        assert!(writers.into_iter().all(|writer| writer.join().is_ok()));
        done.store(true, SeqCst);
        assert!(reader.join().is_ok());
    });
    assert_equal(&sketch.read(), &sketch_of(&values.concat()));
}

#[test]
fn empty_reads_as_empty() {
    let read = AtomicSketch::default().read();
    assert_eq!((read.count(), read.sum(), read.min()), (0, 0.0, None));
}

#[test]
fn a_burst_beside_another_is_counted_all_the_same() {
    let sketch = AtomicSketch::default();
    let values = [0.5, 0.0, -3.0, 0.5];
    let other = sketch.apart.lock();
    sketch.observe_all(values.into_iter());
    drop(other);
    assert_equal(&sketch.read(), &sketch_of(&values));
}

proptest! {
    #[test]
    fn equals_a_sketch_of_one_writer(
        exponents in prop::collection::vec((-300.0..300.0_f64, -1.0..1.0_f64), 0..100), split in 0..100_usize,
    ) {
        let magnitudes = exponents.iter().map(|(exponent, sign)| 10_f64.powf(*exponent).copysign(*sign));
        let values: Vec<_> = magnitudes.collect();
        let (single, burst) = values.split_at(split.min(values.len()));
        let sketch = AtomicSketch::default();
        single.iter().for_each(|value| sketch.observe(*value));
        sketch.observe_all(burst.iter().copied());
        assert_equal(&sketch.read(), &sketch_of(&values));

        let restored = AtomicSketch::default();
        restored.merge(&sketch.read());
        restored.observe(1.0);
        sketch.observe(1.0);
        assert_equal(&restored.read(), &sketch.read());
    }
}
