//! What other crates take for a question that oidc-session answers too: "give me an `Authorization` header value".
//!
//! Each [`Peer`] is fed by one [`TokenEndpoint`], so that all have the same token and the same wait. `benches/header.rs`
//! asks while the token is fresh; `benches/storm_and_allocations.rs` asks from 10,000 tasks after it has expired.

mod at_once;
mod bearer;
mod endpoint;
mod peer;
mod peers;
mod version;

pub use endpoint::{Issued, TokenEndpoint};
pub use peer::{Peer, Start};
pub use peers::aliri::Aliri;
pub use peers::aws::Aws;
pub use peers::azure::Azure;
pub use peers::by_hand::ByHand;
pub use peers::floor::Floor;
pub use peers::google::Google;
pub use peers::huskarl::Huskarl;
pub use peers::moka::Moka;
pub use peers::oidc_session::OidcSession;
pub use version::version;
