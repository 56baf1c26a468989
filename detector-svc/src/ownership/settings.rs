//! How replicas share the streams.

use std::time::Duration;

use vision_service::settings::InvalidSetting;

/// Bounds of a lease: longer than Redis takes to answer, and not so long that a camera goes unseen for minutes.
const LEASE: std::ops::RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(60);

vision_service::settings! {
    /// Sharing the streams with other replicas.
    pub struct OwnershipSettings checked by check {
        /// Whether each stream is read by one replica at a time. Otherwise every replica reads every stream: those of
        /// the policy `every` then share its frames, and those of `latest` look at the same ones.
        pub enabled: bool = true,
        /// How long a stream stays a replica's that is not heard of any more, 500ms to 60s: prolonged all the time, and
        /// after it the others take the stream over.
        #[serde(with = "humantime_serde")]
        pub lease: Duration = Duration::from_secs(3),
        /// Name of this replica, different from every other's. Empty: the host's name and a random number.
        pub replica_id: String = String::new(),
    }
}

impl OwnershipSettings {
    /// The replica's name.
    #[must_use]
    pub fn replica(&self) -> String {
        if self.replica_id.is_empty() {
            format!("{}-{:08x}", crate::settings::host_name(), rand::random::<u32>())
        } else {
            self.replica_id.clone()
        }
    }
}

fn check(settings: &OwnershipSettings) -> Result<(), InvalidSetting> {
    if LEASE.contains(&settings.lease) {
        return Ok(());
    }
    Err(InvalidSetting::new("lease", format!("is {:?}, not within 500ms..=60s", settings.lease)))
}
