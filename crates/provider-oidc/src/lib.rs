//! Plain OpenID Connect for oidc-session: sign-in with PKCE, refresh, revocation, logout.
//!
//! ```
//! use oidc_session_core::{ClientSecret, Provider as _};
//! use oidc_session_provider_oidc::{ClientAuth, Oidc};
//!
//! let provider = Oidc::builder("https://login.example", "my-app")
//!     .client_auth(ClientAuth::Basic(ClientSecret::new("s3cret")))
//!     .build()?;
//! assert_eq!(provider.profile().id.as_str(), "oidc");
//! # Ok::<(), oidc_session_core::ProviderError>(())
//! ```
//!
//! Start at [`Oidc`]. [`Oidc::device_session`] signs in on a device without a browser, [`OidcBuilder::dpop`] binds the
//! tokens to a key. [`Dialect`] is where a vendor says how it differs. A refresh sends one request over one connection of
//! its own: `outcome.rs` says what each way of failing means. It is repeated in one case, where the server says that it
//! has not looked at it for want of a nonce (RFC 9449 §8).

mod assertion;
mod authorization;
mod builder;
mod callback;
mod channel;
mod claims;
mod client;
mod client_certificate;
mod device_authorization;
mod device_sign_in;
mod device_status;
mod device_wait;
mod diagnosis;
mod dialect;
mod dpop;
mod encoded_request;
mod error_answer;
mod free_parameters;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod grant;
mod handshake;
mod id_token;
mod key_set;
mod keys;
mod lifetime;
mod logout_token;
mod metadata;
mod oidc;
mod origin;
mod outcome;
mod pushed_request;
mod retry_after;
mod revocable_token;
mod seen_tokens;
mod server;
mod sign_in;
mod signed_jwt;
mod signing_key;
#[cfg(any(test, fuzzing))]
mod test_keys;
mod token_request;
mod transport;
mod unverified;
mod userinfo;

pub use authorization::RESERVED_PARAMETERS;
pub use builder::OidcBuilder;
pub use client::{AssertionAudience, ClientAuth};
pub use client_certificate::ClientCertificate;
pub use device_status::DeviceStatus;
pub use diagnosis::{Diagnosis, Meaning};
pub use dialect::{Dialect, Fields, PlainOidc};
pub use dpop::DpopProof;
pub use encoded_request::EncodedRequest;
pub use error_answer::ErrorAnswer;
pub use oidc::Oidc;
pub use origin::Origin;
pub use revocable_token::RevocableToken;
pub use signing_key::{SigningAlgorithm, SigningKey};
pub use userinfo::UserInfo;
