//! What an endpoint answers with a status of 2xx, to every vendor's dialect.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oidc_session_fuzz::dialects;
use oidc_session_provider_oidc::fuzzing::{dialect_of, token_answer};

fuzz_target!(|body: &[u8]| dialects().iter().for_each(|provider| token_answer(body, dialect_of(provider))));
