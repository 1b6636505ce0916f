//! What a program sees of Microsoft's servers, against scripted ones. One binary, because linking is most of the work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod server;

mod azure_b2c;
mod entra_id;
mod external_id;
mod golden;
mod refusals;
