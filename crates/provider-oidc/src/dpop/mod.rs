//! Tokens that are worth nothing without a key (RFC 9449, DPoP).

mod key;
mod nonces;
mod proof;
mod prover;
mod signer;

pub(crate) use nonces::{Nonces, nonce};
pub use proof::DpopProof;
pub(crate) use prover::Prover;
pub use signer::DpopSigner;
