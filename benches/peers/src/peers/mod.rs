//! One file for each peer.

pub(crate) mod aliri;
pub(crate) mod aws;
pub(crate) mod azure;
pub(crate) mod by_hand;
pub(crate) mod floor;
pub(crate) mod google;
pub(crate) mod huskarl;
pub(crate) mod moka;
pub(crate) mod oidc_session;
