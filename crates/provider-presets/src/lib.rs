//! Okta, Keycloak, Google, PingOne, OneLogin and Duende IdentityServer for oidc-session: what their servers do
//! differently from plain OpenID Connect.
//!
//! ```
//! use oidc_session_provider_presets::{Keycloak, Okta, OneLogin};
//!
//! let okta = Okta::custom_server("acme.okta.com", "default")?.client("client-id").build()?;
//! let keycloak = Keycloak::new("https://login.example", "my-realm")?.client("client-id").build()?;
//! let one_login = OneLogin::new("acme")?.client("client-id").build()?;
//! # Ok::<(), oidc_session_core::ProviderError>(())
//! ```
//!
//! # Emulators
//!
//! Every preset has a method `emulator`, which moves it to another address: scheme, host and port change, the path and
//! everything else stays as the vendor has it. That is how tests reach a scripted server. `http` is for loopback only.
//!
//! ```
//! use oidc_session_provider_presets::{Google, PingOne};
//!
//! let environment = "01234567-89ab-cdef-0123-456789abcdef";
//! let ping_one = PingOne::new("eu", environment)?.emulator("http://127.0.0.1:9000")?;
//! let google = Google::new().emulator("http://localhost:9001")?;
//! assert!(Google::new().emulator("http://emulator.example").is_err());
//! # Ok::<(), oidc_session_core::ProviderError>(())
//! ```
//!
//! # One crate for six vendors
//!
//! Each preset is one page of data: an issuer, a profile, and what the server's answers mean. They share a crate
//! because they share every dependency; a crate for each would be six manifests and not one dependency less.

mod duende;
mod emulator;
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

/// The documentation's code compiles.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/providers/duende.md")]
    struct Duende;
    #[doc = include_str!("../../../docs/providers/google.md")]
    struct Google;
    #[doc = include_str!("../../../docs/providers/keycloak.md")]
    struct Keycloak;
    #[doc = include_str!("../../../docs/providers/okta.md")]
    struct Okta;
    #[doc = include_str!("../../../docs/providers/onelogin.md")]
    struct OneLogin;
    #[doc = include_str!("../../../docs/providers/pingone.md")]
    struct PingOne;
    #[doc = include_str!("../../../docs/providers/README.md")]
    struct Readme;
}
