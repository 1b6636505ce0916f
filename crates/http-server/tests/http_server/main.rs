//! A session for every visitor, as browsers and attackers meet it.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod attacks;
mod back_channel;
mod guarding;
mod logging_out;
mod outages;
mod refreshing;
mod signing_in;
mod support;
