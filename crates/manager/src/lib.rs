//! The hands of oidc-session: keeps sessions alive, one refresh at a time, committed before it is used.
//!
//! Start at [`SessionManager`]; a [`SessionHandle`] is what a program holds. [`RefreshPolicy`] says when,
//! [`SessionStore`](oidc_session_core::SessionStore) says where.

mod asked_at;
mod authorization;
mod build_error;
mod cache;
mod clock_watch;
mod confirm;
mod entry;
mod error;
mod event;
mod extras;
mod feed_state;
mod flight;
mod follow;
mod following;
mod handle;
mod hands;
mod hot_path;
mod keeper;
mod known;
mod known_token;
mod last_use;
mod logout;
mod manager;
mod notes;
mod outage;
mod outcome;
mod pass;
mod place;
mod ready_header;
mod shared;
mod slot;
mod snapshot;
mod touch;

pub use build_error::BuildError;
pub use error::{SessionError, SessionErrorKind};
pub use event::{SessionEvent, SessionEventKind};
pub use feed_state::FeedState;
pub use handle::{ServedToken, SessionHandle};
pub use keeper::KeepFresh;
pub use logout::LogoutReport;
pub use manager::{SessionManager, SessionManagerBuilder};
pub use notes::Notes;
pub use oidc_session_policy::protocol::LeaseTooShort;
pub use oidc_session_policy::{ExpiredOnly, OnRefreshFailure, Phase, Preemptive, RefreshPolicy, Schedule};
pub use oidc_session_sealing::{Envelope, KeyRing, KeyRingError};
pub use outcome::Outcome;
pub use snapshot::Snapshot;
