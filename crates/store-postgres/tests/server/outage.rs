//! What callers see of a server that dies, hangs or cannot be reached, and afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use oidc_session_core::StoreErrorKind::Unavailable;
use oidc_session_core::{Commit, Expected, HolderId, Lease, SessionStore as _, Stored};
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{Postgres, Proxy};
use tokio::task::JoinSet;

use crate::fixture::{KEY, builder, commit, create, key, kind, loaded, next, through, timed};

/// A call of `builder`'s stores takes at most 2 s + 1 s + 1 s + 0.5 s. Some more on a busy machine.
const BOUND: Duration = Duration::from_secs(6);

/// One statement and what is left for the line: 1.5 s.
const SILENCE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_committed_is_lost_when_the_server_is_killed() {
    const WRITERS: u8 = 4;
    let mut server = Postgres::start().await;
    let store = builder(&server.url()).connect().await.unwrap();
    for number in 0..WRITERS {
        create(&store, key(number), "0").await;
    }
    for _ in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        let mut writers = JoinSet::new();
        for number in 0..WRITERS {
            let stored = store.load(&key(number)).await.unwrap().unwrap();
            writers.spawn(write(store.clone(), number, stored, Arc::clone(&stop)));
        }
        tokio::time::sleep(Duration::from_millis(300)).await; // In the middle of the traffic.
        server.kill().await;
        let (took, refused) = timed(store.load(&KEY)).await;
        assert_eq!(kind(refused), Unavailable);
        assert!(took < BOUND, "{took:?}");
        stop.store(true, Ordering::Relaxed);
        let acknowledged = writers.join_all().await;

        server.restart().await;
        for (number, least) in acknowledged {
            // The next call works, with connections that the old server had.
            let count: u64 = loaded(&store, key(number)).await.unwrap().parse().unwrap();
            assert!(count == least || count == least + 1, "{count} commits are left of {least}");
        }
    }
}

/// Commits until a call fails, and then until told to stop; tells how many commits were acknowledged.
async fn write(store: PostgresStore, number: u8, mut stored: Stored, stop: Arc<AtomicBool>) -> (u8, u64) {
    let count = |stored: &Stored| -> u64 { std::str::from_utf8(stored.record.as_bytes()).unwrap().parse().unwrap() };
    loop {
        let expected = Expected::At(stored.version);
        let following = next(expected, &(count(&stored) + 1).to_string());
        let (took, answer) = timed(store.commit(&key(number), expected, &following, None)).await;
        assert!(took < BOUND, "{took:?}");
        match answer {
            Ok(commit) => {
                assert_eq!(commit, Commit::Done, "nobody else writes");
                stored = following;
            }
            Err(_) => {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(kind(store.load(&key(number)).await), Unavailable);
                }
                return (number, count(&stored));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_survives_a_crash_of_the_server() {
    let mut server = Postgres::start().await;
    let store = builder(&server.url()).connect().await.unwrap();
    create(&store, KEY, "first").await;
    let minute = Duration::from_secs(60);
    assert!(matches!(store.try_lease(&KEY, HolderId::random(), minute).await.unwrap(), Lease::Granted { .. }));
    server.kill().await;
    server.restart().await;
    let other = store.try_lease(&KEY, HolderId::random(), minute).await.unwrap();
    assert!(matches!(other, Lease::Held { .. }), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_unavailable_in_time_and_works_again_afterwards() {
    let server = Postgres::start().await;
    let store = builder(&server.url()).connect().await.unwrap();
    let version = create(&store, KEY, "first").await;
    server.pause();
    let (took, answer) = timed(commit(&store, KEY, Expected::At(version), "second")).await;
    assert_eq!(kind(answer), Unavailable);
    assert!(took < SILENCE, "{took:?}");
    let (took, answer) = timed(store.load(&KEY)).await;
    assert_eq!(kind(answer), Unavailable);
    assert!(took < BOUND, "{took:?}");
    server.resume();
    let content = loaded(&store, KEY).await.unwrap();
    assert!(["first", "second"].contains(&content.as_str()), "{content}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_cut_fails_each_call_once_and_does_not_poison_the_pool() {
    let server = Postgres::start().await;
    let network = Proxy::to(server.address()).await;
    let url = through(&server.url(), server.address(), network.address());
    let store = builder(&url).pool_size(4).connect().await.unwrap();
    create(&store, KEY, "first").await;
    fill(&store, 4).await;

    network.stall();
    let (took, answer) = timed(store.load(&KEY)).await;
    assert_eq!(kind(answer), Unavailable);
    assert!(took < SILENCE, "{took:?}");
    network.heal();
    // Three more connections lay idle on the dead line.
    for _ in 0..8 {
        let (took, content) = timed(loaded(&store, KEY)).await;
        assert_eq!(content.as_deref(), Some("first"));
        assert!(took < Duration::from_secs(1), "{took:?}");
    }

    network.stall();
    let (took, answer) = timed(builder(&url).connect()).await;
    assert_eq!(kind(answer), Unavailable);
    assert!(took < SILENCE, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_on_a_dead_line_are_given_up_with_the_one_that_was_used() {
    let server = Postgres::start().await;
    let network = Proxy::to(server.address()).await;
    let url = through(&server.url(), server.address(), network.address());
    let store = builder(&url).pool_size(4).connect().await.unwrap();
    create(&store, KEY, "first").await;
    fill(&store, 4).await;
    assert!(format!("{store:?}").contains(" size: 4"), "{store:?}");
    network.stall();
    assert_eq!(kind(store.load(&KEY).await), Unavailable);
    assert!(format!("{store:?}").contains(" size: 0"), "{store:?}");
}

/// Opens `count` connections.
async fn fill(store: &PostgresStore, count: u8) {
    for _ in 0..20 {
        let mut calls = JoinSet::new();
        for _ in 0..count {
            let store = store.clone();
            calls.spawn(async move { store.load(&KEY).await.map(drop) });
        }
        for answer in calls.join_all().await {
            answer.unwrap();
        }
        if format!("{store:?}").contains(&format!(" size: {count}")) {
            return;
        }
    }
    panic!("the pool never filled: {store:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_told_at_once_and_healed_at_once() {
    let server = Postgres::start().await;
    let network = Proxy::to(server.address()).await;
    let store = builder(&through(&server.url(), server.address(), network.address())).connect().await.unwrap();
    create(&store, KEY, "first").await;
    for _ in 0..3 {
        network.cut();
        let (took, answer) = timed(store.load(&KEY)).await;
        assert_eq!(kind(answer), Unavailable);
        assert!(took < SILENCE, "{took:?}");
        network.heal();
        assert_eq!(loaded(&store, KEY).await.as_deref(), Some("first"));
    }
}
