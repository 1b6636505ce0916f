//! What holds of any bytes that are read as a record. Only tests and fuzzing call it.

use std::time::Duration;

use crate::{AccessToken, Record, RecordError, RefreshToken, Session, SessionState, Target, Timestamp, TokenAnswer};

/// Reads `bytes` as a record: they are a state that is written and read again without a loss, or a typed error.
pub fn record(bytes: &[u8]) {
    let record = Record::from_bytes(bytes.to_vec());
    sealed(bytes);
    match record.decode() {
        Ok(state) => {
            assert!(bytes.len() <= Record::MAX_LENGTH, "{} bytes were read", bytes.len());
            assert!(record.sealed_payload().is_none(), "a sealed record was read without a key");
            survives(&state);
        }
        Err(RecordError::Sealed) => assert!(record.sealed_payload().is_some()),
        Err(RecordError::UnknownFormat { format, protection }) => {
            assert_eq!(bytes.get(2..4), Some(&[format, protection][..]));
        }
        Err(RecordError::Corrupt | RecordError::TooLarge) => {}
        Err(error) => panic!("reading alone cannot find: {error}"),
    }
}

fn sealed(payload: &[u8]) {
    let record = Record::sealed(payload);
    assert!(record.sealed_payload() == Some(payload));
    assert_eq!(record.decode(), Err(RecordError::Sealed));
}

fn survives(state: &SessionState) {
    match Record::encode(state) {
        Ok(record) => {
            assert!(record.as_bytes().len() <= Record::MAX_LENGTH);
            assert_eq!(Record::length(state), Ok(record.as_bytes().len()));
            assert!(record.decode().as_ref() == Ok(state), "another state was read than was written");
        }
        // Spelled out, what was abbreviated can be longer.
        Err(error) => assert_eq!(error, RecordError::TooLarge),
    }
    assert!(state.keep_until().is_none_or(|until| until <= Timestamp::MAX));
    match state {
        SessionState::Active(session) => is_refreshed(session),
        SessionState::Ended(tombstone) => {
            if let Some(session) = &tombstone.moving {
                is_refreshed(session);
            }
        }
    }
}

/// Whatever is in it, the next answer is recorded: a refresh token that was spent must find its successor.
fn is_refreshed(session: &Session) {
    let now = session.tokens.received_at;
    let mut answer = TokenAnswer::new(now, now + Duration::from_secs(1));
    answer.access_token = Some(AccessToken::new("at-2"));
    answer.refresh_token = Some(RefreshToken::new("rt-2"));
    answer.expires_in = Some(Duration::MAX);
    let expires_at = session.tokens.expires_at();
    assert!(expires_at.is_none_or(|at| at <= Timestamp::MAX));
    for target in [Target::default(), Target::resource("https://api.example")] {
        let merged = session.merge_refresh(answer.clone(), &target);
        assert_eq!(merged.session.tokens.refresh_token, Some(RefreshToken::new("rt-2")));
        let written = Record::encode(&merged.session.clone().into());
        assert!(written.is_ok() || Record::length(&session.clone().into()).is_err(), "{:?}", written.err());
    }
}

#[cfg(test)]
#[path = "../../../fuzz/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::seeds::{damaged_seeds, seeds};
    use super::*;

    #[test]
    fn every_seed_holds() {
        seeds("record").iter().for_each(|seed| record(seed));
    }

    proptest! {
        #[test]
        fn any_bytes_hold(bytes in vec(any::<u8>(), 0..512)) {
            record(&bytes);
        }

        #[test]
        fn any_damage_to_a_seed_holds(bytes in damaged_seeds("record")) {
            record(&bytes);
        }
    }
}
