//! What somebody else wrote into the hash, and what the server's user may not do: told typed, and nothing is destroyed.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::error::Error as _;
use std::time::Duration;

use oidc_session_core::{
    Commit, Cursor, Expected, HolderId, Lease, List as _, Record, Release, SessionStore as _, StoreError,
    StoreErrorKind, StoreKey, Stored, Version, Walk, Walked,
};
use oidc_session_store_redis::RedisStore;
use oidc_session_test_servers::{Redis, fresh_name, shared_redis};
use redis::aio::MultiplexedConnection;
use redis::{Value, cmd};

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const HOLDER: HolderId = HolderId::from_u128(1);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_damaged_hash_is_an_error_that_destroys_nothing() {
    let whole = "version 5 record rt-SECRET";
    for damage in [
        "version rt-SECRET record x",
        "version 1.5 record x",
        "version -1 record x",
        "version 1e3 record x",
        "version 05 record x",
        "version 123456789012345678901 record x",
        "record x",
        "version 5",
        "something else",
        &format!("{whole} ends soon"),
        &format!("{whole} ends 1 length -1"),
        &format!("{whole} holder 00 length 1"),
        &format!("{whole} holder 00 ends 99999999999999999999 length 1"),
        &format!("{whole} ends 1"),
        &format!("{whole} unsettled many"),
        &format!("{whole} keep_until tomorrow"),
    ] {
        let (store, mut admin, key) = prepared().await;
        let mut written = cmd("HSET");
        written.arg(&key);
        for word in damage.split(' ') {
            written.arg(word);
        }
        let _: () = written.query_async(&mut admin).await.unwrap();
        let before: Value = cmd("DUMP").arg(&key).query_async(&mut admin).await.unwrap();
        for answer in all_calls(&store).await {
            is_damage(answer.expect_err(damage));
        }
        let after: Value = cmd("DUMP").arg(&key).query_async(&mut admin).await.unwrap();
        assert_eq!(before, after, "{damage}");
    }
}

#[tokio::test]
async fn a_version_that_fits_into_no_number_is_damage() {
    let (store, mut admin, key) = prepared().await;
    let mut written = cmd("HSET");
    let _: () = written
        .arg(&key)
        .arg("version")
        .arg("99999999999999999999")
        .arg("record")
        .arg("x")
        .query_async(&mut admin)
        .await
        .unwrap();
    is_damage(store.load(&KEY).await.unwrap_err());
    is_damage(store.try_lease(&KEY, HOLDER, SECOND).await.unwrap_err());
}

#[tokio::test]
async fn what_is_not_the_stores_is_not_listed() {
    let (store, mut admin, key) = prepared().await;
    let first = Stored { version: Version::from_u64(1), record: Record::from_bytes(b"first".to_vec()) };
    let _ = store.commit(&KEY, Expected::Absent, &first, None).await.unwrap();
    for other in
        [key.to_uppercase(), key.replace("07}", "}"), key.replace('{', ""), format!("x{key}"), format!("{key}x")]
    {
        let _: () = cmd("SET").arg(other).arg("x").query_async(&mut admin).await.unwrap();
    }
    let mut records = Walk::over(&store);
    assert_eq!(records.next().await.unwrap(), Some(Walked::Record { key: KEY, stored: first }));
    assert_eq!(records.next().await.unwrap(), None);

    for foreign in [&b"\xff"[..], b"", b"first page", b"-1"] {
        let cursor = Cursor::from_bytes(foreign.to_vec());
        assert_eq!(store.list(Some(&cursor), 1).await.unwrap_err().kind(), StoreErrorKind::Misconfigured);
    }
}

#[tokio::test]
async fn a_damaged_record_in_a_list_is_told() {
    let (store, mut admin, key) = prepared().await;
    let _: () = cmd("SET").arg(&key).arg("x").query_async(&mut admin).await.unwrap();
    assert_eq!(Walk::over(&store).next().await.unwrap(), Some(Walked::Unreadable(KEY)));
}

#[tokio::test]
async fn a_clock_that_was_set_back_prolongs_no_lease() {
    let (store, mut admin, key) = prepared().await;
    let first = Stored { version: Version::from_u64(1), record: Record::from_bytes(b"first".to_vec()) };
    let _ = store.commit(&KEY, Expected::Absent, &first, None).await.unwrap();
    assert!(matches!(store.try_lease(&KEY, HOLDER, SECOND).await.unwrap(), Lease::Granted { .. }));
    // An hour from now, as if the clock had been an hour ahead when the lease was taken.
    let (seconds, _): (u64, u64) = cmd("TIME").query_async(&mut admin).await.unwrap();
    let ends = (seconds + 3600) * 1_000_000;
    let _: () = cmd("HSET").arg(&key).arg("ends").arg(ends).query_async(&mut admin).await.unwrap();
    let other = HolderId::from_u128(2);
    match store.try_lease(&KEY, other, SECOND).await.unwrap() {
        Lease::Held { remaining } => assert!(remaining <= SECOND, "{remaining:?}"),
        answer => panic!("{answer:?}"),
    }
    tokio::time::sleep(SECOND).await;
    let granted = store.try_lease(&KEY, other, SECOND).await.unwrap();
    assert!(matches!(granted, Lease::Granted { unsettled: 1, .. }), "{granted:?}");
}

#[tokio::test]
async fn the_documented_permissions_suffice_and_none_is_too_many() {
    let redis = Redis::start().await;
    let documentation = include_str!("../src/lib.rs").replace("//!", "");
    let documented: Vec<&str> = documentation.split_whitespace().filter(|word| word.starts_with('+')).collect();
    assert!(documented.contains(&"+evalsha"));
    let patterns = "~oidc-session:* &oidc-session:*";

    let store = RedisStore::connect(user_with(&redis, patterns, &documented).await).await.unwrap();
    let mut changes = store.change_feed().unwrap().subscribe().await.unwrap();
    for answer in all_calls(&store).await {
        answer.unwrap();
    }
    assert_eq!(changes.next().await.unwrap().version, Some(Version::from_u64(5)));
    assert_eq!(Walk::over(&store).next().await.unwrap(), None);

    for missing in documented.iter().filter(|command| !["+info", "+ping"].contains(command)) {
        let others: Vec<&str> = documented.iter().filter(|command| *command != missing).copied().collect();
        let url = user_with(&redis, patterns, &others).await;
        match RedisStore::connect(url).await {
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Denied, "{missing}"),
            // What only the optional powers need is told when they are used.
            Ok(store) if ["+subscribe", "+scan"].contains(missing) => {
                let subscribed = store.change_feed().unwrap().subscribe().await.map(drop);
                let listed = store.list(None, 1).await.map(drop);
                let refused = if *missing == "+scan" { listed } else { subscribed };
                assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Denied, "{missing}");
            }
            Ok(_) => panic!("{missing} is not missed"),
        }
    }
    for patterns in ["~other:* &oidc-session:*", "~oidc-session:* &other:*"] {
        let error = RedisStore::connect(user_with(&redis, patterns, &documented).await).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Denied, "{patterns}");
    }
}

#[tokio::test]
async fn connecting_leaves_nothing_behind() {
    let redis = Redis::start().await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut admin = client.get_multiplexed_async_connection().await.unwrap();
    let url = user_with(&redis, "~oidc-session:* &oidc-session:*", &["+@all", "-hset"]).await;
    assert!(RedisStore::connect(url).await.is_err());
    RedisStore::connect(redis.url()).await.unwrap();
    let keys: u64 = cmd("DBSIZE").query_async(&mut admin).await.unwrap();
    assert_eq!(keys, 0);
}

#[tokio::test]
async fn what_may_not_be_told_does_not_happen() {
    let redis = Redis::start().await;
    let first = Stored { version: Version::from_u64(1), record: Record::from_bytes(b"first".to_vec()) };
    let second = Stored { version: Version::from_u64(2), ..first.clone() };
    let whole = RedisStore::connect(redis.url()).await.unwrap();
    let url = user_with(&redis, "~* &*", &["+@all"]).await;
    let silent = RedisStore::connect(&url).await.unwrap();
    let name = url.strip_prefix("redis://").unwrap().split(':').next().unwrap();
    let mut admin = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let _: () = cmd("ACL").arg("SETUSER").arg(name).arg("-publish").query_async(&mut admin).await.unwrap();

    let refused = silent.commit(&KEY, Expected::Absent, &first, None).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Denied);
    assert_eq!(whole.load(&KEY).await.unwrap(), None);
    let _ = whole.commit(&KEY, Expected::Absent, &first, None).await.unwrap();
    let _ = whole.try_lease(&KEY, HOLDER, SECOND).await.unwrap();
    assert!(silent.commit(&KEY, Expected::At(first.version), &second, None).await.is_err());
    assert!(silent.remove(&KEY, first.version).await.is_err());
    assert_eq!(whole.load(&KEY).await.unwrap(), Some(first));
    let renewed = whole.renew(&KEY, HOLDER, SECOND).await.unwrap();
    assert_eq!(renewed, oidc_session_core::Renewal::Done, "the lease was ended");
}

#[tokio::test]
async fn what_may_not_be_written_is_not_told() {
    let redis = Redis::start().await;
    let store = RedisStore::connect(redis.url()).await.unwrap();
    let mut changes = store.change_feed().unwrap().subscribe().await.unwrap();
    let client = redis::Client::open(redis.url()).unwrap();
    let mut admin = client.get_multiplexed_async_connection().await.unwrap();
    let record = |number| Stored { version: Version::from_u64(number), record: Record::from_bytes(vec![0; 1000]) };
    assert_eq!(store.commit(&KEY, Expected::Absent, &record(1), None).await.unwrap(), Commit::Done);

    // Memory is full, then the disk, then too few replicas are there.
    for (setting, full, usual) in [("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")] {
        let set = |value| cmd("CONFIG").arg("SET").arg(setting).arg(value).to_owned();
        let _: () = set(full).query_async(&mut admin).await.unwrap();
        for (expected, other) in
            [(Expected::At(record(1).version), KEY), (Expected::Absent, StoreKey::from_bytes([8; 32]))]
        {
            let refused = store.commit(&other, expected, &record(2), None).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{setting}");
        }
        if setting == "min-replicas-to-write" {
            assert!(store.remove(&KEY, record(1).version).await.is_err());
        }
        let _: () = set(usual).query_async(&mut admin).await.unwrap();
    }
    assert_eq!(store.load(&KEY).await.unwrap(), Some(record(1)));
    assert_eq!(store.commit(&KEY, Expected::At(record(1).version), &record(3), None).await.unwrap(), Commit::Done);
    assert_eq!(changes.next().await.unwrap().version, Some(record(1).version));
    assert_eq!(changes.next().await.unwrap().version, Some(record(3).version));
}

/// One call of each kind, on a record at version 5 if there is one.
async fn all_calls(store: &RedisStore) -> Vec<Result<(), StoreError>> {
    let five = Version::from_u64(5);
    let next = |number| Stored { version: Version::from_u64(number), record: Record::from_bytes(b"next".to_vec()) };
    let release = Release { pause: SECOND, unsettled: true };
    let later = Some(oidc_session_core::Timestamp::from_unix_seconds(4_000_000_000));
    vec![
        store.load(&KEY).await.map(drop),
        store.commit(&KEY, Expected::Absent, &next(5), later).await.map(|_| ()),
        store.try_lease(&KEY, HOLDER, SECOND).await.map(|_| ()),
        store.renew(&KEY, HOLDER, SECOND).await.map(|_| ()),
        store.release(&KEY, HOLDER, release).await,
        store.commit(&KEY, Expected::At(five), &next(6), None).await.map(|_| ()),
        store.remove(&KEY, Version::from_u64(6)).await.map(|_| ()),
    ]
}

fn is_damage(error: StoreError) {
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}");
    let shown = format!("{error} {error:?} {}", error.source().unwrap());
    assert!(!shown.contains("SECRET") && !shown.contains("0707"), "{shown}");
}

async fn prepared() -> (RedisStore, MultiplexedConnection, String) {
    let prefix = fresh_name();
    let store = RedisStore::builder(shared_redis().await).prefix(&prefix).connect().await.unwrap();
    let client = redis::Client::open(shared_redis().await).unwrap();
    let key = format!("{prefix}:{{{}}}", "07".repeat(32));
    (store, client.get_multiplexed_async_connection().await.unwrap(), key)
}

/// The URL of a user with these permissions.
async fn user_with(redis: &Redis, patterns: &str, commands: &[&str]) -> String {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut admin = client.get_multiplexed_async_connection().await.unwrap();
    let name = fresh_name();
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg(&name).arg("on").arg(">secret");
    for rule in patterns.split_whitespace().chain(commands.iter().copied()) {
        user.arg(rule);
    }
    let _: () = user.query_async(&mut admin).await.unwrap();
    format!("redis://{name}:secret@{}", redis.address())
}
