//! Key rings as text and as files.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use oidc_session_core::Timestamp;
use oidc_session_sealing::{KeyRing, KeyRingError};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
const LATER: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

#[test]
fn a_ring_is_read_as_it_was_written() {
    let ring = KeyRing::generate(NOW).rotate(LATER).prepare(LATER);
    assert_eq!(KeyRing::from_json(&ring.to_json()).unwrap(), ring);
    let on_one_line = ring.to_json().replace('\n', "");
    assert_eq!(KeyRing::from_json(&on_one_line).unwrap(), ring);
}

#[test]
fn the_newest_key_seals_and_the_others_stay() {
    let first = KeyRing::generate(NOW);
    let second = first.rotate(LATER);
    assert_ne!(first.sealing_key_id(), second.sealing_key_id());
    assert_eq!(second.key_ids().collect::<Vec<_>>(), [second.sealing_key_id(), first.sealing_key_id()]);
    assert_eq!(second.created_at(second.sealing_key_id()), Some(LATER));
    assert_eq!(second.created_at(first.sealing_key_id()), Some(NOW));
}

#[test]
fn a_prepared_key_seals_only_after_the_rotation() {
    let first = KeyRing::generate(NOW);
    let prepared = first.prepare(LATER);
    assert_eq!(prepared.prepare(LATER), prepared, "one prepared key is enough");
    assert_eq!(prepared.sealing_key_id(), first.sealing_key_id());
    let next = prepared.key_ids().nth(1).unwrap();
    assert!(prepared.is_prepared(next));

    let rotated = prepared.rotate(LATER + Duration::from_secs(60));
    assert_eq!(rotated.sealing_key_id(), next);
    assert!(!rotated.is_prepared(next));
    assert_eq!(rotated.key_ids().count(), 2);
}

#[test]
fn old_keys_are_dropped_and_neither_the_newest_nor_a_prepared_one() {
    let ring = KeyRing::generate(NOW).rotate(LATER).prepare(LATER);
    let kept = ring.without_old_keys();
    let ids: Vec<_> = ring.key_ids().collect();
    assert_eq!(kept.key_ids().collect::<Vec<_>>(), [ids[0], ids[2]]);
}

#[test]
fn a_key_that_sealed_everything_anew_stays_although_another_seals_by_now() {
    let first = KeyRing::generate(NOW);
    let second = first.rotate(NOW);
    let third = second.rotate(LATER).prepare(LATER);
    let ids: Vec<_> = third.key_ids().collect();
    assert_eq!(
        third.without_keys_before(second.sealing_key_id()).key_ids().collect::<Vec<_>>(),
        [ids[0], ids[1], ids[3]]
    );
    assert_eq!(third.without_keys_before(third.sealing_key_id()), third.without_old_keys());
    assert_eq!(third.without_keys_before(KeyRing::generate(NOW).sealing_key_id()), third, "no key of this ring");
    assert_eq!(third.without_keys_before(ids[3]), third, "it has sealed nothing yet");
}

#[test]
fn what_is_no_ring_is_refused_by_its_mistake_and_never_quoted() {
    let good = KeyRing::generate(NOW).rotate(LATER).to_json();
    let change = |from: &str, to: &str| {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, *good, "nothing was changed");
        changed
    };
    let id = |ring: &str, place: usize| {
        let line = ring.lines().filter(|line| line.contains("\"id\"")).nth(place).unwrap();
        line.trim().to_owned()
    };
    let shorter_id = id(&good, 0).replace("\",", "").split_at(15).0.to_owned() + "\",";
    let no_keys = format!("{}[]}}", good.split("[").next().unwrap());
    for (text, expected) in [
        (String::new(), "JSON"),
        ("hunter2".to_owned(), "JSON"),
        (change("\"format\": 1", "\"format\": 2"), "newer version"),
        (change("\"naming_key\": \"", "\"naming_key\": \"hunter2"), "32 bytes"),
        (change("\"key\": \"", "\"key\": \"hunter2"), "32 bytes"),
        (change("\"id\": \"", "\"id\": \"hunter2"), "16 hexadecimal digits"),
        (change("\"id\"", "\"hunter2\": 1, \"id\""), "JSON"),
        (change(&id(&good, 0), &shorter_id), "16 hexadecimal digits"),
        (change(&id(&good, 0), &id(&good, 1)), "one id"),
        (change("\"created_at_unix_ms\"", "\"prepared\": true, \"created_at_unix_ms\""), "only prepared"),
        (no_keys, "no key to seal with"),
    ] {
        let error = KeyRing::from_json(&text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn debug_shows_ids_and_no_keys() {
    let ring = KeyRing::generate(NOW);
    let debug = format!("{ring:?}");
    assert!(debug.contains(&ring.sealing_key_id().to_string()));
    let text = ring.to_json();
    for key in text.lines().filter(|line| line.contains("key\": \"")) {
        let secret = key.split('"').nth(3).unwrap();
        assert_eq!(secret.len(), 43);
        assert!(!debug.contains(secret));
    }
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let error = KeyRing::from_env("OIDC_SESSION_NO_SUCH_VARIABLE").unwrap_err();
    assert!(error.to_string().contains("OIDC_SESSION_NO_SUCH_VARIABLE"), "{error}");
}

#[test]
fn a_ring_is_made_beside_the_data_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = KeyRing::beside(folder.path(), NOW).unwrap();
    assert!(first.made);
    let second = KeyRing::beside(folder.path(), LATER).unwrap();
    assert!(!second.made);
    assert_eq!((first.ring, first.path), (second.ring, second.path));
    assert_eq!(names(folder.path()), [KeyRing::FILE_NAME], "nothing else is left");
}

#[test]
fn of_many_that_look_at_once_one_makes_the_ring() {
    let folder = tempfile::tempdir().unwrap();
    let rings = thread::scope(|scope| {
        let looking: Vec<_> = (0..16).map(|_| scope.spawn(|| KeyRing::beside(folder.path(), NOW).unwrap())).collect();
        looking.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(rings.iter().filter(|beside| beside.made).count(), 1);
    assert!(rings.iter().all(|beside| beside.ring == rings[0].ring));
}

#[test]
fn a_new_file_never_replaces_a_ring_and_saving_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper").join("keys.json");
    let ring = KeyRing::generate(NOW);
    ring.save_new(&path).unwrap();
    let error = ring.rotate(NOW).save_new(&path).unwrap_err();
    assert!(matches!(error, KeyRingError::File { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists));
    assert_eq!(KeyRing::load(&path).unwrap(), ring);

    let rotated = ring.rotate(LATER);
    rotated.save(&path).unwrap();
    assert_eq!(KeyRing::load(&path).unwrap(), rotated);
}

#[test]
fn of_many_rotations_at_once_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = KeyRing::beside(folder.path(), NOW).unwrap().path;
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| KeyRing::update(&path, |ring| ring.rotate(LATER)).unwrap());
        }
    });
    assert_eq!(KeyRing::load(&path).unwrap().key_ids().count(), 17);
}

#[cfg(unix)]
#[test]
fn a_ring_is_its_owners_and_one_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = KeyRing::beside(folder.path(), NOW).unwrap().path;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    KeyRing::load(&path).unwrap().rotate(NOW).save(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(KeyRing::load(&path), Err(KeyRingError::Exposed(_))), "{mode:o}");
        assert!(matches!(KeyRing::beside(folder.path(), NOW), Err(KeyRingError::Exposed(_))), "{mode:o}");
    }
}

#[cfg(unix)]
#[test]
fn a_change_through_a_link_reaches_those_who_use_the_file_itself() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, link) = (folder.path().join("keys.json"), elsewhere.path().join("keys.json"));
    KeyRing::generate(NOW).save_new(&file).unwrap();
    symlink(&file, &link).unwrap();
    let before = fs::metadata(&file).unwrap();
    let rotated = KeyRing::update(&link, |ring| ring.rotate(LATER)).unwrap();
    assert_eq!(KeyRing::load(&file).unwrap(), rotated);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&file).unwrap().uid(), before.uid());
    let lock = fs::metadata(folder.path().join("keys.lock")).unwrap();
    assert_eq!(lock.permissions().mode() & 0o777, 0o600, "who can open it can hold others up");
}

/// Needs an administrator to give files away; for others the ring cannot change hands in the first place.
#[cfg(unix)]
#[test]
fn a_ring_that_the_administrator_changes_stays_its_owners() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let folder = tempfile::tempdir().unwrap();
    let path = KeyRing::beside(folder.path(), NOW).unwrap().path;
    let owner = match chown(&path, Some(65534), Some(65534)) {
        Ok(()) => 65534,
        Err(_) => fs::metadata(&path).unwrap().uid(),
    };
    let _ = KeyRing::update(&path, |ring| ring.rotate(LATER)).unwrap();
    for file in [path.clone(), path.with_extension("lock")] {
        assert_eq!(fs::metadata(&file).unwrap().uid(), owner, "{}", file.display());
    }
}

#[test]
fn a_change_of_a_ring_that_is_not_there_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let error = KeyRing::update(&folder.path().join("keys.json"), |ring| ring.rotate(LATER)).unwrap_err();
    assert!(matches!(error, KeyRingError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_damaged_ring_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = KeyRing::beside(folder.path(), NOW).unwrap().path;
    fs::write(&path, "{").unwrap();
    assert!(matches!(KeyRing::beside(folder.path(), NOW), Err(KeyRingError::Malformed(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{");
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
