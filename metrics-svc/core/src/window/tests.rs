//! The window against a list of times and values.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::sketch::{
    Place,
    samples::{Shape, exact},
};

const MAX_AGE: Duration = Duration::from_secs(100);

fn at(seconds: u64) -> UnixTime {
    Duration::from_secs(1_000_000 + seconds)
}

/// Each value with the step that it went into.
#[derive(Clone, Default)]
struct Model {
    newest: u64,
    values: Vec<(u64, f64)>,
}

impl Model {
    fn observe(&mut self, value: f64, now: UnixTime) {
        let step = now.as_secs() / 10;
        if step + 10 <= self.newest {
            self.values.clear();
            self.newest = step;
        }
        self.newest = self.newest.max(step);
        self.values.push((self.newest, value));
    }

    fn read(&self, now: UnixTime) -> Vec<f64> {
        let current = self.newest.max(now.as_secs() / 10);
        let within = self.values.iter().filter(|(step, _)| step + 10 > current);
        within.map(|(_, value)| *value).collect()
    }
}

fn assert_reads(window: &SlidingWindow, values: &[f64], now: UnixTime) {
    let read = window.read(now);
    let mut expected = Sketch::default();
    values.iter().for_each(|value| expected.observe(*value));
    assert_eq!((read.count(), read.min(), read.max()), (expected.count(), expected.min(), expected.max()));
    assert_eq!(read.collapsed(), expected.collapsed());
    assert!(
        (read.sum() - expected.sum()).abs() <= 1e-9 * values.iter().map(|value| value.abs()).sum::<f64>()
    );
    for quantile in [0.1, 0.5, 0.9, 0.99] {
        assert_eq!(read.quantile(quantile), expected.quantile(quantile));
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    for quantile in [0.5, 0.9, 0.99].into_iter().filter(|_| !values.is_empty() && read.collapsed() == 0) {
        let (exact, allowed) = exact(&sorted, quantile);
        let estimate = read.quantile(quantile).unwrap();
        assert!((estimate - exact).abs() <= allowed, "quantile {quantile}: {estimate} instead of {exact}");
    }
}

/// Ten steps of 60 s up to `until`, each with a tenth of the values.
fn filled(values: &[f64]) -> SlidingWindow {
    let mut window = SlidingWindow::new(Duration::from_secs(600));
    for (step, values) in values.chunks(values.len().div_ceil(10)).enumerate() {
        let now = Duration::from_secs(6_000_000 + 60 * step as u64);
        values.iter().for_each(|value| window.observe(*value, now));
    }
    window
}

#[test]
fn values_leave_between_ninety_and_a_hundred_percent() {
    let mut window = SlidingWindow::new(MAX_AGE);
    window.observe(1.0, at(5));
    assert_eq!(window.read(at(95)).count(), 1);
    assert_eq!(window.read(at(100)).count(), 0);
}

#[test]
fn a_long_pause_empties_the_window() {
    let mut window = SlidingWindow::new(MAX_AGE);
    window.observe(1.0, at(0));
    window.observe(2.0, at(100_000));
    assert_eq!(window.read(at(100_000)).max(), Some(2.0));
    assert_eq!(window.read(at(100_000)).count(), 1);
}

#[test]
fn a_clock_set_back_loses_no_later_value() {
    let mut window = SlidingWindow::new(MAX_AGE);
    window.observe(1.0, at(50));
    window.observe(2.0, at(30));
    assert_eq!(window.read(at(50)).count(), 2);
    window.observe(3.0, Duration::from_secs(10));
    assert_eq!(window.read(Duration::from_secs(10)).count(), 1);
}

#[test]
fn any_time_and_any_length_will_do() {
    let times = [Duration::ZERO, Duration::from_secs(1), Duration::from_nanos(u64::MAX), Duration::MAX];
    for max_age in [Duration::ZERO, Duration::from_nanos(10), MAX_AGE, Duration::MAX] {
        let mut window = SlidingWindow::new(max_age);
        for now in times.into_iter().chain(times) {
            window.observe(1.0, now);
            assert!(window.read(now).count() > 0);
        }
    }
}

#[test]
fn ten_steps_of_three_decades_take_ten_thousand_bytes() {
    for shape in [Shape::LogUniform, Shape::Lognormal] {
        let window = filled(&shape.values(1, 1_000_000));
        assert_eq!(window.read(Duration::from_secs(6_000_540)).count(), 1_000_000);
        assert!(window.bytes() <= 10_000, "{shape:?}: {} bytes", window.bytes());
    }
}

#[test]
fn memory_follows_the_data() {
    let mut window = filled(&Shape::LogUniform.values(1, 100_000));
    let full = window.bytes();
    for step in 10..21 {
        window.observe(1.0, Duration::from_secs(6_000_000 + 60 * step));
    }
    assert!(window.bytes() < full / 5, "{} of {full} bytes are left", window.bytes());
    window.observe(1.0, Duration::from_secs(7_000_000));
    assert!(window.bytes() < 800, "{} bytes are left", window.bytes());
}

#[test]
fn a_full_counter_goes_on_in_another_part() {
    let mut window = SlidingWindow::new(MAX_AGE);
    let most = u64::from(u32::MAX - 100);
    for _ in 0..2 {
        window.observe(1.0, at(5));
        assert!(window.newest.add(Place::of(1.0), most).is_ok());
        (0..150).for_each(|_| window.observe(1.0, at(5)));
    }
    window.observe(2.0, at(15));
    assert_eq!(window.closed.len(), 1);
    let read = window.read(at(15));
    assert_eq!((read.count(), read.min()), (2 * (most + 151) + 1, Some(1.0)));
    assert_eq!(window.read(at(105)).count(), 1);
}

#[test]
fn what_had_collapsed_is_told_again_once_the_greatest_has_left() {
    let mut window = SlidingWindow::new(MAX_AGE);
    window.observe(1e300, at(5));
    [1e-6, 2e-6, 3e-6].into_iter().for_each(|value| window.observe(value, at(15)));
    assert_eq!(window.read(at(95)).collapsed(), 3);
    let told = |read: Sketch, count| {
        assert_eq!((read.count(), read.collapsed()), (count, 0));
        assert!((read.quantile(0.5).unwrap() / 2e-6 - 1.0).abs() <= 0.01);
    };
    told(window.read(at(105)), 3);
    window.observe(2e-6, at(105));
    assert_eq!(window.total.collapsed(), 0);
    told(window.read(at(105)), 4);
}

#[test]
fn a_state_that_no_window_has_is_refused() {
    let window = filled(&Shape::LogUniform.values(1, 1000));
    let saved = postcard::to_stdvec(&window).unwrap();
    assert!(postcard::from_bytes::<SlidingWindow>(&saved).is_ok());
    let refuse = |change: fn(&mut SlidingWindow)| {
        let mut window = window.clone();
        change(&mut window);
        let saved = postcard::to_stdvec(&window).unwrap();
        assert!(postcard::from_bytes::<SlidingWindow>(&saved).is_err());
    };
    refuse(|window| window.step = 0);
    refuse(|window| window.closed.swap(0, 1));
    refuse(|window| window.newest_step += 10);
    refuse(|window| window.closed[0].step = 0);
    refuse(|window| window.closed[0].totals.min = f64::NAN);
    refuse(|window| window.closed[0].totals.max = 0.0);
    refuse(|window| window.closed[0].totals.sum = f64::INFINITY);
}

/// Mostly short steps forward, at times a pause or a step back; in seconds.
fn steps() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 0..4_i64, 2 => 0..250_i64, 2 => -30..0_i64, 1 => -300..0_i64]
}

fn magnitudes() -> impl Strategy<Value = f64> {
    // Rarely so far apart that the sketch collapses.
    let exponents = prop_oneof![30 => -3.0..3.0_f64, 1 => -60.0..60.0_f64];
    (exponents, -0.2..1.0_f64).prop_map(|(exponent, sign)| 10_f64.powf(exponent).copysign(sign))
}

proptest! {
    #[test]
    fn agrees_with_a_list_of_times_and_values(
        observed in prop::collection::vec((steps(), magnitudes()), 1..300), later in 0..150_u64,
    ) {
        let mut window = SlidingWindow::new(MAX_AGE);
        let mut model = Model::default();
        let mut now = 1_000_000_i64;
        for (index, (step, value)) in observed.into_iter().enumerate() {
            now += step;
            let time = Duration::from_secs(now.unsigned_abs());
            window.observe(value, time);
            model.observe(value, time);
            if index % 16 == 0 {
                assert_reads(&window, &model.read(time), time);
                let later = time + Duration::from_secs(later);
                assert_reads(&window, &model.read(later), later);
            }
        }
    }

    #[test]
    fn survives_being_saved_and_goes_on(
        observed in prop::collection::vec((steps(), magnitudes()), 2..100), split in 1..100_usize,
    ) {
        let mut window = SlidingWindow::new(MAX_AGE);
        let mut model = Model::default();
        let mut now = 1_000_000_i64;
        for (index, (step, value)) in observed.into_iter().enumerate() {
            now += step;
            let time = Duration::from_secs(now.unsigned_abs());
            window.observe(value, time);
            model.observe(value, time);
            if index % split == 0 {
                let saved = postcard::to_stdvec(&window).unwrap();
                window = SlidingWindow::new(MAX_AGE);
                window.merge(postcard::from_bytes(&saved).unwrap());
            }
            if index % 8 == 0 {
                assert_reads(&window, &model.read(time), time);
            }
        }
    }

    #[test]
    fn two_windows_merge_to_one(
        observed in prop::collection::vec((0..300_u64, magnitudes(), prop::bool::ANY), 1..100),
    ) {
        let mut times = observed;
        times.sort_by_key(|(time, ..)| *time);
        let mut windows = [SlidingWindow::new(MAX_AGE), SlidingWindow::new(MAX_AGE)];
        let mut model = Model::default();
        for (time, value, second) in &times {
            windows[usize::from(*second)].observe(*value, at(*time));
            model.observe(*value, at(*time));
        }
        let [mut window, other] = windows;
        window.merge(other);
        let now = at(times[times.len() - 1].0);
        assert_reads(&window, &model.read(now), now);
        prop_assert!(window.closed.len() <= SLOTS as usize);
    }

    #[test]
    fn damage_is_found_or_harmless(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut saved = postcard::to_stdvec(&filled(&Shape::Lognormal.values(1, 200))).unwrap();
        for (at, byte) in damage {
            let at = at.index(saved.len());
            saved[at] = byte;
        }
        if let Ok(mut window) = postcard::from_bytes::<SlidingWindow>(&saved) {
            let now = Duration::from_secs(6_000_540);
            let _ = window.read(now).quantile(0.5);
            window.observe(1.0, now);
            prop_assert!(window.read(now).quantile(0.5).unwrap().is_finite());
        }
    }
}
