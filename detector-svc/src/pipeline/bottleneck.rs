//! Which stage the model was waiting for: where a faster machine, or more of them, would help.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use vision_metrics::catalogue::BOTTLENECK_RATIO;
use vision_metrics_client::{Gauge, Recorder};

use super::batcher::Stamps;

/// Stages that the wall time of the inference thread is divided between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No frame was there.
    Source,
    /// A frame was being decoded and resized.
    Decode,
    /// A frame was on its way into a batch.
    Queue,
    /// The model was running.
    Inference,
    /// Results were not taken away fast enough.
    Publish,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Source, Self::Decode, Self::Queue, Self::Inference, Self::Publish];

    fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Decode => "decode",
            Self::Queue => "queue",
            Self::Inference => "inference",
            Self::Publish => "publish",
        }
    }
}

/// Nanoseconds attributed to each stage so far.
#[derive(Debug, Default)]
pub(crate) struct Bottleneck([AtomicU64; Stage::ALL.len()]);

impl Bottleneck {
    pub(crate) fn add(&self, stage: Stage, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0[stage as usize].fetch_add(nanos, Relaxed);
    }

    /// Divides the time from `from` to `until`, spent waiting for a batch, by where its first image was.
    pub(super) fn waited(&self, from: Instant, until: Instant, first: &Stamps, ready: Instant) {
        let ends = [
            (Stage::Source, first.received),
            (Stage::Decode, first.prepared),
            (Stage::Queue, ready.max(until)),
        ];
        let mut since = from;
        for (stage, end) in ends {
            let end = end.clamp(since, until.max(since));
            self.add(stage, end - since);
            since = end;
        }
    }

    fn read(&self) -> [Duration; Stage::ALL.len()] {
        std::array::from_fn(|stage| Duration::from_nanos(self.0[stage].load(Relaxed)))
    }
}

/// Turns attributed time into the ratios of the last interval.
#[derive(Debug)]
pub(crate) struct BottleneckGauges {
    gauges: [Gauge; Stage::ALL.len()],
    last: [Duration; Stage::ALL.len()],
    read_at: Instant,
}

impl BottleneckGauges {
    pub(crate) fn new(recorder: &Recorder, now: Instant) -> Self {
        Self {
            gauges: Stage::ALL.map(|stage| recorder.gauge(&BOTTLENECK_RATIO, &[stage.as_str()])),
            last: Default::default(),
            read_at: now,
        }
    }

    /// Sets the gauges for the time since the last call. What no stage was blamed for had no frame to work on.
    pub(crate) fn update(&mut self, bottleneck: &Bottleneck, now: Instant) {
        let read = bottleneck.read();
        let wall = now.saturating_duration_since(self.read_at);
        let mut spent: [Duration; Stage::ALL.len()] = std::array::from_fn(|i| read[i] - self.last[i]);
        let blamed: Duration = spent.iter().sum();
        spent[Stage::Source as usize] += wall.saturating_sub(blamed);
        let total: Duration = spent.iter().sum();
        if total.is_zero() {
            return;
        }
        for (gauge, spent) in self.gauges.iter().zip(spent) {
            gauge.set(spent.as_secs_f64() / total.as_secs_f64());
        }
        (self.last, self.read_at) = (read, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(start: Instant, received: u64, prepared: u64) -> Stamps {
        let at = |millis| start + Duration::from_millis(millis);
        Stamps {
            received: at(received),
            decode_started: at(received),
            decoded: at(prepared),
            prepared: at(prepared),
            batched: at(prepared),
            normalise: Duration::ZERO,
        }
    }

    fn attributed(from: u64, until: u64, received: u64, prepared: u64) -> [u128; 3] {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let bottleneck = Bottleneck::default();
        bottleneck.waited(at(from), at(until), &stamps(start, received, prepared), at(until));
        let read = bottleneck.read().map(|time| time.as_millis());
        [read[0], read[1], read[2]]
    }

    #[test]
    fn waiting_is_divided_by_where_the_image_was() {
        assert_eq!(attributed(0, 20, 10, 15), [10, 5, 5]);
        assert_eq!(attributed(12, 20, 10, 15), [0, 3, 5]);
        assert_eq!(attributed(16, 20, 10, 15), [0, 0, 4]);
        assert_eq!(attributed(20, 20, 10, 15), [0, 0, 0]);
    }
}
