//! Every way to a Redis server leads frames in and detections out.

use std::time::Duration;

use anyhow::{Result, ensure};
use detector_svc::{
    Settings,
    redis_client::{Policy, RedisSettings, slot},
};
use redis::{RedisResult, Value, aio::ConnectionLike};
use tokio::process::Command;
use vision_service::settings::Secret;
use vision_tests::{
    eventually::eventually,
    frames,
    page::{self, MetricsPage},
    process::{Process, program},
    proxy::Proxy,
    redis_server::{Certificates, RedisCluster, RedisServer},
    service::{Service, detector_settings},
};

use crate::fixture::{detections_of, none_twice, settled};

/// All that a user needs who reads `robot_camera` and publishes to the default streams.
const RULES: &str = "resetkeys resetchannels -@all \
    +ping +xread +xrevrange +xinfo|stream +exists +xadd +eval +evalsha +script|load \
    +get +set +del +pexpire +time +zadd +zrem +zrange +zremrangebyscore \
    +xreadgroup +xgroup +xack +xclaim +xautoclaim +xpending +xrange +xinfo|groups +xinfo|consumers +scan \
    ~robot_camera ~detected_objects ~{detected_objects}:* ~detectable_labels";

/// Runs a detector and has it find what is in a frame of each of its streams.
async fn works(settings: Settings, redis: &mut impl ConnectionLike) -> Result<()> {
    let streams = settings.redis.streams.clone();
    let detector = Service::detector(settings).await?;
    let frame = frames::jpeg(&frames::read("0000.jpg")?);
    for stream in &streams {
        let id = frames::publish(redis, stream, &frame).await?;
        let published = detections_of(redis, &id).await?;
        assert_eq!(published.field("source_stream"), stream);
    }
    eventually("labels", async || {
        let labels: u64 = redis::cmd("XLEN").arg("detectable_labels").query_async(redis).await?;
        ensure!(labels == 1, "{labels} entries");
        Ok(())
    })
    .await?;
    let page = settled(detector.http, streams.len() as u64).await?;
    assert_eq!(page.ledger().success, streams.len() as f64);
    assert_eq!(page.sum("redis_errors_total", &[]), 0.0);
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_do_nothing_else() -> Result<()> {
    let redis_server =
        RedisServer::builder().password("admin").user("detector", "secret", RULES).start().await?;
    let mut redis = redis_server.connect().await?;
    let mut settings = detector_settings(&redis_server.url(), "");
    settings.redis.username = "detector".to_owned();
    settings.redis.password = Secret::new("secret");
    works(settings, &mut redis).await?;
    let denied: Vec<Value> = redis::cmd("ACL").arg("LOG").query_async(&mut redis).await?;
    assert!(denied.is_empty(), "{denied:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_put_right_without_a_restart() -> Result<()> {
    let redis_server = RedisServer::builder().password("right").start().await?;
    let mut redis = redis_server.connect().await?;
    let mut settings = detector_settings(&redis_server.url(), "");
    settings.redis.password = Secret::new("hunter2");
    let error = refused(&settings.redis).await;
    assert!(error.contains("authentication failed") && !error.contains("hunter2"), "{error}");
    let detector = Process::start_without_waiting("detector-svc", &settings).await?;
    counted(&detector, "auth").await?;
    let mut add = redis::cmd("CONFIG");
    add.arg("SET").arg("requirepass").arg("hunter2").query_async::<()>(&mut redis).await?;
    eventually("readiness", async || page::ready(detector.http).await).await?;
    let id = frames::publish(&mut redis, frames::STREAM, &frames::jpeg(&frames::read("0000.jpg")?)).await?;
    detections_of(&mut redis, &id).await?;
    detector.terminate().await
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_an_authority_of_ones_own() -> Result<()> {
    let redis_server = RedisServer::builder().tls().start().await?;
    let mut redis = redis_server.connect().await?;
    let mut settings = detector_settings(&redis_server.url(), "");
    settings.redis.ca_file = redis_server.certificates().unwrap().ca.clone();
    works(settings.clone(), &mut redis).await?;

    let elsewhere = tempfile::tempdir()?;
    settings.redis.ca_file = Certificates::make(elsewhere.path())?.ca;
    let error = refused(&settings.redis).await;
    assert!(error.contains("invalid peer certificate: UnknownIssuer"), "{error}");
    let web = refused(&RedisSettings { ca_file: "".into(), ..settings.redis.clone() }).await;
    assert!(web.contains("invalid peer certificate: UnknownIssuer"), "{web}");
    let detector = Process::start_without_waiting("detector-svc", &settings).await?;
    counted(&detector, "tls").await?;
    let ready = page::ready(detector.http).await.unwrap_err().to_string();
    assert!(ready.contains("503") && ready.contains("redis"), "{ready}");
    detector.terminate().await
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_a_certificate_of_the_client() -> Result<()> {
    let redis_server = RedisServer::builder().mutual_tls().password("p").start().await?;
    let mut redis = redis_server.connect().await?;
    let mut settings = detector_settings(&redis_server.url(), "");
    let Certificates { ca, client: (certificate, key), .. } = redis_server.certificates().unwrap().clone();
    settings.redis.ca_file = ca.clone();
    let error = refused(&settings.redis).await;
    assert!(error.contains("CertificateRequired"), "{error}");
    (settings.redis.cert_file, settings.redis.key_file) = (certificate.clone(), key.clone());
    works(settings, &mut redis).await?;

    let mut camera = Command::new(program("detector-svc")?);
    camera.arg("publish").arg(frames::folder()).args(["--count", "3", "--stream", "played", "--fps", "1000"]);
    camera.arg("--redis-ca-file").arg(ca).arg("--redis-cert-file").arg(certificate);
    camera.env("DETECTOR_SVC__REDIS__URL", redis_server.url().replace(":p@", ""));
    camera.env("DETECTOR_SVC__REDIS__PASSWORD", "p").env("DETECTOR_SVC__REDIS__KEY_FILE", key);
    ensure!(camera.status().await?.success(), "nothing is published");
    let played: u64 = redis::cmd("XLEN").arg("played").query_async(&mut redis).await?;
    assert_eq!(played, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket() -> Result<()> {
    let redis_server = RedisServer::builder().unix_socket().password("p").start().await?;
    works(detector_settings(&redis_server.url(), ""), &mut redis_server.connect().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_ones_own() -> Result<()> {
    let redis_server = RedisServer::start().await?;
    for protocol in ["2", "3"] {
        let url = format!("{}/3?protocol={protocol}", redis_server.url());
        let mut redis = redis::Client::open(&*url)?.get_multiplexed_async_connection().await?;
        redis::cmd("FLUSHDB").query_async::<()>(&mut redis).await?;
        works(detector_settings(&url, ""), &mut redis).await?;
    }
    let size: u64 = redis::cmd("DBSIZE").query_async(&mut redis_server.connect().await?).await?;
    assert_eq!(size, 0, "database 0 is not touched");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_streams_on_every_node() -> Result<()> {
    let mut cluster = RedisCluster::start(3).await?;
    let mut settings = detector_settings(&cluster.url(), "");
    settings.redis.cluster = true;
    settings.redis.streams = ["a", "b", "c", "{b}2", frames::STREAM].map(str::to_owned).to_vec();
    let client = settings.redis.client()?;
    assert_eq!(client.groups(&settings.redis.streams).len(), 4);
    works(settings.clone(), &mut cluster.connect().await?).await?;

    // The node that the URL names may be gone later, as long as it was there once.
    drop(client.reader(Duration::ZERO).await?);
    let on_last_node = "a";
    assert!(slot(on_last_node) != slot("b"));
    cluster.node(0).kill().await?;
    let mut reader = client.reader(Duration::from_secs(1)).await?;
    let mut wait = redis::cmd("XREAD");
    wait.arg("BLOCK").arg(1000).arg("STREAMS").arg(on_last_node).arg("$");
    let nothing: Value = wait.query_async(&mut reader).await?;
    assert_eq!(nothing, Value::Nil);
    let mut writer = client.writer();
    writer.ping(on_last_node).await?;
    let mut pipeline = redis::pipe();
    (0..2).for_each(|n| _ = pipeline.cmd("XADD").arg(on_last_node).arg("*").arg("n").arg(n));
    let ids: Vec<String> = pipeline.query_async(&mut writer).await?;
    assert_eq!(ids.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_of_a_cluster_is_published_once_and_acknowledged() -> Result<()> {
    const ROUNDS: usize = 3;
    let cluster = RedisCluster::start(3).await?;
    let mut redis = cluster.connect().await?;
    let mut settings = detector_settings(&cluster.url(), "");
    settings.redis.cluster = true;
    settings.redis.policy = Policy::Every;
    settings.redis.streams = ["camera:*", "door"].map(str::to_owned).to_vec();
    let streams = ["camera:1", "camera:2", "camera:3", "door"].map(str::to_owned);
    assert_eq!(settings.redis.client()?.groups(&streams).len(), streams.len(), "each has a slot of its own");
    let detector = Service::detector(settings.clone()).await?;
    let frame = frames::jpeg(&frames::read("0000.jpg")?);
    for _ in 0..ROUNDS {
        for stream in &streams {
            frames::publish(&mut redis, stream, &frame).await?;
        }
    }
    let page = settled(detector.http, (ROUNDS * streams.len()) as u64).await?;
    assert_eq!(page.ledger().success, (ROUNDS * streams.len()) as f64);
    let published = frames::published(&mut redis).await?;
    assert_eq!(published.len(), ROUNDS * streams.len());
    none_twice(&published)?;
    for stream in &streams {
        eventually("acknowledgement", async || {
            let mut pending = redis::cmd("XPENDING");
            let (count, ..): (u64, Value, Value, Value) =
                pending.arg(stream).arg(&settings.redis.group).query_async(&mut redis).await?;
            ensure!(count == 0, "{count} of {stream} are pending");
            Ok(())
        })
        .await?;
    }
    detector.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_leaves_a_server_that_is_the_wrong_one() -> Result<()> {
    let (first, second) = tokio::try_join!(RedisServer::start(), RedisServer::start())?;
    let proxy = Proxy::start(first.address()).await?;
    let settings =
        RedisSettings { url: proxy.url(), timeout: Duration::from_millis(500), ..RedisSettings::default() };
    let mut writer = settings.client()?.writer();
    let add = async |writer: &mut _| {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors().cmd("PING").cmd("XADD").arg("s").arg("*").arg("k").arg("v");
        let answers: RedisResult<Vec<RedisResult<Value>>> = pipeline.query_async(writer).await;
        answers.and_then(|answers| answers.into_iter().collect::<RedisResult<Vec<_>>>()).map(drop)
    };
    add(&mut writer).await?;
    first.make_read_only().await?;
    proxy.switch_to(second.address());
    let error = add(&mut writer).await.unwrap_err();
    assert!(detector_svc::redis_client::is_wrong_server(&error), "{error}");
    add(&mut writer).await?;

    second.pause().await?;
    proxy.switch_to(first.address());
    first.make_writable().await?;
    assert!(add(&mut writer).await.unwrap_err().is_timeout());
    add(&mut writer).await?;
    proxy.cut();
    eventually("a broken connection", async || match writer.ping("s").await {
        Ok(()) => Err("it works"),
        Err(_) => Ok(()),
    })
    .await?;
    add(&mut writer).await?;
    second.resume().await?;
    let length = async |server: &RedisServer| {
        let mut redis = server.connect().await?;
        anyhow::Ok(redis::cmd("XLEN").arg("s").query_async::<u64>(&mut redis).await?)
    };
    // The write that was sent to the second while it slept reached it once.
    eventually("what was sent", async || {
        let entries = (length(&first).await?, length(&second).await?);
        ensure!(entries == (3, 2), "{entries:?}");
        Ok(())
    })
    .await
}

/// Why a reader is not let in.
async fn refused(settings: &RedisSettings) -> String {
    let reader = settings.client().unwrap().reader(Duration::ZERO).await;
    reader.err().map_or_else(String::new, |error| error.to_string())
}

/// Waits until the detector has counted errors of a type.
async fn counted(detector: &Process, error_type: &str) -> Result<()> {
    eventually("an error", async || {
        let page = MetricsPage::read(detector.http).await?;
        let errors: Vec<_> = page.samples("redis_errors_total").collect();
        ensure!(page.sum("redis_errors_total", &[("error_type", error_type)]) > 0.0, "{errors:?}");
        Ok(())
    })
    .await
}
