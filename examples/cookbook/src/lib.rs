//! Small programs that show one thing each: see `src/bin`, and [`test_your_own_app`].
//!
//! What they have in common is here: which authorization server they sign in at, and how.

mod browser;
mod http;
mod issuer;
mod loopback;
pub mod test_your_own_app;

pub use self::http::http_client;
pub use self::issuer::Issuer;
pub use self::loopback::Loopback;

/// What the examples return: errors are sentences for the person who ran them.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
