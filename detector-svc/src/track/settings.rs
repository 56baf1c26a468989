//! Settings of the tracker.

use std::time::Duration;

use vision_service::settings::InvalidSetting;

use super::label_vote::MAX_VOTES;

vision_service::settings! {
    /// Tracking of objects over the frames of a stream.
    pub struct TrackSettings checked by check {
        /// Whether objects are tracked at all.
        pub enabled: bool = true,
        /// Detections of a score above this are associated first, with tracks in sight and lost ones alike, 0..=1.
        pub high_threshold: f64 = 0.5,
        /// Detections of a score above this, and not above `high_threshold`, may go on a track that is in sight, 0..=1.
        /// They are not published unless they are above `model.confidence_threshold`, too.
        pub low_threshold: f64 = 0.1,
        /// A detection that no track took begins one from this score on, 0..=1.
        pub new_threshold: f64 = 0.6,
        /// A detection may be a track's when 1 - overlap * score is below this, 0..=1: higher is more lenient.
        pub match_threshold: f64 = 0.8,
        /// A track that is not found for longer than this ends, 1 ms to 1 h. Between two frames ten times that may pass.
        #[serde(with = "humantime_serde")]
        pub lost_after: Duration = Duration::from_secs(1),
        /// Frames a second at which the motion model's noise is right, 0.1 to 1000. Objects move by the frames' own
        /// times.
        pub nominal_fps: f64 = 30.0,
        /// Whether only detections of one class may be one object.
        pub class_aware: bool = false,
        /// Whether the class of a tracked object is what most of its first detections say.
        pub stabilise_labels: bool = true,
        /// Detections after which that class is settled, 1 to 32.
        pub label_votes: usize = 10,
        /// Whether the box of a tracked object is the motion model's instead of the detector's: steadier, and a little
        /// late.
        pub smooth_boxes: bool = false,
        /// Most tracks of one stream at a time, 1 to 4096; beyond it none begins.
        pub max_tracks: usize = 1000,
    }
}

const MIN_LOST_AFTER: Duration = Duration::from_millis(1);
const MAX_LOST_AFTER: Duration = Duration::from_secs(3600);
const MAX_TRACKS: usize = 4096;

fn check(settings: &TrackSettings) -> Result<(), InvalidSetting> {
    fraction("high_threshold", settings.high_threshold)?;
    fraction("low_threshold", settings.low_threshold)?;
    fraction("new_threshold", settings.new_threshold)?;
    fraction("match_threshold", settings.match_threshold)?;
    if settings.low_threshold > settings.high_threshold {
        let reason =
            format!("is {}, above `high_threshold`, {}", settings.low_threshold, settings.high_threshold);
        return Err(InvalidSetting::new("low_threshold", reason));
    }
    if !(MIN_LOST_AFTER..=MAX_LOST_AFTER).contains(&settings.lost_after) {
        let reason = format!("is {:?}, 1 ms to 1 h are allowed", settings.lost_after);
        return Err(InvalidSetting::new("lost_after", reason));
    }
    if !(0.1..=1000.0).contains(&settings.nominal_fps) {
        let reason = format!("is {}, 0.1 to 1000 are allowed", settings.nominal_fps);
        return Err(InvalidSetting::new("nominal_fps", reason));
    }
    up_to("label_votes", settings.label_votes, MAX_VOTES)?;
    up_to("max_tracks", settings.max_tracks, MAX_TRACKS)
}

fn fraction(key: &str, value: f64) -> Result<(), InvalidSetting> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(InvalidSetting::new(key, format!("is {value}, not within 0..=1")))
}

fn up_to(key: &str, value: usize, max: usize) -> Result<(), InvalidSetting> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(InvalidSetting::new(key, format!("is {value}, 1 to {max} are allowed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        assert!(check(&TrackSettings::default()).is_ok());
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_value() {
        let default = TrackSettings::default;
        for (settings, named) in [
            (TrackSettings { high_threshold: 1.5, ..default() }, "high_threshold is 1.5"),
            (TrackSettings { low_threshold: f64::NAN, ..default() }, "low_threshold is NaN"),
            (TrackSettings { low_threshold: 0.7, ..default() }, "low_threshold is 0.7, above"),
            (TrackSettings { new_threshold: -0.1, ..default() }, "new_threshold is -0.1"),
            (TrackSettings { match_threshold: 2.0, ..default() }, "match_threshold is 2"),
            (TrackSettings { lost_after: Duration::ZERO, ..default() }, "lost_after is 0ns"),
            (TrackSettings { lost_after: Duration::MAX, ..default() }, "lost_after is"),
            (TrackSettings { nominal_fps: 0.0, ..default() }, "nominal_fps is 0"),
            (TrackSettings { label_votes: 33, ..default() }, "label_votes is 33, 1 to 32"),
            (TrackSettings { max_tracks: 0, ..default() }, "max_tracks is 0, 1 to 4096"),
        ] {
            let message = check(&settings).expect_err(named).to_string().replace('`', "");
            assert!(message.contains(named), "{message}");
        }
    }
}
