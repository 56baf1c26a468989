//! What a process has used, as `/proc` tells.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// Processor time of all threads of a process.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    let mut time = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may have ended since.
        let times = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        let on_cpu = times.split_whitespace().next().map_or(Ok(0), str::parse)?;
        time += Duration::from_nanos(on_cpu);
    }
    Ok(time)
}

/// Resident memory in bytes.
pub(crate) fn resident(process: u32) -> Result<u64> {
    Ok(number(&format!("/proc/{process}/status"), "VmRSS:")? * 1024)
}

/// Bytes written to disk.
pub(crate) fn written(process: u32) -> Result<u64> {
    number(&format!("/proc/{process}/io"), "write_bytes:")
}

fn number(file: &str, key: &str) -> Result<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    Ok(number.with_context(|| format!("{file} has no {key}"))?.parse()?)
}
