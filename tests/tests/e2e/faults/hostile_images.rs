//! One broken image after another: each is counted, and those between them are looked at.

use std::io::Cursor;

use anyhow::{Context as _, Result};
use detector_svc::redis_client::Policy;
use image::{ImageFormat, RgbImage};
use vision_tests::{
    frames::{self, Entry, STREAM},
    process::Process,
    redis_server::RedisServer,
    service::detector_settings,
};

use super::acknowledged;
use crate::fixture::{all_published, append, settled};

/// Broken images, with a good one after every fourth.
const BROKEN: usize = 100;
/// Most pixels of an image: 12 bytes each for either decoding thread.
const MAX_PIXELS: u32 = 4_000_000;
/// Side of a large image within that, of one colour: a small file.
const BOMB_SIDE: u32 = 1900;
/// How much the process may grow while it looks at all of them: the images at hand and the pages of an allocator.
const GROWTH_KIB: u64 = 256 * 1024;

fn binary(format: &str, bytes: Vec<u8>) -> Entry {
    frames::entry(&[("format", format), ("encoding", "binary")], bytes)
}

fn png(side: u32) -> Result<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::new(side, side).write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

/// A PNG file whose header claims another width.
fn wide(png: &[u8], width: u32) -> Vec<u8> {
    let mut wide = png.to_vec();
    wide[16..20].copy_from_slice(&width.to_be_bytes());
    wide
}

/// A JPEG file whose header claims other sides.
fn resized(jpeg: &[u8], side: u16) -> Vec<u8> {
    let mut resized = jpeg.to_vec();
    let header = resized.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    let [high, low] = side.to_be_bytes();
    resized[header + 5..header + 9].copy_from_slice(&[high, low, high, low]);
    resized
}

/// The broken image of this number, different from every other.
fn broken(number: usize, jpeg: &[u8], png: &[u8]) -> Entry {
    let garbage: Vec<u8> = (0..500 + number).map(|at| (at * at + number) as u8).collect();
    let part = |file: &[u8]| file[..file.len() * (5 + number % 80) / 100].to_vec();
    match number % 10 {
        0 => binary("jpeg", part(jpeg)),
        1 => binary("png", part(png)),
        2 => frames::entry(&[("format", "jpeg")], format!("no base64 {number}!").into_bytes()),
        3 => frames::raw(&garbage, 100, number as u32 + 1, 3),
        4 => binary("png", wide(png, 9000 + number as u32)),
        5 => binary("jpeg", resized(jpeg, 9000 + number as u16)),
        6 => binary("webp", [b"RIFF\x24\x00\x00\x00WEBPVP8 ".as_slice(), &garbage].concat()),
        7 => binary("jpeg", [b"\xFF\xD8\xFF\xE0".as_slice(), &garbage].concat()),
        8 => frames::raw(&garbage, number as u32, 10_001, 3),
        _ => binary("png", garbage),
    }
}

/// Memory that the process has in use.
fn resident_kib(process: &Process) -> Result<u64> {
    let pid = process.id().context("the process has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn good_images_among_a_hundred_broken_ones_are_published_and_memory_is_bounded() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut settings = detector_settings(&server.url(), "");
    settings.redis.policy = Policy::Every;
    settings.image.max_pixels = MAX_PIXELS;
    let detector = Process::start("detector-svc", &settings).await?;
    let mut redis = server.connect().await?;
    let (jpeg, bomb) = (frames::read("0002.jpg")?, png(BOMB_SIDE)?);
    let mut good = Vec::new();
    for image in [frames::jpeg(&jpeg), binary("png", bomb.clone())] {
        good.push(append(&mut redis, STREAM, &image).await?);
    }
    all_published(&mut redis, STREAM, &good).await?;
    let before = resident_kib(&detector)?;

    for number in 0..BROKEN {
        append(&mut redis, STREAM, &broken(number, &jpeg, &bomb)).await?;
        match number % 8 {
            3 => good.push(append(&mut redis, STREAM, &frames::jpeg(&jpeg)).await?),
            7 => good.push(append(&mut redis, STREAM, &binary("png", bomb.clone())).await?),
            _ => {}
        }
    }
    assert_eq!(all_published(&mut redis, STREAM, &good).await?, 0);
    acknowledged(&mut redis, STREAM).await?;
    let page = settled(detector.http, (good.len() + BROKEN) as u64).await?;
    assert_eq!(page.ledger().success, good.len() as f64);
    assert_eq!(page.ledger().failure, BROKEN as f64);
    let errors = |kind| page.sum("errors_total", &[("error_type", kind)]);
    assert_eq!((errors("decode"), errors("invalid")), (BROKEN as f64 * 0.9, BROKEN as f64 * 0.1));
    let after = resident_kib(&detector)?;
    assert!(after < before + GROWTH_KIB, "{before} KiB have become {after}");
    detector.terminate().await
}
