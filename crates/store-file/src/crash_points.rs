//! A crash between each two steps of every change, and what is found afterwards.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, HolderId, Lease, Record, Release, Renewal, SessionStore as _, StoreErrorKind, StoreKey, Stored,
    SystemClock, Timestamp, Version,
};

use crate::FileStore;
use crate::disk::{Disk, RealDisk};
use crate::error::Trouble;
use crate::folder::Folder;
use crate::layout;
use crate::name::{Found, Name};
use crate::sessions::Sessions;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const ONE: HolderId = HolderId::from_u128(1);
const OTHER: HolderId = HolderId::from_u128(2);
const LEASE: Duration = Duration::from_secs(30);
const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
const PAST: Option<Timestamp> = Some(Timestamp::UNIX_EPOCH);

#[test]
fn a_first_commit_happens_whole_or_not_at_all() {
    let steps = at_every_step(
        |_| {},
        |dying| dying.commit(&KEY, Expected::Absent, &stored(1), None).map(|_| ()),
        |found, is_done| match found.load(&KEY).unwrap() {
            None => {
                assert!(!is_done, "a commit was answered and is gone");
                create(found);
            }
            Some(loaded) => assert_eq!(loaded, stored(1)),
        },
    );
    assert_eq!(steps, ["create", "write", "sync", "rename", "sync folder", "remove"]);
}

#[test]
fn a_commit_happens_whole_or_not_at_all_and_ends_the_lease_in_the_same_step() {
    let steps = at_every_step(
        |before| {
            create(before);
            assert_eq!(unsettled(take(before, ONE)), 0);
        },
        |dying| dying.commit(&KEY, Expected::At(version(1)), &stored(2), None).map(|_| ()),
        |found, is_done| {
            let loaded = found.load(&KEY).unwrap().unwrap();
            if loaded == stored(1) {
                assert!(!is_done, "a commit was answered and is gone");
                assert_eq!(take(found, OTHER), Lease::Held { remaining: LEASE });
            } else {
                assert_eq!(loaded, stored(2));
                assert_eq!(unsettled(take(found, OTHER)), 0);
            }
            let next = found.commit(&KEY, Expected::At(loaded.version), &stored(3), None).unwrap();
            assert_eq!(next, Commit::Done, "the version that is there can be replaced");
        },
    );
    assert_eq!(steps, ["create", "write", "sync", "rename", "sync folder", "remove"]);
}

#[test]
fn a_remove_happens_whole_or_not_at_all_and_no_lease_outlives_it() {
    let steps = at_every_step(
        |before| {
            create(before);
            assert_eq!(unsettled(take(before, ONE)), 0);
        },
        |dying| dying.remove(&KEY, version(1)).map(|_| ()),
        |found, is_done| match found.load(&KEY).unwrap() {
            Some(loaded) => {
                assert!(!is_done && loaded == stored(1));
                assert_eq!(take(found, OTHER), Lease::Held { remaining: LEASE });
            }
            None => {
                assert_eq!(take(found, OTHER), Lease::Absent);
                let new = found.commit(&KEY, Expected::Absent, &stored(2), None).unwrap();
                assert_eq!(new, Commit::Done);
                assert_eq!(unsettled(take(found, OTHER)), 0);
            }
        },
    );
    assert_eq!(steps, ["remove", "sync folder", "remove"]);
}

#[test]
fn a_lease_that_was_granted_is_held() {
    let steps = at_every_step(
        create,
        |dying| dying.try_lease(&KEY, ONE, LEASE, NOW).map(|_| ()),
        |found, is_done| match take(found, OTHER) {
            Lease::Held { remaining } => assert_eq!(remaining, LEASE),
            lease => {
                assert!(!is_done, "a lease was granted and is gone");
                assert_eq!(unsettled(lease), 0);
            }
        },
    );
    assert_eq!(steps, ["create", "write", "sync", "rename", "sync folder"]);
}

#[test]
fn a_renewal_leaves_the_old_term_or_the_new_one() {
    let half_way = NOW + LEASE / 2;
    at_every_step(
        |before| {
            create(before);
            assert_eq!(unsettled(take(before, ONE)), 0);
        },
        |dying| dying.renew(&KEY, ONE, LEASE, half_way).map(|renewal| assert_eq!(renewal, Renewal::Done)),
        |found, is_done| match found.try_lease(&KEY, OTHER, LEASE, NOW + LEASE).unwrap() {
            Lease::Held { remaining } => assert_eq!(remaining, LEASE / 2),
            lease => {
                assert!(!is_done, "a renewal was answered and is gone");
                assert_eq!(unsettled(lease), 1);
            }
        },
    );
}

#[test]
fn a_release_leaves_the_lease_or_what_it_was_released_to() {
    for (pause, is_unsettled) in [(Duration::ZERO, false), (Duration::ZERO, true), (LEASE * 2, true)] {
        at_every_step(
            |before| {
                create(before);
                assert_eq!(unsettled(take(before, ONE)), 0);
            },
            |dying| dying.release(&KEY, ONE, Release { pause, unsettled: is_unsettled }, NOW),
            |found, is_done| match take(found, OTHER) {
                Lease::Held { .. } => assert!(!is_done, "a release was answered and is gone"),
                Lease::Paused { remaining } => assert_eq!(remaining, pause),
                lease => {
                    assert!(pause.is_zero());
                    assert_eq!(unsettled(lease), u32::from(is_unsettled));
                }
            },
        );
    }
}

#[test]
fn a_sweep_drops_a_record_whole_or_not_at_all() {
    let keys = [StoreKey::from_bytes([1; 32]), StoreKey::from_bytes([2; 32])];
    let steps = at_every_step(
        |before| {
            for key in keys {
                assert_eq!(before.commit(&key, Expected::Absent, &stored(1), PAST).unwrap(), Commit::Done);
                let lease = before.try_lease(&key, ONE, LEASE, NOW - LEASE).unwrap();
                assert_eq!(unsettled(lease), 0);
            }
        },
        |dying| dying.drop_disposable(&keys, NOW).map(|dropped| assert_eq!(dropped, 2)),
        |found, is_done| {
            for key in keys {
                match found.load(&key).unwrap() {
                    Some(loaded) => assert!(!is_done && loaded == stored(1)),
                    None => assert_eq!(found.try_lease(&key, OTHER, LEASE, NOW).unwrap(), Lease::Absent),
                }
            }
            let dropped = found.drop_disposable(&keys, NOW).unwrap();
            assert!(dropped == 0 || !is_done);
        },
    );
    assert_eq!(steps, ["remove", "remove", "sync folder", "remove", "remove"]);
}

#[tokio::test]
async fn opening_a_new_folder_can_be_repeated() {
    for crash_at in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/on the way");
        let disk = Arc::new(MortalDisk::default());
        disk.fail_at(crash_at, Failure::Death);
        let (patience, clock) = (Duration::from_secs(60), Arc::new(SystemClock));
        let dying = FileStore::open_with(path.clone(), patience, clock, disk).await.is_ok();

        let store = FileStore::open(&path).await.unwrap();
        assert_eq!(store.load(&KEY).await.unwrap(), None);
        assert_eq!(store.commit(&KEY, Expected::Absent, &stored(1), None).await.unwrap(), Commit::Done);
        assert_only_whole_files(&path);
        if dying {
            assert!(crash_at > 8, "only {crash_at} steps");
            return;
        }
    }
}

#[test]
fn a_full_disk_changes_nothing_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = new_store(directory.path());
    create(&sessions);
    let disk = Arc::new(MortalDisk::default());
    let full = Sessions::of(Folder::make(directory.path(), Arc::clone(&disk) as Arc<dyn Disk>).unwrap());
    for change in [
        |full: &Sessions| full.commit(&KEY, Expected::At(version(1)), &stored(2), None).map(|_| ()),
        |full: &Sessions| full.try_lease(&KEY, ONE, LEASE, NOW).map(|_| ()),
    ] {
        disk.fail_at(1, Failure::FullDisk);
        assert_eq!(change(&full).unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert!(sessions.leftovers().unwrap().is_empty());
        assert_eq!(sessions.load(&KEY).unwrap(), Some(stored(1)));
    }
    assert_eq!(unsettled(take(&sessions, OTHER)), 0);
    assert_eq!(sessions.commit(&KEY, Expected::At(version(1)), &stored(2), None).unwrap(), Commit::Done);
}

/// Nobody can tell then who would own a new file. There is none to be made.
#[test]
fn what_is_on_a_full_disk_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    create(&new_store(directory.path()));
    let disk = Arc::new(MortalDisk::default());
    disk.fail_at(0, Failure::FullDisk);
    let full = Sessions::of(Folder::make(directory.path(), Arc::clone(&disk) as Arc<dyn Disk>).unwrap());
    assert_eq!(full.load(&KEY).unwrap(), Some(stored(1)));
}

/// What was seen without the lock is looked at again under it.
#[test]
fn what_came_to_life_meanwhile_is_neither_tidied_up_nor_swept() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = new_store(directory.path());
    create(&sessions);
    assert_eq!(unsettled(take(&sessions, ONE)), 0);
    assert!(sessions.leftovers().unwrap().is_empty(), "a lease of a record that is there is no leftover");

    let record = directory.path().join(Name::Record(KEY).text());
    let away = directory.path().join("away");
    fs::rename(&record, &away).unwrap();
    let leftovers = sessions.leftovers().unwrap();
    assert!(!leftovers.is_empty());
    fs::rename(&away, &record).unwrap();
    sessions.tidy_up(&leftovers).unwrap();
    assert_eq!(take(&sessions, OTHER), Lease::Held { remaining: LEASE });

    let next = sessions.commit(&KEY, Expected::At(version(1)), &stored(2), PAST).unwrap();
    assert_eq!(next, Commit::Done);
    let disposable = sessions.disposable(10, NOW).unwrap();
    assert_eq!(disposable, [KEY]);
    assert_eq!(unsettled(take(&sessions, ONE)), 0);
    assert_eq!(sessions.drop_disposable(&disposable, NOW).unwrap(), 0);
    assert_eq!(take(&sessions, OTHER), Lease::Held { remaining: LEASE });
}

/// Makes a change again and again, and lets its process die before each of its steps; then a last time to the end.
/// `check` is told whether the change was answered. The steps are returned.
fn at_every_step(
    prepare: impl Fn(&Sessions),
    change: impl Fn(&Sessions) -> Result<(), Trouble>,
    check: impl Fn(&Sessions, bool),
) -> Vec<&'static str> {
    for crash_at in 0.. {
        let directory = tempfile::tempdir().unwrap();
        prepare(&new_store(directory.path()));
        let disk = Arc::new(MortalDisk::default());
        let folder = Folder::make(directory.path(), Arc::clone(&disk) as Arc<dyn Disk>).unwrap();
        disk.fail_at(crash_at, Failure::Death);
        let answer = change(&Sessions::of(folder));
        let is_over = disk.is_alive();

        let survivor = Sessions::of(Folder::make(directory.path(), Arc::new(RealDisk)).unwrap());
        let leftovers = survivor.leftovers().unwrap();
        survivor.tidy_up(&leftovers).unwrap();
        assert_only_whole_files(directory.path());
        check(&survivor, answer.is_ok());
        if is_over {
            answer.unwrap();
            return disk.steps();
        }
    }
    unreachable!("every change ends")
}

fn new_store(path: &Path) -> Sessions {
    let folder = Folder::make(path, Arc::new(RealDisk)).unwrap();
    layout::write(&folder).unwrap();
    Sessions::of(folder)
}

fn assert_only_whole_files(path: &Path) {
    for entry in fs::read_dir(path).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!matches!(Found::by(&name), Found::Draft(_)), "{name:?} was left behind");
    }
}

fn create(sessions: &Sessions) {
    assert_eq!(sessions.commit(&KEY, Expected::Absent, &stored(1), None).unwrap(), Commit::Done);
}

fn take(sessions: &Sessions, holder: HolderId) -> Lease {
    sessions.try_lease(&KEY, holder, LEASE, NOW).unwrap()
}

fn unsettled(lease: Lease) -> u32 {
    match lease {
        Lease::Granted { unsettled, .. } => unsettled,
        other => panic!("{other:?}"),
    }
}

fn version(number: u64) -> Version {
    Version::from_u64(number)
}

fn stored(number: u64) -> Stored {
    let record = Record::from_bytes(format!("record {number} ").repeat(1000).into_bytes());
    Stored { version: version(number), record }
}

/// A disk of a process that dies, or of a computer whose disk is full, at a step of one's choice.
#[derive(Debug, Default)]
struct MortalDisk(Mutex<Life>);

#[derive(Debug, Default)]
struct Life {
    failure: Option<(usize, Failure)>,
    is_dead: bool,
    steps: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    /// Nothing happens any more, not even what would clean up.
    Death,
    /// This step fails, and what comes after it works.
    FullDisk,
}

impl MortalDisk {
    /// The step that fails, counted from now.
    fn fail_at(&self, step: usize, failure: Failure) {
        *self.0.lock().unwrap() = Life { failure: Some((step, failure)), ..Life::default() };
    }

    fn is_alive(&self) -> bool {
        !self.0.lock().unwrap().is_dead
    }

    fn steps(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().steps.clone()
    }

    fn step(&self, name: &'static str) -> io::Result<()> {
        let mut life = self.0.lock().unwrap();
        if life.is_dead {
            return Err(io::Error::other("the process is dead"));
        }
        match life.failure {
            Some((step, Failure::Death)) if step == life.steps.len() => {
                life.is_dead = true;
                Err(io::Error::other("the process dies"))
            }
            Some((step, Failure::FullDisk)) if step == life.steps.len() => {
                life.failure = None;
                life.steps.push(name);
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => {
                life.steps.push(name);
                Ok(())
            }
        }
    }
}

impl Disk for MortalDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step("create")?;
        RealDisk.create(path)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        match self.step("write") {
            Err(error) => {
                let _ = file.write_all(&bytes[..bytes.len() / 2]);
                Err(error)
            }
            Ok(()) => RealDisk.write(file, bytes),
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.step("sync")?;
        RealDisk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename")?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step("remove")?;
        RealDisk.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step("sync folder")?;
        RealDisk.sync_folder(path)
    }
}
