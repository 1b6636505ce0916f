//! Microsoft Entra ID, Entra External ID and Azure AD B2C for oidc-session: what their servers do differently from
//! plain OpenID Connect.
//!
//! ```
//! use oidc_session_core::{ClientSecret, Provider as _};
//! use oidc_session_provider_azure::EntraId;
//! use oidc_session_provider_oidc::ClientAuth;
//!
//! let provider = EntraId::tenant("contoso.onmicrosoft.com")?
//!     .client("11111111-2222-3333-4444-555555555555")
//!     .client_auth(ClientAuth::Post(ClientSecret::new("s3cret")))
//!     .build()?;
//! assert_eq!(provider.profile().id.as_str(), "entra-id");
//! # Ok::<(), oidc_session_core::ProviderError>(())
//! ```
//!
//! Start at [`EntraId`] for employees and partners, at [`ExternalId`] or [`AzureB2c`] for customers. Each is checked
//! configuration and hands out the [`OidcBuilder`](oidc_session_provider_oidc::OidcBuilder) of one client.
//!
//! `aadsts.rs`, `aadb2c.rs` and `suberror.rs` list what the servers' codes mean; `refusal.rs` and `b2c_refusal.rs` say
//! how much a code may decide.

mod aadb2c;
mod aadsts;
mod authority;
mod azure_b2c;
mod b2c_dialect;
mod b2c_issuer;
mod b2c_refusal;
mod client_info;
mod cloud;
mod domain;
mod entra_dialect;
mod entra_id;
mod external_id;
mod guid;
mod issuers;
mod known_code;
mod policy_name;
mod refusal;
mod resource_scope;
mod suberror;

pub use azure_b2c::AzureB2c;
pub use cloud::Cloud;
pub use entra_id::EntraId;
pub use external_id::ExternalId;

/// The documentation's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/providers/azure.md")]
struct Page;
