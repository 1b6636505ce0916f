//! What happens to files: who may read them, and what is left alone.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Custody, Expected, HolderId, Lease, List as _, Record, Release, Removal, Renewal,
    SessionStore as _, StoreErrorKind, StoreKey, Stored, Sweep as _, SystemClock, Timestamp, Version, Walk, Walked,
};
use oidc_session_store_file::FileStore;
use tempfile::TempDir;

const KEY: StoreKey = StoreKey::from_bytes([0x0A; 32]);
const OTHER_KEY: StoreKey = StoreKey::from_bytes([0xB0; 32]);
const ONE: HolderId = HolderId::from_u128(1);
const OTHER: HolderId = HolderId::from_u128(2);

#[tokio::test]
async fn records_and_leases_survive_a_restart() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    let version = create(&store, "kept").await;
    let _ = lease(&store, ONE).await;
    drop(store);

    let store = FileStore::open(&path).await.unwrap();
    assert_eq!(store.load(&KEY).await.unwrap(), Some(Stored { version, record: record("kept") }));
    assert!(matches!(lease(&store, OTHER).await, Lease::Held { .. }));
}

#[tokio::test]
async fn a_session_is_a_file_and_a_lease_is_one_while_it_lasts() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    let (session, lease_file) = (format!("{}.session", "0a".repeat(32)), format!("{}.lease", "0a".repeat(32)));
    let (layout, lock) = ("oidc-session.layout".to_owned(), "oidc-session.lock".to_owned());
    assert_eq!(names(&path), [layout.clone(), lock.clone()]);

    let version = create(&store, "first").await;
    assert_eq!(names(&path), [session.clone(), layout.clone(), lock.clone()]);
    let _ = lease(&store, ONE).await;
    assert_eq!(names(&path), [lease_file.clone(), session.clone(), layout.clone(), lock.clone()]);
    store.release(&KEY, ONE, Release::default()).await.unwrap();
    assert_eq!(names(&path), [session.clone(), layout.clone(), lock.clone()]);
    let _ = lease(&store, ONE).await;
    let version = commit(&store, Expected::At(version), "second").await;
    assert_eq!(names(&path), [session, layout.clone(), lock.clone()]);
    let _ = lease(&store, ONE).await;
    assert_eq!(store.remove(&KEY, version).await.unwrap(), Removal::Done);
    assert_eq!(names(&path), [layout, lock]);
}

#[tokio::test]
async fn custody_is_the_folder_itself() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    assert_eq!(store.custody(), Custody::Folder(fs::canonicalize(&path).unwrap()));
}

#[tokio::test]
async fn what_is_foreign_is_ignored_and_kept() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    create(&store, "first").await;
    let foreign = [
        "notes.txt",
        ".hidden",
        "0a.session",
        "oidc-session.draft",
        "notes.txt.0123456789abcdef.draft",
        &format!("{}.session", "AB".repeat(32)),
        &format!("{}.session.bak", "0a".repeat(32)),
    ]
    .map(str::to_owned);
    for name in &foreign {
        fs::write(path.join(name), "theirs").unwrap();
    }
    fs::create_dir(path.join("folder")).unwrap();

    let store = FileStore::open(&path).await.unwrap();
    assert_eq!(listed(&store).await, [KEY]);
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    for name in &foreign {
        assert_eq!(fs::read(path.join(name)).unwrap(), b"theirs", "{name}");
    }
}

#[tokio::test]
async fn what_a_crash_left_behind_is_cleaned_up() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    create(&store, "first").await;
    let _ = lease(&store, ONE).await;
    let before = names(&path);
    let litter = || {
        for of in ["0a".repeat(32) + ".session", "0b".repeat(32) + ".lease", "oidc-session.layout".into()] {
            fs::write(path.join(format!("{of}.0123456789abcdef.draft")), "half a secr").unwrap();
        }
        fs::write(path.join("0b".repeat(32) + ".lease"), "of a record that was removed").unwrap();
        assert_eq!(names(&path).len(), before.len() + 4);
    };
    litter();
    FileStore::open(&path).await.unwrap();
    assert_eq!(names(&path), before);
    litter();
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    assert_eq!(names(&path), before);
    assert!(matches!(lease(&store, OTHER).await, Lease::Held { .. }));
}

#[tokio::test]
async fn a_folder_that_is_gone_is_unavailable_and_not_without_sessions() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    let version = create(&store, "first").await;
    let away = path.with_file_name("away");
    for put_in_its_place in [|_: &Path| {}, |path: &Path| fs::create_dir(path).unwrap()] {
        fs::rename(&path, &away).unwrap();
        put_in_its_place(&path);
        assert_eq!(store.load(&KEY).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        let next = next(Expected::Absent, "new");
        let commit = store.commit(&KEY, Expected::Absent, &next, None).await;
        assert_eq!(commit.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert!(!path.exists() || names(&path).is_empty(), "{:?}", names(&path));
        let _ = fs::remove_dir(&path);
        fs::rename(&away, &path).unwrap();
    }
    commit(&store, Expected::At(version), "second").await;
}

#[tokio::test]
async fn a_path_that_can_be_no_folder_is_misconfigured() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("sessions")] {
        let error = FileStore::open(&path).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{path:?}");
    }
    assert!(fs::read(&file).unwrap().is_empty());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_unwritable_place_is_denied() {
    // Not even root may make files here.
    let error = FileStore::open("/sys/oidc-session").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Denied);
    assert_eq!(error.to_string(), "could not open the session folder: the store refused access");
}

#[tokio::test]
async fn a_newer_layout_is_misconfigured_and_untouched() {
    let (_directory, path) = place();
    create(&FileStore::open(&path).await.unwrap(), "first").await;
    for (layout, kind) in [
        ("oidc-session-store-file, layout 2\n", StoreErrorKind::Misconfigured),
        ("something else", StoreErrorKind::Corrupt),
        ("", StoreErrorKind::Corrupt),
    ] {
        fs::write(path.join("oidc-session.layout"), layout).unwrap();
        let before = contents(&path);
        assert_eq!(FileStore::open(&path).await.unwrap_err().kind(), kind);
        assert!(contents(&path) == before);
    }
}

/// Every byte is flipped, and everything that may be missing at the end is missing.
#[tokio::test]
async fn a_damaged_record_is_corrupt_and_kept() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    let version = create(&store, "refresh-token-of-one").await;
    let file = path.join("0a".repeat(32) + ".session");
    let whole = fs::read(&file).unwrap();
    for damaged in damages(&whole) {
        fs::write(&file, &damaged).unwrap();
        let next = |expected| next(expected, "new");
        let errors = [
            store.load(&KEY).await.map(|_| ()).unwrap_err(),
            store.commit(&KEY, Expected::Absent, &next(Expected::Absent), None).await.map(|_| ()).unwrap_err(),
            store.commit(&KEY, Expected::At(version), &next(Expected::Absent), None).await.map(|_| ()).unwrap_err(),
            store.remove(&KEY, version).await.map(|_| ()).unwrap_err(),
            store.try_lease(&KEY, ONE, Duration::from_secs(1)).await.map(|_| ()).unwrap_err(),
        ];
        assert_eq!(store.list(None, 10).await.unwrap().unreadable, [KEY]);
        for error in errors {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}");
            assert!(!format!("{error:?} {error}").contains("token"), "{error:?}");
        }
        assert_eq!(store.sweep(10).await.unwrap(), 0);
        assert!(fs::read(&file).unwrap() == damaged);
    }
    fs::write(&file, &whole).unwrap();
    commit(&store, Expected::At(version), "second").await;
}

#[tokio::test]
async fn a_list_goes_on_behind_what_cannot_be_read() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    create(&store, "damaged").await;
    fs::write(path.join("0a".repeat(32) + ".session"), "garbage").unwrap();
    fs::create_dir(path.join("0b".repeat(32) + ".session")).unwrap();
    let whole = StoreKey::from_bytes([0x0C; 32]);
    let stored = next(Expected::Absent, "whole");
    assert_eq!(store.commit(&whole, Expected::Absent, &stored, None).await.unwrap(), Commit::Done);

    let (mut walk, mut walked) = (Walk::over(&store), Vec::new());
    while let Some(one) = walk.next().await.unwrap() {
        walked.push(one);
    }
    let unreadable = [KEY, StoreKey::from_bytes([0x0B; 32])].map(Walked::Unreadable);
    let whole = Walked::Record { key: whole, stored };
    assert_eq!(walked, [&[whole][..], &unreadable].concat());
}

#[tokio::test]
async fn a_file_that_was_copied_onto_another_name_passes_for_no_session() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    create(&store, "one").await;
    let other = OTHER_KEY;
    let copy = path.join("b0".repeat(32) + ".session");
    fs::copy(path.join("0a".repeat(32) + ".session"), &copy).unwrap();
    assert_eq!(store.load(&other).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    assert_eq!(store.load(&KEY).await.unwrap().map(|stored| stored.record), Some(record("one")));
}

/// As if somebody had just taken the lease: nobody refreshes at once, it ends by itself, and it counts.
#[tokio::test]
async fn a_damaged_lease_is_a_lease_that_somebody_has_just_taken() {
    let (_directory, path) = place();
    let clock = oidc_session_testkit::ManualClock::new();
    let store = FileStore::builder(&path).clock(std::sync::Arc::new(clock.clone())).open().await.unwrap();
    let length = Duration::from_secs(600);
    create(&store, "first").await;
    let _ = lease(&store, ONE).await;
    let file = path.join("0a".repeat(32) + ".lease");
    let whole = fs::read(&file).unwrap();
    for damaged in damages(&whole) {
        fs::write(&file, &damaged).unwrap();
        assert_eq!(store.renew(&KEY, ONE, length).await.unwrap(), Renewal::Lost);
        store.release(&KEY, ONE, Release::default()).await.unwrap();
        for holder in [OTHER, ONE] {
            assert_eq!(lease(&store, holder).await, Lease::Held { remaining: length });
        }
        clock.advance(length);
        assert!(matches!(lease(&store, OTHER).await, Lease::Granted { unsettled: 1, .. }));
        assert_eq!(store.load(&KEY).await.unwrap().map(|stored| stored.record), Some(record("first")));
    }
    fs::write(&file, &damages(&whole)[0]).unwrap();
    let version = store.load(&KEY).await.unwrap().unwrap().version;
    commit(&store, Expected::At(version), "second").await;
    assert!(matches!(lease(&store, OTHER).await, Lease::Granted { unsettled: 0, .. }), "a commit ends any lease");
}

#[tokio::test]
async fn a_sweep_leaves_a_record_whose_lease_is_damaged() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    let next = next(Expected::Absent, "first");
    let _ = store.commit(&KEY, Expected::Absent, &next, Some(Timestamp::UNIX_EPOCH)).await.unwrap();
    let _ = lease(&store, ONE).await;
    fs::write(path.join("0a".repeat(32) + ".lease"), "damaged").unwrap();
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    assert_eq!(store.load(&KEY).await.unwrap(), Some(next));
}

#[tokio::test]
async fn a_lease_file_of_another_version_or_session_is_no_lease() {
    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    let version = create(&store, "first").await;
    let _ = lease(&store, ONE).await;
    let file = path.join("0a".repeat(32) + ".lease");
    let old = fs::read(&file).unwrap();
    commit(&store, Expected::At(version), "second").await;
    fs::write(&file, &old).unwrap(); // As after a crash between the two steps of a commit.
    assert_eq!(store.renew(&KEY, ONE, Duration::from_secs(600)).await.unwrap(), Renewal::Lost);
    assert!(matches!(lease(&store, OTHER).await, Lease::Granted { unsettled: 0, .. }));
}

#[tokio::test]
async fn a_newer_format_is_misconfigured_and_kept() {
    use sha2::Digest as _;

    let (_directory, path) = place();
    let store = FileStore::open(&path).await.unwrap();
    let version = create(&store, "first").await;
    let _ = lease(&store, ONE).await;
    for suffix in [".lease", ".session"] {
        let file = path.join("0a".repeat(32) + suffix);
        let mut newer = fs::read(&file).unwrap();
        newer.truncate(newer.len() - 32);
        newer[4] = 2;
        newer.extend(sha2::Sha256::digest(&newer));
        fs::write(&file, &newer).unwrap();
        let error = store.try_lease(&KEY, ONE, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error:?}");
        assert_eq!(store.sweep(10).await.unwrap(), 0);
        assert!(fs::read(&file).unwrap() == newer);
    }
    let next = next(Expected::At(version), "new");
    let error = store.commit(&KEY, Expected::At(version), &next, None).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    #[tokio::test]
    async fn only_the_owner_can_read_anything() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/on the way");
        let store = FileStore::open(&path).await.unwrap();
        create(&store, "secret").await;
        let _ = lease(&store, ONE).await;

        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&directory.path().join("made")), 0o700);
        assert_eq!(names(&path).len(), 4);
        for name in names(&path) {
            assert_eq!(mode(&path.join(&name)), 0o600, "{name}");
        }
    }

    #[tokio::test]
    async fn what_others_may_read_is_made_private() {
        let (_directory, path) = place();
        create(&FileStore::open(&path).await.unwrap(), "secret").await;
        let session = path.join("0a".repeat(32) + ".session");
        set_mode(&session, 0o644);
        set_mode(&path, 0o755);
        FileStore::open(&path).await.unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&session), 0o600);
    }

    #[tokio::test]
    async fn a_folder_that_others_may_write_to_is_misconfigured_and_untouched() {
        for loose in [0o770, 0o702, 0o1777] {
            let directory = tempfile::tempdir().unwrap();
            set_mode(directory.path(), loose);
            let error = FileStore::open(directory.path()).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
            assert!(format!("{error:?}").contains("chmod 700"), "{error:?}");
            assert_eq!(names(directory.path()), [""; 0]);
            assert_eq!(mode(directory.path()), loose);
        }
    }

    #[tokio::test]
    async fn a_folder_of_somebody_else_is_denied() {
        let directory = tempfile::tempdir().unwrap();
        // Only root can give a folder away; others find that of root closed.
        let theirs =
            if chown(directory.path(), Some(65_534), None).is_ok() { directory.path() } else { Path::new("/") };
        assert_eq!(FileStore::open(theirs).await.unwrap_err().kind(), StoreErrorKind::Denied);
        assert!(theirs == Path::new("/") || names(theirs).is_empty());
    }

    #[tokio::test]
    async fn a_file_of_somebody_else_is_denied_and_kept() {
        let (_directory, path) = place();
        let store = FileStore::open(&path).await.unwrap();
        let version = create(&store, "first").await;
        for name in ["0a".repeat(32) + ".session", "oidc-session.lock".into()] {
            let file = path.join(name);
            if chown(&file, Some(65_534), None).is_err() {
                set_mode(&file, 0); // To anybody but root, much the same.
            }
            let before = fs::symlink_metadata(&file).unwrap().modified().unwrap();
            let next = next(Expected::At(version), "new");
            let error = store.commit(&KEY, Expected::At(version), &next, None).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Denied, "{error:?}");
            assert_eq!(fs::symlink_metadata(&file).unwrap().modified().unwrap(), before);
            set_mode(&file, 0o600);
            let ours = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&path).unwrap());
            chown(&file, Some(ours), None).unwrap();
        }
    }

    #[tokio::test]
    async fn the_folder_may_be_reached_through_a_link() {
        let (directory, path) = place();
        fs::create_dir(&path).unwrap();
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        create(&FileStore::open(&link).await.unwrap(), "first").await;
        assert_eq!(listed(&FileStore::open(&path).await.unwrap()).await, [KEY]);
    }

    #[tokio::test]
    async fn a_link_to_nowhere_makes_no_folder_there() {
        let (directory, path) = place();
        symlink(directory.path().join("elsewhere"), &path).unwrap();
        assert!(FileStore::open(&path).await.is_err());
        assert!(!directory.path().join("elsewhere").exists());
    }

    #[tokio::test]
    async fn a_link_or_a_pipe_in_place_of_a_file_is_misconfigured_and_kept() {
        let (directory, path) = place();
        let store = FileStore::open(&path).await.unwrap();
        let target = directory.path().join("target");
        for name in ["0a".repeat(32) + ".session", "0a".repeat(32) + ".lease", "oidc-session.lock".into()] {
            let version = create(&store, "first").await;
            let file = path.join(&name);
            for is_link in [true, false] {
                let _ = fs::rename(&file, &target);
                if is_link {
                    symlink(&target, &file).unwrap();
                } else {
                    let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
                    assert!(made.success());
                }
                let error = store.try_lease(&KEY, ONE, Duration::from_secs(1)).await.unwrap_err();
                assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{name}: {error:?}");
                assert!(!fs::symlink_metadata(&file).unwrap().is_file());
                fs::remove_file(&file).unwrap();
                let _ = fs::rename(&target, &file);
            }
            assert_eq!(store.remove(&KEY, version).await.unwrap(), Removal::Done);
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    (directory, path)
}

/// Each byte with one bit flipped, each length that is shorter, and some that are longer.
fn damages(whole: &[u8]) -> Vec<Vec<u8>> {
    let flipped = (0..whole.len()).map(|index| {
        let mut damaged = whole.to_vec();
        damaged[index] ^= 1 << (index % 8);
        damaged
    });
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let longer = [1, 1_000_000].map(|added| [whole, &vec![0; added]].concat());
    let zeroed = [vec![0; whole.len()]];
    flipped.chain(cut).chain(longer).chain(zeroed).collect()
}

async fn create(store: &FileStore, content: &str) -> Version {
    commit(store, Expected::Absent, content).await
}

async fn commit(store: &FileStore, expected: Expected, content: &str) -> Version {
    let next = next(expected, content);
    assert_eq!(store.commit(&KEY, expected, &next, None).await.unwrap(), Commit::Done);
    next.version
}

fn next(expected: Expected, content: &str) -> Stored {
    Stored::after(expected, record(content), SystemClock.now())
}

async fn lease(store: &FileStore, holder: HolderId) -> Lease {
    store.try_lease(&KEY, holder, Duration::from_secs(600)).await.unwrap()
}

async fn listed(store: &FileStore) -> Vec<StoreKey> {
    let (mut keys, mut records) = (Vec::new(), Walk::over(store));
    while let Some(walked) = records.next().await.unwrap() {
        keys.push(match walked {
            Walked::Record { key, .. } => key,
            Walked::Unreadable(key) => panic!("{key:?}"),
        });
    }
    keys
}

fn record(content: &str) -> Record {
    Record::from_bytes(content.as_bytes().to_vec())
}

fn names(path: &Path) -> Vec<String> {
    contents(path).into_keys().collect()
}

fn contents(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default()))
        .collect()
}
