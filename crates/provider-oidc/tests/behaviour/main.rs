//! What a program sees of the provider, against scripted servers. One binary, because linking is most of the work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod authority;

mod discovery;
mod failures;
mod logout;
mod own_form;
mod refresh;
mod sign_in;
