//! What holds of any text that is read as a key ring, and any bytes that a store may give back. Only tests and fuzzing
//! call it.

use std::sync::LazyLock;

use oidc_session_core::{Expected, Record, RecordError, StoreKey, Stored, Timestamp, Version};

use crate::{KeyRing, KeyRingError, Seal};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
/// Stands for a key in what fuzzing begins with. No error may quote it.
const SECRET: &str = "~hunter2~";

/// Reads `bytes` as the text of a key ring: a ring that is written and read again as it is, or an error that quotes nothing.
pub fn key_ring(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match KeyRing::from_json(text) {
        Ok(ring) => {
            assert!(text.len() <= KeyRing::MOST_BYTES);
            assert!((1..=KeyRing::MOST_KEYS).contains(&ring.key_ids().count()));
            assert!(!ring.is_prepared(ring.sealing_key_id()));
            assert!(KeyRing::from_json(&ring.to_json()).is_ok_and(|again| again == ring));
            for changed in [ring.rotate(NOW), ring.prepare(NOW), ring.without_old_keys()] {
                assert!(changed.key_ids().count() >= 1);
            }
        }
        Err(error) => {
            assert!(matches!(error, KeyRingError::Malformed(_)));
            assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
        }
    }
}

/// Reads `bytes` as what a store gave back: nobody without a key makes a record that opens, and of one that was sealed no
/// byte can be changed.
pub fn sealed_record(bytes: &[u8]) {
    static SEAL: LazyLock<Seal> = LazyLock::new(|| Seal::with(KeyRing::generate(NOW)));
    let address = SEAL.address_of_digest(StoreKey::from_bytes([7; 32]));
    let stored = Stored { version: Version::from_u64(7), record: Record::from_bytes(bytes.to_vec()) };
    assert!(SEAL.open(&address.key, &stored).is_err(), "it opens, and nobody sealed it");
    if let Some(ring) = SEAL.key_ring() {
        // The same under the name of a key that is there.
        let payload = [&ring.sealing_key_id().as_u64().to_be_bytes()[..], bytes].concat();
        let stored = Stored { record: Record::sealed(&payload), ..stored.clone() };
        let expected = if stored.record.as_bytes().len() > Record::MAX_STORED_LENGTH {
            RecordError::TooLarge
        } else {
            RecordError::Refused
        };
        assert_eq!(SEAL.open(&address.key, &stored).map(|opened| opened.state), Err(expected));
    }

    let Ok(opened) = Seal::none().open(&address.key, &stored) else { return };
    let Ok(sealed) = SEAL.close(&address, Expected::Absent, &opened.state, NOW) else { return };
    assert!(sealed.record.as_bytes().len() <= Record::MAX_STORED_LENGTH);
    assert!(SEAL.open(&address.key, &sealed).is_ok_and(|again| again.state == opened.state));
    let mut altered = sealed.record.as_bytes().to_vec();
    let place = bytes.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte)) % altered.len();
    altered[place] ^= 1;
    let altered = Stored { record: Record::from_bytes(altered), ..sealed };
    assert!(SEAL.open(&address.key, &altered).is_err(), "the byte {place} can be changed");
}

#[cfg(test)]
#[path = "../../../fuzz/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};

    use super::seeds::{damaged_seeds, seeds};
    use super::*;

    /// Any bytes, and seeds that came to harm.
    fn any_input(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
        prop_oneof![vec(any::<u8>(), 0..256), damaged_seeds(target)]
    }

    #[test]
    fn every_seed_holds() {
        seeds("configuration").iter().for_each(|seed| key_ring(seed));
        seeds("record").iter().for_each(|seed| sealed_record(seed));
    }

    #[test]
    fn what_is_too_long_is_not_looked_at() {
        let ring = KeyRing::generate(NOW).to_json();
        let padded = |length: usize| format!("{}{}", *ring, " ".repeat(length - ring.len()));
        assert!(KeyRing::from_json(&padded(KeyRing::MOST_BYTES)).is_ok());
        assert!(matches!(KeyRing::from_json(&padded(KeyRing::MOST_BYTES + 1)), Err(KeyRingError::Malformed(_))));
        sealed_record(&vec![b'x'; Record::MAX_STORED_LENGTH + 1]);
    }

    proptest! {
        #[test]
        fn any_text_of_a_ring_holds(text in any_input("configuration")) {
            key_ring(&text);
        }

        #[test]
        fn whatever_a_store_gives_back_holds(bytes in any_input("record")) {
            sealed_record(&bytes);
        }
    }
}
