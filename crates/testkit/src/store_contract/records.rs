//! What a store promises about records and versions.

use oidc_session_core::{
    Commit, EndReason, Expected, ProviderId, Record, Removal, Session, Stored, Timestamp, TokenSet, Tombstone, Version,
};

use super::Backend;
use super::caller::{Caller, key, record};

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

/// No bytes are a record, not the absence of one.
pub async fn an_empty_record_is_a_record(backend: &impl Backend) {
    comes_back_as_it_went(backend, Record::from_bytes(Vec::new())).await;
}

/// [`Record::MAX_LENGTH`] bytes fit.
pub async fn the_largest_record_fits(backend: &impl Backend) {
    let bytes = (0..=u8::MAX).cycle().take(Record::MAX_LENGTH).collect();
    comes_back_as_it_went(backend, Record::from_bytes(bytes)).await;
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
