//! The command line as a person and a script see it: the built program, a real store, a real authorization server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod advice;
mod client_auth;
mod crash;
mod damage;
mod device;
mod import;
mod keys;
mod proof;
mod servers;
mod session;
mod sign_in;
mod storm;
mod targets;
mod terminal;
mod usage;
mod userinfo;
