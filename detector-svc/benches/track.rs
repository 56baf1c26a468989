//! What a frame costs the tracker.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use detector_svc::{
    detection::{BoundingBox, Detection},
    track::{TrackSettings, Tracker},
};

const FRAME: Duration = Duration::from_micros(33_333);
/// Frames after which all objects are where they began.
const PERIOD: usize = 240;

/// People who walk in circles over an image of 1920 by 1080 and cross each other's way; a tenth of them are faint.
fn frame(objects: usize, index: usize) -> Vec<Detection> {
    let turn = index as f32 / PERIOD as f32;
    let one = |object: usize| {
        let (spread, phase) = (object as f32 * 0.618_034, object as f32 * 0.381_966);
        let (sin, cos) = ((turn + phase) * std::f32::consts::TAU).sin_cos();
        let (x, y) = (60.0 + 1700.0 * spread.fract() + 60.0 * cos, 60.0 + 760.0 * phase.fract() + 60.0 * sin);
        let bounding_box = BoundingBox { x_min: x, y_min: y, x_max: x + 60.0, y_max: y + 150.0 };
        let confidence = if object % 10 == index % 10 { 0.3 } else { 0.85 };
        Detection { class_id: 0, confidence, bounding_box, track_id: None, mask: None }
    };
    (0..objects).map(one).collect()
}

fn update(criterion: &mut Criterion) {
    for objects in [10, 50, 200] {
        let frames: Vec<_> = (0..PERIOD).map(|index| frame(objects, index)).collect();
        let mut tracker = Tracker::new(&TrackSettings::default());
        let (mut events, mut detections, mut index) = (Vec::new(), Vec::new(), 0);
        criterion.bench_function(&format!("update, {objects} tracks and detections"), |b| {
            b.iter(|| {
                detections.clone_from(&frames[index % PERIOD]);
                events.clear();
                tracker.update(FRAME * index as u32, black_box(&mut detections), &mut events);
                index += 1;
            });
        });
        assert_eq!(tracker.active(), objects, "all are followed");
    }
}

criterion_group!(benches, update);
criterion_main!(benches);
