//! Test kit for OpenID Connect sessions: an embedded authorization server with rotation, reuse detection and scripted
//! faults.
//!
//! ```
//! use std::time::Duration;
//! use oidc_session_testkit::{AuthorizationServer, Client};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let server = AuthorizationServer::builder()
//!     .access_token_lifetime(Duration::from_secs(5))
//!     .client(Client::public("native-app"))
//!     .start()
//!     .await?;
//! assert!(server.issuer().as_str().starts_with("http://127.0.0.1:"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Start at [`AuthorizationServer`]; [`Fault`] lists what may go wrong, [`Presentation`] is what to assert on. For a store of
//! your own there is [`store_contract!`](macro@store_contract), and [`processes`] for tests of several processes.

mod authorization_server;
mod manual_clock;
pub mod processes;
pub mod store_contract;

pub use authorization_server::{
    AuthorizationServer, AuthorizationServerBuilder, AuthorizeError, Client, Counters, Decision, DeviceHabits,
    FamilyId, Fault, Field, InvalidKey, Outcome, Presentation, RetryAfter, StartError, StatusBody,
};
pub use manual_clock::ManualClock;
