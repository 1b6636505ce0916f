//! What an endpoint answers with another status, to every vendor's dialect.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oidc_session_fuzz::dialects;
use oidc_session_provider_oidc::fuzzing::{dialect_of, error_answer};

fuzz_target!(|body: &[u8]| dialects().iter().for_each(|provider| error_answer(body, dialect_of(provider))));
