//! The harness's own servers do what the tests count on.

use anyhow::Result;
use redis::{RedisResult, aio::MultiplexedConnection};
use vision_tests::{eventually::eventually, redis_server::RedisServer};

async fn set(redis: &mut MultiplexedConnection, value: &str) -> RedisResult<()> {
    redis::cmd("SET").arg("key").arg(value).query_async(redis).await
}

async fn value(server: &RedisServer) -> Result<Option<String>> {
    Ok(redis::cmd("GET").arg("key").query_async(&mut server.connect().await?).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persistent_server_remembers() -> Result<()> {
    for (builder, kept) in
        [(RedisServer::builder(), None), (RedisServer::builder().persistent(), Some("kept".to_owned()))]
    {
        let mut server = builder.start().await?;
        set(&mut server.connect().await?, "kept").await?;
        server.kill().await?;
        server.restart().await?;
        assert_eq!(value(&server).await?, kept);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_follows_until_it_is_a_master() -> Result<()> {
    let (master, replica) = tokio::try_join!(RedisServer::start(), RedisServer::start())?;
    replica.replica_of(&master).await?;
    set(&mut master.connect().await?, "a").await?;
    eventually("a copy", async || value(&replica).await?.ok_or_else(|| anyhow::anyhow!("nothing"))).await?;
    let mut redis = replica.connect().await?;
    assert_eq!(set(&mut redis, "b").await.unwrap_err().code(), Some("READONLY"));
    replica.make_writable().await?;
    set(&mut redis, "b").await?;
    assert_eq!(value(&master).await?.as_deref(), Some("a"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_takes_no_more() -> Result<()> {
    let server = RedisServer::builder().max_memory(1).start().await?;
    assert_eq!(set(&mut server.connect().await?, "a").await.unwrap_err().code(), Some("OOM"));
    Ok(())
}
