//! The command line as a person and a script see it: the built program, a real store, a real authorization server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod crash;
mod import;
mod servers;
mod session;
mod sign_in;
mod storm;
mod terminal;
mod usage;
