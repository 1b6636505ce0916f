//! The nouns of oidc-session, and the seams that stores and providers implement.
//!
//! ```
//! use std::time::Duration;
//! use oidc_session_core::{AccessToken, ProviderId, Record, Session, Timestamp, TokenSet};
//!
//! let now = Timestamp::from_unix_seconds(1_700_000_000);
//! let mut tokens = TokenSet::new(now, now);
//! tokens.access_token = Some(AccessToken::new("at-1"));
//! tokens.expires_in = Some(Duration::from_secs(300));
//! let session = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", tokens);
//!
//! let record = Record::encode(&session.clone().into())?;
//! assert_eq!(record.decode()?, session.into());
//! # Ok::<(), oidc_session_core::RecordError>(())
//! ```
//!
//! Start at [`Session`]; [`SessionStore`] says where sessions live, [`Provider`] who refreshes them. This crate does no
//! I/O, needs no runtime, and is the only one that every other crate knows.

mod back_channel_logout;
mod change_feed;
mod clock;
mod device;
mod dpop;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod id;
mod lease_state;
mod limits;
mod list;
mod merge;
mod note;
mod profile;
mod provider;
mod provider_error;
mod record;
mod scope;
mod secret;
mod session;
mod sign_in;
mod store;
mod target;
mod timestamp;
mod token_set;

pub use back_channel_logout::{BackChannelLogout, LogoutToken};
pub use change_feed::{Change, ChangeFeed, Changes};
pub use clock::{Clock, SystemClock};
pub use device::{DevicePoll, DeviceRequest, DeviceSignIn, PendingDevice};
pub use dpop::DpopBinding;
pub use id::{HolderId, InvalidSessionId, ProviderId, SessionId, SignInId, StoreKey, Version};
pub use lease_state::{LeaseClaim, LeaseState, LeaseTerm};
pub use limits::{Limits, SessionEnd};
pub use list::{Cursor, List, Page, Walk, Walked};
pub use merge::{AnsweredIdToken, IdClaims, Merged, TokenAnswer, Violation};
pub use note::{Note, NoteName};
pub use profile::{LogoutShape, ProviderProfile, RefreshExtends, ReuseReaction, RevocationShape, Rotation};
pub use provider::{Provider, Revocation};
pub use provider_error::{ProviderError, ProviderErrorKind};
pub use record::{Record, RecordError};
pub use scope::Scopes;
pub use secret::{AccessToken, ClientSecret, CodeVerifier, DeviceCode, DpopKey, Fingerprint, IdToken, RefreshToken};
pub use session::{EndReason, Session, SessionData, SessionState, Tombstone};
pub use sign_in::{PendingSignIn, SignIn, SignInRequest};
pub use store::{
    Commit, Custody, Expected, Lease, Release, Removal, Renewal, SessionStore, StoreError, StoreErrorKind, Stored,
    Sweep,
};
pub use target::Target;
pub use timestamp::Timestamp;
pub use token_set::{TokenSet, TokenType};
