#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use opentelemetry::metrics::{MeterProvider as _, NoopMeterProvider};
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{slot::Slot, table::Table, *};

const MAX: usize = 4;
const MIN_IDLE: Duration = Duration::from_secs(10);

fn instruments() -> Instruments {
    Instruments::new(&NoopMeterProvider::new().meter(""))
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter,
    Begin(usize),
    End(usize),
    Leave(usize),
    Evict,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Enter),
        (0..MAX).prop_map(Step::Begin),
        (0..MAX).prop_map(Step::End),
        (0..MAX).prop_map(Step::Leave),
        Just(Step::Evict),
    ]
}

/// A connection as the naive model has it.
struct Modelled {
    slot: Arc<Slot>,
    calls: usize,
    idle_since: Instant,
    told_to_close: bool,
}

impl Modelled {
    fn begin(&mut self) {
        // It is ended at a time of the test's choosing.
        std::mem::forget(self.slot.begin());
        self.calls += 1;
    }

    fn end(&mut self, now: Instant) {
        if self.calls > 0 {
            self.slot.end(now);
            self.calls -= 1;
            self.idle_since = now;
        }
    }

    fn is_closing(&self) -> bool {
        self.slot.poll_closing(&Context::from_waker(Waker::noop()))
    }
}

fn evict(table: &Table, open: &mut [Modelled], now: Instant) {
    let idle = open.iter_mut().filter(|c| c.calls == 0 && !c.told_to_close);
    let longest = idle.min_by_key(|connection| (connection.idle_since, connection.slot.id()));
    let expected = match longest {
        None => Err(None),
        Some(longest) => match now - longest.idle_since {
            idle if idle < MIN_IDLE => Err(Some(MIN_IDLE - idle)),
            idle => {
                longest.told_to_close = true;
                Ok(idle)
            }
        },
    };
    assert_eq!(table.evict(now), expected);
}

proptest! {
    #[test]
    fn the_longest_idle_is_closed_and_no_other(steps in prop::collection::vec((step(), 0..8_u64), 0..200)) {
        let table = Arc::new(Table::new(MAX, MIN_IDLE, instruments()));
        let mut open: Vec<Modelled> = Vec::new();
        let mut now = Instant::now();
        for (step, seconds) in steps {
            now += Duration::from_secs(seconds);
            match step {
                Step::Enter => match table.enter(now) {
                    Some(slot) => open.push(Modelled { slot, calls: 0, idle_since: now, told_to_close: false }),
                    None => prop_assert_eq!(open.len(), MAX),
                },
                Step::Leave(index) if index < open.len() => open.remove(index).slot.leave(),
                Step::Evict => evict(&table, &mut open, now),
                Step::Begin(index) => {
                    if let Some(connection) = open.get_mut(index).filter(|c| !c.told_to_close) {
                        connection.begin();
                    }
                }
                Step::End(index) => {
                    if let Some(connection) = open.get_mut(index) {
                        connection.end(now);
                    }
                }
                Step::Leave(_) => {}
            }
            prop_assert!(open.len() <= MAX);
            for connection in &open {
                prop_assert_eq!(connection.is_closing(), connection.told_to_close);
            }
        }
    }
}

async fn acceptor(limits: &ConnectionLimits) -> (Acceptor, std::net::SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (Acceptor::new(listener, "test", limits, instruments()), address)
}

#[tokio::test]
async fn a_call_that_outlives_its_connection_frees_no_slot_twice() {
    let limits = ConnectionLimits { max: 1, min_idle: MIN_IDLE, greeting: None };
    let (acceptor, address) = acceptor(&limits).await;
    for _ in 0..3 {
        let (_client, connection) = tokio::join!(TcpStream::connect(address), acceptor.accept());
        let call = connection.slot().begin();
        drop(connection);
        drop(call);
    }
}

#[tokio::test]
async fn one_that_waits_is_served_when_another_leaves() {
    let limits = ConnectionLimits { max: 1, min_idle: MIN_IDLE, greeting: None };
    let (acceptor, address) = acceptor(&limits).await;
    let _first_client = TcpStream::connect(address).await.unwrap();
    let first = acceptor.accept().await;
    let _call = first.slot().begin();
    let mut second_client = TcpStream::connect(address).await.unwrap();
    let mut waiting = Box::pin(acceptor.accept());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(first);
    let mut second = waiting.await;
    second_client.write_all(b"x").await.unwrap();
    assert_eq!(second.read_u8().await.unwrap(), b'x');
}

#[tokio::test]
async fn an_idle_connection_is_told_to_close_while_it_reads() {
    let limits = ConnectionLimits { max: 1, min_idle: Duration::ZERO, greeting: None };
    let (acceptor, address) = acceptor(&limits).await;
    let _first_client = TcpStream::connect(address).await.unwrap();
    let mut first = acceptor.accept().await;
    let reading = tokio::spawn(async move { first.read_u8().await.unwrap_err().kind() });
    let _second_client = TcpStream::connect(address).await.unwrap();
    acceptor.accept().await;
    assert_eq!(reading.await.unwrap(), std::io::ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn a_peer_that_says_too_little_is_given_up() {
    let greeting = Greeting { bytes: 2, within: Duration::from_millis(1) };
    let limits = ConnectionLimits { max: 2, min_idle: MIN_IDLE, greeting: Some(greeting) };
    let (acceptor, address) = acceptor(&limits).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"x").await.unwrap();
    let mut connection = acceptor.accept().await;
    assert_eq!(connection.read_u8().await.unwrap(), b'x');
    let error = connection.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_peer_that_has_greeted_may_be_silent() {
    let greeting = Greeting { bytes: 2, within: Duration::from_secs(1000) };
    let limits = ConnectionLimits { max: 2, min_idle: MIN_IDLE, greeting: Some(greeting) };
    let (acceptor, address) = acceptor(&limits).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"xy").await.unwrap();
    let mut connection = acceptor.accept().await;
    connection.read_exact(&mut [0; 2]).await.unwrap();
    tokio::time::pause();
    let silence = tokio::time::timeout(Duration::from_secs(2000), connection.read_u8());
    assert!(silence.await.is_err());
}
