//! The stored form of a session: what is written, what can be read back, and what is refused.

use std::time::Duration;

use oidc_session_core::{
    AccessToken, DpopBinding, DpopKey, EndReason, IdToken, ProviderId, Record, RecordError, RefreshToken, Scopes,
    Session, SessionData, SessionState, SignInId, Target, Timestamp, TokenSet, TokenType, Tombstone,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};

const START: Timestamp = Timestamp::from_unix_millis(1_700_000_000_123);

/// The record of [`session`] as the first release wrote it. Never edit it: whoever wrote it has forgotten it by now.
const FORMAT_1_SESSION: &str = r#"{
    "session": {
        "provider_id": "oidc",
        "issuer": "https://login.example",
        "client_id": "my-app",
        "subject": "alice",
        "sid": "sid-1",
        "auth_time_unix_s": 1699999990,
        "nonce": "n-0S6_WzA2Mj",
        "sign_in_id": 18446744073709551615,
        "signed_in_at_unix_ms": 1700000000123,
        "access_token": "at-secret",
        "token_type": "DPoP",
        "refresh_token": "rt-secret",
        "id_token": "id-secret",
        "scope": "email openid",
        "expires_in_ms": 300000,
        "expires_at_hint_unix_ms": 1700000300999,
        "requested_at_unix_ms": 1700000000023,
        "received_at_unix_ms": 1700000000123,
        "unsettled_attempts": 1,
        "data": { "theme": "dark" }
    }
}"#;

/// The record of [`tombstone`] as the first release wrote it. Never edit it either.
const FORMAT_1_TOMBSTONE: &str = r#"{
    "tombstone": {
        "reason": "rejected",
        "error": "invalid_grant",
        "ended_at_unix_ms": 1700000060123,
        "provider_id": "oidc",
        "issuer": "https://login.example",
        "client_id": "my-app",
        "subject": "alice",
        "sign_in_id": 18446744073709551615,
        "data": { "theme": "dark" }
    }
}"#;

fn session() -> Session {
    let mut tokens = TokenSet::new(START - Duration::from_millis(100), START);
    tokens.access_token = Some(AccessToken::new("at-secret"));
    tokens.token_type = TokenType::DPoP;
    tokens.refresh_token = Some(RefreshToken::new("rt-secret"));
    tokens.id_token = Some(IdToken::new("id-secret"));
    tokens.scope = Some(Scopes::parse("openid email"));
    tokens.expires_in = Some(Duration::from_secs(300));
    tokens.expires_at_hint = Some(Timestamp::from_unix_millis(1_700_000_300_999));
    let mut session = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", tokens);
    session.subject = Some("alice".into());
    session.sid = Some("sid-1".into());
    session.auth_time = Some(1_699_999_990);
    session.nonce = Some("n-0S6_WzA2Mj".into());
    session.sign_in_id = SignInId::from_u64(u64::MAX);
    session.unsettled_attempts = 1;
    session.data.insert("theme".into(), "dark".into());
    session
}

/// A session that knows nothing it does not have to know.
fn bare_session() -> Session {
    let mut session =
        Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", TokenSet::new(START, START));
    session.sign_in_id = SignInId::from_u64(0);
    session
}

fn tombstone() -> Tombstone {
    Tombstone::of(&session(), EndReason::Rejected, Some("invalid_grant".into()), START + Duration::from_secs(60))
}

fn plain(payload: impl AsRef<[u8]>) -> Record {
    Record::from_bytes([b"OS\x01\x00", payload.as_ref()].concat())
}

/// The bytes of a record, with the four of its header made visible.
fn text(state: impl Into<SessionState>) -> String {
    let record = Record::encode(&state.into()).expect("a small session fits");
    let (header, payload) = record.as_bytes().split_at(4);
    format!("{}{}", header.escape_ascii(), String::from_utf8_lossy(payload))
}

/// [`session`] with everything that was added to the format since the first release.
fn grown_session() -> Session {
    let mut session = session();
    session.ends_at = Some(START + Duration::from_secs(28_800));
    session.requested_scope = Some(Scopes::parse("openid offline_access"));
    session.resources = vec!["https://api.example".into()];
    session.tokens.refresh_in = Some(Duration::from_secs(150));
    session.tokens.extended_expires_in = Some(Duration::from_secs(600));
    session.tokens.refresh_token_expires_at = Some(START + Duration::from_secs(86_400));
    let mut further = TokenSet::new(START, START);
    further.access_token = Some(AccessToken::new("at-further"));
    further.scope = Some(Scopes::parse("read"));
    further.expires_in = Some(Duration::from_secs(60));
    let target = Target::resource("https://api.example").scopes(Scopes::parse("read"));
    session.further_tokens.insert(target, further.clone());
    session.further_tokens.insert(Target::default().scopes(Scopes::parse("write")), further);
    let mut dpop = DpopBinding::new(DpopKey::new("key-secret"), "thumb-1");
    dpop.nonce = Some("nonce-1".into());
    session.dpop = Some(dpop);
    session.provider_data.insert("policy".into(), "b2c_1_signin".into());
    session.idle_limit = Some(Duration::from_secs(1_800));
    session.last_used_at = Some(START + Duration::from_secs(30));
    session
}

#[test]
fn format_1_is_written_like_this() {
    insta::assert_snapshot!("format_1_grown_session", text(grown_session()));
    insta::assert_snapshot!("format_1_session", text(session()));
    insta::assert_snapshot!("format_1_bare_session", text(bare_session()));
    insta::assert_snapshot!("format_1_tombstone", text(tombstone()));
}

#[test]
fn format_1_stays_readable() {
    assert_eq!(plain(FORMAT_1_SESSION).decode().unwrap(), session().into());
    assert_eq!(plain(FORMAT_1_TOMBSTONE).decode().unwrap(), tombstone().into());
}

#[test]
fn what_was_added_since_survives_the_round_trip() {
    let state = SessionState::from(grown_session());
    assert_eq!(Record::encode(&state).unwrap().decode().unwrap(), state);
}

#[test]
fn a_session_on_its_way_to_another_store_is_kept_for_as_long_as_that_takes() {
    let on_its_way = SessionState::from(Tombstone::of_moving(session(), START));
    assert_eq!(on_its_way.keep_until(), None);
    assert_eq!(SessionState::from(tombstone()).keep_until(), Some(tombstone().ended_at + Tombstone::KEPT));
}

#[test]
fn every_end_reason_is_stored_under_its_stable_word() {
    for reason in [
        EndReason::LoggedOut,
        EndReason::Rejected,
        EndReason::RejectedAfterUnknownOutcome,
        EndReason::NoRefreshToken,
        EndReason::RefreshFailed,
        EndReason::LimitReached,
        EndReason::Idle,
        EndReason::Other,
    ] {
        let written = text(Tombstone::of(&session(), reason, None, START));
        assert!(written.contains(&format!(r#""reason":"{}""#, reason.as_str())), "{written}");
    }
}

#[test]
fn an_end_reason_this_version_does_not_know_is_an_end_all_the_same() {
    let mut payload: Value = serde_json::from_str(FORMAT_1_TOMBSTONE).unwrap();
    payload["tombstone"]["reason"] = json!("tired_of_it");
    let mut expected = tombstone();
    expected.reason = EndReason::Other;
    assert_eq!(plain(payload.to_string()).decode().unwrap(), expected.into());
    payload["tombstone"]["reason"] = json!(7);
    assert_eq!(plain(payload.to_string()).decode(), Err(RecordError::Corrupt));
}

#[test]
fn a_field_this_version_does_not_know_is_no_obstacle() {
    let mut payload: Value = serde_json::from_str(FORMAT_1_SESSION).unwrap();
    payload["session"]["colour"] = json!({ "of": ["the", "future"] });
    payload["session"]["refreshed_times"] = json!(12);
    assert_eq!(plain(payload.to_string()).decode().unwrap(), session().into());

    let mut payload: Value = serde_json::from_str(FORMAT_1_TOMBSTONE).unwrap();
    payload["tombstone"]["colour"] = json!(null);
    assert_eq!(plain(payload.to_string()).decode().unwrap(), tombstone().into());
}

#[test]
fn every_field_but_the_necessary_ones_may_be_missing() {
    const NECESSARY: [&str; 8] = [
        "provider_id",
        "issuer",
        "client_id",
        "sign_in_id",
        "signed_in_at_unix_ms",
        "token_type",
        "requested_at_unix_ms",
        "received_at_unix_ms",
    ];
    let mut payload: Value = serde_json::from_str(FORMAT_1_SESSION).unwrap();
    payload["session"].as_object_mut().unwrap().retain(|name, _| NECESSARY.contains(&name.as_str()));
    let mut expected = bare_session();
    expected.sign_in_id = SignInId::from_u64(u64::MAX);
    expected.tokens.token_type = TokenType::DPoP;
    expected.tokens.requested_at = START - Duration::from_millis(100);
    assert_eq!(plain(payload.to_string()).decode().unwrap(), expected.into());

    for name in NECESSARY {
        let mut without: Value = serde_json::from_str(FORMAT_1_SESSION).unwrap();
        without["session"].as_object_mut().unwrap().remove(name).unwrap();
        assert_eq!(plain(without.to_string()).decode(), Err(RecordError::Corrupt), "{name}");
    }
}

#[test]
fn a_tombstone_without_its_optional_fields_stays_readable() {
    let mut payload: Value = serde_json::from_str(FORMAT_1_TOMBSTONE).unwrap();
    payload["tombstone"]
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !["error", "subject", "data"].contains(&name.as_str()));
    let SessionState::Ended(read) = plain(payload.to_string()).decode().unwrap() else { panic!("not a tombstone") };
    assert_eq!((read.error, read.subject, read.data), (None, None, SessionData::new()));
}

#[test]
fn another_format_or_protection_is_named_and_not_guessed_at() {
    for (format, protection) in [(0, 0), (1, 2), (1, 255), (2, 0), (2, 1), (255, 255)] {
        let mut bytes = Record::encode(&session().into()).unwrap().as_bytes().to_vec();
        (bytes[2], bytes[3]) = (format, protection);
        assert_eq!(Record::from_bytes(bytes).decode(), Err(RecordError::UnknownFormat { format, protection }));
        let empty = vec![b'O', b'S', format, protection];
        assert_eq!(Record::from_bytes(empty).decode(), Err(RecordError::UnknownFormat { format, protection }));
    }
}

#[test]
fn what_is_no_record_is_corrupt() {
    let swapped = Record::encode(&session().into()).unwrap().as_bytes().iter().rev().copied().collect();
    for bytes in [vec![], b"OS".to_vec(), b"OS\x01".to_vec(), b"SO\x01\x00{}".to_vec(), b"{}".to_vec(), swapped] {
        assert_eq!(Record::from_bytes(bytes).decode(), Err(RecordError::Corrupt));
    }
    for payload in ["", "null", "{}", "[]", r#"{"session":{}}"#, r#"{"sessions":{}}"#, "\u{0}"] {
        assert_eq!(plain(payload).decode(), Err(RecordError::Corrupt), "{payload}");
    }
}

#[test]
fn a_session_that_no_store_would_take_is_refused_before_any_store_sees_it() {
    let with_filler = |length: usize| {
        let mut session = session();
        session.data.insert("filler".into(), "x".repeat(length).into());
        Record::encode(&session.into())
    };
    let overhead = with_filler(0).unwrap().as_bytes().len();
    let largest = with_filler(Record::MAX_LENGTH - overhead).unwrap();
    assert_eq!(largest.as_bytes().len(), Record::MAX_LENGTH);
    assert!(largest.decode().is_ok());
    assert_eq!(with_filler(Record::MAX_LENGTH - overhead + 1), Err(RecordError::TooLarge));
}

#[test]
fn data_that_could_not_be_read_back_is_refused_when_it_is_written() {
    for (depth, fits) in [(1, true), (Record::MAX_DEPTH, true), (Record::MAX_DEPTH + 1, false), (1_000, false)] {
        let nested = (0..depth).fold(Value::Null, |inner, level| match level % 2 {
            0 => Value::Array(vec![inner]),
            _ => json!({ "inner": inner }),
        });
        let mut session = session();
        session.data.insert("nested".into(), nested);
        let tombstone = Tombstone::of(&session, EndReason::LoggedOut, None, START);
        for state in [SessionState::from(session), SessionState::from(tombstone)] {
            let read = Record::encode(&state).map(|record| record.decode().unwrap());
            assert_eq!(read, if fits { Ok(state) } else { Err(RecordError::TooLarge) }, "depth {depth}");
        }
    }
}

#[test]
fn what_could_not_be_written_back_is_not_read_either() {
    let padded = |length: usize| {
        let payload = FORMAT_1_TOMBSTONE.to_owned() + &" ".repeat(length - 4 - FORMAT_1_TOMBSTONE.len());
        plain(payload).decode().map(drop)
    };
    assert_eq!(padded(Record::MAX_LENGTH), Ok(()));
    assert_eq!(padded(Record::MAX_LENGTH + 1), Err(RecordError::TooLarge));

    for (depth, expected) in [
        (Record::MAX_DEPTH, Ok(())),
        (Record::MAX_DEPTH + 1, Err(RecordError::TooLarge)),
        // Deeper than the parser goes at all.
        (100_000, Err(RecordError::Corrupt)),
    ] {
        let nested = format!("{}null{}", "[".repeat(depth), "]".repeat(depth));
        for field in ["data", "provider_data"] {
            let data = format!(r#""{field}":{{"nested":{nested}}},"data_1":"#);
            let payload = FORMAT_1_SESSION.replace(r#""data":"#, &data);
            assert_eq!(plain(payload).decode().map(drop), expected, "{field} {depth}");
        }
    }
}

#[test]
fn numbers_in_the_data_do_not_drift() {
    let mut session = session();
    session.data.insert("number".into(), json!([5.49673102013421e+95, 1e-310, 0.1, u64::MAX, i64::MIN]));
    let state = SessionState::from(session);
    assert_eq!(Record::encode(&state).unwrap().decode().unwrap(), state);
}

#[test]
fn a_record_shows_its_length_and_nothing_else() {
    let record = Record::encode(&session().into()).unwrap();
    assert_eq!(format!("{record:?}"), format!("Record({} bytes)", record.as_bytes().len()));
    let mut session = session();
    session.data.insert("secret".into(), "secret".into());
    let tombstone = Tombstone::of(&session, EndReason::LoggedOut, None, START);
    for state in [SessionState::from(session), SessionState::from(tombstone)] {
        assert!(!format!("{state:#?}").contains("secret"), "{state:#?}");
    }
}

#[test]
fn an_error_never_quotes_a_token() {
    // A parser's own message would name the value it did not expect.
    let secrets = [
        r#"{"session":"at-secret"}"#,
        r#"{"at-secret":{}}"#,
        r#"{"session":{"provider_id":{"at-secret":1}}}"#,
        r#"{"tombstone":{"reason":"at-secret"}}"#,
    ];
    for error in secrets.iter().map(|payload| plain(payload).decode().unwrap_err()) {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(std::error::Error::source(&error).is_none());
    }
}

proptest! {
    #[test]
    fn every_state_survives_the_round_trip(state in any_state()) {
        let record = Record::encode(&state).unwrap();
        prop_assert_eq!(record.decode().unwrap(), state.clone());
        prop_assert_eq!(Record::from_bytes(record.as_bytes().to_vec()).decode().unwrap(), state.clone());
        // Writing again what was read changes nothing.
        let again = Record::encode(&record.decode().unwrap()).unwrap();
        prop_assert!(again == record);
    }

    #[test]
    fn any_lifetime_is_kept_to_the_millisecond_as_far_as_that_goes(lifetime in any::<Duration>()) {
        let mut session = session();
        session.tokens.expires_in = Some(lifetime);
        let SessionState::Active(read) = Record::encode(&session.into()).unwrap().decode().unwrap() else {
            panic!("not a session")
        };
        let millis = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        prop_assert_eq!(read.tokens.expires_in, Some(Duration::from_millis(millis)));
        // However long it is, it becomes an instant without a panic.
        prop_assert!(read.tokens.expires_at().unwrap() >= read.tokens.requested_at);
    }

    #[test]
    fn arbitrary_bytes_never_make_the_decoder_panic(bytes in vec(any::<u8>(), 0..512), header in any::<bool>()) {
        let record = if header { plain(&bytes) } else { Record::from_bytes(bytes) };
        prop_assert!(record.decode().is_err());
    }

    #[test]
    fn a_truncated_record_is_never_read(state in any_state(), cut in any::<prop::sample::Index>()) {
        let bytes = Record::encode(&state).unwrap().as_bytes().to_vec();
        let cut = cut.index(bytes.len());
        prop_assert_eq!(Record::from_bytes(bytes[..cut].to_vec()).decode(), Err(RecordError::Corrupt));
    }

    #[test]
    fn a_record_with_something_behind_it_is_never_read(state in any_state(), more in "[^ \t\r\n].{0,8}") {
        let bytes = [Record::encode(&state).unwrap().as_bytes(), more.as_bytes()].concat();
        prop_assert_eq!(Record::from_bytes(bytes).decode(), Err(RecordError::Corrupt));
    }

    #[test]
    fn a_damaged_record_is_an_error_or_another_state_and_never_a_panic(
        state in any_state(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = Record::encode(&state).unwrap().as_bytes().to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let header: [u8; 4] = bytes[..4].try_into().unwrap();
        let expected = match header {
            [b'O', b'S', 1, 0] => None,
            [b'O', b'S', 1, 1] => Some(RecordError::Sealed),
            [b'O', b'S', format, protection] => Some(RecordError::UnknownFormat { format, protection }),
            _ => Some(RecordError::Corrupt),
        };
        match (Record::from_bytes(bytes).decode(), expected) {
            (read, Some(expected)) => prop_assert_eq!(read, Err(expected)),
            (Err(error), None) => prop_assert_eq!(error, RecordError::Corrupt),
            (Ok(_), None) => (), // Plain JSON has no checksum; sealed records have.
        }
    }
}

/// Any characters at all, control characters and quotes among them.
fn any_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![8 => any::<char>(), 1 => Just('"'), 1 => Just('\\'), 1 => Just('\0')];
    vec(character, 0..16).prop_map(String::from_iter)
}

fn any_instant() -> impl Strategy<Value = Timestamp> {
    let millis = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0)];
    millis.prop_map(Timestamp::from_unix_millis)
}

fn any_data() -> impl Strategy<Value = SessionData> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any_text(), inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    vec((any_text(), value), 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn any_token_set() -> impl Strategy<Value = TokenSet> {
    let tokens = (option::of(any_text()), option::of(any_text()), option::of(any_text()));
    let scope = option::of(any_text().prop_map(|list| Scopes::parse(&list)));
    let token_type = prop_oneof![Just(TokenType::Bearer), Just(TokenType::DPoP), any_text().prop_map(TokenType::from)];
    let lifetime = option::of(prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)].prop_map(Duration::from_millis));
    (tokens, token_type, scope, lifetime, option::of(any_instant()), any_instant(), any_instant()).prop_map(
        |((access, refresh, id), token_type, scope, lifetime, hint, requested_at, received_at)| {
            let mut tokens = TokenSet::new(requested_at, received_at);
            tokens.access_token = access.map(AccessToken::new);
            tokens.refresh_token = refresh.map(RefreshToken::new);
            tokens.id_token = id.map(IdToken::new);
            tokens.token_type = token_type;
            tokens.scope = scope;
            tokens.expires_in = lifetime;
            tokens.expires_at_hint = hint;
            tokens
        },
    )
}

/// What a session has beyond its first release.
fn any_growth() -> impl Strategy<Value = Session> {
    let further = vec((option::of(any_text()), any_text(), any_token_set()), 0..3);
    let dpop = option::of((any_text(), any_text(), option::of(any_text())));
    let seconds = || option::of((0_u64..1 << 40).prop_map(Duration::from_millis));
    let lifetimes = (seconds(), seconds(), option::of(any_instant()), option::of(any_instant()));
    let idleness = (seconds(), option::of(any_instant()));
    let scope = option::of(any_text().prop_map(|list| Scopes::parse(&list)));
    (further, dpop, lifetimes, idleness, scope, any_data()).prop_map(
        |(further, dpop, lifetimes, idleness, scope, data)| {
            let mut session = bare_session();
            for (resource, scope, mut tokens) in further {
                (tokens.refresh_token, tokens.id_token) = (None, None);
                let target = resource.map_or_else(Target::default, Target::resource).scopes(Scopes::parse(&scope));
                session.further_tokens.insert(target, tokens);
            }
            session.dpop = dpop.map(|(key, thumbprint, nonce)| {
                let mut dpop = DpopBinding::new(DpopKey::new(key), thumbprint);
                dpop.nonce = nonce;
                dpop
            });
            let tokens = &mut session.tokens;
            (tokens.refresh_in, tokens.extended_expires_in, tokens.refresh_token_expires_at, session.ends_at) =
                lifetimes;
            (session.idle_limit, session.last_used_at) = idleness;
            session.resources = scope.iter().flat_map(Scopes::iter).map(str::to_owned).collect();
            session.requested_scope = scope;
            session.provider_data = data;
            session
        },
    )
}

fn any_session() -> impl Strategy<Value = Session> {
    let names = (any_text(), any_text(), any_text());
    let claims = (option::of(any_text()), option::of(any_text()), option::of(any::<i64>()), option::of(any_text()));
    let counts = (any::<u64>(), any::<u32>());
    (names, claims, counts, any_instant(), any_token_set(), any_data()).prop_map(
        |((provider, issuer, client_id), claims, (sign_in, unsettled), signed_in_at, tokens, data)| {
            let mut session = Session::new(ProviderId::new(provider), issuer, client_id, tokens);
            (session.subject, session.sid, session.auth_time, session.nonce) = claims;
            session.sign_in_id = SignInId::from_u64(sign_in);
            session.signed_in_at = signed_in_at;
            session.unsettled_attempts = unsettled;
            session.data = data;
            session
        },
    )
}

fn any_state() -> impl Strategy<Value = SessionState> {
    let reason = prop_oneof![
        Just(EndReason::LoggedOut),
        Just(EndReason::Rejected),
        Just(EndReason::RejectedAfterUnknownOutcome),
        Just(EndReason::NoRefreshToken),
        Just(EndReason::RefreshFailed),
        Just(EndReason::LimitReached),
        Just(EndReason::Idle),
        Just(EndReason::Other),
    ];
    let tombstone = (any_session(), reason, option::of(any_text()), any_instant())
        .prop_map(|(session, reason, error, ended_at)| Tombstone::of(&session, reason, error, ended_at));
    prop_oneof![
        any_session().prop_map(SessionState::from),
        any_growth().prop_map(SessionState::from),
        tombstone.prop_map(SessionState::from)
    ]
}
