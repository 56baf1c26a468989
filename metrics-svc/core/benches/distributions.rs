//! What an observation of a distribution costs, beside one of the crate `sketches-ddsketch`; how far quantiles are off,
//! and how much memory a window takes.
//!
//! Criterion's figures come first, then each ratio to the reference, timed round by round in the same run.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]
#![expect(clippy::print_stdout, reason = "prints its result")]

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use criterion::Criterion;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sketches_ddsketch::{Config, DDSketch};
use vision_metrics::{Histogram, MetricDescriptor, MetricKind, Registry, Series, Sketch, SlidingWindow};

/// Values of one pass.
const VALUES: usize = 8192;
/// Passes of one hand-timed run.
const PASSES: u32 = 50;
/// Hand-timed rounds, of which the quickest counts.
const ROUNDS: usize = 15;
/// Values of one call of `observe_all`.
const BURST: usize = 64;
/// Start of a step of a window of 600 s.
const NOW: Duration = Duration::from_secs(1_699_999_980);
const MAX_AGE: Duration = Duration::from_secs(600);

type Observe<'a> = Box<dyn FnMut(&[f64]) + 'a>;

/// One way to observe all values.
struct Case<'a> {
    name: &'static str,
    observe: Observe<'a>,
}

impl Case<'_> {
    fn time(&mut self, values: &[f64], passes: u32) -> Duration {
        let started = Instant::now();
        // One indirect call a pass: an observation costs hardly more than the call would.
        (0..passes).for_each(|_| (self.observe)(black_box(values)));
        started.elapsed()
    }
}

fn case<'a>(name: &'static str, observe: impl FnMut(&[f64]) + 'a) -> Case<'a> {
    Case { name, observe: Box::new(observe) }
}

fn series(registry: &Registry, kind: MetricKind) -> Series {
    let descriptor = MetricDescriptor::new(kind.as_str(), kind);
    registry.register(descriptor).unwrap().series(&[], None).unwrap()
}

fn cases() -> Vec<Case<'static>> {
    let registry = Registry::new("bench");
    let histogram = series(&registry, MetricKind::Histogram).histogram().unwrap();
    let summary = series(&registry, MetricKind::Summary).summary().unwrap();
    let mut reference = DDSketch::new(Config::new(0.01, 4096, 1e-9));
    let mut window = SlidingWindow::new(MAX_AGE);
    let (histogram_bursts, summary_bursts) = (histogram.clone(), summary.clone());
    vec![
        case("sketches-ddsketch add", move |values| values.iter().for_each(|value| reference.add(*value))),
        case("window observe", move |values| values.iter().for_each(|value| window.observe(*value, NOW))),
        case("summary observe", move |values| values.iter().for_each(|value| summary.observe(*value, NOW))),
        case("summary observe_all", move |values| {
            values.chunks(BURST).for_each(|burst| summary_bursts.observe_all(burst, NOW));
        }),
        case("histogram observe", move |values| values.iter().for_each(|value| histogram.observe(*value))),
        case("histogram observe_all", move |values| {
            values.chunks(BURST).for_each(|burst| histogram_bursts.observe_all(burst));
        }),
    ]
}

/// Prints nanoseconds an observation, and the ratio to the first case.
fn compare(cases: &mut [Case<'_>], values: &[f64]) {
    let mut best = vec![Duration::MAX; cases.len()];
    for _ in 0..ROUNDS {
        for (case, best) in cases.iter_mut().zip(&mut best) {
            *best = case.time(values, PASSES).min(*best);
        }
    }
    let observations = f64::from(PASSES) * values.len() as f64;
    let nanoseconds = |time: Duration| time.as_nanos() as f64 / observations;
    let (name, reference) = (cases[0].name, nanoseconds(best[0]));
    for (case, time) in cases.iter().zip(&best).skip(1) {
        let (ours, ratio) = (nanoseconds(*time), reference / nanoseconds(*time));
        println!("{}: {ours:.1} ns, {name}: {reference:.1} ns, ratio {ratio:.1}", case.name);
    }
}

/// Nanoseconds an observation of each of two threads that share a histogram.
fn contended(observe: impl Fn(&Histogram, &[f64]) + Sync, values: &[f64]) -> f64 {
    let histogram = series(&Registry::new("bench"), MetricKind::Histogram).histogram().unwrap();
    let round = |_| {
        let started = Instant::now();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..PASSES).for_each(|_| observe(&histogram, black_box(values))));
            }
        });
        started.elapsed()
    };
    let best = (0..ROUNDS).map(round).min().unwrap();
    best.as_nanos() as f64 / (f64::from(PASSES) * values.len() as f64)
}

/// A standard normal value, by Box and Muller.
fn normal(random: &mut StdRng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Values with about three decades between the least and the greatest of a million.
fn lognormal(random: &mut StdRng) -> f64 {
    0.02 * (0.7 * normal(random)).exp()
}

fn draw(count: usize, value: impl Fn(&mut StdRng) -> f64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(1);
    (0..count).map(|_| value(&mut random)).collect()
}

/// The worst relative error of p50, p90 and p99.
fn worst_error(mut values: Vec<f64>) -> f64 {
    let mut sketch = Sketch::default();
    values.iter().for_each(|value| sketch.observe(*value));
    values.sort_by(f64::total_cmp);
    let error = |quantile: f64| {
        let rank = quantile * (values.len() - 1) as f64;
        let (below, above) = (values[rank as usize], values[rank.ceil() as usize]);
        let exact = below * (1.0 - rank.fract()) + above * rank.fract();
        (sketch.quantile(quantile).unwrap() / exact - 1.0).abs()
    };
    [0.5, 0.9, 0.99].map(error).into_iter().fold(0.0, f64::max)
}

fn print_accuracy() {
    let count = 100_000;
    let drift = (0..count).map(|index| 0.001 * 1000_f64.powf(index as f64 / count as f64)).collect();
    let bimodal = |random: &mut StdRng| {
        let (centre, deviation) = if random.random_bool(0.7) { (0.01, 0.001) } else { (2.0, 0.3) };
        centre + deviation * normal(random)
    };
    let distributions = [
        ("uniform", draw(count, |random| random.random())),
        ("lognormal", draw(count, lognormal)),
        ("Pareto 1.1", draw(count, |random| (1.0 - random.random::<f64>()).powf(-1.0 / 1.1))),
        ("bimodal", draw(count, bimodal)),
        ("constant", vec![0.042; count]),
        ("drifting", drift),
    ];
    for (name, values) in distributions {
        println!("worst relative error of p50, p90, p99, {name}: {:.2} %", 100.0 * worst_error(values));
    }
}

/// Fills every step of a window, then prints what it takes and what reading it costs.
fn print_window() {
    let mut window = SlidingWindow::new(MAX_AGE);
    let (values, mut now) = (draw(1_000_000, lognormal), NOW);
    for step in values.chunks(100_000) {
        step.iter().for_each(|value| window.observe(*value, now));
        now += MAX_AGE / 10;
    }
    now -= MAX_AGE / 10;
    println!("a window of 1,000,000 values over 10 steps: {} bytes", window.bytes());
    let read = || {
        let started = Instant::now();
        let sketch = window.read(black_box(now));
        let read = started.elapsed();
        black_box([0.5, 0.9, 0.99].map(|quantile| sketch.quantile(quantile)));
        (read, started.elapsed())
    };
    let (read, quantiles) = (0..1000).map(|_| read()).min_by_key(|(_, whole)| *whole).unwrap();
    println!("reading that window: {read:?}, with three quantiles {quantiles:?}");
}

fn main() {
    let values = draw(VALUES, lognormal);
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .sample_size(10)
        .configure_from_args();
    let mut cases = cases();
    for case in &mut cases {
        let name = format!("{VALUES} values: {}", case.name);
        criterion.bench_function(&name, |b| {
            b.iter_custom(|passes| case.time(&values, u32::try_from(passes).unwrap()));
        });
    }
    criterion.final_summary();

    compare(&mut cases, &values);
    let single =
        contended(|histogram, values| values.iter().for_each(|value| histogram.observe(*value)), &values);
    let bursts = contended(
        |histogram, values| values.chunks(BURST).for_each(|burst| histogram.observe_all(burst)),
        &values,
    );
    println!("one histogram, two threads: observe {single:.1} ns, observe_all {bursts:.1} ns");
    print_accuracy();
    print_window();
}
