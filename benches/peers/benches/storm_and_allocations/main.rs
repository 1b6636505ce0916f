//! What a header value allocates while the token is fresh, and how a storm of tasks fares after it has expired.
//!
//! Writes `measurements/peers-allocations.json` and `measurements/peers-storm.json` into the target directory.

mod allocations;
mod report;
mod storm;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    allocations::report().write("peers-allocations.json");
    storm::report().write("peers-storm.json");
}
