//! What a browser brings to the redirect URI: its query, and the request as the command's listener reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    oidc_session_provider_oidc::fuzzing::callback_query(bytes);
    oidc_session_cli::fuzzing::callback_request(bytes);
});
