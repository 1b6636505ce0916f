//! What holds for every provider there is: when a refresh token is presented once more, and what an answer must never do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod every;
mod first_mistakes;
mod refusals;
mod reuse_window;
mod vendor_server;
mod warnings;
