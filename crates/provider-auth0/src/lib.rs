//! Auth0 for oidc-session: what its servers do differently from plain OpenID Connect.
//!
//! ```
//! use oidc_session_core::{ClientSecret, Provider as _};
//! use oidc_session_provider_auth0::Auth0;
//! use oidc_session_provider_oidc::ClientAuth;
//!
//! let tenant = Auth0::new("acme.eu.auth0.com")?.audience("https://api.acme.example");
//! let auth = ClientAuth::Post(ClientSecret::new("client-secret"));
//! let provider = tenant.client("client-id").client_auth(auth).build()?;
//! assert_eq!(provider.profile().id.as_str(), "auth0");
//! # Ok::<(), oidc_session_core::ProviderError>(())
//! ```
//!
//! Start at [`Auth0`]; everything about the client and the transport is chosen on the
//! [`OidcBuilder`](oidc_session_provider_oidc::OidcBuilder) it hands out. `refusal.rs` says what each error means.

mod auth0;
mod dialect;
mod domain;
mod organization;
mod refusal;

pub use auth0::Auth0;

/// The documentation's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/providers/auth0.md")]
struct Page;
