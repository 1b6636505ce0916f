//! What a server publishes: its metadata and its keys.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| oidc_session_provider_oidc::fuzzing::discovery_document(bytes));
