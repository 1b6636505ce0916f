//! What a program sees of each vendor, against scripted servers. One binary, because linking is most of the work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod vendor;

mod duende;
mod google;
mod keycloak;
mod okta;
mod one_login;
mod ping_one;
