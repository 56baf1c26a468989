//! How many connections the process may have, by its limit on open files.

/// Files left for everything but connections: listeners, Redis, logs, the model.
const RESERVED: u64 = 1024;
/// Most that is reserved of a low limit, as its divisor.
const RESERVED_SHARE: u64 = 4;

/// At most `wanted` connections, or as many as the process may open files for. Raises the soft limit on open files
/// to the hard one; that it could not be raised is no error, and one that is unknown does not limit.
pub(crate) fn connections_allowed(wanted: usize) -> usize {
    let allowed = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => within(limit, wanted),
        Err(error) => {
            tracing::warn!(%error, "failed to raise the limit on open files");
            rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(wanted, |(soft, _)| within(soft, wanted))
        }
    };
    if allowed < wanted {
        tracing::warn!(wanted, allowed, "fewer connections than asked for: the limit on open files is low");
    }
    allowed
}

fn within(open_files: u64, wanted: usize) -> usize {
    let left = open_files.saturating_sub(RESERVED.min(open_files / RESERVED_SHARE));
    usize::try_from(left).unwrap_or(usize::MAX).clamp(1, wanted.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_left_for_others() {
        assert_eq!(within(1 << 20, 16_384), 16_384);
        assert_eq!(within(16_384, 16_384), 15_360);
        assert_eq!(within(1024, 16_384), 768);
        assert_eq!(within(0, 16_384), 1);
        assert_eq!(within(u64::MAX, 5), 5);
    }
}
