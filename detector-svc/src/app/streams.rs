//! The camera streams of this process: found, shared with other replicas, read, acknowledged.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc, watch},
    task::{JoinError, JoinHandle},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Parts,
    running::{fed, watched},
};
use crate::{
    ownership::{Assignment, Keeper, Known, OwnershipKeys, assign_all},
    pipeline::Pipeline,
    redis_client::{RedisClient, RedisLink},
    settings::Settings,
    source::redis::{
        READY_CONDITION,
        discover::discover,
        every::{EveryContext, EverySource},
        labels::LabelReader,
        latest::{LatestContext, LatestSource},
        streams::StreamSet,
    },
};

/// The tasks that have to do with camera streams.
pub(super) struct Streams {
    /// End by themselves when the process is told to end.
    readers: Vec<JoinHandle<()>>,
    rest: Leaving,
}

/// What goes on while frames are in flight.
pub(super) struct Leaving {
    acknowledger: JoinHandle<()>,
    keeper: JoinHandle<()>,
    /// Has the keeper leave, also when nobody waits for it any more.
    leave: DropGuard,
}

impl Streams {
    /// Starts reading; `token` ends it. `connected` is told of each new connection.
    pub(super) fn start(
        parts: &Parts,
        client: &RedisClient,
        pipeline: &Pipeline,
        connected: Arc<Notify>,
        token: &CancellationToken,
    ) -> Self {
        let Parts { settings, recorder, readiness, .. } = parts;
        let replica = settings.ownership.replica();
        let [latest_reach, every_reach, discover_reach, labels_reach] = readiness.parts(READY_CONDITION);
        let (known_tx, known) = watch::channel(None);
        let (assignment_tx, assignment) = watch::channel(None);
        let (drained, drained_rx) = mpsc::unbounded_channel();
        let latest = LatestSource::new(LatestContext {
            client,
            settings: &settings.redis,
            output: &settings.publish.objects_stream,
            recorder,
            connected: Arc::clone(&connected),
            assignment: assignment.clone(),
            drained: drained.clone(),
            ledger: pipeline.handle().ledger().clone(),
            part: latest_reach,
        });
        let (every, acknowledger) = EverySource::new(EveryContext {
            client,
            settings: &settings.redis,
            replica: replica.clone(),
            owned: settings.ownership.enabled,
            recorder,
            connected: Arc::clone(&connected),
            assignment,
            drained,
            pipeline: pipeline.handle(),
            part: every_reach,
        });
        let set =
            StreamSet::new(&settings.redis, settings.written_streams().into_iter().map(|(_, name)| name));
        let link = RedisLink::new(client, Duration::ZERO, "discover", recorder, Arc::clone(&connected));
        let discovering =
            discover(set, link, settings.redis.discover_every, known_tx, discover_reach, token.clone());
        let labels_stream = &settings.publish.labels_stream;
        let labels = LabelReader::new(labels_stream, client, pipeline.handle(), recorder, labels_reach);
        let leave = CancellationToken::new();
        let keeper = Assigning { replica, known, assignment: assignment_tx, drained: drained_rx };
        let keeper = keeper.start(parts, client, pipeline, connected, &leave);
        Self {
            readers: vec![
                watched(pipeline, discovering),
                watched(pipeline, fed(parts, pipeline, latest, token)),
                watched(pipeline, fed(parts, pipeline, every, token)),
                watched(pipeline, labels.run(token.clone())),
            ],
            rest: Leaving {
                acknowledger: watched(pipeline, acknowledger.run()),
                keeper,
                leave: leave.drop_guard(),
            },
        }
    }

    /// Waits until no more frames come in.
    pub(super) async fn stop_reading(self) -> Result<Leaving, JoinError> {
        for reader in self.readers {
            reader.await?;
        }
        Ok(self.rest)
    }
}

impl Leaving {
    /// Leaves the streams to other replicas, once everything that was in flight is acknowledged.
    pub(super) async fn leave(self) -> Result<(), JoinError> {
        let Self { acknowledger, keeper, leave } = self;
        acknowledger.await?;
        drop(leave);
        keeper.await
    }
}

/// What the task works with that tells which streams are this process's.
struct Assigning {
    replica: String,
    known: watch::Receiver<Known>,
    assignment: watch::Sender<Assignment>,
    drained: mpsc::UnboundedReceiver<crate::frame::StreamId>,
}

impl Assigning {
    fn start(
        self,
        parts: &Parts,
        client: &RedisClient,
        pipeline: &Pipeline,
        connected: Arc<Notify>,
        leave: &CancellationToken,
    ) -> JoinHandle<()> {
        let Settings { ownership, publish, .. } = &parts.settings;
        let Self { replica, known, assignment, drained } = self;
        if !ownership.enabled {
            return watched(pipeline, assign_all(known, assignment));
        }
        let link = RedisLink::new(client, Duration::ZERO, "lease", &parts.recorder, connected);
        let keys = OwnershipKeys::new(&publish.objects_stream);
        let keeper = Keeper::new(ownership, replica, keys, link, known, assignment, drained);
        watched(pipeline, keeper.run(leave.clone()))
    }
}
