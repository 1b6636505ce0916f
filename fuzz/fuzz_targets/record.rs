//! What a store gives back: a record, sealed or not.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    oidc_session_core::fuzzing::record(bytes);
    oidc_session_sealing::fuzzing::sealed_record(bytes);
});
