//! The examples as their readers meet them: each is run to its end, and is as short as it says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod desktop;
mod keyring;
mod length;
mod program;
mod runs;
