//! What a program sees of a user pool, against scripted servers. One binary, because linking is most of the work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod pool;

mod api;
mod exceptions;
mod issuers;
mod logout;
mod refresh;
mod refusals;
mod settings;
mod sign_in;
