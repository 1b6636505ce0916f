//! Benchmarks, and what they are made with.
//!
//! `cargo bench -p oidc-session-benches` measures; `cargo test -p oidc-session-benches --benches` runs each once, small.
//! Absolute times belong to the machine: compare within one run, best with the floor that stands beside each figure.
//!
//! What criterion does not measure is left as JSON in `measurements/`, beside criterion's own folder in the build folder:
//! see [`Measurements`].

mod by_hand;
mod floor;
mod measurements;
mod mode;
mod provider;
mod sample;
mod signed_in;
mod stopwatch;
mod threads;

pub use self::by_hand::{ByHand, SecondLook};
pub use self::floor::{Deadline, ReadyHeader, Slots, wall_clock};
pub use self::measurements::{Measurements, Row, Unit};
pub use self::mode::measures;
pub use self::provider::{Granting, NeverAsked};
pub use self::sample::{
    ACCESS_TOKEN_LENGTH, expired_session, fresh_session, largest_session, medium_session, opaque_token, small_session,
};
pub use self::signed_in::SignedIn;
pub use self::stopwatch::{median, processor_time, time, time_async};
pub use self::threads::on_threads;
