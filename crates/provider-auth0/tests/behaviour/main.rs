//! What a program sees of an Auth0 tenant, against scripted servers. One binary, because linking is most of the work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod tenant;

mod errors;
mod logout;
mod profile;
mod refresh;
mod sign_in;
