//! The brain of oidc-session: when a session is refreshed, and what happens next.
//!
//! ```
//! use std::time::Duration;
//! use oidc_session_core::{AccessToken, Timestamp, TokenSet};
//! use oidc_session_policy::{Jitter, Phase, Preemptive, Schedule};
//!
//! let requested_at = Timestamp::from_unix_seconds(1_700_000_000);
//! let mut tokens = TokenSet::new(requested_at, requested_at);
//! tokens.access_token = Some(AccessToken::new("at-1"));
//! tokens.expires_in = Some(Duration::from_secs(300));
//!
//! let schedule = Schedule::plan(&Preemptive::skew(Duration::from_secs(5)), &tokens, Jitter::NONE);
//! assert_eq!(schedule.phase(requested_at + Duration::from_secs(294)), Phase::Fresh);
//! assert_eq!(schedule.phase(requested_at + Duration::from_secs(295)), Phase::Due);
//! assert_eq!(schedule.phase(requested_at + Duration::from_secs(300)), Phase::Expired);
//! ```
//!
//! [`RefreshPolicy`] and [`Schedule`] say when; [`protocol`] says what next. Pure: no I/O, no clock, no runtime.

mod back_off;
mod policy;
pub mod protocol;
mod schedule;

pub use back_off::back_off;
pub use policy::{ExpiredOnly, OnRefreshFailure, Preemptive, RefreshPolicy};
pub use schedule::{Jitter, Phase, Schedule};
