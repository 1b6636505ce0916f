//! What leaves with a token, what does not, and what becomes of a token that is refused. Every server is a real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod allocations;
#[cfg(feature = "dpop")]
mod bound;
mod origins;
mod redirects;
mod refused;
mod resource;
mod sessions;
mod tower_layer;
#[cfg(not(feature = "dpop"))]
mod unbound;
mod world;
