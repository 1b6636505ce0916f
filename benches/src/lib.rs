//! Benchmarks, and the sessions they are made with.
//!
//! `cargo bench -p oidc-session-benches` measures; `cargo test -p oidc-session-benches --benches` runs each once.
//! Absolute times belong to the machine: compare within one run.

mod sample;

pub use self::sample::{largest_session, medium_session, small_session};
