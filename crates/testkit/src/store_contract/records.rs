//! What a store promises about records and versions.

use std::time::Duration;

use oidc_session_core::{
    Commit, EndReason, Expected, ProviderId, Record, Release, Removal, Renewal, Session, SessionStore as _, StoreKey,
    Stored, Timestamp, TokenSet, Tombstone, Version,
};

use super::Backend;
use super::caller::{Caller, key, next, record, within};

/// `load` of an unknown key is no error.
pub async fn a_key_without_a_record_loads_nothing(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    assert_eq!(caller.load().await, None);
}

/// `Expected::Absent` creates.
pub async fn a_commit_that_expects_no_record_creates_it(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let version = caller.create(&record("first")).await;
    assert_eq!(caller.load().await, stored(version, "first"));
}

/// `Expected::Absent` never overwrites.
pub async fn a_commit_that_expects_no_record_conflicts_with_one(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let version = caller.create(&record("first")).await;
    assert_eq!(caller.commit(Expected::Absent, &record("second")).await, Commit::Conflict);
    assert_eq!(caller.load().await, stored(version, "first"));
}

/// `Expected::At` replaces.
pub async fn a_commit_at_the_version_replaces_the_record(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let first = caller.create(&record("first")).await;
    let second = caller.replace(first, &record("second")).await;
    assert_ne!(first, second);
    assert_eq!(caller.load().await, stored(second, "second"));
}

/// `Expected::At` never creates: a removed session does not come back to life.
pub async fn a_commit_at_a_version_conflicts_with_no_record(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let version = caller.create(&record("first")).await;
    assert_eq!(caller.remove(version).await, Removal::Done);
    assert_eq!(caller.commit(Expected::At(version), &record("second")).await, Commit::Conflict);
    assert_eq!(caller.load().await, None);
}

/// Two writers start from the same version: one wins, the other is told.
pub async fn the_second_writer_conflicts(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let start = one.create(&record("start")).await;
    let won = one.replace(start, &record("one")).await;
    assert_eq!(other.commit(Expected::At(start), &record("other")).await, Commit::Conflict);
    assert_eq!(other.load().await, stored(won, "one"));
}

/// After a conflict the record is still at its version, so its owner's next commit succeeds.
pub async fn a_conflict_changes_nothing(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let old = caller.create(&record("old")).await;
    let version = caller.replace(old, &record("new")).await;

    assert_eq!(caller.commit(Expected::Absent, &record("x")).await, Commit::Conflict);
    assert_eq!(caller.commit(Expected::At(old), &record("x")).await, Commit::Conflict);
    assert_eq!(caller.remove(old).await, Removal::Conflict);

    assert_eq!(caller.load().await, stored(version, "new"));
    caller.replace(version, &record("next")).await;
}

/// However often a record is replaced, `load` returns the last one.
pub async fn load_returns_the_last_commit(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let mut version = caller.create(&record("0")).await;
    for count in 1..20 {
        let content = count.to_string();
        version = caller.replace(version, &record(&content)).await;
        assert_eq!(caller.load().await, stored(version, &content));
    }
}

/// Versions are the writer's choice: a store keeps them, up to 63 bits, and makes up none.
pub async fn a_commit_stores_the_version_it_was_given(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut expected = Expected::Absent;
    for version in [1, 1 << 53, (1 << 53) + 1, i64::MAX.unsigned_abs()].map(Version::from_u64) {
        let next = Stored { version, record: record(&version.to_string()) };
        assert_eq!(one.put(expected, &next, None).await, Commit::Done);
        assert_eq!(other.load().await, Some(next));
        expected = Expected::At(version);
    }
}

/// Zero is a version, not the absence of one; and a store does not care whether versions grow, or change at all.
pub async fn a_store_only_compares_versions(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut expected = Expected::Absent;
    for (count, version) in [0, 7, 7, 3, (1 << 53) + 1, 1 << 53, 0, 0].into_iter().enumerate() {
        let next = Stored { version: Version::from_u64(version), record: record(&count.to_string()) };
        let _ = one.try_lease().await;
        assert_eq!(one.put(expected, &next, None).await, Commit::Done, "version {version} over {expected:?}");
        assert_eq!(one.renew().await, Renewal::Lost, "a commit ends the lease, whatever its version");
        assert_eq!(other.load().await, Some(next));
        expected = Expected::At(Version::from_u64(version));
        assert_eq!(other.commit(Expected::Absent, &record("x")).await, Commit::Conflict);
    }
    // One beyond 53 bits is not the same as its neighbour.
    let great = Stored { version: Version::from_u64((1 << 60) + 1), record: record("great") };
    assert_eq!(one.put(expected, &great, None).await, Commit::Done);
    for neighbour in [1 << 60, (1 << 60) + 2, 1].map(Version::from_u64) {
        assert_eq!(other.commit(Expected::At(neighbour), &record("x")).await, Commit::Conflict);
        assert_eq!(other.remove(neighbour).await, Removal::Conflict);
    }
    assert_eq!(other.remove(great.version).await, Removal::Done);
}

/// A removed record is gone, and its key is free.
pub async fn a_remove_forgets_the_record(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let version = caller.create(&record("old")).await;
    assert_eq!(caller.remove(version).await, Removal::Done);
    assert_eq!(caller.load().await, None);
    let version = caller.create(&record("new")).await;
    assert_eq!(caller.load().await, stored(version, "new"));
}

/// `remove` is a compare-and-set, too.
pub async fn a_remove_at_another_version_conflicts(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let old = caller.create(&record("old")).await;
    let version = caller.replace(old, &record("new")).await;
    assert_eq!(caller.remove(old).await, Removal::Conflict);
    assert_eq!(caller.load().await, stored(version, "new"));
    assert_eq!(caller.with_key(key(2)).remove(version).await, Removal::Conflict);
}

/// Whoever holds the version of a record that was removed since matches nothing.
pub async fn an_old_version_matches_no_new_record(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let old = caller.create(&record("old")).await;
    assert_eq!(caller.remove(old).await, Removal::Done);
    let new = caller.create(&record("new")).await;
    assert_eq!(caller.commit(Expected::At(old), &record("x")).await, Commit::Conflict);
    assert_eq!(caller.remove(old).await, Removal::Conflict);
    assert_eq!(caller.load().await, stored(new, "new"));
}

/// What happens to one key leaves the others alone.
pub async fn keys_are_independent(backend: &impl Backend) {
    let one = Caller::new(backend).await;
    let other = one.with_key(key(2));
    let version = one.create(&record("one")).await;
    let others = other.create(&record("other")).await;
    assert_eq!(one.load().await, stored(version, "one"));
    assert_eq!(other.load().await, stored(others, "other"));
    assert_eq!(one.remove(version).await, Removal::Done);
    assert_eq!(other.load().await, stored(others, "other"));
}

/// A key is 32 bytes, and none of them means anything.
pub async fn keys_are_any_bytes(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut all = Vec::new();
    for key in odd_keys() {
        let content = format!("{:x?}", key.as_bytes());
        all.push((key, one.with_key(key).create(&record(&content)).await, content));
    }
    for (key, version, content) in &all {
        assert_eq!(other.with_key(*key).load().await, stored(*version, content), "{content}");
    }
    let (removed, left) = all.split_at(all.len() / 2);
    for (key, version, _) in removed {
        assert_eq!(other.with_key(*key).remove(*version).await, Removal::Done);
    }
    for (key, _, _) in removed {
        assert_eq!(one.with_key(*key).load().await, None);
    }
    for (key, version, content) in left {
        assert_eq!(one.with_key(*key).load().await, stored(*version, content), "{content}");
    }
}

/// Some hundreds of sessions: each is found, and is its own.
pub async fn many_keys_have_a_record_each(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let number_of = |number: usize| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        StoreKey::from_bytes(bytes)
    };
    let mut versions = Vec::new();
    for number in 0..backend.effort().div_ceil(3) {
        versions.push(one.with_key(number_of(number)).create(&record(&number.to_string())).await);
    }
    for (number, version) in versions.into_iter().enumerate() {
        let found = other.with_key(number_of(number)).load().await;
        assert_eq!(found, stored(version, &number.to_string()), "number {number}");
    }
}

/// What one process commits, every other process loads at once.
pub async fn handles_see_each_others_commits(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = one.create(&record("first")).await;
    assert_eq!(other.load().await, stored(first, "first"));
    let second = other.replace(first, &record("second")).await;
    assert_eq!(one.load().await, stored(second, "second"));
    assert_eq!(one.remove(second).await, Removal::Done);
    assert_eq!(other.load().await, None);
}

/// No byte has a meaning to the store: not zero, not a quote, not what is no UTF-8.
pub async fn a_record_is_any_bytes(backend: &impl Backend) {
    let bytes: Vec<u8> = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    comes_back_as_it_went(backend, Record::from_bytes(bytes)).await;
}

/// Nothing is trimmed, padded, ended or escaped: not a blank, not a line break, not a NUL, whichever byte it is.
pub async fn a_record_may_begin_and_end_with_any_byte(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut version = one.create(&record("first")).await;
    let step = (1000 / backend.effort().max(1)).clamp(1, 16);
    let edges = (0..=u8::MAX).step_by(step).chain([b'\t', b'\n', b'\r', b' ', b'"', b'\'', b'\\', b'{', b'}', 0, 0xff]);
    for byte in edges {
        let record = Record::from_bytes(vec![byte, byte, b'x', byte, byte]);
        version = one.replace(version, &record).await;
        assert!(other.load().await == Some(Stored { version, record }), "with {byte:#04x} around it");
    }
    for content in ["", "null", "{}", "\\x00", "0x", "'; DROP TABLE sessions; --", "\u{feff}", "{\"version\":1}\n"] {
        version = one.replace(version, &record(content)).await;
        assert_eq!(other.load().await, stored(version, content));
    }
}

/// No size is the wrong one: not where buffers, pages and blocks are full, nor one byte beyond.
pub async fn a_record_has_any_size_up_to_the_largest(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut version = one.create(&record("first")).await;
    let around = (0..=Record::MAX_STORED_LENGTH.ilog2()).map(|bits| 1_usize << bits);
    for length in around.flat_map(|power| [power - 1, power, power + 1]).chain([Record::MAX_STORED_LENGTH - 1]) {
        if length > Record::MAX_STORED_LENGTH {
            continue;
        }
        // No two neighbours are alike, so that a piece that is lost or swapped shows.
        let bytes = (0..length).map(|place| (place ^ (place >> 8) ^ (place >> 16)).to_le_bytes()[0]).collect();
        let record = Record::from_bytes(bytes);
        version = one.replace(version, &record).await;
        assert!(other.load().await == Some(Stored { version, record }), "with {length} bytes");
    }
}

/// No bytes are a record, not the absence of one.
pub async fn an_empty_record_is_a_record(backend: &impl Backend) {
    comes_back_as_it_went(backend, Record::from_bytes(Vec::new())).await;
}

/// [`Record::MAX_STORED_LENGTH`] bytes fit: the largest record, and what sealing adds.
pub async fn the_largest_record_fits(backend: &impl Backend) {
    let bytes = (0..=u8::MAX).cycle().take(Record::MAX_STORED_LENGTH).collect();
    comes_back_as_it_went(backend, Record::from_bytes(bytes)).await;
}

/// Nobody commits more than [`Record::MAX_STORED_LENGTH`] bytes. Should it happen, nothing is cut off, and nothing is lost.
pub async fn a_record_that_is_too_large_is_stored_whole_or_not_at_all(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let first = caller.create(&record("first")).await;
    caller.lease().await;
    let large = next(Expected::At(first), &Record::from_bytes(vec![0xa5; Record::MAX_LENGTH * 4]));
    match caller.store.commit(&caller.key, Expected::At(first), &large, None).await {
        Ok(commit) => {
            assert_eq!(commit, Commit::Done);
            assert!(caller.load().await == Some(large));
        }
        Err(_) => {
            assert_eq!(caller.load().await, stored(first, "first"));
            assert_eq!(caller.renew().await, Renewal::Done);
            caller.replace(first, &record("second")).await;
        }
    }
}

/// An ended session keeps its place until it is removed: nobody who expects it to be absent gets in.
pub async fn a_tombstone_is_a_record_like_others(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let active = caller.create(&record("active")).await;
    let tombstone = tombstone();
    let ended = caller.replace(active, &tombstone).await;

    let found = caller.load().await.map(|stored| stored.record);
    assert_eq!(found.as_ref(), Some(&tombstone));
    assert_eq!(caller.commit(Expected::Absent, &record("x")).await, Commit::Conflict);
    assert_eq!(caller.commit(Expected::At(active), &record("x")).await, Commit::Conflict);
    assert_eq!(caller.lease().await, 0);
    caller.replace(ended, &record("signed in again")).await;
}

/// Until then the record is kept, however far away that is.
pub async fn keep_until_does_not_hide_a_record(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    caller.keep(Expected::Absent, &record("kept"), Some(Timestamp::MAX)).await;
    backend.pass(backend.lease_time()).await;
    assert_eq!(caller.load().await.map(|stored| stored.record), Some(record("kept")));
}

/// Not the earliest instant, not the latest, and none between them breaks a store. What is past, it may forget.
pub async fn keep_until_is_any_instant(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let millis = [i64::MIN, i64::MIN + 1, -62_135_596_800_001, -1, 0, 1, 253_402_300_800_000, i64::MAX - 1, i64::MAX];
    for keep_until in millis.map(Timestamp::from_unix_millis) {
        let version = one.keep(Expected::Absent, &record("kept"), Some(keep_until)).await;
        let found = other.load().await;
        if found.is_some() || keep_until > Timestamp::from_unix_seconds(100_000_000_000) {
            assert_eq!(found, stored(version, "kept"), "until {keep_until:?}");
            let version = one.keep(Expected::At(version), &record("kept on"), None).await;
            assert_eq!(other.load().await, stored(version, "kept on"), "until {keep_until:?}");
            assert_eq!(one.remove(version).await, Removal::Done);
        }
    }
}

/// Whoever only reads is not kept waiting: not by a holder, not by a pause.
pub async fn a_load_waits_for_no_lease(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let version = one.create(&record("first")).await;
    one.with_lease_time(Duration::MAX).lease().await;
    assert_eq!(within(backend, other.load()).await, stored(version, "first"));
    one.release_with(Release { pause: Duration::MAX, unsettled: true }).await;
    assert_eq!(within(backend, other.load()).await, stored(version, "first"));
    assert_eq!(within(backend, one.load()).await, stored(version, "first"));
}

/// A store in a log message tells no secret.
pub async fn debug_shows_no_record_bytes(backend: &impl Backend) {
    const SECRET: &str = "rt-SECRET";
    let caller = Caller::new(backend).await;
    caller.create(&record(SECRET)).await;
    caller.lease().await;

    let shown = format!("{:?}\n{:#?}", caller.store, caller.store).to_lowercase();
    let bare: String = shown.chars().filter(char::is_ascii_alphanumeric).collect();
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let decimal: String = SECRET.bytes().map(|byte| byte.to_string()).collect();
    for rendering in ["rtsecret", &hex, &decimal] {
        assert!(!bare.contains(rendering), "{shown}");
    }
}

/// Keys that a store might take for something else, or for one another.
fn odd_keys() -> Vec<StoreKey> {
    let mut keys = vec![[0; 32], [0xff; 32], [0x7f; 32], [0x80; 32], *b"0123456789abcdef0123456789ABCDEF"];
    keys.extend([*b"0123456789abcdef0123456789abcdef", *b"../../../../../../../etc/passwd\0"]);
    keys.extend(b"\n\r\t /\\:{}*?%_'\"[]$;,.-".map(|byte| [byte; 32]));
    for place in [0, 1, 15, 16, 31] {
        for bit in [0, 7] {
            let mut near_zero = [0; 32];
            near_zero[place] = 1 << bit;
            keys.extend([near_zero, near_zero.map(|byte| !byte)]);
        }
    }
    keys.into_iter().map(StoreKey::from_bytes).collect()
}

async fn comes_back_as_it_went(backend: &impl Backend, record: Record) {
    let (one, other) = Caller::two(backend).await;
    let version = one.create(&record).await;
    let version = one.replace(version, &record).await;
    // Compared with `assert!`, because a difference in so many bytes is nothing to print.
    assert!(other.load().await == Some(Stored { version, record }));
}

fn stored(version: Version, content: &str) -> Option<Stored> {
    Some(Stored { version, record: record(content) })
}

#[expect(clippy::expect_used, reason = "in a test, an error is a failure")]
fn tombstone() -> Record {
    let at = Timestamp::from_unix_seconds(1_700_000_000);
    let session = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", TokenSet::new(at, at));
    let state = Tombstone::of(&session, EndReason::LoggedOut, None, at).into();
    Record::encode(&state).expect("a tombstone can be encoded")
}
