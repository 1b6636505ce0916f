//! The embedded authorization server as a client sees it: over loopback HTTP, with nothing shared but the protocol.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod client_assertion;
mod device;
mod dpop;
mod faults;
mod logout;
mod native_app;
mod proof_key;
mod pushed_requests;
mod refresh;
mod resources;
mod sign_in;
mod signing_keys;
