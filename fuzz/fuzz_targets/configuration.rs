//! What a user writes: where sessions are kept, key rings, files to import, remembered settings.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    oidc_session_cli::fuzzing::configuration(bytes);
    oidc_session_store_postgres::fuzzing::url(bytes);
    oidc_session_sealing::fuzzing::key_ring(bytes);
});
