//! The hot path: what it costs to ask for a token that is fresh, beside the least that it can cost.
//!
//! | Group | What is asked |
//! |---|---|
//! | `decide` | what a policy makes of an answer, and what its schedule makes of an instant |
//! | `check/<threads>` | is it fresh? All threads ask about one session |
//! | `header/<threads>` | is it fresh? Then the `Authorization` header. All threads ask about one session |
//! | `by_id/<sessions>/<pattern>` | the header of one of many sessions: each in turn in random order, or 1,000 of them |
//!
//! Where threads ask, the time is that of one operation of one thread, while the others do the same. In `apart` each of
//! them has a manager of its own: what is slower there with more threads is the machine's doing, not that of sharing.
//!
//! Absolute times belong to the machine; compare with the floor of the same group.

mod by_id;
mod decide;
mod header;

use criterion::{criterion_group, criterion_main};

/// How many threads ask at once.
const THREADS: [usize; 3] = [1, 2, 4];

criterion_group!(benches, decide::decisions, header::checks, header::headers, by_id::sessions);
criterion_main!(benches);
