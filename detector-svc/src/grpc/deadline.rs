//! A caller's deadline, from the header that gRPC sends it in.

use std::time::{Duration, Instant};

use tonic::metadata::MetadataMap;

/// Time kept for the answer to be on its way before the server's own timer ends the call, with another status.
const MARGIN: Duration = Duration::from_millis(5);

/// Until when an answer is of use to the caller; `None` without a limit, or one that cannot be read.
pub(super) fn answer_by(metadata: &MetadataMap, now: Instant) -> Option<Instant> {
    let timeout = parse(metadata.get("grpc-timeout")?.to_str().ok()?)?;
    now.checked_add(timeout.saturating_sub(MARGIN.min(timeout / 4)))
}

/// At most eight digits and a unit, as the gRPC protocol has it.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse::<u64>().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, millis) in
            [("1H", 3_600_000), ("2M", 120_000), ("3S", 3000), ("4m", 4), ("5000u", 5), ("6000000n", 6)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_no_limit() {
        for text in ["", "S", "1", "123456789S", "-1S", "1.5S", "1s", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
