//! What a sealed record keeps to itself, and what becomes of one that somebody tampered with.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use oidc_session_core::{
    AccessToken, EndReason, Expected, Note, NoteName, ProviderId, Record, RecordError, RefreshToken, Session,
    SessionData, SessionId, SessionState, StoreErrorKind, StoreKey, Stored, Timestamp, TokenSet, Tombstone, Version,
};
use oidc_session_sealing::{Address, Envelope, KeyRing, Seal};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

fn id(name: &str) -> SessionId {
    SessionId::named(name).unwrap()
}

fn session() -> Session {
    let mut tokens = TokenSet::new(NOW, NOW);
    tokens.access_token = Some(AccessToken::new("secret-access-token"));
    tokens.refresh_token = Some(RefreshToken::new("secret-refresh-token"));
    let mut session = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", tokens);
    session.subject = Some("alice".to_owned());
    session
}

/// A ring, and a session that it has sealed.
fn sealed() -> (KeyRing, Seal, Address, Stored) {
    let ring = KeyRing::generate(NOW);
    let seal = Seal::with(ring.clone());
    let address = seal.address(&id("default"));
    let stored = seal.close(&address, Expected::Absent, &session().into(), NOW).unwrap();
    (ring, seal, address, stored)
}

fn error(seal: &Seal, key: &StoreKey, stored: &Stored) -> RecordError {
    seal.open(key, stored).unwrap_err()
}

#[test]
fn what_was_sealed_is_opened_again() {
    let ring = KeyRing::generate(NOW);
    let seal = Seal::with(ring);
    let address = seal.address(&id("default"));
    let ended = Tombstone::of(&session(), EndReason::LoggedOut, None, NOW);
    for state in [SessionState::from(session()), ended.into()] {
        let stored = seal.close(&address, Expected::Absent, &state, NOW).unwrap();
        let opened = seal.open(&address.key, &stored).unwrap();
        assert_eq!((opened.state, opened.address), (state, address));
    }
}

#[test]
fn a_sealed_record_shows_nothing_of_its_session() {
    let (_, _, _, stored) = sealed();
    let bytes = stored.record.as_bytes();
    for secret in ["secret-access-token", "secret-refresh-token", "alice", "login.example", "default"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[test]
fn the_same_session_is_never_sealed_alike() {
    let (_, seal, address, stored) = sealed();
    let again = seal.close(&address, Expected::Absent, &session().into(), NOW).unwrap();
    assert_ne!(stored.record, again.record);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (_, seal, address, stored) = sealed();
    let bytes = stored.record.as_bytes();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.to_vec();
            bytes[place] ^= 1 << bit;
            let flipped = Stored { record: Record::from_bytes(bytes), ..stored };
            let error = error(&seal, &address.key, &flipped);
            // Magic, format and protection, key id; then nonce, ciphertext and tag.
            match (place, error) {
                (0 | 1, RecordError::Corrupt)
                | (2 | 3, RecordError::UnknownFormat { .. } | RecordError::Corrupt)
                | (4..12, RecordError::UnknownKey { .. })
                | (12.., RecordError::Refused) => {}
                (place, error) => panic!("byte {place}: {error:?}"),
            }
        }
    }
}

#[test]
fn every_truncated_record_is_noticed() {
    let (_, seal, address, stored) = sealed();
    let bytes = stored.record.as_bytes();
    for length in 0..bytes.len() {
        let cut = Stored { record: Record::from_bytes(bytes[..length].to_vec()), ..stored };
        assert!(matches!(error(&seal, &address.key, &cut), RecordError::Corrupt | RecordError::Refused), "{length}");
    }
    let longer = Stored { record: Record::from_bytes([bytes, b"x"].concat()), ..stored };
    assert_eq!(error(&seal, &address.key, &longer), RecordError::Refused);
}

#[test]
fn a_record_under_another_sessions_key_is_refused() {
    let (_, seal, _, stored) = sealed();
    assert_eq!(error(&seal, &seal.address(&id("mallory")).key, &stored), RecordError::Refused);
}

#[test]
fn an_older_record_under_a_newer_version_is_refused() {
    let (_, seal, address, old) = sealed();
    let new = seal.close(&address, Expected::At(old.version), &session().into(), NOW).unwrap();
    let rolled_back = Stored { version: new.version, record: old.record.clone() };
    assert_eq!(error(&seal, &address.key, &rolled_back), RecordError::Refused);
    seal.open(&address.key, &old).unwrap();
}

#[test]
fn a_name_is_sealed_with_its_record() {
    // Whoever has the sealing keys, but another naming key, cannot give a record another place.
    let (ring, _, address, stored) = sealed();
    let other = KeyRing::generate(NOW);
    let renamed = with_naming_key_of(&ring, &other);
    assert_eq!(error(&Seal::with(renamed), &address.key, &stored), RecordError::Refused);
}

#[test]
fn a_store_key_tells_nobody_the_name() {
    let (one, other) = (Seal::with(KeyRing::generate(NOW)), Seal::with(KeyRing::generate(NOW)));
    let id = id("default");
    assert_eq!(one.address(&id), one.address(&id));
    assert_ne!(one.address(&id).key, id.store_key());
    assert_ne!(one.address(&id).key, other.address(&id).key);
    assert_eq!(Seal::none().address(&id).key, id.store_key());
}

#[test]
fn another_ring_cannot_open_it_and_says_which_key_is_missing() {
    let (ring, _, address, stored) = sealed();
    let error = error(&Seal::with(KeyRing::generate(NOW)), &address.key, &stored);
    assert!(matches!(error, RecordError::UnknownKey { .. }));
    assert!(error.to_string().contains(&ring.sealing_key_id().to_string()), "{error}");
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
}

#[test]
fn without_a_ring_a_sealed_record_says_what_it_is() {
    let (_, _, address, stored) = sealed();
    assert_eq!(error(&Seal::none(), &address.key, &stored), RecordError::Sealed);
}

#[test]
fn a_plain_record_is_not_taken_for_a_sealed_one() {
    let (_, seal, address, stored) = sealed();
    let planted = Stored { record: Record::encode(&session().into()).unwrap(), ..stored };
    assert_eq!(error(&seal, &address.key, &planted), RecordError::NotSealed);
    let garbage = Stored { record: Record::from_bytes(b"garbage".to_vec()), ..planted };
    assert_eq!(error(&seal, &address.key, &garbage), RecordError::Corrupt);
}

#[test]
fn after_a_rotation_old_records_open_and_new_ones_have_the_new_key() {
    let (ring, _, address, old) = sealed();
    let rotated = ring.rotate(NOW);
    let seal = Seal::with(rotated.clone());
    seal.open(&address.key, &old).unwrap();

    let new = seal.close(&address, Expected::At(old.version), &session().into(), NOW).unwrap();
    assert!(matches!(error(&Seal::with(ring), &address.key, &new), RecordError::UnknownKey { .. }));
    let without = Seal::with(rotated.without_old_keys());
    without.open(&address.key, &new).unwrap();
    assert!(matches!(error(&without, &address.key, &old), RecordError::UnknownKey { .. }));
}

#[test]
fn resealing_changes_the_key_and_the_version_and_nothing_else() {
    let (ring, seal, address, old) = sealed();
    assert_eq!(seal.reseal(&address.key, &old, NOW).unwrap(), None);

    let rotated = Seal::with(ring.rotate(NOW));
    let new = rotated.reseal(&address.key, &old, NOW).unwrap().unwrap();
    assert!(new.version > old.version);
    let states = [&old, &new].map(|stored| rotated.open(&address.key, stored).unwrap().state);
    assert_eq!(states[0], states[1]);
    assert_eq!(rotated.reseal(&address.key, &new, NOW).unwrap(), None);
}

#[test]
fn a_session_keeps_its_digest_under_the_names_of_every_ring() {
    // What a copy from one store to another goes by.
    let (_, seal, address, stored) = sealed();
    let opened = seal.open(&address.key, &stored).unwrap();
    let other = Seal::with(KeyRing::generate(NOW));
    assert_eq!(other.address_of_digest(opened.address.digest), other.address(&id("default")));
}

#[test]
fn the_largest_session_fits_into_what_every_store_accepts() {
    let (_, seal, address, _) = sealed();
    let mut session = session();
    session.data.insert("filler".into(), "".into());
    let empty = Record::encode(&session.clone().into()).unwrap().as_bytes().len();
    session.data.insert("filler".into(), "x".repeat(Record::MAX_LENGTH - empty).into());
    let stored = seal.close(&address, Expected::Absent, &session.clone().into(), NOW).unwrap();
    assert!(stored.record.as_bytes().len() <= Record::MAX_STORED_LENGTH);
    session.data.insert("one more".into(), 1.into());
    let error = seal.close(&address, Expected::Absent, &session.into(), NOW).unwrap_err();
    assert_eq!(error, RecordError::TooLarge);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_open(bytes in proptest::collection::vec(any::<u8>(), 0..300), sealed: bool) {
        let seal = Seal::with(KeyRing::generate(NOW));
        let record = if sealed { Record::sealed(&bytes) } else { Record::from_bytes(bytes) };
        let stored = Stored { version: Version::from_u64(7), record };
        prop_assert!(seal.open(&StoreKey::from_bytes([1; 32]), &stored).is_err());
    }
}

fn with_naming_key_of(ring: &KeyRing, other: &KeyRing) -> KeyRing {
    let naming_key = |ring: &KeyRing| {
        let text = ring.to_json();
        let line = text.lines().find(|line| line.contains("naming_key")).unwrap();
        line.to_owned()
    };
    KeyRing::from_json(&ring.to_json().replace(&naming_key(ring), &naming_key(other))).unwrap()
}

#[test]
fn a_note_is_no_session_and_a_session_no_note() {
    let (ring, seal, address, stored) = sealed();
    let name = NoteName::of("sid", &["https://login.example", "s"]);
    let place = seal.address_of_note(&name);
    let note = Note::new(SessionData::new(), Some(NOW));
    let kept = seal.close_note(&place, Expected::Absent, &note, NOW).unwrap();
    assert_eq!(seal.open_note(&place.key, &kept).unwrap().note, note);
    assert_eq!(error(&seal, &place.key, &kept), RecordError::Note);
    assert_eq!(seal.open_note(&address.key, &stored).unwrap_err(), RecordError::Corrupt);
    // Under another name, or at another version, it does not open.
    assert_eq!(error(&seal, &address.key, &kept), RecordError::Refused);
    assert_eq!(Seal::none().open_note(&place.key, &kept).unwrap_err(), RecordError::Sealed);

    let newer = Seal::with(ring.rotate(NOW));
    let resealed = newer.reseal(&place.key, &kept, NOW).unwrap().unwrap();
    assert_eq!(newer.open_note(&place.key, &resealed).unwrap().note, note);
    assert_eq!(seal.open_note(&place.key, &resealed).unwrap_err().kind(), StoreErrorKind::Misconfigured);
}

#[test]
fn an_envelope_opens_for_its_purpose_with_its_ring_and_unaltered() {
    let ring = KeyRing::generate(NOW);
    let envelope = Envelope::new(ring.clone(), "one");
    let text = envelope.seal(b"a secret").unwrap();
    assert!(
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'),
        "fits into a cookie"
    );
    assert_ne!(text, envelope.seal(b"a secret").unwrap());
    assert_eq!(&**envelope.open(&text).unwrap(), b"a secret");
    assert_eq!(&**Envelope::new(ring.rotate(NOW), "one").open(&text).unwrap(), b"a secret", "keys may rotate");
    assert!(Envelope::new(ring, "two").open(&text).is_none());
    assert!(Envelope::new(KeyRing::generate(NOW), "one").open(&text).is_none());
    for place in 0..text.len() {
        let mut altered = text.clone().into_bytes();
        altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(envelope.open(&altered).is_none(), "{place}");
        assert!(envelope.open(&text[..place]).is_none());
    }
    assert!(envelope.seal(&[0; Envelope::LONGEST]).is_err());
    assert!(envelope.open(&"A".repeat(Envelope::LONGEST + 1)).is_none());
    assert!(!format!("{envelope:?}").contains("secret"));
}
