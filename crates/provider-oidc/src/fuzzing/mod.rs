//! What holds of whatever a server, or anybody in its name, sends. Only tests and fuzzing call it.
//!
//! Each function takes any bytes and panics if a promise is broken: a typed error or a value that makes sense, the same
//! each time it is read, and no error with a secret in it.

mod callback_query;
mod discovery_document;
mod error_answer;
mod id_token;
mod secret;
#[cfg(test)]
#[path = "../../../../fuzz/seeds.rs"]
mod seeds;
#[cfg(test)]
mod tests;
mod token_answer;

pub use callback_query::callback_query;
pub use discovery_document::discovery_document;
pub use error_answer::error_answer;
pub use id_token::id_token;
pub use token_answer::token_answer;

use crate::transport::HttpAnswer;
use crate::{Dialect, Oidc};
use reqwest::StatusCode;
use std::time::Duration;

/// How a provider differs from plain OIDC.
pub fn dialect_of(provider: &Oidc) -> &dyn Dialect {
    &*provider.dialect
}

/// How long the servers here ask to wait.
const WAIT: Duration = Duration::from_secs(9);

fn answered(status: StatusCode, body: &[u8]) -> HttpAnswer {
    HttpAnswer { status, retry_after: Some(WAIT), dpop_nonce: None, body: Ok(body.to_vec()) }
}
