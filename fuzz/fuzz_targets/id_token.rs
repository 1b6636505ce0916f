//! Signed tokens: ID tokens, logout tokens, user info.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| oidc_session_provider_oidc::fuzzing::id_token(bytes));
