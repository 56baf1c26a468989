//! Medians, ratios, and what a stream of detections has.

use anyhow::{Context as _, Result};
use redis::{Value, aio::MultiplexedConnection};
use vision_tests::frames;

/// Median of the ratios round by round: what drifts slowly drops out.
pub(crate) fn ratio(these: &[f64], those: &[f64]) -> f64 {
    let ratios: Vec<f64> = these.iter().zip(those).map(|(this, that)| this / that).collect();
    median(&ratios)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that this share of all is not above.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(share * (values.len() - 1) as f64) as usize]
}

/// Entries ever added to the stream of detections.
pub(crate) async fn published(redis: &mut MultiplexedConnection) -> Result<u64> {
    let info: Vec<Value> = redis::cmd("XINFO").arg("STREAM").arg(frames::OBJECTS).query_async(redis).await?;
    let mut fields = info.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    let added = fields.find(|(name, _)| *name == Value::BulkString(b"entries-added".to_vec()));
    Ok(redis::from_redis_value(added.context("this Redis does not count entries")?.1)?)
}
