//! The pool: when it is empty, when calls are given up, and when it is the program's own.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use oidc_session_core::StoreErrorKind::{Misconfigured, Unavailable};
use oidc_session_core::{
    Expected, HolderId, Lease, List as _, Release, Removal, Renewal, SessionStore as _, Sweep as _, Timestamp,
};
use oidc_session_store_postgres::PostgresStore;
use oidc_session_store_postgres::deadpool_postgres::{Manager, Pool, Runtime};
use oidc_session_test_servers::{Postgres, Proxy, fresh_name, shared_postgres};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

use crate::fixture::{KEY, builder, client, commit, create, key, kind, loaded, next, through, timed};

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_one_round_trip() {
    const ROUND_TRIP: Duration = Duration::from_millis(400);
    let server = Postgres::start().await;
    let network = Proxy::to(server.address()).await;
    let url = through(&server.url(), server.address(), network.address());
    let store = builder(&url).pool_size(1).statement_timeout(Duration::from_secs(10)).connect().await.unwrap();
    let holder = HolderId::random();
    let lease = Duration::from_secs(60);
    // Each statement once, because it is prepared when a connection meets it for the first time.
    let all = async |slow: bool, number: u8| {
        let key = key(number);
        let one = async |name: &str, call: &mut (dyn Future<Output = ()> + Unpin)| {
            let (took, ()) = timed(call).await;
            assert!(!slow || (took >= ROUND_TRIP && took < ROUND_TRIP * 2), "{name} took {took:?}");
        };
        let mut version = None;
        one("create", &mut Box::pin(async { version = Some(create(&store, key, "1").await) })).await;
        one("load", &mut Box::pin(async { assert!(store.load(&key).await.unwrap().is_some()) })).await;
        one(
            "try_lease",
            &mut Box::pin(async {
                let granted = store.try_lease(&key, holder, lease).await.unwrap();
                assert!(matches!(granted, Lease::Granted { .. }));
            }),
        )
        .await;
        one(
            "renew",
            &mut Box::pin(async { assert_eq!(store.renew(&key, holder, lease).await.unwrap(), Renewal::Done) }),
        )
        .await;
        one("release", &mut Box::pin(async { store.release(&key, holder, Release::default()).await.unwrap() })).await;
        let expected = Expected::At(version.unwrap());
        one("commit", &mut Box::pin(async { version = commit(&store, key, expected, "2").await.unwrap() })).await;
        one("list", &mut Box::pin(async { assert_eq!(store.list(None, 9).await.unwrap().entries.len(), 1) })).await;
        one("sweep", &mut Box::pin(async { assert_eq!(store.sweep(9).await.unwrap(), 0) })).await;
        let version = version.unwrap();
        one("remove", &mut Box::pin(async { assert_eq!(store.remove(&key, version).await.unwrap(), Removal::Done) }))
            .await;
    };
    all(false, 1).await;
    network.delay(ROUND_TRIP / 2);
    all(true, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_used_up_is_unavailable_in_time() {
    let url = shared_postgres().await;
    let schema = fresh_name();
    let store = builder(url).schema(&schema).pool_size(1).statement_timeout(Duration::from_secs(3)).connect().await;
    let store = store.unwrap();
    let version = create(&store, KEY, "first").await;

    // Somebody holds the row, so the commit waits and keeps the only connection.
    let mut other = client(url, &schema).await;
    let holding = other.transaction().await.unwrap();
    holding.execute("SELECT FROM sessions FOR UPDATE", &[]).await.unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { timed(commit(&store, KEY, Expected::At(version), "second")).await }
    });
    while !format!("{store:?}").contains("available: 0") {
        tokio::task::yield_now().await;
    }
    let (took, answer) = timed(store.load(&key(2))).await;
    assert_eq!(kind(answer), Unavailable);
    assert!(took >= Duration::from_millis(900) && took < Duration::from_millis(2500), "{took:?}");

    // The server ends the statement, and the connection is as good as before.
    let (took, answer) = waiting.await.unwrap();
    assert_eq!(kind(answer), Unavailable);
    assert!(took < Duration::from_millis(3400), "{took:?}");
    assert!(format!("{store:?}").contains(" size: 1"), "{store:?}");
    holding.rollback().await.unwrap();
    assert_eq!(loaded(&store, KEY).await.as_deref(), Some("first"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_given_up_leaves_its_connection_in_order() {
    let store = builder(shared_postgres().await).pool_size(1).connect().await.unwrap();
    for number in 0..8 {
        create(&store, key(number), &number.to_string()).await;
    }
    for polls in 0..64 {
        let given_up = key(polls % 8);
        {
            let mut call = pin!(store.load(&given_up));
            for _ in 0..polls / 8 {
                let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
                if polled.is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let number = (polls + 3) % 8;
        assert_eq!(loaded(&store, key(number)).await, Some(number.to_string()), "after {polls} polls");
    }
}

#[tokio::test]
async fn too_many_connections_are_unavailable() {
    let server = Postgres::start().await;
    let store = builder(&server.url()).connect().await.unwrap();
    create(&store, KEY, "first").await;
    let other = client(&server.url(), "public").await;
    other.batch_execute("ALTER DATABASE sessions CONNECTION LIMIT 1").await.unwrap();
    assert_eq!(kind(builder(&server.url()).connect().await), Unavailable);
    assert_eq!(loaded(&store, KEY).await.as_deref(), Some("first"), "a connection that stands goes on");
}

#[tokio::test]
async fn a_pool_of_the_program_is_used_as_it_is() {
    let config = shared_postgres().await.parse().unwrap();
    let pool = Pool::builder(Manager::new(config, NoTls)).max_size(2).runtime(Runtime::Tokio1).build().unwrap();
    let store = PostgresStore::from_pool(pool.clone()).schema(fresh_name()).connect().await.unwrap();
    create(&store, KEY, "first").await;
    assert_eq!(loaded(&store, KEY).await.as_deref(), Some("first"));
    assert!(store.change_feed().is_none(), "a pool's connections cannot listen");
    pool.close();
    assert_eq!(kind(store.load(&KEY).await), Misconfigured);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_the_program_gets_no_silent_connection_back() {
    let server = Postgres::start().await;
    let network = Proxy::to(server.address()).await;
    let config = through(&server.url(), server.address(), network.address()).parse().unwrap();
    let pool = Pool::builder(Manager::new(config, NoTls)).max_size(2).runtime(Runtime::Tokio1).build().unwrap();
    let builder = PostgresStore::from_pool(pool.clone()).statement_timeout(Duration::from_millis(500));
    let store = builder.connect_timeout(Duration::from_secs(2)).connect().await.unwrap();
    create(&store, KEY, "first").await;
    assert_eq!(pool.status().size, 1);
    network.stall();
    assert_eq!(kind(store.load(&KEY).await), Unavailable);
    assert_eq!(pool.status().size, 0);
    // The pool itself has no limits: the store has.
    let (took, answer) = timed(store.load(&KEY)).await;
    assert_eq!(kind(answer), Unavailable);
    assert!(took < Duration::from_secs(7), "{took:?}");
    network.heal();
    assert_eq!(loaded(&store, KEY).await.as_deref(), Some("first"));
}

#[tokio::test]
async fn statements_are_prepared_anew_when_the_server_has_forgotten_them() {
    let config = shared_postgres().await.parse().unwrap();
    let pool = Pool::builder(Manager::new(config, NoTls)).max_size(1).runtime(Runtime::Tokio1).build().unwrap();
    let store = PostgresStore::from_pool(pool.clone()).schema(fresh_name()).connect().await.unwrap();
    create(&store, KEY, "first").await;
    assert_eq!(loaded(&store, KEY).await.as_deref(), Some("first"));
    pool.get().await.unwrap().batch_execute("DEALLOCATE ALL").await.unwrap();
    assert_eq!(kind(store.load(&KEY).await), Unavailable);
    assert_eq!(loaded(&store, KEY).await.as_deref(), Some("first"));
}

#[tokio::test]
async fn a_connection_is_durable_and_isolated_whatever_the_role_says() {
    let server = Postgres::start().await;
    let schema = fresh_name();
    let other = client(&server.url(), "public").await;
    other
        .batch_execute(
            "ALTER ROLE sessions SET synchronous_commit = off;
             ALTER ROLE sessions SET default_transaction_isolation = 'serializable';
             ALTER ROLE sessions SET statement_timeout = 0",
        )
        .await
        .unwrap();
    let store = builder(&server.url()).schema(&schema).connect().await.unwrap();
    let other = client(&server.url(), &schema).await;
    other
        .batch_execute(
            "CREATE TABLE noted (settings text);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 INSERT INTO noted SELECT concat_ws(', ', current_setting('synchronous_commit'),
                     current_setting('transaction_isolation'), current_setting('statement_timeout'),
                     current_setting('application_name'));
                 RETURN NULL;
             END $$ SET search_path FROM CURRENT;
             CREATE TRIGGER note AFTER INSERT ON sessions EXECUTE FUNCTION note()",
        )
        .await
        .unwrap();
    create(&store, KEY, "first").await;
    let noted: String = other.query_one("SELECT settings FROM noted", &[]).await.unwrap().get(0);
    assert_eq!(noted, "on, read committed, 1s, oidc-session");
}

#[tokio::test]
async fn of_several_hosts_the_one_that_answers_is_used() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = shared_postgres().await.replace("@", &format!("@{free},"));
    let store = builder(&url).connect().await.unwrap();
    create(&store, KEY, "first").await;
}

#[tokio::test]
async fn a_server_that_can_only_be_read_is_unavailable() {
    let server = Postgres::start().await;
    let builder = builder(&server.url()).schema(fresh_name());
    let store = builder.clone().connect().await.unwrap();
    let version = create(&store, KEY, "first").await;
    let other = client(&server.url(), "public").await;
    other.batch_execute("ALTER DATABASE sessions SET default_transaction_read_only = on").await.unwrap();
    assert_eq!(kind(builder.connect().await), Unavailable);
    // The old connections are on the old server, so to say.
    assert!(commit(&store, KEY, Expected::At(version), "second").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_pass_over_what_somebody_is_changing_and_drop_each_record_once() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).statement_timeout(Duration::from_secs(20)).connect().await.unwrap();
    for number in 0..100 {
        let past = next(Expected::Absent, "past");
        let _ = store.commit(&key(number), Expected::Absent, &past, Some(Timestamp::UNIX_EPOCH)).await.unwrap();
    }
    let mut other = client(url, &schema).await;
    let holding = other.transaction().await.unwrap();
    let held = holding.execute("SELECT FROM sessions WHERE get_byte(key, 0) < 10 FOR UPDATE", &[]).await.unwrap();
    assert_eq!(held, 10);
    let mut sweeps = JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        sweeps.spawn(async move {
            let mut dropped = 0;
            loop {
                match store.sweep(7).await.unwrap() {
                    0 => return dropped,
                    some => dropped += some,
                }
            }
        });
    }
    assert_eq!(sweeps.join_all().await.iter().sum::<usize>(), 90);
    holding.rollback().await.unwrap();
    assert_eq!(store.sweep(100).await.unwrap(), 10);
}
