//! What a program sees of the provider, against scripted servers. One binary, because linking is most of the work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod authority;
mod tls_server;

mod client_assertion;
mod device;
mod discovery;
mod dpop;
mod failures;
mod logout;
mod logout_token;
mod mutual_tls;
mod own_form;
mod pushed_request;
mod refresh;
mod sign_in;
mod userinfo;
