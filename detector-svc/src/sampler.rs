//! Looks at what changes by itself: memory, queues, and which stage the model waits for.

use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tokio_util::sync::CancellationToken;
use vision_metrics::catalogue::{MEMORY_USAGE, QUEUE_SIZE};
use vision_metrics_client::{Gauge, Recorder};

use crate::pipeline::{BottleneckGauges, Depths, PipelineHandle};

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sets gauges once a second until `stop` is cancelled.
pub(crate) async fn sample(pipeline: PipelineHandle, recorder: Recorder, stop: CancellationToken) {
    let mut memory = Memory::new(&recorder);
    let mut bottleneck = BottleneckGauges::new(&recorder, Instant::now());
    let queues = ["intake", "requests", "batch", "segment", "publish"]
        .map(|queue| recorder.gauge(&QUEUE_SIZE, &[queue]));
    let mut ticks = tokio::time::interval(INTERVAL);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        memory.update();
        bottleneck.update(pipeline.bottleneck(), Instant::now());
        let Depths { intake, requests, batch, segment, publish } = pipeline.depths();
        for (queue, depth) in queues.iter().zip([intake, requests, batch, segment, publish]) {
            queue.set(depth as f64);
        }
    }
    queues.iter().for_each(|queue| queue.set(0.0));
}

/// Memory of this process.
struct Memory {
    /// `None` where the system does not tell.
    watched: Option<(System, Pid)>,
    resident: Gauge,
    virtual_size: Gauge,
}

impl Memory {
    fn new(recorder: &Recorder) -> Self {
        Self {
            watched: System::new().ok().zip(sysinfo::get_current_pid().ok()),
            resident: recorder.gauge(&MEMORY_USAGE, &["rss"]),
            virtual_size: recorder.gauge(&MEMORY_USAGE, &["vms"]),
        }
    }

    fn update(&mut self) {
        let Some((system, pid)) = &mut self.watched else {
            return;
        };
        let memory_only = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[*pid]), false, memory_only);
        if let Some(process) = system.process(*pid) {
            self.resident.set(process.memory() as f64);
            self.virtual_size.set(process.virtual_memory() as f64);
        }
    }
}
