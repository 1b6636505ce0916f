//! Amazon Cognito user pools for oidc-session: what their servers do differently from plain OpenID Connect.
//!
//! ```
//! use oidc_session_core::{ClientSecret, Provider as _};
//! use oidc_session_provider_cognito::Cognito;
//! use oidc_session_provider_oidc::ClientAuth;
//!
//! let provider = Cognito::user_pool("eu-west-1_AbCdEf123")?
//!     .client("1example23456789")
//!     .client_auth(ClientAuth::Basic(ClientSecret::new("s3cret")))
//!     .build()?;
//! assert_eq!(provider.profile().id.as_str(), "cognito");
//! # Ok::<(), oidc_session_core::ProviderError>(())
//! ```
//!
//! Refresh token rotation is a setting of the app client, and so is its grace period. Say so, and a lost answer may be
//! asked for again within that time:
//!
//! ```
//! use std::time::Duration;
//! # use oidc_session_provider_cognito::Cognito;
//!
//! let pool = Cognito::user_pool("eu-west-1_AbCdEf123")?.rotation_grace(Duration::from_secs(30))?;
//! # assert!(pool.client("1example23456789").build().is_ok());
//! # Ok::<(), oidc_session_core::ProviderError>(())
//! ```
//!
//! A user pool without a login domain has no token endpoint. Its sessions are refreshed through the user pools API:
//!
//! ```
//! # use oidc_session_provider_cognito::Cognito;
//! let pool = Cognito::user_pool("eu-west-1_AbCdEf123")?.through_api();
//! # assert!(pool.client("1example23456789").build().is_ok());
//! # Ok::<(), oidc_session_core::ProviderError>(())
//! ```
//!
//! Start at [`Cognito`]. The page `docs/providers/cognito.md` says what to set at the vendor's and what each failure
//! means.

mod address;
mod api;
mod cognito;
mod dialect;
mod endpoint_refusal;
mod exception;
mod user_pool;

pub use cognito::Cognito;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/providers/cognito.md")]
struct Page;
