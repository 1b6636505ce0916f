//! Okta, Keycloak, Google, PingOne, OneLogin and Duende IdentityServer for oidc-session: what their servers do
//! differently from plain OpenID Connect.
//!
//! ```
//! use oidc_session_provider_presets::{Google, Keycloak, Okta};
//!
//! let okta = Okta::custom_server("acme.okta.com", "default")?.client("client-id").build()?;
//! let keycloak = Keycloak::new("https://login.example", "my-realm")?.client("client-id").build()?;
//! let google = Google::new().client("client-id").build()?;
//! # Ok::<(), oidc_session_core::ProviderError>(())
//! ```
//!
//! Each preset is one page of data: an issuer, a profile, and what the server's answers mean. They share a crate because
//! they share every dependency; a crate for each would be six manifests and not one dependency less.

mod duende;
mod google;
mod keycloak;
mod okta;
mod one_login;
mod ping_one;

pub use duende::Duende;
pub use google::Google;
pub use keycloak::Keycloak;
pub use okta::Okta;
pub use one_login::OneLogin;
pub use ping_one::PingOne;
